"""Whether people want mail from the organizations whose courses they take."""

import uuid

from django.db import transaction

from bursar.enrollments import models
from bursar.lib import clock, sets


def opt(*, lms_user_id: int, org: str, is_in: bool, by: int | None) -> None:
    """Notes down whether the person wants mail from the organization; the last word counts.

    Effects: a transaction and two statements the first time. A change is a second transaction, since on
    MariaDB the INSERT locks the row that it passes over, and two who then change it block each other.
    """
    moment = clock.now()
    with transaction.atomic(durable=True):
        inserted = sets.insert_new(
            models.EmailOptIn,
            ("uuid", "lms_user_id", "org", "is_in", "modified_at"),
            [(uuid.uuid4(), lms_user_id, org, is_in, moment)],
            unique=("lms_user_id", "org"),
        )
        sets.record_history(models.EmailOptIn, inserted, kind="+", by=by)
    if inserted:
        return
    with transaction.atomic(durable=True):
        other = models.EmailOptIn.objects.filter(lms_user_id=lms_user_id, org=org).exclude(is_in=is_in)
        changed = list(other.select_for_update().values_list("uuid", flat=True))
        sets.update(
            models.EmailOptIn, ("uuid", "is_in", "modified_at"), [(each, is_in, moment) for each in changed]
        )
        sets.record_history(models.EmailOptIn, changed, kind="~", by=by)
