"""The door of subsidy_requests."""

from bursar.subsidy_requests.data import AnswerOutcome, Approval, Decline
from bursar.subsidy_requests.service import answers
from bursar.subsidy_requests.service.closing import release_stale_holds
from bursar.subsidy_requests.service.configuration import (
    change_configuration,
    create_configuration,
    save_configurations,
)
from bursar.subsidy_requests.service.creation import ask, open_requests, withdraw
from bursar.subsidy_requests.service.digests import send_digests
from bursar.subsidy_requests.service.matching import (
    APPROVAL,
    DECLINE,
    approve_chunk,
    decline_chunk,
    describe_request,
    start_approving,
    start_declining,
)

__all__ = [
    "APPROVAL",
    "DECLINE",
    "approve",
    "approve_chunk",
    "ask",
    "change_configuration",
    "create_configuration",
    "decline",
    "decline_chunk",
    "describe_request",
    "open_requests",
    "release_stale_holds",
    "save_configurations",
    "send_digests",
    "start_approving",
    "start_declining",
    "withdraw",
]


def approve(approval: Approval, *, by: int | None) -> list[AnswerOutcome]:
    """Says yes to the requests: one outcome per request, in order. See ``service.answers.approve``."""
    return answers.approve(approval, by=by).outcomes


def decline(answer: Decline, *, by: int | None) -> list[AnswerOutcome]:
    """Says no to the requests: one outcome per request, in order. See ``service.answers.decline``."""
    return answers.decline(answer, by=by).outcomes
