"""Events of subsidy requests."""

from dataclasses import dataclass
from uuid import UUID

from bursar.events.base import EventType


@dataclass(frozen=True, slots=True)
class LicenseRequestApproved:
    """An administrator said yes, a seat is held; the license is yet to be assigned."""

    request_uuid: UUID
    approval_uuid: UUID
    customer_uuid: UUID
    plan_uuid: UUID
    lms_user_id: int
    email: str


LICENSE_REQUESTS_APPROVED = EventType(
    "subsidy_request.license_approved", LicenseRequestApproved, keyed_by="plan"
)
"""Sent by subsidy_requests when requests become pending; licenses assigns."""


@dataclass(frozen=True, slots=True)
class CouponCodeRequestApproved:
    """An administrator said yes, a code is kept back; it is yet to be assigned."""

    request_uuid: UUID
    approval_uuid: UUID
    customer_uuid: UUID
    coupon_id: int
    lms_user_id: int
    email: str


COUPON_CODE_REQUESTS_APPROVED = EventType(
    "subsidy_request.coupon_code_approved", CouponCodeRequestApproved, keyed_by="coupon"
)
"""Sent by subsidy_requests when requests become pending; the context that holds coupons assigns."""


@dataclass(frozen=True, slots=True)
class LearnerDeclined:
    """An administrator declined the request of this learner and wants them unlinked from the customer."""

    request_uuid: UUID
    customer_uuid: UUID
    lms_user_id: int


LEARNERS_DECLINED = EventType("subsidy_request.learner_declined", LearnerDeclined, keyed_by="customer")
"""Sent by subsidy_requests, which then has customers unlink them."""


@dataclass(frozen=True, slots=True)
class SubsidyTypeChanged:
    """A customer's requests are paid in another way now, or in none.

    ``is_notification_wanted``: learners whose open requests are declined by it get a mail.
    """

    customer_uuid: UUID
    was: str
    is_notification_wanted: bool = False


SUBSIDY_TYPES_CHANGED = EventType(
    "subsidy_request.subsidy_type_changed", SubsidyTypeChanged, keyed_by="customer"
)
"""Sent by subsidy_requests, which then declines what waits and can no longer be met."""
