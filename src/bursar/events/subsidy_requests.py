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
