"""Requests as enterprise-access spells them (contract: requests 3.4). Key order as clients see it."""

from typing import Any

from bursar.subsidy_requests import models
from bursar.subsidy_requests.data import StoryLine

REQUEST_COLUMNS = {
    "uuid": "uuid",
    "lms_user_id": "lms_user_id",
    "email": "email",
    "course_id": "course_key",
    "course_title": "course_title",
    "course_partners": "course_partners",
    "enterprise_customer_uuid": "customer_uuid",
    "state": "state",
    "reviewed_at": "reviewed_at",
    "reviewer_lms_user_id": "reviewer_lms_user_id",
    "decline_reason": "decline_reason",
    "created": "created_at",
    "modified": "modified_at",
    "subscription_plan_uuid": "plan_uuid",
    "license_uuid": "license_uuid",
}
"""Our column for each key of a row; a list is read straight from the columns."""

SORTABLE = {**REQUEST_COLUMNS, "user__email": "email", "user__lms_user_id": "lms_user_id"}
"""What ``ordering`` may name; anything else is ignored, as the wire has it."""


def license_request(row: models.LicenseRequest) -> dict[str, Any]:
    """One request."""
    return {key: getattr(row, column) for key, column in REQUEST_COLUMNS.items()}


def license_request_row(values: tuple[Any, ...]) -> dict[str, Any]:
    """One request, from the values of ``REQUEST_COLUMNS`` in their order."""
    return dict(zip(REQUEST_COLUMNS, values, strict=True))


def configuration(row: models.Configuration) -> dict[str, Any]:
    """What a customer has configured."""
    return {
        "enterprise_customer_uuid": row.customer_uuid,
        "subsidy_requests_enabled": row.is_enabled,
        "subsidy_type": row.subsidy_type,
        "changed_by_lms_user_id": row.changed_by,
    }


def story_line(line: StoryLine) -> dict[str, Any]:
    """One line of a request's story; a form of our own."""
    return {
        "at": line.at,
        "subject": line.subject,
        "event": line.event,
        "by_lms_user_id": line.by,
        "by_username": line.by_username,
        "detail": line.detail,
    }
