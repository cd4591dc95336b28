"""What crosses identity's border: people, callers, roles."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from bursar.events.identity import AddressConfirmed, PersonRetired
from bursar.lib.errors import DomainError, InvalidInputError, NotFoundError

ADMIN = "enterprise_admin"
"""Administers one customer."""

LEARNER = "enterprise_learner"
"""Learns at one customer."""

OPERATOR = "enterprise_openedx_operator"
"""Operates the platform; its context is always ``*``."""

PROVISIONER = "enterprise_provisioning_admin"
"""Sets up agreements and plans; its context is always ``*``."""

ANY_CUSTOMER = "*"

CONFIRMATION_LASTS = timedelta(days=3)
"""How long a mailed link can confirm an address: a weekend."""


@dataclass(frozen=True, slots=True)
class Person:
    """An account. ``email`` is normalized; the address is theirs only if ``is_confirmed``."""

    lms_user_id: int
    username: str
    email: str
    name: str
    is_active: bool
    is_staff: bool
    is_confirmed: bool
    joined_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Grant:
    """A role in a context: a customer's uuid as text, or ``*`` for every customer."""

    role: str
    context: str

    def __str__(self) -> str:
        return f"{self.role}:{self.context}" if self.context else self.role

    @classmethod
    def parse(cls, text: str) -> "Grant":
        """``role:context`` as tokens and world files spell it, split at the first colon.

        A uuid is brought to its one spelling. A role without a context holds for no customer.
        """
        role, _, context = text.partition(":")
        return cls(role, str(UUID(context)) if _is_uuid(context) else context)


@dataclass(frozen=True, slots=True)
class RoleAssignment:
    """A role to be given to a person, or taken away. ``customer_uuid`` None means every customer."""

    lms_user_id: int
    role: str
    customer_uuid: UUID | None


@dataclass(frozen=True, slots=True)
class RoleHolder:
    """An active account with a role at one customer. ``email`` is normalized."""

    lms_user_id: int
    email: str
    role: str
    customer_uuid: UUID


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever makes a request, with every role that the token or the role rows give.

    ``email`` is normalized; what waits for an address is theirs only if ``is_confirmed``.
    """

    lms_user_id: int
    username: str
    email: str
    is_staff: bool = False
    is_confirmed: bool = False
    grants: frozenset[Grant] = field(default_factory=frozenset)

    def has_role(self, roles: Collection[str], customer_uuid: UUID | None) -> bool:
        """Whether one of ``roles`` is held for this customer. Without a customer: no, whoever asks."""
        if customer_uuid is None:
            return False
        contexts = (str(customer_uuid), ANY_CUSTOMER)
        return any(grant.role in roles and grant.context in contexts for grant in self.grants)

    def customers_with(self, roles: Collection[str]) -> frozenset[UUID] | None:
        """The customers for which one of ``roles`` is held; None means every customer."""
        contexts = {grant.context for grant in self.grants if grant.role in roles}
        if ANY_CUSTOMER in contexts:
            return None
        return frozenset(UUID(context) for context in contexts if _is_uuid(context))


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class PersonToSave:
    """An account as a world file describes it; ``email`` finds the one that is there already.

    ``lms_user_id`` None: one is given out. ``password`` and ``is_confirmed`` False count only when the
    account is made: a later load takes nothing away. ``roles`` are added, never withdrawn.
    """

    email: str
    username: str
    name: str = ""
    lms_user_id: int | None = None
    password: str | None = None
    is_active: bool = True
    is_staff: bool = False
    is_confirmed: bool = True
    roles: tuple[Grant, ...] = ()


@dataclass(frozen=True, slots=True)
class ServiceAccountToSave:
    """A program that calls us: ``username`` is its account, the others are its credentials and roles."""

    client_id: str
    client_secret: str
    username: str
    roles: tuple[Grant, ...] = ()


@dataclass(frozen=True, slots=True)
class Confirmation:
    """Whose address a confirmation link proves. ``is_new``: it was not confirmed before."""

    person: Person
    is_new: bool


class RetirementState(StrEnum):
    """Where a retirement stands. Pending may still be cancelled; complete cannot be undone."""

    PENDING = "pending"
    RETIRING = "retiring"
    COMPLETE = "complete"


WORKING = (RetirementState.PENDING, RetirementState.RETIRING)
"""The original values are still known: whoever keeps something of the person can find it."""


@dataclass(frozen=True, slots=True)
class Retirement:
    """An account on its way out. ``username`` and ``email`` stand in for the original ones.

    ``original_email`` is normalized; both originals are empty once it is complete.
    """

    lms_user_id: int
    original_username: str
    original_email: str
    username: str
    email: str
    state: RetirementState
    requested_at: datetime
    requested_by: int | None
    completed_at: datetime | None


def moved_addresses(facts: Sequence[AddressConfirmed]) -> dict[str, str]:
    """Where what belongs to a former address goes, by that address; with several moves, where they end."""
    moved: dict[str, str] = {}
    for fact in reversed(facts):
        if fact.old_email:
            moved[fact.old_email] = moved.get(fact.email, fact.email)
    return {old: new for old, new in moved.items() if old != new}


@dataclass(frozen=True, slots=True)
class StandIns:
    """What stands in for the addresses of people who were retired, by LMS user id and by former address."""

    by_id: Mapping[int, str]
    by_address: Mapping[str, str]

    @classmethod
    def of(cls, facts: Iterable[PersonRetired]) -> "StandIns":
        """Those of the retired people; programs have no address."""
        listed = [fact for fact in facts if fact.email]
        return cls(
            {fact.lms_user_id: fact.email for fact in listed},
            {fact.old_email: fact.email for fact in listed if fact.old_email},
        )

    def of_row(self, key: UUID, *, email: str | None, lms_user_id: int | None) -> str:
        """What a row of one of them gets instead of its address.

        Tagged with the row's key: rows that had to differ in the person's several addresses still do.
        """
        person = self.by_address.get(email or "") or self.by_id[lms_user_id or 0]
        mailbox, _, domain = person.partition("@")
        return f"{mailbox}+{key.hex}@{domain}"


class PersonNotFound(NotFoundError):
    """There is no such account, or it may not sign in any more."""

    code = "person_not_found"


class SavingRefused(InvalidInputError):
    """Nothing was saved. ``errors`` maps the position of each faulty entry to what is wrong with it."""

    code = "saving_refused"

    def __init__(self, errors: dict[int, str]) -> None:
        super().__init__("; ".join(errors.values()), errors=errors)
        self.errors = errors


class RoleInvalid(InvalidInputError):
    """A role is given in a context that is neither a customer's uuid nor ``*``."""

    code = "role_invalid"


class SignInRefused(DomainError):
    """The name, the address or the password is wrong, or the account is closed: which one is not told."""

    code = "sign_in_refused"


class TooManyAttempts(DomainError):
    """Tried too often; ``retry_after`` seconds later it may be tried again."""

    code = "too_many_attempts"

    def __init__(self, message: str, *, retry_after: int) -> None:
        super().__init__(message, retry_after=retry_after)
        self.retry_after = retry_after


class TokenRequestInvalid(InvalidInputError):
    """A program asks for a token in a way that is not served. This code and the next two are RFC 6749's."""

    code = "invalid_request"


class GrantTypeUnsupported(TokenRequestInvalid):
    """Tokens are given for client credentials only."""

    code = "unsupported_grant_type"


class ProgramRefused(DomainError):
    """The client id or the secret is wrong, or the account is closed: which one is not told."""

    code = "invalid_client"


class AccountRefused(DomainError):
    """An account cannot be like that. ``errors`` maps each field to what is wrong with it.

    ``is_conflict``: an address or a username is taken.
    """

    def __init__(self, errors: dict[str, str], *, is_conflict: bool) -> None:
        super().__init__(" ".join(errors.values()), errors=errors)
        self.errors = errors
        self.is_conflict = is_conflict


class SignUpRefused(AccountRefused):
    """The account was not made."""

    code = "sign_up_refused"


class ChangeRefused(AccountRefused):
    """The account was not changed."""

    code = "change_refused"


class RetirementUnderWay(DomainError):
    """The account is being retired, or was: nothing of it can be changed."""

    code = "retirement_under_way"


class ClaimsRefused(DomainError):
    """A valid token of the LMS points at nobody who can be let in: no user id, or somebody else's name."""

    code = "claims_refused"


class ConfirmationInvalid(DomainError):
    """The link is damaged, too old, or for an address the account no longer has."""

    code = "confirmation_invalid"
