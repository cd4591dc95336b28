"""What crosses the border of customers."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from bursar.identity.data import Person, RoleHolder
from bursar.lib.errors import DomainError, InvalidInputError, NotFoundError
from bursar.lib.outcomes import Refusal

SLUG_MAX_LENGTH = 30  # edx-enterprise's column

BULK_LIMIT = 10_000
"""Pairs in one request of bulk enrollment."""

INVITE_USAGE_LIMIT = 100
"""How many people an invite key links, unless its maker says otherwise: edx-enterprise's number."""

INVITE_LASTS = timedelta(days=365)
"""How long an invite key is good, unless its maker says otherwise."""

LINK_LIMIT = 10_000
"""Addresses in one request that links or unlinks."""


SWITCHES = (
    "disable_expiry_messaging_for_learner_credit",
    "enable_academies",
    "enable_analytics_screen",
    "enable_audit_data_reporting",
    "enable_audit_enrollment",
    "enable_browse_and_request",
    "enable_career_engagement_network_on_learner_portal",
    "enable_demo_data_for_analytics_and_lpr",
    "enable_executive_education_2U_fulfillment",
    "enable_generation_of_api_credentials",
    "enable_integrated_customer_learner_portal_search",
    "enable_learner_credit_message_box",
    "enable_learner_portal_offers",
    "enable_learner_portal_sidebar_message",
    "enable_one_academy",
    "enable_pathways",
    "enable_portal_code_management_screen",
    "enable_portal_learner_credit_management_screen",
    "enable_portal_lms_configurations_screen",
    "enable_portal_reporting_config_screen",
    "enable_portal_saml_configuration_screen",
    "enable_portal_subscription_management_screen",
    "enable_programs",
    "enable_slug_login",
    "hide_course_original_price",
    "hide_labor_market_data",
    "replace_sensitive_sso_username",
    "show_videos_in_learner_portal_search_results",
    "sync_learner_profile_data",
)
"""What a customer's portals show, by edx-enterprise's names. No rule of Bursar reads them."""

FIRST_SWITCHES = ("enable_portal_subscription_management_screen",)
"""What is on at a customer that ``save_customers`` makes: the screen of what Bursar has."""


class FulfillmentKind(StrEnum):
    """What pays for a sponsored enrollment."""

    LICENSE = "license"
    LEARNER_CREDIT = "learner_credit"


class PendingState(StrEnum):
    """Where something stands that waits for an address to be confirmed. Removed: the learner was unlinked."""

    WAITING = "waiting"
    DONE = "done"
    FAILED = "failed"
    REMOVED = "removed"


class EnrollmentSource(StrEnum):
    """What led to a sponsored enrollment: the slugs of edx-enterprise's EnterpriseEnrollmentSource."""

    MANUAL = "manual"
    ENTERPRISE_API = "enterprise_api"
    CUSTOMER_ADMIN = "customer_admin"
    ENROLLMENT_URL = "enrollment_url"
    OFFER_REDEMPTION = "offer_redemption"
    ENROLLMENT_TASK = "enrollment_task"
    MANAGEMENT_COMMAND = "management_command"


class PairVerdict(StrEnum):
    """What became of a pair of bulk enrollment."""

    ENROLLED = "enrolled"
    PENDING = "pending"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Customer:
    """An organization that pays for its people's learning."""

    uuid: UUID
    name: str
    slug: str
    is_active: bool
    contact_email: str
    country: str
    enable_learner_portal: bool
    enable_universal_link: bool


@dataclass(frozen=True, slots=True)
class CustomerProfile:
    """A customer with all that its portals show. ``switches`` are those that are on, see ``SWITCHES``."""

    uuid: UUID
    name: str
    slug: str
    is_active: bool
    contact_email: str
    reply_to: str
    sender_alias: str
    country: str
    default_language: str
    auth_org_id: str
    identity_provider: str
    enable_learner_portal: bool
    enable_universal_link: bool
    enable_autocohorting: bool
    switches: frozenset[str]
    modified_at: datetime
    catalog_uuids: tuple[UUID, ...] = ()
    admins: tuple[RoleHolder, ...] = ()


@dataclass(frozen=True, slots=True)
class LearnerProfile:
    """A person who learns at a customer, with the roles that the person has there.

    ``person`` None: the account is gone, or never came here.
    """

    link_uuid: UUID
    lms_user_id: int
    is_active: bool
    invite_key_uuid: UUID | None
    created_at: datetime
    customer: CustomerProfile
    person: Person | None
    roles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who reads about customers: which ones they belong to, and administer. None: every customer."""

    lms_user_id: int
    belongs_to: frozenset[UUID] | None
    administers: frozenset[UUID] | None


class MemberOrder(StrEnum):
    """By what the members of a customer are listed."""

    NAME = "name"
    JOINED = "joined_org"
    ENROLLMENTS = "enrollments"


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody who learns at a customer, or an address that waits to (``lms_user_id`` None, no name)."""

    lms_user_id: int | None
    email: str
    name: str
    joined_at: datetime
    enrollment_count: int = 0


@dataclass(frozen=True, slots=True)
class InviteKey:
    """Whoever opens the link with this key learns at the customer, as long as ``is_valid``."""

    uuid: UUID
    customer_uuid: UUID
    usage_limit: int
    usage_count: int
    expires_at: datetime
    is_active: bool
    is_valid: bool
    created_at: datetime
    modified_at: datetime


@dataclass(frozen=True, slots=True)
class LearnerLink:
    """A person who learns at a customer, or did (``is_linked`` false)."""

    uuid: UUID
    customer_uuid: UUID
    lms_user_id: int
    is_linked: bool
    is_relinkable: bool
    is_active: bool


@dataclass(frozen=True, slots=True)
class LinkOutcome:
    """What became of an address that was to be linked.

    ``lms_user_id`` None: nobody has confirmed the address yet, and it waits. ``created`` says that
    this command linked the person, or made the address wait.
    """

    email: str
    lms_user_id: int | None = None
    created: bool = False
    refusal: Refusal | None = None

    @property
    def is_pending(self) -> bool:
        return self.lms_user_id is None and self.refusal is None


@dataclass(frozen=True, slots=True)
class UnlinkOutcome:
    """What became of an address that was to be unlinked.

    ``unlinked``: its account learned at the customer until now. ``removed``: it waited, alone or with
    enrollments, and no longer does. Neither: the customer has nothing of it.
    """

    email: str
    lms_user_id: int | None = None
    unlinked: bool = False
    removed: bool = False


@dataclass(frozen=True, slots=True)
class CustomerToSave:
    """A customer as it should be. ``keep`` names fields that an existing row keeps."""

    uuid: UUID
    name: str
    slug: str
    contact_email: str = ""
    country: str = ""
    is_active: bool = True
    enable_learner_portal: bool = True
    enable_universal_link: bool = False
    keep: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class BulkPair:
    """A person to be put into a run, and what pays for it.

    The person is named by ``lms_user_id``, by ``email``, or by both, which then must agree. Exactly
    one of ``license_uuid`` and ``transaction_id`` is given, as the caller spelled it. ``force`` passes
    a closed enrollment window. ``activation_link`` is where the learner accepts the license.
    """

    run_key: str
    email: str | None = None
    lms_user_id: int | None = None
    license_uuid: str | None = None
    transaction_id: str | None = None
    force: bool = False
    is_default_auto_enrollment: bool = False
    activation_link: str | None = None


class PairOutcome(NamedTuple):
    """What became of a pair: ``enrolled``, ``pending`` (waits for its address), or ``failed`` with a refusal.

    A tuple, for there may be ten thousand: it takes a third of the time of a frozen dataclass.
    ``email`` is the address as the caller wrote it, or the account's. ``created`` is true once: for the
    request that enrolled the learner, or made the pair wait.
    """

    pair: BulkPair
    verdict: PairVerdict
    email: str | None
    lms_user_id: int | None = None
    created: bool = False
    fulfillment_uuid: UUID | None = None
    refusal: Refusal | None = None


class EndResult(StrEnum):
    """What became of a place when something stopped paying for it."""

    MOVED_TO_AUDIT = "moved_to_audit"
    UNENROLLED = "unenrolled"
    COMPLETED = "completed"
    """The run has ended: nothing was done."""
    STILL_PAID = "still_paid"
    """Something else pays for it, so the learner keeps it."""
    CHANGED_SINCE = "changed_since"
    """It changed after the moment that the caller named: nothing was done."""
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class EndOutcome:
    """What became of a sponsored place. ``refusal`` only if it failed; then it stays as it was."""

    fulfillment_uuid: UUID
    customer_uuid: UUID
    lms_user_id: int
    run_key: str
    subsidy_uuid: UUID
    result: EndResult
    refusal: Refusal | None = None


@dataclass(frozen=True, slots=True)
class Fulfillment:
    """What pays for a sponsored enrollment, and the enrollment with it."""

    uuid: UUID
    kind: FulfillmentKind
    subsidy_uuid: UUID
    is_revoked: bool
    customer_uuid: UUID
    link_uuid: UUID
    lms_user_id: int
    run_key: str
    is_saved_for_later: bool
    is_unenrolled: bool
    unenrolled_at: datetime | None
    enrolled_at: datetime
    created_at: datetime
    modified_at: datetime


class FulfillmentNotFound(NotFoundError):
    """There is no such fulfillment, or it is not the caller's: both look the same."""

    code = "fulfillment_not_found"


class SponsoredEnrollmentNotFound(NotFoundError):
    """The customer does not sponsor this place of this person."""

    code = "sponsored_enrollment_not_found"


class CustomerNotFound(NotFoundError):
    """There is no such customer, or it is not active, or it is not the caller's: all look the same."""

    code = "customer_not_found"


class NotLinked(DomainError):
    """The person does not learn at this customer, whatever the roles say."""

    code = "not_linked"


class NotRelinkable(DomainError):
    """The customer unlinked this learner for good."""

    code = "not_relinkable"


class InviteKeyNotFound(NotFoundError):
    """There is no such invite key, or it is not the caller's."""

    code = "invite_key_not_found"


class InviteKeyInvalid(DomainError):
    """The invite key links nobody: it or all links are switched off, it has expired, or it is used up."""

    code = "invite_key_invalid"


class CustomerInvalid(InvalidInputError):
    """Nothing was saved. ``problems`` says where and why, one line each."""

    code = "customer_invalid"

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems), problems=problems)
        self.problems = problems


class TooManyPairs(InvalidInputError):
    """One request may hold ``BULK_LIMIT`` pairs."""

    code = "too_many_pairs"
