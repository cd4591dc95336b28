"""Events of customers and their learners."""

from dataclasses import dataclass
from uuid import UUID

from bursar.events.base import EventType


@dataclass(frozen=True, slots=True)
class LearnerEnrolled:
    """A customer pays for a learner's place in a run: all that an order for it needs.

    ``is_new`` is false when the learner was in the run already and only what pays for it is new. The customer
    gets ``discount_percent`` of the price. ``is_default_auto_enrollment``: an intention of the customer's led
    to it.
    """

    customer_uuid: UUID
    lms_user_id: int
    run_key: str
    mode: str
    fulfillment_uuid: UUID
    is_new: bool
    username: str = ""
    email: str = ""
    subsidy_kind: str = "license"
    subsidy_uuid: UUID | None = None
    discount_percent: float = 100.0
    is_default_auto_enrollment: bool = False


@dataclass(frozen=True, slots=True)
class SponsorshipEnded:
    """Something no longer pays for a learner's place in a run.

    ``is_sponsored`` is true while something else still does.
    """

    customer_uuid: UUID
    lms_user_id: int
    run_key: str
    fulfillment_uuid: UUID
    subsidy_kind: str
    subsidy_uuid: UUID
    is_sponsored: bool


@dataclass(frozen=True, slots=True)
class LearnerUnlinked:
    """A person no longer learns at a customer. ``is_relinkable`` false: for good."""

    customer_uuid: UUID
    lms_user_id: int
    is_relinkable: bool


LEARNERS_ENROLLED = EventType("customer.learner_enrolled", LearnerEnrolled, keyed_by="customer")
"""Sent by customers for every fulfillment that is made or revived; kept until coupons orders for them."""

SPONSORSHIPS_ENDED = EventType("customer.sponsorship_ended", SponsorshipEnded, keyed_by="customer")
"""Sent by customers for every fulfillment that is revoked; nobody reacts yet."""

LEARNERS_UNLINKED = EventType("customer.learner_unlinked", LearnerUnlinked, keyed_by="customer")
"""Sent by customers when administrators remove learners and when learners leave; nobody reacts yet."""
