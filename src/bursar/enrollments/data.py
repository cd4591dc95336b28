"""What crosses the border of enrollments."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from bursar.lib.outcomes import Refusal


@dataclass(frozen=True, slots=True)
class EnrollmentEntry:
    """A person to be put into a run.

    ``mode`` None is the run's default. ``force`` passes a closed enrollment window, a run that is not
    open yet or not enrollable, and an invitation; never a full run. ``customer_uuid`` is the customer
    that has it done, if any.
    """

    lms_user_id: int
    run_key: str
    mode: str | None = None
    force: bool = False
    customer_uuid: UUID | None = None


@dataclass(frozen=True, slots=True)
class EnrollmentOutcome:
    """What became of an entry: either a ``refusal``, or the enrollment as it is now.

    ``created`` says that this command put the person in: new, back again, or from a free mode into a
    paid one. ``customer_uuid`` is the customer that had it done the last time, if any.
    """

    entry: EnrollmentEntry
    enrollment_uuid: UUID | None = None
    mode: str | None = None
    is_active: bool = False
    created: bool = False
    customer_uuid: UUID | None = None
    refusal: Refusal | None = None


@dataclass(frozen=True, slots=True)
class Enrollment:
    """A person's place in a run. It stays when the person leaves (``is_active`` false)."""

    uuid: UUID
    lms_user_id: int
    run_key: str
    mode: str
    is_active: bool
    customer_uuid: UUID | None
    created_at: datetime
    modified_at: datetime


FREE_MODES = frozenset({"audit", "honor", "unpaid-executive-education", "unpaid-bootcamp"})
"""Modes without a price (the LMS's audit family). From one of them into any other is an upgrade."""


def is_paid(mode: str) -> bool:
    """Whether somebody pays for a place in this mode."""
    return mode not in FREE_MODES
