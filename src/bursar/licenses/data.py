"""What crosses the border of licenses."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from bursar.lib.errors import DomainError, InvalidInputError, NotFoundError
from bursar.lib.outcomes import Refusal


class Status(StrEnum):
    """Where a license stands. Live means assigned or activated."""

    UNASSIGNED = "unassigned"
    ASSIGNED = "assigned"
    ACTIVATED = "activated"
    REVOKED = "revoked"


LIVE = (Status.ASSIGNED, Status.ACTIVATED)


class CopiedStatuses(StrEnum):
    """Which licenses go along when a plan is renewed: license-manager's ``license_types_to_copy``."""

    LIVE = "assigned_and_activated"
    ACTIVATED = "activated"
    NONE = "nothing"


class MailKind(StrEnum):
    """The mails to holders of licenses that a customer may word."""

    ASSIGNMENT = "assignment"
    REMINDER = "reminder"
    ACTIVATION = "activation"
    AUTO_APPLY = "auto_apply"


REQUEST_LIMIT = 10_000
"""Addresses in one request; for more there is a job."""

WORDING_MAX_LENGTH = 10_000
"""Characters of a mail's greeting, and of its closing: every mail keeps its own."""


@dataclass(frozen=True, slots=True)
class Notice:
    """The mail that goes with a command. An empty greeting or closing: the customer's own wording.

    ``course_key``: the course that the license was given for; the mail leads there.
    """

    greeting: str = ""
    closing: str = ""
    course_key: str | None = None


@dataclass(frozen=True, slots=True)
class LicenseFilter:
    """Which licenses of a plan are meant: their address has all these parts, their status is one of these.

    No statuses at all (None) mean any of them, an empty set means none.
    """

    email_parts: tuple[str, ...] = ()
    statuses: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class AgreementToSave:
    """A customer's agreement as it should be. ``keep`` names fields that an existing row keeps."""

    customer_uuid: UUID
    slug: str
    name: str
    uuid: UUID | None = None
    keep: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class PlanToSave:
    """A subscription plan as it should be; licenses are only ever added to reach ``license_count``.

    ``keep`` names fields that an existing row keeps.
    """

    uuid: UUID
    customer_uuid: UUID
    title: str
    catalog_uuid: UUID | None
    starts_at: datetime
    expires_at: datetime
    license_count: int
    is_active: bool = True
    should_auto_apply: bool = False
    revocation_cap_percent: int | None = None
    keep: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Plan:
    """A subscription plan. ``free_count`` is what can still be promised: unassigned less held."""

    uuid: UUID
    customer_uuid: UUID
    title: str
    catalog_uuid: UUID | None
    starts_at: datetime
    expires_at: datetime
    is_active: bool
    free_count: int

    def is_usable(self, at: datetime) -> bool:
        """Whether licenses of this plan can be given out and used at this moment."""
        return self.is_active and self.starts_at <= at <= self.expires_at


@dataclass(frozen=True, slots=True)
class License:
    """One license. ``email`` is normalized and None only while nobody ever had it."""

    uuid: UUID
    plan_uuid: UUID
    status: Status
    email: str | None
    lms_user_id: int | None
    activation_key: UUID | None
    assigned_at: datetime | None
    activated_at: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class LicenseChange:
    """One line of a license's story: what it was from then on, and who did it (None: the system)."""

    at: datetime
    by: int | None
    status: Status
    email: str | None
    plan_uuid: UUID
    reason: str | None


@dataclass(frozen=True, slots=True)
class Seat:
    """A seat to be kept for an address until its approval is through."""

    approval_uuid: UUID
    email: str


@dataclass(frozen=True, slots=True)
class HoldOutcome:
    """``is_held`` is false when the address holds a live license of the plan already: it needs no seat."""

    seat: Seat
    is_held: bool


@dataclass(frozen=True, slots=True)
class AssignOutcome:
    """Which license the address holds now; ``is_new`` if it was assigned just now. Or why it has none."""

    email: str
    license_uuid: UUID | None = None
    activation_key: UUID | None = None
    is_new: bool = False
    refusal: Refusal | None = None


@dataclass(frozen=True, slots=True)
class RevokeOutcome:
    """Which license was taken back, and what it was before; or why none was."""

    email: str
    license_uuid: UUID | None = None
    was: Status | None = None
    refusal: Refusal | None = None


@dataclass(frozen=True, slots=True)
class StaleHold:
    """A hold that is older than asked for."""

    approval_uuid: UUID
    plan_uuid: UUID


@dataclass(frozen=True, slots=True)
class Sweep:
    """What one run by the clock did: to how many plans, to how much in them, and which plans failed."""

    plan_count: int = 0
    change_count: int = 0
    failed: tuple[UUID, ...] = ()


@dataclass(frozen=True, slots=True)
class CountDifference:
    """A plan whose row says another number of licenses with a status than there are."""

    plan_uuid: UUID
    status: Status
    on_plan: int
    counted: int


@dataclass(frozen=True, slots=True)
class BulkRow:
    """A person and a run of a request of bulk enrollment; ``row`` is its place there, or its line in a file.

    ``refusal``: it cannot be understood, and is only reported.
    """

    row: int
    email: str
    run_key: str
    refusal: Refusal | None = None


@dataclass(frozen=True, slots=True)
class Renewed:
    """A renewal that is processed. ``license_count``: how many licenses were copied just now.

    ``is_new`` is false when it was processed already.
    """

    renewal_id: int
    prior_title: str
    title: str
    license_count: int
    is_new: bool


@dataclass(frozen=True, slots=True)
class RenewalOutcome:
    """What became of a renewal that was due."""

    renewal_id: int
    prior_title: str
    renewed: Renewed | None = None
    refusal: Refusal | None = None


@dataclass(frozen=True, slots=True)
class ScalingOutcome:
    """How many licenses a plan got that grows by itself, and how many it has now; or why it got none."""

    plan_uuid: UUID
    title: str
    added_count: int = 0
    license_count: int = 0
    refusal: Refusal | None = None


FileLine = tuple[int, str]
"""A line of a file, numbered as a spreadsheet does, and the text where an address should be."""


@dataclass(frozen=True, slots=True)
class RehearsedAssigning:
    """What assigning the addresses of a file would do now.

    ``needed_count``: how many free seats the new people need; a seat that is held for one of them is not
    among them. ``bad_lines``: the first of those that are no address.
    """

    new_count: int
    kept_count: int
    repeated_count: int
    bad_count: int
    bad_lines: tuple[FileLine, ...]
    needed_count: int
    free_count: int
    unavailable_reason: str | None

    @property
    def is_possible(self) -> bool:
        """Whether it may begin."""
        has_work = self.new_count + self.kept_count > 0
        return has_work and self.unavailable_reason is None and self.needed_count <= self.free_count


@dataclass(frozen=True, slots=True)
class TransferOutcome:
    """What becomes of a license that is to go to another plan. ``named``: as it was asked for."""

    named: str
    email: str | None = None
    is_moved: bool = False
    refusal: Refusal | None = None


class PlanNotFound(NotFoundError):
    """There is no such plan, or it is another customer's."""

    code = "plan_not_found"


class PlanUnavailable(DomainError):
    """The plan grants nothing now: closed, not started or expired (field ``reason``)."""

    code = "plan_unavailable"


class NotEnoughLicenses(DomainError):
    """More seats were asked for than are free (fields ``free`` and ``needed``). Nothing was taken."""

    code = "not_enough_licenses"


class TransferImpossible(DomainError):
    """Licenses go to another plan of the same agreement, and to no other."""

    code = "transfer_impossible"


class NotEnoughRevocations(DomainError):
    """More active licenses would be revoked than the plan's cap allows (fields ``remaining``, ``needed``)."""

    code = "not_enough_revocations"


class RevocationsCapped(DomainError):
    """A plan with a revocation cap cannot be revoked as a whole."""

    code = "revocations_capped"


class NothingPending(NotFoundError):
    """Somebody to be reminded holds no license that waits to be activated (field ``emails``, if named)."""

    code = "nothing_pending"


class TooManyLicenses(DomainError):
    """More licenses match than one request may change (fields ``count`` and ``limit``)."""

    code = "too_many_licenses"


class NothingToApply(DomainError):
    """No plan hands out licenses by itself, or this person cannot have one of it."""

    code = "nothing_to_apply"


class LicenseNotFound(NotFoundError):
    """This person has no such license in a plan that is active and current."""

    code = "license_not_found"


class LicenseRevoked(DomainError):
    """A revoked license is never used again."""

    code = "license_revoked"


class FieldsRefused(InvalidInputError):
    """Nothing was saved. ``errors`` maps each field that has to change to a sentence; "" is all together."""

    code = "fields_refused"

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__(" ".join(errors.values()), errors=errors)
        self.errors = errors


class AgreementNotFound(NotFoundError):
    """There is no such agreement."""

    code = "agreement_not_found"


class RenewalNotFound(NotFoundError):
    """There is no such renewal."""

    code = "renewal_not_found"


class RenewalProcessed(DomainError):
    """The renewal is processed: it cannot be changed or taken away any more."""

    code = "renewal_processed"


class RenewalImpossible(DomainError):
    """The renewal cannot be processed as it is; the message says what to change."""

    code = "renewal_impossible"
