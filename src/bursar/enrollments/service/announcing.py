"""Telling others who got into a run, changed the mode or left."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from uuid import UUID

from bursar.catalog.data import Run
from bursar.enrollments.data import EnrollmentEntry
from bursar.enrollments.service.places import Change
from bursar.events.base import EventType
from bursar.events.enrollments import (
    CUSTOMERS_NAMED,
    ENROLLMENTS_CHANGED,
    ENROLLMENTS_CREATED,
    ENROLLMENTS_ENDED,
    CustomerNamed,
    EnrollmentChanged,
)
from bursar.identity.data import Person
from bursar.outbox import api as outbox

EVENT_KEY = "enrollments"
"""One for all: one for each run would cost each chunk a statement, and the reactions don't fail."""


def announce(
    changes: Iterable[Change], *, people: Mapping[int, Person], runs: Mapping[str, Run], by: int | None
) -> None:
    """Records each change once, with the place as it ended up, in the caller's transaction.

    Effects: two statements for each kind of change that there is.
    """
    facts: dict[EventType[EnrollmentChanged], list[EnrollmentChanged]] = {
        ENROLLMENTS_CREATED: [],
        ENROLLMENTS_CHANGED: [],
        ENROLLMENTS_ENDED: [],
    }
    for change in changes:
        lms_user_id, run_key = change.pair
        seat, person, run = change.seat, people[lms_user_id], runs.get(run_key)
        facts[_kind_of(change)].append(
            EnrollmentChanged(
                enrollment_uuid=seat.uuid,
                lms_user_id=lms_user_id,
                username=person.username,
                email=person.email,
                run_key=run_key,
                mode=seat.mode,
                is_active=seat.is_active,
                created_at=seat.created_at,
                customer_uuid=seat.customer_uuid,
                name=person.name,
                run_title=run.title if run else "",
                person_is_active=person.is_active,
            )
        )
    for kind, listed in facts.items():
        outbox.record(kind, key=EVENT_KEY, facts=listed, by=by)


def announce_customers(entries: Iterable[EnrollmentEntry], *, by: int | None) -> None:
    """Records which customers were named with these places, in the caller's transaction."""
    facts: dict[UUID, list[CustomerNamed]] = defaultdict(list)
    for entry in entries:
        customer_uuid = entry.linked_customer_uuid
        if customer_uuid is not None:
            facts[customer_uuid].append(CustomerNamed(customer_uuid, entry.lms_user_id, entry.run_key))
    for customer_uuid, listed in facts.items():
        outbox.record(CUSTOMERS_NAMED, key=str(customer_uuid), facts=listed, by=by)


def _kind_of(change: Change) -> EventType[EnrollmentChanged]:
    was_in = change.before is not None and change.before.is_active
    if change.before is None or (change.seat.is_active and not was_in):
        return ENROLLMENTS_CREATED
    return ENROLLMENTS_ENDED if was_in and not change.seat.is_active else ENROLLMENTS_CHANGED
