"""Places of people in runs, as the other modules hand them to each other."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.db.models import QuerySet

from bursar.enrollments import models
from bursar.enrollments.data import Enrollment, is_upgrade
from bursar.lib import sets

Pair = tuple[int, str]
"""An LMS user id and a run key."""


class Seat(NamedTuple):
    """What must be known of an enrollment to judge it, for the thousands that stay as they are."""

    uuid: UUID
    mode: str
    is_active: bool
    customer_uuid: UUID | None
    created_at: datetime


class Change(NamedTuple):
    """A place that a command made (``before`` None) or changed."""

    pair: Pair
    seat: Seat
    before: Seat | None


def rows_of(pairs: Collection[Pair]) -> "QuerySet[models.Enrollment]":
    """The rows of these pairs, and perhaps some of the same people in the same runs."""
    people = {pair[0] for pair in pairs}
    return models.Enrollment.objects.filter(
        lms_user_id__in=people, run_key__in={pair[1] for pair in pairs}
    ).order_by()


def read_seats(pairs: Collection[Pair]) -> dict[Pair, Seat]:
    """The places of these pairs, and perhaps some more. One query, none without pairs."""
    if not pairs:
        return {}
    found = rows_of(pairs).values_list("lms_user_id", "run_key", *Seat._fields)
    return {(lms_user_id, run_key): Seat(*seat) for lms_user_id, run_key, *seat in found}


def find_enrollments(pairs: Collection[Pair]) -> dict[Pair, Enrollment]:
    """The enrollments of these people in these runs, active or not. One query for each 1,000 pairs."""
    found: dict[Pair, Enrollment] = {}
    for chunk in sets.chunks(list(dict.fromkeys(pairs))):
        wanted = set(chunk)
        rows = rows_of(wanted).values_list(*_COLUMNS)
        found.update(((row[1], row[2]), Enrollment(*row)) for row in rows if (row[1], row[2]) in wanted)
    return found


def find_settled(wishes: Mapping[Pair, str]) -> set[Pair]:
    """Those of the places with which ``enroll`` has nothing to do: in, and in a mode as good as wished.

    One query for each 1,000 people.
    """
    settled: set[Pair] = set()
    run_keys = {run_key for _, run_key in wishes}
    for people in sets.chunks(sorted({lms_user_id for lms_user_id, _ in wishes})):
        rows = models.Enrollment.objects.filter(
            lms_user_id__in=people, run_key__in=run_keys, is_active=True
        ).order_by()
        for lms_user_id, run_key, mode in rows.values_list("lms_user_id", "run_key", "mode"):
            pair = (lms_user_id, run_key)
            wished = wishes.get(pair)
            if wished is not None and (mode == wished or not is_upgrade(mode, wished)):
                settled.add(pair)
    return settled


def list_enrollments(*, lms_user_id: int, include_inactive: bool = False) -> list[Enrollment]:
    """A person's enrollments, the oldest first. One query."""
    rows = models.Enrollment.objects.filter(lms_user_id=lms_user_id)
    if not include_inactive:
        rows = rows.filter(is_active=True)
    return [Enrollment(*row) for row in rows.order_by("created_at", "uuid").values_list(*_COLUMNS)]


_COLUMNS = (
    "uuid",
    "lms_user_id",
    "run_key",
    "mode",
    "is_active",
    "customer_uuid",
    "created_at",
    "modified_at",
)
"""In the order of ``data.Enrollment``'s fields."""
