"""Requests as enterprise-access spells them (contract: requests 3.4). Key order as clients see it."""

from collections.abc import Mapping, Sequence
from typing import Any

from bursar.subsidy_requests import models
from bursar.subsidy_requests.data import AnswerOutcome, Capacity, StoryLine, SubsidyType
from bursar.subsidy_requests.service.kinds import Kind

_COLUMNS = {
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
}

_OF_KIND = {
    SubsidyType.LICENSE: {"subscription_plan_uuid": "plan_uuid", "license_uuid": "license_uuid"},
    SubsidyType.COUPON: {"coupon_id": "coupon_id", "coupon_code": "coupon_code"},
}

_OURS = {
    "course_run_id": "course_run_key",
    "fulfilled_at": "fulfilled_at",
    "error_code": "error_code",
    "error_message": "error_message",
}
"""Keys of our own: what enterprise-access does not keep."""

REQUEST_COLUMNS: Mapping[SubsidyType, Mapping[str, str]] = {
    each: {**_COLUMNS, **of_kind, **_OURS} for each, of_kind in _OF_KIND.items()
}
"""Our column for each key of a row; a list is read straight from the columns."""

SORTABLE: Mapping[SubsidyType, Mapping[str, str]] = {
    each: {
        **columns,
        "user__email": "email",
        "user__lms_user_id": "lms_user_id",
        "reviewer__lms_user_id": "reviewer_lms_user_id",
    }
    for each, columns in REQUEST_COLUMNS.items()
}
"""What ``ordering`` may name; anything else is ignored, as the wire has it."""


CONFIGURATION_COLUMNS: Mapping[str, str] = {
    "enterprise_customer_uuid": "customer_uuid",
    "subsidy_requests_enabled": "is_enabled",
    "subsidy_type": "subsidy_type",
    "changed_by_lms_user_id": "changed_by",
    "digest": "digest",
    "modified": "modified_at",
}
"""Our column for each key of a configuration, which ``ordering`` may name; the last two are our own."""


def subsidy_request(kind: Kind, row: models.SubsidyRequest) -> dict[str, Any]:
    """One request."""
    return {key: getattr(row, column) for key, column in REQUEST_COLUMNS[kind.subsidy_type].items()}


def request_rows(kind: Kind, rows: Sequence[tuple[Any, ...]]) -> list[dict[str, Any]]:
    """Requests, from the values of their columns in the order of ``REQUEST_COLUMNS``."""
    keys = tuple(REQUEST_COLUMNS[kind.subsidy_type])
    return [dict(zip(keys, values, strict=True)) for values in rows]


def outcome(each: AnswerOutcome) -> dict[str, Any]:
    """What became of one request of an answer; a form of our own."""
    return {
        "uuid": each.request_uuid,
        "state": each.state,
        "code": each.refusal.code if each.refusal else None,
        "message": each.refusal.message if each.refusal else "",
    }


def capacity(kind: Kind, found: Capacity) -> dict[str, Any]:
    """How many wait and what there is to give; a form of our own."""
    container = next(iter(_OF_KIND[kind.subsidy_type]))
    return {
        "waiting": found.waiting_count,
        "free": found.free_count,
        "unmet": found.unmet_count,
        "supplies": [
            {container: each.container, "title": each.title, "free": each.free_count}
            for each in found.supplies
        ],
    }


def configuration(row: models.Configuration) -> dict[str, Any]:
    """What a customer has configured."""
    return {key: getattr(row, column) for key, column in CONFIGURATION_COLUMNS.items()}


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
