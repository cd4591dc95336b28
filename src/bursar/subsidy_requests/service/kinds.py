"""The two kinds of requests: what differs between them, and nothing else does."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from bursar.events.base import EventType
from bursar.events.subsidy_requests import COUPON_CODE_REQUESTS_APPROVED, LICENSE_REQUESTS_APPROVED
from bursar.subsidy_requests import models
from bursar.subsidy_requests.data import SubsidyType


@dataclass(frozen=True)
class Kind:
    """A table of requests. Facts of events name the container and what was assigned as the columns do."""

    subsidy_type: SubsidyType
    model: type[models.SubsidyRequest]
    container: str
    """The column of the plan or coupon from which an approval takes."""
    assigned: str
    """The column of the license or code."""
    one_open_per: tuple[str, ...]
    """A learner has at most one open request for each value of these columns."""
    is_course_required: bool
    about: str
    """What messages about such requests are filed under; templates begin with the type."""
    portal_page: str
    """The part of Open edX's admin portal in which they are answered."""
    approved: EventType[Any]
    assigned_by: str
    """The handler that assigns, after the approval's event."""
    closed_by: tuple[str, str]
    """Our handlers that end the waiting: when something was assigned, and when that was refused."""

    def about_request(self, request_uuid: UUID) -> str:
        """What messages about a request are filed under."""
        return f"{self.about}:{request_uuid}"


LICENSES = Kind(
    SubsidyType.LICENSE,
    models.LicenseRequest,
    container="plan_uuid",
    assigned="license_uuid",
    one_open_per=("lms_user_id", "customer_uuid"),
    is_course_required=False,
    about="license_request",
    portal_page="subscriptions",
    approved=LICENSE_REQUESTS_APPROVED,
    assigned_by="licenses.fulfil_approvals",
    closed_by=("subsidy_requests.close_fulfilled", "subsidy_requests.close_refused"),
)

COUPON_CODES = Kind(
    SubsidyType.COUPON,
    models.CouponCodeRequest,
    container="coupon_id",
    assigned="coupon_code",
    one_open_per=("lms_user_id", "customer_uuid", "course_key"),
    is_course_required=True,
    about="coupon_code_request",
    portal_page="coupons",
    approved=COUPON_CODE_REQUESTS_APPROVED,
    assigned_by="coupons.fulfil_approvals",
    closed_by=("subsidy_requests.close_fulfilled_codes", "subsidy_requests.close_refused_codes"),
)

KINDS = {kind.subsidy_type: kind for kind in (LICENSES, COUPON_CODES)}
