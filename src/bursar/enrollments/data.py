"""What crosses the border of enrollments."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from bursar.lib.errors import InvalidInputError, NotFoundError
from bursar.lib.outcomes import Refusal

CREDIT = "credit"
"""The mode that needs to know who gives the credit."""

PREVENTED = "prevented"
"""Refused by a pipeline of the operator's own."""

STAFF_LIMIT = 10_000
"""Pairs of a person and a run in one request of staff: what fits into the time of a web request."""


class OnExisting(StrEnum):
    """What an entry does to a place that its person has already."""

    KEEP = "keep"
    """Who is in stays as they are; who left comes back."""

    UPGRADE = "upgrade"
    """The same, and a free mode gives way to a paid one."""

    SET = "set"
    """The place gets the mode and the activity of the entry, in whatever state the run is."""


class CourseRoleName(StrEnum):
    """Roles in courses, with the LMS's words (its CourseAccessRole table)."""

    STAFF = "staff"
    INSTRUCTOR = "instructor"  # the LMS calls it Admin where people see it
    LIMITED_STAFF = "limited_staff"
    BETA_TESTERS = "beta_testers"
    CCX_COACH = "ccx_coach"
    DATA_RESEARCHER = "data_researcher"


COURSE_TEAM = (CourseRoleName.STAFF, CourseRoleName.INSTRUCTOR)
"""Who sees the people of a run, and gets in while it is closed."""

TAKES_NO_SEAT = (CourseRoleName.STAFF, CourseRoleName.INSTRUCTOR, CourseRoleName.CCX_COACH)
"""Whose places don't count against the room of a run."""


class Transition(StrEnum):
    """What staff did to a place, with the LMS's words (its ManualEnrollmentAudit table)."""

    UNENROLLED_TO_ALLOWED = "from unenrolled to allowed to enroll"
    ALLOWED_TO_ENROLLED = "from allowed to enroll to enrolled"
    ENROLLED_TO_ENROLLED = "from enrolled to enrolled"
    ENROLLED_TO_UNENROLLED = "from enrolled to unenrolled"
    UNENROLLED_TO_ENROLLED = "from unenrolled to enrolled"
    ALLOWED_TO_UNENROLLED = "from allowed to enroll to unenrolled"
    UNENROLLED_TO_UNENROLLED = "from unenrolled to unenrolled"
    NOTHING = "N/A"


@dataclass(frozen=True, slots=True)
class Attribute:
    """Something noted down with an enrollment, such as ``order:order_number``."""

    namespace: str
    name: str
    value: str


class EnrollmentEntry(NamedTuple):
    """A person to be put into a run, or to be taken out.

    ``mode`` None is the run's default for who comes in, and the present one where ``SET`` changes a place.
    ``is_active`` None is: in. ``force`` passes a closed enrollment window, a run that is not open yet or
    not enrollable, and an invitation; never a full run, which only ``ignore_room`` does. An expired mode
    is refused unless ``may_enter_expired`` (for who comes in) or ``may_set_expired`` (for ``SET``).
    ``attributes``, unless None, replace what is noted down with a place that is made or changed.
    ``customer_uuid`` is the customer that has it done, ``linked_customer_uuid`` one whose learner the
    person is to become by it.
    """

    lms_user_id: int
    run_key: str
    mode: str | None = None
    force: bool = False
    customer_uuid: UUID | None = None
    existing: OnExisting = OnExisting.UPGRADE
    is_active: bool | None = None
    attributes: tuple[Attribute, ...] | None = None
    may_enter_expired: bool = False
    may_set_expired: bool = False
    ignore_room: bool = False
    linked_customer_uuid: UUID | None = None


class EnrollmentOutcome(NamedTuple):
    """What became of an entry: either a ``refusal``, or the enrollment as it is now.

    ``created`` says that this command made the place or changed it: new, back again, another mode, left.
    ``customer_uuid`` is the customer that had it done the last time, if any.
    """

    entry: EnrollmentEntry
    enrollment_uuid: UUID | None = None
    mode: str | None = None
    is_active: bool = False
    created: bool = False
    customer_uuid: UUID | None = None
    created_at: datetime | None = None
    refusal: Refusal | None = None


@dataclass(frozen=True, slots=True)
class Enrollment:
    """A person's place in a run. It stays when the person leaves (``is_active`` false)."""

    uuid: UUID
    lms_user_id: int
    run_key: str
    mode: str
    is_active: bool
    customer_uuid: UUID | None
    created_at: datetime
    modified_at: datetime


@dataclass(frozen=True, slots=True)
class Allowance:
    """An address that may come into a run. ``lms_user_id`` is who made use of it, if anybody did."""

    email: str
    run_key: str
    auto_enroll: bool
    lms_user_id: int | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class CourseRole:
    """A person's role in a run, or (``run_key`` empty) in all runs of the organization."""

    org: str
    run_key: str
    role: str


class CohortNotFound(InvalidInputError):
    """The run has no cohort of this name. Nothing was done."""

    code = "unknown_cohort"


class AllowanceInvalid(InvalidInputError):
    """There is no such run, or this is no address."""

    code = "invalid_allowance"


class AllowanceExists(InvalidInputError):
    """The address may come into the run already."""

    code = "already_allowed"


class AllowanceNotFound(NotFoundError):
    """The address was never allowed into the run."""

    code = "not_allowed_yet"


class TooManyPlaces(InvalidInputError):
    """One request names more places than can be done within it."""

    code = "too_many_places"


FREE_MODES = frozenset({"audit", "honor", "unpaid-executive-education", "unpaid-bootcamp"})
"""Modes without a price (the LMS's audit family). From one of them into any other is an upgrade."""


def is_paid(mode: str) -> bool:
    """Whether somebody pays for a place in this mode."""
    return mode not in FREE_MODES


def is_upgrade(before: str, after: str) -> bool:
    """Whether a free place becomes one that somebody pays for."""
    return is_paid(after) and not is_paid(before)


VERIFIED_MODES = frozenset(
    {
        "verified",
        "professional",
        "masters",
        "executive-education",
        "paid-executive-education",
        "paid-bootcamp",
    }
)
"""Modes that lead to a certificate for a proven identity (the LMS's verified family)."""


@dataclass(frozen=True, slots=True)
class SpotState:
    """How somebody stands to a run, as staff see it. ``cohort`` counts only if ``has_cohort``."""

    is_account: bool
    is_enrolled: bool
    is_allowed: bool
    auto_enroll: bool
    cohort: str | None = None
    has_cohort: bool = False


@dataclass(frozen=True, slots=True)
class StaffOutcome:
    """What became of one identifier in one run: ``is_invalid``, a ``refusal``, or how it was and is."""

    identifier: str
    before: SpotState | None = None
    after: SpotState | None = None
    refusal: Refusal | None = None
    is_invalid: bool = False
