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


ENROLLMENTS_CREATED = EventType("enrollment.created", EnrollmentChanged, keyed_by="all enrollments")
"""Sent by enrollments when people get into runs for the first time; nobody reacts yet."""

ENROLLMENTS_CHANGED = EventType("enrollment.changed", EnrollmentChanged, keyed_by="all enrollments")
"""Sent by enrollments when a place is taken again or its mode changes; nobody reacts yet."""
