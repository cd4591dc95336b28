"""Answers to what administrators do with licenses, as license-manager spells them (subsidies A.5)."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from bursar.licenses.data import AssignOutcome, LicenseFilter, RevokeOutcome

FILTERS = ["user_email", "status_in"]
_MOST_FILTERS = 20  # each is a condition of one statement, and databases take only so many


def read_filters(filters: Any) -> LicenseFilter | None:
    """The filters of a request as one, for all of them must match; None if they cannot be understood."""
    if not isinstance(filters, list) or len(filters) > _MOST_FILTERS:
        return None
    parts: list[str] = []
    statuses: frozenset[str] | None = None
    for each in filters:
        condition = each if isinstance(each, Mapping) else {}
        name, value = condition.get("name"), condition.get("filter_value")
        if name == "status_in" and isinstance(value, str):
            value = [value]
        if name == "user_email" and isinstance(value, str) and value.strip():  # nothing is part of everything
            parts.append(value)
        elif name == "status_in" and isinstance(value, list) and all(isinstance(one, str) for one in value):
            statuses = frozenset(value) if statuses is None else statuses & frozenset(value)
        else:
            return None
    return LicenseFilter(tuple(parts), statuses)


def assignments(addresses: Sequence[str], outcomes: Sequence[AssignOutcome]) -> dict[str, Any]:
    """One line for each person, the address as it was spelled in the request.

    enterprise-access looks learners up by the spelling that it sent; license-manager answers in lower case.
    """
    licenses: dict[str, dict[str, Any]] = {}
    for address, outcome in zip(addresses, outcomes, strict=True):
        licenses.setdefault(outcome.email, {"user_email": address, "license": outcome.license_uuid})
    new_count = sum(outcome.is_new for outcome in outcomes)
    return {
        "num_successful_assignments": new_count,
        "num_already_associated": len(licenses) - new_count,
        "license_assignments": list(licenses.values()),
    }


def revocations(plan_uuid: UUID, outcomes: Sequence[RevokeOutcome]) -> tuple[int, dict[str, Any]]:
    """The status and the answer: 200 all, 207 some, 404 none of several."""
    done = [
        {"license_uuid": each.license_uuid, "original_status": each.was, "user_email": each.email}
        for each in outcomes
        if each.refusal is None
    ]
    refused = [
        {
            "error": _refusal_text(plan_uuid, each.email),
            "error_response_status": 404,
            "user_email": each.email,
        }
        for each in outcomes
        if each.refusal is not None
    ]
    if refused and not done:
        return 404, {"unsuccessful_revocations": refused}
    return 207 if refused else 200, {"successful_revocations": done, "unsuccessful_revocations": refused}


def _refusal_text(plan_uuid: UUID, email: str) -> str:
    return (
        f"No license for email {email} exists in plan {plan_uuid} with a status in ['activated', 'assigned']."
        f" user_email: {email}"
    )
