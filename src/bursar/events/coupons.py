"""Events of coupons."""

from dataclasses import dataclass
from uuid import UUID

from bursar.events.base import EventType


@dataclass(frozen=True, slots=True)
class CodeAssigned:
    """A person has this code now. ``approval_uuid`` and ``request_uuid`` say which request it answers."""

    coupon_id: int
    coupon_code: str
    customer_uuid: UUID
    email: str
    request_uuid: UUID | None = None
    approval_uuid: UUID | None = None


@dataclass(frozen=True, slots=True)
class CodeAssignmentRefused:
    """An approval could not be fulfilled; what was kept for it is free again. ``code`` says why."""

    request_uuid: UUID
    approval_uuid: UUID
    coupon_id: int
    customer_uuid: UUID
    email: str
    code: str
    message: str


CODES_ASSIGNED = EventType("coupon.code_assigned", CodeAssigned, keyed_by="coupon")
"""Sent by the context that holds coupons; subsidy_requests closes the requests they answer."""

CODE_ASSIGNMENTS_REFUSED = EventType(
    "coupon.code_assignment_refused", CodeAssignmentRefused, keyed_by="coupon"
)
"""Sent by the context that holds coupons; subsidy_requests turns the pending requests into errors."""
