"""What crosses the border of subsidy_requests."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from bursar.lib.errors import DomainError, InvalidInputError, NotFoundError
from bursar.lib.outcomes import Refusal

MAX_BATCH = 1000
"""Requests in one approval or refusal: one chunk of set-based work."""

DECLINE_REASON_MAX_LENGTH = 255


class State(StrEnum):
    """Where a request stands. Requested and pending are open; pending always ends by itself."""

    REQUESTED = "requested"
    PENDING = "pending"
    APPROVED = "approved"
    DECLINED = "declined"
    ERROR = "error"


OPEN = (State.REQUESTED, State.PENDING)
ANSWERABLE = (State.REQUESTED, State.ERROR)
"""What an administrator can approve or decline."""


class SubsidyType(StrEnum):
    """What pays."""

    LICENSE = "license"
    COUPON = "coupon"


class Digest(StrEnum):
    """How often administrators are told of waiting requests."""

    IMMEDIATELY = "immediately"
    DAILY = "daily"
    WEEKLY = "weekly"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class ConfigurationToSave:
    """A customer's configuration as it should be. ``keep`` names fields that an existing row keeps."""

    customer_uuid: UUID
    is_enabled: bool
    subsidy_type: SubsidyType | None
    digest: Digest = Digest.DAILY
    keep: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class NewRequest:
    """A person asks for a subsidy for a course. ``email`` is the person's normalized address."""

    customer_uuid: UUID
    lms_user_id: int
    email: str
    course_key: str | None


@dataclass(frozen=True, slots=True)
class Approval:
    """An administrator's yes to a set of requests of one customer, from one plan."""

    customer_uuid: UUID
    plan_uuid: UUID
    request_uuids: tuple[UUID, ...]
    is_notification_wanted: bool = False


@dataclass(frozen=True, slots=True)
class Decline:
    """An administrator's no to a set of requests of one customer."""

    customer_uuid: UUID
    request_uuids: tuple[UUID, ...]
    reason: str | None = None
    is_notification_wanted: bool = False


@dataclass(frozen=True, slots=True)
class AnswerOutcome:
    """What became of one request of the set: its state now, or why it was passed over."""

    request_uuid: UUID
    state: State | None = None
    refusal: Refusal | None = None


@dataclass(frozen=True, slots=True)
class StoryLine:
    """Something that happened to a request, its license or its mails. ``by`` None: the system.

    ``subject`` is ``request``, ``license`` or ``message``; ``event`` says what happened in one word and
    ``detail`` what else is worth knowing.
    """

    at: datetime
    subject: str
    event: str
    by: int | None
    by_username: str | None
    detail: str


class RequestNotFound(NotFoundError):
    """There is no such request, or it is not for this person's eyes."""

    code = "request_not_found"


class RequestsNotConfigured(DomainError):
    """The customer takes no requests of this type (field ``reason`` says which condition fails)."""

    code = "requests_not_configured"


class AlreadyRequested(DomainError):
    """The learner has an open request at this customer."""

    code = "already_requested"


class MayNotRequest(DomainError):
    """The learner is not linked, the portal is off, or the customer has nothing that could ever pay."""

    code = "may_not_request"


class UnknownCourse(DomainError):
    """The course is not in the catalog of this customer."""

    code = "unknown_course"


class NotAnswerable(DomainError):
    """One of the requests is in a state that forbids the answer (field ``state``). Nothing was changed."""

    code = "not_answerable"


class NotWithdrawable(DomainError):
    """Only a request that waits for its answer can be withdrawn."""

    code = "not_withdrawable"


class BatchInvalid(InvalidInputError):
    """The set of requests is empty or too large."""

    code = "batch_invalid"
