"""What is noted down with enrollments, such as the order that paid."""

from collections.abc import Sequence
from typing import Any

from django.db import transaction

from bursar.enrollments import models
from bursar.enrollments.data import Attribute
from bursar.enrollments.service.places import Pair
from bursar.lib import clock, sets


def as_stored(attributes: Sequence[Attribute]) -> list[dict[str, str]]:
    """The attributes as the column keeps them."""
    return [{"namespace": each.namespace, "name": each.name, "value": each.value} for each in attributes]


def find_attributes(pair: Pair) -> list[dict[str, Any]]:
    """What is noted down with a place, in order; nothing where there is no place. One query."""
    row = models.Enrollment.objects.filter(lms_user_id=pair[0], run_key=pair[1]).first()
    return list(row.attributes or ()) if row else []


def note_attributes(pair: Pair, attributes: Sequence[Attribute], *, by: int | None) -> None:
    """Replaces what is noted down with a place, if there is such a place. The history keeps what was there.

    Effects: a transaction and three statements, one if nothing changes.
    """
    with transaction.atomic(durable=True):
        there = models.Enrollment.objects.select_for_update().filter(lms_user_id=pair[0], run_key=pair[1])
        row = there.first()
        if row is None or row.attributes == as_stored(attributes):
            return
        noted = [(row.uuid, as_stored(attributes), clock.now())]
        sets.update(models.Enrollment, ("uuid", "attributes", "modified_at"), noted)
        sets.record_history(models.Enrollment, [row.uuid], kind="~", by=by)
