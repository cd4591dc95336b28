"""Answering every request that matches a filter: chosen at once, answered by a job, by the same rules.

An answer to what matches is an ``Approval`` or ``Decline`` that lists no requests yet.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from bursar.jobs import api as jobs
from bursar.jobs.data import Item, Result, Work
from bursar.lib import sets
from bursar.lib.errors import DomainError
from bursar.lib.outcomes import Refusal
from bursar.subsidy_requests.data import (
    ANSWERABLE,
    MAX_BATCH,
    Approval,
    Decline,
    NothingMatches,
    RequestFilter,
    SubsidyType,
)
from bursar.subsidy_requests.service import answers, reads
from bursar.subsidy_requests.service.answers import Answered
from bursar.subsidy_requests.service.kinds import KINDS, Kind
from bursar.subsidy_requests.service.subsidies import get_subsidies

APPROVAL = "subsidy_requests.approval"
DECLINE = "subsidy_requests.decline"
"""The kinds of jobs that answer what matches. Items are ``[row, uuid, email]``."""

APPROVED, DECLINED, PASSED_OVER, REFUSED = "approved", "declined", "passed_over", "refused"
"""What becomes of an item. Passed over: somebody has answered it meanwhile, or it was withdrawn."""


@dataclass(frozen=True, slots=True)
class Started:
    """A job that has begun, and how many requests it is about."""

    job_uuid: UUID
    request_count: int


def start_approving(approval: Approval, wanted: RequestFilter, *, by: int | None) -> Started:
    """Begins a job that approves what matches now, in the order in which it was asked for.

    Nothing is kept back yet: each chunk holds its own seats, all or none.

    Errors: SubsidyNotAvailable, NothingMatches, and what ``Subsidies.check_seats`` raises.
    """
    subsidies = get_subsidies(approval.subsidy_type)
    items = _choose(KINDS[approval.subsidy_type], approval.customer_uuid, wanted)
    subsidies.check_seats(
        container=approval.container,
        customer_uuid=approval.customer_uuid,
        emails=[email for _row, _pk, email in items],
    )
    container = approval.container
    parameters = {
        "subsidy_type": approval.subsidy_type.value,
        "container": str(container) if isinstance(container, UUID) else container,
        "is_notification_wanted": approval.is_notification_wanted,
    }
    return _start(APPROVAL, approval.customer_uuid, parameters, items, by=by)


def start_declining(answer: Decline, wanted: RequestFilter, *, by: int | None) -> Started:
    """Begins a job that declines what matches now.

    Errors: NothingMatches.
    """
    items = _choose(KINDS[answer.subsidy_type], answer.customer_uuid, wanted)
    parameters = {
        "subsidy_type": answer.subsidy_type.value,
        "reason": answer.reason,
        "is_notification_wanted": answer.is_notification_wanted,
        "is_unlinking": answer.is_unlinking,
    }
    return _start(DECLINE, answer.customer_uuid, parameters, items, by=by)


def _choose(kind: Kind, customer_uuid: UUID, wanted: RequestFilter) -> list[Item]:
    """What matches, the oldest first. One query."""
    rows = kind.model._default_manager.filter(
        customer_uuid=customer_uuid, state__in=wanted.states, is_removed=False
    )
    if wanted.course_key is not None:
        rows = rows.filter(course_key=wanted.course_key)
    matching = reads.searched(rows, wanted.search).order_by("created_at", "pk").values_list("pk", "email")
    items = [[row, str(pk), email] for row, (pk, email) in enumerate(matching, 1)]
    if not items:
        raise NothingMatches(_("No request matches that waits for an answer or is in error."))
    return items


def _start(
    kind: str, customer_uuid: UUID, parameters: Mapping[str, Any], items: Sequence[Item], *, by: int | None
) -> Started:
    chunks = list(sets.chunks(items, MAX_BATCH))
    job_uuid = jobs.start(kind=kind, customer_uuid=customer_uuid, parameters=parameters, chunks=chunks, by=by)
    return Started(job_uuid, len(items))


def approve_chunk(work: Work) -> list[Result]:
    """What the job does with a chunk: all that can still be approved, from what is free now, or none."""
    container = work.parameters["container"]
    approval = Approval(
        SubsidyType(work.parameters["subsidy_type"]),
        work.customer_uuid,
        UUID(container) if isinstance(container, str) else container,
        _request_uuids(work),
        is_notification_wanted=work.parameters["is_notification_wanted"],
    )
    return _results(work, APPROVED, lambda: answers.approve(approval, by=work.by, is_strict=False))


def decline_chunk(work: Work) -> list[Result]:
    """What the job does with a chunk: all that can still be declined."""
    answer = Decline(
        SubsidyType(work.parameters["subsidy_type"]),
        work.customer_uuid,
        _request_uuids(work),
        reason=work.parameters["reason"],
        is_notification_wanted=work.parameters["is_notification_wanted"],
        is_unlinking=work.parameters["is_unlinking"],
    )
    return _results(work, DECLINED, lambda: answers.decline(answer, by=work.by, is_strict=False))


def describe_request(item: Item) -> Result:
    """What a result says of its item. The address is that of the day on which the job began."""
    row, request_uuid, email = item
    return {"row": row, "uuid": request_uuid, "email": email}


def _request_uuids(work: Work) -> tuple[UUID, ...]:
    return tuple(UUID(request_uuid) for _row, request_uuid, _email in work.items)


def _results(work: Work, done: str, answer: Callable[[], Answered]) -> list[Result]:
    """One result per item; what refuses the whole chunk is the result of each."""
    try:
        outcomes = answer().outcomes
    except DomainError as error:
        refusal = Refusal(error.code, error.message)
        return [_result(item, REFUSED, refusal) for item in work.items]
    results = []
    for item, each in zip(work.items, outcomes, strict=True):
        if each.refusal is None:
            results.append(_result(item, done, None))
        else:
            outcome = REFUSED if each.state in ANSWERABLE else PASSED_OVER
            results.append(_result(item, outcome, each.refusal))
    return results


def _result(item: Item, outcome: str, refusal: Refusal | None) -> Result:
    why = {"code": refusal.code, "message": refusal.message} if refusal else {}
    return {**describe_request(item), "outcome": outcome, **why}
