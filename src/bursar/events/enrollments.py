"""Events of enrollments."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from bursar.events.base import EventType


@dataclass(frozen=True, slots=True)
class EnrollmentChanged:
    """Somebody's place in a run as it is now: the final mode, after everything that one command did.

    ``customer_uuid`` is the customer that had it done, if any.
    """

    enrollment_uuid: UUID
    lms_user_id: int
    username: str
    email: str
    run_key: str
    mode: str
    is_active: bool
    created_at: datetime
    customer_uuid: UUID | None = None
    name: str = ""
    run_title: str = ""
    person_is_active: bool = True


@dataclass(frozen=True, slots=True)
class CustomerNamed:
    """Whoever had a person enrolled named a customer whose learner the person is to be."""

    customer_uuid: UUID
    lms_user_id: int
    run_key: str


ENROLLMENTS_CREATED = EventType("enrollment.created", EnrollmentChanged, keyed_by="all enrollments")
"""Sent by enrollments when people get into runs, for the first time or again; enrollments sends Open edX's
signals."""

ENROLLMENTS_CHANGED = EventType("enrollment.changed", EnrollmentChanged, keyed_by="all enrollments")
"""Sent by enrollments when a place gets another mode; enrollments sends Open edX's signals."""

ENROLLMENTS_ENDED = EventType("enrollment.ended", EnrollmentChanged, keyed_by="all enrollments")
"""Sent by enrollments when people leave runs; enrollments sends Open edX's signals."""

CUSTOMERS_NAMED = EventType("enrollment.customer_named", CustomerNamed, keyed_by="customer")
"""Sent by enrollments, also when the person was in the run already; customers links the learner and writes
down what the customer sponsors."""
