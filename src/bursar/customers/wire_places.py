"""Sponsored places and what pays for them as edx-enterprise's JSON. Contract: customers A7, A9, D."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.conf import settings

from bursar.customers.data import EndOutcome, EndResult, Fulfillment, FulfillmentKind
from bursar.customers.service.fulfillments import OwnPlace

_SUBSIDY_KEYS = {
    FulfillmentKind.LICENSE: "license_uuid",
    FulfillmentKind.LEARNER_CREDIT: "transaction_id",
}

# The first three are compared by license-manager's operators and spelled as in edx-enterprise.
_MESSAGES = {
    EndResult.MOVED_TO_AUDIT: "moved to audit",
    EndResult.UNENROLLED: "unenrolled",
    EndResult.COMPLETED: "course already completed",
    EndResult.STILL_PAID: "kept: something else pays for it",
    EndResult.CHANGED_SINCE: "kept: it has changed since",
}


def fulfillment(row: Fulfillment) -> dict[str, Any]:
    """What pays, with its place."""
    return {
        **unenrolled(row),
        "enterprise_course_entitlement": None,
        "fulfillment_type": row.kind.value,
        "is_revoked": row.is_revoked,
        "created": row.created_at,
        "modified": row.modified_at,
    }


def unenrolled(row: Fulfillment) -> dict[str, Any]:
    """The same as the list of those who left has it."""
    return {
        "enterprise_course_enrollment": {
            "enterprise_customer_user": row.lms_user_id,
            "enterprise_customer_uuid": str(row.customer_uuid),
            "course_id": row.run_key,
            "saved_for_later": row.is_saved_for_later,
            "unenrolled": row.is_unenrolled,
            "unenrolled_at": row.unenrolled_at,
            "created": row.enrolled_at,
        },
        _SUBSIDY_KEYS[row.kind]: str(row.subsidy_uuid),
        "uuid": str(row.uuid),
    }


def endings(outcomes: Sequence[EndOutcome]) -> dict[str, dict[str, Any]]:
    """What became of each course; a failure hides whatever else became of the same course."""
    told: dict[str, dict[str, Any]] = {}
    for outcome in outcomes:
        if outcome.refusal is not None:
            told[outcome.run_key] = {"success": False, "message": outcome.refusal.message}
        elif told.get(outcome.run_key, {}).get("success", True):
            told[outcome.run_key] = {"success": True, "message": _MESSAGES[outcome.result]}
    return told


def own_place(place: OwnPlace, now: datetime) -> dict[str, Any]:
    """A course on a learner's page. What Bursar does not keep is null or empty."""
    run, enrollment = place.run, place.enrollment
    return {
        "certificate_download_url": None,
        "emails_enabled": None,
        "course_run_id": place.run_key,
        "course_run_status": _status(place, now),
        "created": place.created_at,
        "start_date": run.start if run else None,
        "end_date": run.end if run else None,
        "display_name": run.title if run else place.run_key,
        "course_run_url": f"{settings.LMS_URL}/courses/{place.run_key}/course/" if settings.LMS_URL else None,
        "due_dates": [],
        "pacing": {"instructor_paced": "instructor", "self_paced": "self"}.get(run.pacing) if run else None,
        "org_name": run.org if run else "",
        "is_revoked": place.is_revoked,
        "is_enrollment_active": enrollment is not None and enrollment.is_active,
        "mode": enrollment.mode if enrollment else None,
        "resume_course_run_url": None,
        "course_key": run.course_key if run else None,
        "course_type": None,
        "product_source": None,
        "enroll_by": run.enrollment_end if run else None,
    }


def _status(place: OwnPlace, now: datetime) -> str:
    run = place.run
    if place.is_saved_for_later:
        return "saved_for_later"
    if run is not None and run.end is not None and run.end <= now:
        return "completed"
    if run is not None and run.start is not None and run.start > now:
        return "upcoming"
    return "in_progress"
