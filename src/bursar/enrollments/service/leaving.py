"""Taking a person out of every run at once."""

from django.db import transaction

from bursar.catalog import api as catalog
from bursar.enrollments import models
from bursar.enrollments.service.announcing import announce
from bursar.enrollments.service.places import Change, Seat
from bursar.identity.data import Person
from bursar.lib import clock, sets


def leave_all(person: Person, *, by: int | None) -> set[str]:
    """Ends all of the person's enrollments; the modes stay. Gives the runs that were left.

    Closed runs are left like open ones, and runs that the catalog does not have, too.
    Effects: one transaction; a constant number of statements, one if there is nothing to leave.
    """
    mine = models.Enrollment.objects.filter(lms_user_id=person.lms_user_id, is_active=True)
    with transaction.atomic(durable=True):
        rows = mine.order_by("lms_user_id", "run_key").select_for_update()
        before = {run_key: Seat(*columns) for run_key, *columns in rows.values_list("run_key", *Seat._fields)}
        moment = clock.now()
        uuids = [seat.uuid for seat in before.values()]
        sets.update(
            models.Enrollment,
            ("uuid", "is_active", "modified_at"),
            [(each, False, moment) for each in sorted(uuids)],
        )
        sets.record_history(models.Enrollment, sorted(uuids), kind="~", by=by)
        changes = [
            Change((person.lms_user_id, run_key), seat._replace(is_active=False), seat)
            for run_key, seat in before.items()
        ]
        runs = catalog.find_runs(list(before)) if before else {}
        announce(changes, people={person.lms_user_id: person}, runs=runs, by=by)
    return set(before)


def list_orgs(*, lms_user_id: int) -> list[str]:
    """The organizations in whose runs the person is or was, each once, by name. One query."""
    keys = models.Enrollment.objects.filter(lms_user_id=lms_user_id).values_list("run_key", flat=True)
    return sorted({org for key in keys if (org := catalog.org_of_run(key))})
