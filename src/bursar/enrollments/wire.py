"""Enrollments as the LMS writes them: its enrollment API, and the Python functions beside it.

Contract: enrollments 1.2. ``created`` and ``expiration_datetime`` are text also in Python; the four dates of
a course are moments there, which become text with the rest when the answer is rendered.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from bursar.catalog.data import SELF_PACED, Mode, Run
from bursar.enrollments.data import (
    Allowance,
    Attribute,
    CourseRole,
    Enrollment,
    EnrollmentOutcome,
    SpotState,
    StaffOutcome,
)
from bursar.lib import clock

_MODE_NAMES: Mapping[str, str] = {
    "audit": "Audit",
    "honor": "Honor Code",
    "verified": "Verified Certificate",
    "professional": "Professional Education",
    "no-id-professional": "Professional Education (no ID check)",
    "credit": "Credit",
    "masters": "Master's",
    "executive-education": "Executive Education",
    "paid-executive-education": "Paid Executive Education",
    "unpaid-executive-education": "Unpaid Executive Education",
    "paid-bootcamp": "Paid Bootcamp",
    "unpaid-bootcamp": "Unpaid Bootcamp",
}
"""The LMS keeps a name for each mode of each course; the catalog here has none, so these are ours."""


def to_enrollment(
    enrollment: Enrollment | EnrollmentOutcome, run: Run | None, username: str
) -> dict[str, Any]:
    """An enrollment with its course; ``run`` None: the course is gone."""
    return {
        "created": text_of(enrollment.created_at),
        "mode": enrollment.mode,
        "is_active": enrollment.is_active,
        "course_details": to_course(run) if run else None,
        "user": username,
    }


def to_listed_enrollment(row: Sequence[Any], username: str) -> dict[str, Any]:
    """An item of the list for staff: a row of ``LISTED_COLUMNS``."""
    created_at, mode, is_active, _, run_key = row
    return {
        "created": created_at,
        "mode": mode,
        "is_active": is_active,
        "user": username,
        "course_id": run_key,
    }


LISTED_COLUMNS = ("created_at", "mode", "is_active", "lms_user_id", "run_key")


def to_course(run: Run, *, include_expired: bool = False) -> dict[str, Any]:
    """A run with the modes that one can get into now."""
    modes = run.offered_modes(clock.now(), include_expired=include_expired)
    return {
        "course_id": run.key,
        "course_name": run.title,
        "enrollment_start": run.enrollment_start,
        "enrollment_end": run.enrollment_end,
        "course_start": run.start,
        "course_end": run.end,
        "invite_only": run.invitation_only,
        "course_modes": [_to_mode(mode) for mode in modes],
        "pacing_type": "Self Paced" if run.pacing == SELF_PACED else "Instructor Paced",
    }


def _to_mode(mode: Mode) -> dict[str, Any]:
    return {
        "slug": mode.slug,
        "name": _MODE_NAMES.get(mode.slug, mode.slug),
        "min_price": mode.price_cents // 100,  # whole units of the currency
        "suggested_prices": "",
        "currency": mode.currency.lower(),
        "expiration_datetime": text_of(mode.expires_at),
        "description": None,
        "sku": None,
        "bulk_sku": None,
    }


def to_role(role: CourseRole) -> dict[str, str]:
    """A person's role in a course, or in all of an organization's (``course_id`` empty)."""
    return {"org": role.org, "course_id": role.run_key, "role": role.role}


def to_allowance(allowance: Allowance) -> dict[str, Any]:
    """An address that may come into a run; ``user`` is who made use of it."""
    return {
        "email": allowance.email,
        "course_id": allowance.run_key,
        "auto_enroll": allowance.auto_enroll,
        "user": allowance.lms_user_id,
        "created": text_of(allowance.created_at),
    }


def to_attributes(stored: Sequence[Mapping[str, str]] | None) -> list[dict[str, str]]:
    """What was noted down with an enrollment."""
    return [dict(each) for each in stored or ()]


def read_attributes(written: Sequence[Mapping[str, Any]] | None) -> tuple[Attribute, ...] | None:
    """The attributes as values. Raises KeyError with the name of what one of them lacks."""
    if written is None:
        return None
    return tuple(Attribute(str(each["namespace"]), str(each["name"]), str(each["value"])) for each in written)


def text_of(moment: datetime | None) -> str | None:
    """A moment as Open edX writes it: UTC, with a Z, and without a fraction if it has none."""
    return None if moment is None else moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def to_bulk_results(
    order: Mapping[str, Any], outcomes: Mapping[str, Sequence[StaffOutcome]]
) -> dict[str, Any]:
    """The answer to ``bulk_enroll``: by course run, what became of each identifier."""
    action, auto_enroll = order["action"], order["auto_enroll"]
    return {
        "action": action,
        "auto_enroll": auto_enroll,
        "email_students": order["email_students"],
        "courses": {
            run_key: {
                "action": action,
                "auto_enroll": auto_enroll,
                "results": [_to_bulk_result(each) for each in listed],
            }
            for run_key, listed in outcomes.items()
        },
    }


def _to_bulk_result(outcome: StaffOutcome) -> dict[str, Any]:
    if outcome.is_invalid:
        return {"identifier": outcome.identifier, "invalidIdentifier": True}
    if outcome.refusal is not None or outcome.before is None or outcome.after is None:
        reason = outcome.refusal
        more = {"code": reason.code, "message": reason.message} if reason else {}
        return {"identifier": outcome.identifier, "error": True, **more}
    return {
        "identifier": outcome.identifier,
        "before": _to_spot(outcome.before),
        "after": _to_spot(outcome.after),
    }


def _to_spot(state: SpotState) -> dict[str, Any]:
    spot: dict[str, Any] = {
        "user": state.is_account,
        "enrollment": state.is_enrolled,
        "allowed": state.is_allowed,
        "auto_enroll": state.auto_enroll,
    }
    return {**spot, "cohort": state.cohort} if state.has_cohort else spot
