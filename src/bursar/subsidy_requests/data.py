"""What crosses the border of subsidy_requests."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol
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
class ConfigurationChange:
    """What to change in a customer's configuration: the new value of each field that it names.

    The fields are ``is_enabled``, ``subsidy_type`` and ``digest``.
    """

    customer_uuid: UUID
    values: Mapping[str, Any]
    is_notification_wanted: bool = False
    """Whether learners whose open requests are declined by it get a mail."""


@dataclass(frozen=True, slots=True)
class NewRequest:
    """A person asks for a subsidy for a course. ``email`` is the person's normalized, confirmed address."""

    subsidy_type: SubsidyType
    customer_uuid: UUID
    lms_user_id: int
    email: str
    course_key: str | None
    course_run_key: str | None = None


Container = UUID | int
"""What a subsidy is taken from: the uuid of a subscription plan, the id of a coupon."""

Assigned = UUID | str
"""What a learner is given: the uuid of a license, a coupon code."""


@dataclass(frozen=True, slots=True)
class Approval:
    """An administrator's yes to a set of requests of one customer, from one plan or coupon."""

    subsidy_type: SubsidyType
    customer_uuid: UUID
    container: Container
    request_uuids: tuple[UUID, ...]
    is_notification_wanted: bool = False


@dataclass(frozen=True, slots=True)
class Decline:
    """An administrator's no to a set of requests of one customer.

    ``is_unlinking``: the learners are unlinked from the customer, too.
    """

    subsidy_type: SubsidyType
    customer_uuid: UUID
    request_uuids: tuple[UUID, ...]
    reason: str | None = None
    is_notification_wanted: bool = False
    is_unlinking: bool = False


@dataclass(frozen=True, slots=True)
class AnswerOutcome:
    """What became of one request of the set: its state now, and why it was passed over, if it was.

    ``state`` is None where the customer has no such request.
    """

    request_uuid: UUID
    state: State | None
    refusal: Refusal | None = None


@dataclass(frozen=True, slots=True)
class RequestFilter:
    """Which of the requests that can be answered are meant: all of these conditions hold."""

    search: str = ""
    states: tuple[State, ...] = ANSWERABLE
    course_key: str | None = None


@dataclass(frozen=True, slots=True)
class Seat:
    """What is kept for an address until its approval is through."""

    approval_uuid: UUID
    email: str


@dataclass(frozen=True, slots=True)
class Supply:
    """A plan or coupon of which something can be given out now, and how much."""

    container: Container
    title: str
    free_count: int


@dataclass(frozen=True, slots=True)
class Capacity:
    """How many requests of a customer wait for an answer, and what there is to give."""

    waiting_count: int
    supplies: tuple[Supply, ...]

    @property
    def free_count(self) -> int:
        """What can still be promised, in all."""
        return sum(each.free_count for each in self.supplies)

    @property
    def unmet_count(self) -> int:
        """How many of those that wait cannot be met: more has to be bought for them."""
        return max(self.waiting_count - self.free_count, 0)


@dataclass(frozen=True, slots=True)
class Change:
    """Something that happened to what was assigned. ``by`` None: the system."""

    at: datetime
    what: str
    by: int | None


@dataclass(frozen=True, slots=True)
class DigestSweep:
    """What one run of the digests did: whose administrators were told, of how much, and where it failed."""

    customer_count: int = 0
    request_count: int = 0
    failed: tuple[UUID, ...] = ()


class Subsidies(Protocol):
    """What pays for approved requests, as this context needs it of the one that holds it.

    Each command opens its own transaction. Assigning is no call: the context reacts to the approval's event,
    and answers with an event.
    """

    def has_supply(self, *, customer_uuid: UUID) -> bool:
        """Whether ``list_supplies`` would list any."""

    def list_supplies(self, *, customer_uuid: UUID) -> list[Supply]:
        """The customer's plans or coupons that can be used now, those with nothing left included."""

    def check_seats(self, *, container: Container, customer_uuid: UUID, emails: Collection[str]) -> None:
        """Raises what ``hold`` would raise now for seats of these people; holds nothing."""

    def hold(self, *, container: Container, customer_uuid: UUID, seats: Sequence[Seat]) -> None:
        """Keeps a seat for each approval, all or none; the same approval again holds nothing more.

        Errors: a DomainError if there is no such container, if it gives nothing out now, or if too little is
        free; its message says how much is.
        """

    def release(self, *, approval_uuids: Collection[UUID]) -> int:
        """Gives up the seats kept for these approvals; returns how many there were. Repeatable."""

    def list_stale_holds(self, *, older_than: timedelta) -> list[UUID]:
        """The approvals of the oldest seats that have been kept for longer than this, at most 1,000."""

    def tell_next_steps(self, assigned: Collection[Assigned]) -> Mapping[Assigned, Mapping[str, Any]]:
        """What the mail about each of them needs to name the learner's next step, as plain JSON."""

    def tell_story(self, assigned: Assigned, *, held_at: datetime | None) -> list[Change]:
        """What happened to it while the learner held it, oldest first."""


@dataclass(frozen=True, slots=True)
class StoryLine:
    """Something that happened to a request, to what was assigned or to its mails. ``by`` None: the system.

    ``subject`` is ``request``, ``license``, ``coupon`` or ``message``; ``event`` says what happened in one
    word and ``detail`` what else is worth knowing.
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
    """The learner has an open request at this customer (a coupon code: for this course)."""

    code = "already_requested"


class MayNotRequest(DomainError):
    """The learner is not linked or not confirmed, the portal is off, or nothing there could ever pay."""

    code = "may_not_request"


class UnknownCourse(DomainError):
    """The course is not in the catalog of this customer, or the course run is none of the course."""

    code = "unknown_course"


class CourseRequired(InvalidInputError):
    """A request of this type names a course."""

    code = "course_required"


class SubsidyNotAvailable(DomainError):
    """Nothing that could pay in this way is installed."""

    code = "subsidy_not_available"


class ConfigurationNotFound(NotFoundError):
    """The customer has configured nothing yet."""

    code = "configuration_not_found"


class ConfigurationExists(DomainError):
    """The customer has a configuration, which can be changed."""

    code = "configuration_exists"


class UnknownCustomer(InvalidInputError):
    """There is no such customer."""

    code = "unknown_customer"


class NothingMatches(DomainError):
    """No request that can be answered matches the filter."""

    code = "nothing_matches"


class NotAnswerable(DomainError):
    """One of the requests is in a state that forbids the answer (field ``state``). Nothing was changed."""

    code = "not_answerable"


class NotWithdrawable(DomainError):
    """Only a request that waits for its answer can be withdrawn."""

    code = "not_withdrawable"


class BatchInvalid(InvalidInputError):
    """The set of requests is empty or too large."""

    code = "batch_invalid"
