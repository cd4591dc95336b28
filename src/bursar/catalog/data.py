"""What crosses the catalog's border: courses, their runs and modes, and what a customer may use."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from bursar.lib.errors import InvalidInputError
from bursar.lib.outcomes import Refusal, Saved

INSTRUCTOR_PACED = "instructor_paced"
SELF_PACED = "self_paced"

AUDIT = "audit"
HONOR = "honor"

MODE_SLUGS = frozenset(
    {
        AUDIT,
        HONOR,
        "verified",
        "professional",
        "no-id-professional",
        "credit",
        "masters",
        "executive-education",
        "paid-executive-education",
        "unpaid-executive-education",
        "paid-bootcamp",
        "unpaid-bootcamp",
    }
)
"""Every mode that the LMS knows (its CourseMode table)."""

BEST_MODES = ("verified", "professional", "no-id-professional", AUDIT, HONOR, "unpaid-executive-education")
"""What a sponsored learner gets: the first of these that the run offers (edx-enterprise's order)."""

EVERYTHING = "*"
"""In place of course keys: every course there is, now and later."""


@dataclass(frozen=True, slots=True)
class Partner:
    """An organization that makes courses."""

    uuid: UUID
    key: str
    name: str


@dataclass(frozen=True, slots=True)
class Mode:
    """A way to take a run. ``price_cents`` are hundredths of ``currency`` (ISO code, upper case)."""

    slug: str
    price_cents: int
    currency: str
    expires_at: datetime | None

    def is_offered(self, at: datetime) -> bool:
        """Whether one can still get into the mode; the moment at which it expires still counts."""
        return self.expires_at is None or self.expires_at >= at


DEFAULT_MODE = Mode(slug=AUDIT, price_cents=0, currency="USD", expires_at=None)
"""What a run offers for which nobody said anything, or whose modes have all expired (the LMS's rule)."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a course. Null times are unbounded; ``max_enrollments`` null means without limit."""

    key: str
    course_key: str
    org: str
    title: str
    start: datetime | None
    end: datetime | None
    enrollment_start: datetime | None
    enrollment_end: datetime | None
    pacing: str
    is_enrollable: bool
    invitation_only: bool
    max_enrollments: int | None
    blocked_countries: tuple[str, ...]
    modes: tuple[Mode, ...]

    def refusal(self, at: datetime, *, force: bool = False) -> Refusal | None:
        """Why nobody may be put into this run at this moment, or None.

        Codes, the most telling first: ``invitation_only``, ``enrollment_not_open_yet``,
        ``enrollment_closed`` (the window is open strictly between its ends) and
        ``run_not_enrollable`` (the catalog's own flag). ``force`` passes all four, as the LMS's
        ``force_enrollment`` does; room is not looked at here. Like the LMS, it lets people into a
        run that has ended as long as its enrollment window hasn't.
        """
        if force:
            return None
        if self.invitation_only:
            return Refusal("invitation_only", f"{self.key} admits invited learners only.")
        if self.enrollment_start is not None and at <= self.enrollment_start:
            return Refusal("enrollment_not_open_yet", f"Enrollment in {self.key} has not opened yet.")
        if self.enrollment_end is not None and at >= self.enrollment_end:
            return Refusal("enrollment_closed", f"Enrollment in {self.key} has closed.")
        if not self.is_enrollable:
            return Refusal("run_not_enrollable", f"{self.key} does not take enrollments.")
        return None

    def offered_modes(self, at: datetime, *, include_expired: bool = False) -> tuple[Mode, ...]:
        """The modes one can get into; when there is none, the default mode alone."""
        offered = tuple(mode for mode in self.modes if include_expired or mode.is_offered(at))
        return offered or (DEFAULT_MODE,)

    def has_mode(self, slug: str, at: datetime, *, include_expired: bool = False) -> bool:
        """Whether one can get into this mode."""
        return any(mode.slug == slug for mode in self.offered_modes(at, include_expired=include_expired))

    def best_mode(self, at: datetime) -> str:
        """The mode for a sponsored learner: the first of ``BEST_MODES`` that is offered, else audit."""
        offered = {mode.slug for mode in self.offered_modes(at)}
        return next((slug for slug in BEST_MODES if slug in offered), AUDIT)

    def default_mode(self, at: datetime) -> str:
        """The mode for someone who names none: audit if offered, else honor, else audit all the same.

        In the last case the run doesn't have the mode, and the enrollment fails (the LMS's rule).
        """
        offered = {mode.slug for mode in self.offered_modes(at)}
        return HONOR if HONOR in offered and AUDIT not in offered else AUDIT


@dataclass(frozen=True, slots=True)
class Course:
    """A course. ``run_keys`` are sorted; ``advertised_run_key`` is the run that the course stands for now."""

    key: str
    title: str
    short_description: str
    partners: tuple[Partner, ...]
    level: str
    subjects: tuple[str, ...]
    advertised_run_key: str | None
    run_keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CustomerCatalog:
    """What one customer may use. With ``contains_everything`` the ``course_keys`` are empty."""

    uuid: UUID
    customer_uuid: UUID
    title: str
    contains_everything: bool
    course_keys: frozenset[str]

    def contains(self, course_key: str) -> bool:
        return self.contains_everything or course_key in self.course_keys


# What is handed in to be saved. ``keep`` names the fields that stay as they are on a row that exists.


@dataclass(frozen=True, slots=True)
class PartnerToSave:
    key: str
    name: str
    uuid: UUID | None = None


@dataclass(frozen=True, slots=True)
class ModeToSave:
    slug: str
    price_cents: int = 0
    currency: str = "USD"
    expires_at: datetime | None = None
    keep: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class RunToSave:
    """A run as wanted. Without a title it has its course's.

    Modes that exist and aren't listed stay, unless ``drop_other_modes``.
    """

    key: str
    title: str = ""
    start: datetime | None = None
    end: datetime | None = None
    enrollment_start: datetime | None = None
    enrollment_end: datetime | None = None
    pacing: str = INSTRUCTOR_PACED
    is_enrollable: bool = True
    invitation_only: bool = False
    max_enrollments: int | None = None
    blocked_countries: tuple[str, ...] = ()
    modes: tuple[ModeToSave, ...] = ()
    drop_other_modes: bool = False
    keep: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class CourseToSave:
    """A course as wanted. Runs that exist and aren't listed stay."""

    key: str
    title: str
    short_description: str = ""
    partners: tuple[PartnerToSave, ...] = ()
    level: str = ""
    subjects: tuple[str, ...] = ()
    advertised_run_key: str | None = None
    runs: tuple[RunToSave, ...] = ()
    keep: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class CatalogToSave:
    """A customer's catalog as wanted: these courses (course keys), or ``EVERYTHING`` alone."""

    uuid: UUID
    customer_uuid: UUID
    title: str
    course_keys: tuple[str, ...] = ()
    keep: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Skipped:
    """Something in a foreign document that was passed over. ``path`` says where it stands."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class CourseImport:
    """What an import did, course by course, and what it left out."""

    courses: Saved
    run_count: int
    notes: tuple[Skipped, ...] = ()


class CatalogInvalid(InvalidInputError):
    """Nothing was saved. ``problems`` says where and why, one line each."""

    code = "catalog_invalid"

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems), problems=problems)
        self.problems = problems
