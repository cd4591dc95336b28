"""Events of licenses."""

from dataclasses import dataclass
from uuid import UUID

from bursar.events.base import EventType


@dataclass(frozen=True, slots=True)
class LicenseAssigned:
    """A person holds this license now. ``approval_uuid`` and ``request_uuid`` say which request it answers.

    ``is_new`` is false when the person held it already: nothing changed but the answer.
    """

    license_uuid: UUID
    plan_uuid: UUID
    customer_uuid: UUID
    email: str
    is_new: bool
    request_uuid: UUID | None = None
    approval_uuid: UUID | None = None


@dataclass(frozen=True, slots=True)
class AssignmentRefused:
    """An approval could not be fulfilled; its seat is free again. ``code`` says why."""

    request_uuid: UUID
    approval_uuid: UUID
    plan_uuid: UUID
    customer_uuid: UUID
    email: str
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class LicenseActivated:
    """A learner accepted the license and may use it."""

    license_uuid: UUID
    plan_uuid: UUID
    customer_uuid: UUID
    email: str
    lms_user_id: int


@dataclass(frozen=True, slots=True)
class LicenseRevoked:
    """A license was taken back. ``was`` is its status before: ``assigned`` or ``activated``."""

    license_uuid: UUID
    plan_uuid: UUID
    customer_uuid: UUID
    email: str
    lms_user_id: int | None
    was: str


@dataclass(frozen=True, slots=True)
class LicenseRenewed:
    """A license of a renewed plan took the place of one of the plan before, with the same status and key."""

    license_uuid: UUID
    prior_license_uuid: UUID
    plan_uuid: UUID
    prior_plan_uuid: UUID
    customer_uuid: UUID
    email: str
    lms_user_id: int | None
    status: str


@dataclass(frozen=True, slots=True)
class LicenseExpired:
    """The plan of a license is over, and no license took its place. ``status`` stays what it was."""

    license_uuid: UUID
    plan_uuid: UUID
    customer_uuid: UUID
    email: str
    lms_user_id: int | None
    status: str


LICENSES_ASSIGNED = EventType("license.assigned", LicenseAssigned, keyed_by="plan")
"""Sent by licenses; subsidy_requests closes the requests they answer, customers links the learners."""

ASSIGNMENTS_REFUSED = EventType("license.assignment_refused", AssignmentRefused, keyed_by="plan")
"""Sent by licenses; subsidy_requests turns the pending requests into errors."""

LICENSES_ACTIVATED = EventType("license.activated", LicenseActivated, keyed_by="plan")
"""Sent by licenses; nobody reacts yet."""

LICENSES_REVOKED = EventType("license.revoked", LicenseRevoked, keyed_by="plan")
"""Sent by licenses; customers ends what the licenses paid for, licenses takes back what renews them."""

LICENSES_RENEWED = EventType("license.renewed", LicenseRenewed, keyed_by="plan")
"""Sent by licenses; in customers the new license pays from then on for what the old one paid for."""

LICENSES_EXPIRED = EventType("license.expired", LicenseExpired, keyed_by="plan")
"""Sent by licenses, which has customers end what they paid for, unless the plan was prolonged meanwhile."""
