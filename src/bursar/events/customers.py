"""Events of customers and their learners."""

from dataclasses import dataclass
from uuid import UUID

from bursar.events.base import EventType


@dataclass(frozen=True, slots=True)
class LearnerEnrolled:
    """A customer pays for a learner's place in a run.

    ``is_new`` is false when the learner was in the run already and only what pays for it is new.
    """

    customer_uuid: UUID
    lms_user_id: int
    run_key: str
    mode: str
    fulfillment_uuid: UUID
    is_new: bool


LEARNERS_ENROLLED = EventType("customer.learner_enrolled", LearnerEnrolled, keyed_by="customer")
"""Sent by customers for every fulfillment that is made or revived; nobody reacts yet."""
