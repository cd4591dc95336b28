"""What a course-discovery service answers, as our data. The only place with its field names.

Source: ``GET /api/v1/courses/`` of openedx/course-discovery; real answers leave out or null nearly
everything, so only keys are required.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
)

from bursar.catalog import keys
from bursar.catalog.data import (
    INSTRUCTOR_PACED,
    MODE_SLUGS,
    SELF_PACED,
    CatalogInvalid,
    CourseToSave,
    ModeToSave,
    PartnerToSave,
    RunToSave,
    Skipped,
)
from bursar.lib import problems

_TEXT_LENGTH = 255  # characters in our title columns


def read_courses(document: Any) -> tuple[list[CourseToSave], tuple[Skipped, ...]]:
    """The courses in an answer, and notes on what was left out or guessed.

    Errors: CatalogInvalid with every fault.
    """
    listed, base = _list_of_courses(document)
    courses: list[CourseToSave] = []
    notes: list[Skipped] = []
    faults: list[str] = []
    seen: set[str] = set()
    for index, entry in enumerate(listed):
        path = (*base, index) if base is not None else ()
        try:
            course = _Course.model_validate(entry)
        except ValidationError as error:
            faults += [_line(where, why) for where, why in problems.list_problems(error, below=path)]
            continue
        for key in (course.key, *(run.key for run in course.course_runs)):
            if key in seen:
                faults.append(_line(path, f"{key} is listed twice"))
            seen.add(key)
        courses.append(_to_course(course))
        notes += [Skipped(problems.path_text((*path, *where)), why) for where, why in _notes(course)]
    if faults:
        raise CatalogInvalid(faults)
    if isinstance(document, Mapping) and document.get("next"):
        notes.append(Skipped("next", "there are further pages: import them, too"))
    return courses, tuple(notes)


def _list_of_courses(document: Any) -> tuple[Sequence[Any], problems.Path | None]:
    if isinstance(document, Mapping) and isinstance(document.get("results"), list):
        return document["results"], ("results",)
    if isinstance(document, list):
        return document, ()
    if isinstance(document, Mapping) and "key" in document:
        return [document], None
    raise CatalogInvalid(["the document is not an answer of course-discovery: it has no list of results"])


def _line(path: problems.Path, reason: str) -> str:
    return f"{problems.path_text(path)}: {reason}" if path else reason


def _course_key(text: str) -> str:
    if not keys.is_course_key(text):
        raise ValueError("is not a course key (Org+Course)")
    return text


def _run_key(text: str) -> str:
    if not keys.is_run_key(text):
        raise ValueError("is not a course run key (course-v1:Org+Course+Run)")
    return text


def _text_or_empty(value: Any) -> Any:
    return "" if value is None else value


_Storable = AfterValidator(problems.check_storable)
_Text = Annotated[str, BeforeValidator(_text_or_empty), _Storable]
_OneLine = AfterValidator(problems.check_line)
_ShortText = Annotated[str, BeforeValidator(_text_or_empty), Field(max_length=_TEXT_LENGTH), _OneLine]
_Name = Annotated[str, Field(min_length=1, max_length=_TEXT_LENGTH), _OneLine]


def _empty_or(value: Any) -> Any:
    return [] if value is None else value


_Moment = Annotated[AwareDatetime, AfterValidator(problems.check_moment)]


class _Answer(BaseModel):
    """Discovery adds fields with every release; those we don't know are no concern of ours."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class _Seat(_Answer):
    type: _Name
    price: Annotated[Decimal, Field(ge=0, le=10_000_000, decimal_places=2)]
    currency: Annotated[str, Field(min_length=1, max_length=8), _OneLine] = "USD"
    upgrade_deadline: _Moment | None = None


class _Run(_Answer):
    key: Annotated[str, AfterValidator(_run_key)]
    uuid: UUID | None = None
    title: _ShortText = ""
    start: _Moment | None = None
    end: _Moment | None = None
    enrollment_start: _Moment | None = None
    enrollment_end: _Moment | None = None
    pacing_type: Literal["instructor_paced", "self_paced"] | None = None
    status: _Text = "published"
    hidden: bool | None = False
    is_enrollable: bool | None = None
    invite_only: bool | None = False
    seats: Annotated[tuple[_Seat, ...], BeforeValidator(_empty_or)] = ()

    @property
    def closed_reason(self) -> str | None:
        """Why nobody is let in, whatever the dates. Old answers lack ``is_enrollable``: dates decide."""
        if self.status != "published":
            return f"its status is {self.status or 'empty'}"
        if self.hidden:
            return "it is hidden"
        if self.is_enrollable is False:
            return "course-discovery says that it is not enrollable"
        return None


class _Owner(_Answer):
    key: _Name
    name: _ShortText = ""
    uuid: UUID | None = None


class _Subject(_Answer):
    name: _Name


class _Course(_Answer):
    key: Annotated[str, AfterValidator(_course_key)]
    title: _Name
    short_description: _Text = ""
    level_type: Annotated[str, BeforeValidator(_text_or_empty), Field(max_length=100), _OneLine] = ""
    owners: Annotated[tuple[_Owner, ...], BeforeValidator(_empty_or)] = ()
    subjects: Annotated[tuple[_Subject, ...], BeforeValidator(_empty_or)] = ()
    course_runs: Annotated[tuple[_Run, ...], BeforeValidator(_empty_or)] = ()
    advertised_course_run_uuid: UUID | None = None
    canonical_course_run_key: str | None = None

    def named_run_key(self) -> str | None:
        """The run that the answer names as the one to show, if it is among its runs."""
        for run in self.course_runs:
            if run.uuid is not None and run.uuid == self.advertised_course_run_uuid:
                return run.key
        if self.canonical_course_run_key in {run.key for run in self.course_runs}:
            return self.canonical_course_run_key
        return None

    def latest_run_key(self) -> str | None:
        """The latest run that takes enrollments, or else the latest of all."""
        return max(self.course_runs, key=_lateness).key if self.course_runs else None


def _lateness(run: _Run) -> tuple[bool, bool, datetime | str, str]:
    return run.closed_reason is None, run.start is not None, run.start or "", run.key


def _to_course(course: _Course) -> CourseToSave:
    partners = {owner.key: owner for owner in course.owners}
    return CourseToSave(
        key=course.key,
        title=course.title,
        short_description=course.short_description,
        partners=tuple(
            PartnerToSave(key=owner.key, name=owner.name or owner.key, uuid=owner.uuid)
            for owner in partners.values()
        ),
        level=course.level_type,
        subjects=tuple(subject.name for subject in course.subjects),
        advertised_run_key=course.named_run_key() or course.latest_run_key(),
        runs=tuple(_to_run(run) for run in course.course_runs),
        # A guess is better than nothing, but no better than what somebody chose before.
        keep=frozenset() if course.named_run_key() else frozenset({"advertised_run_key"}),
    )


def _to_run(run: _Run) -> RunToSave:
    return RunToSave(
        key=run.key,
        title=run.title,
        start=run.start,
        end=run.end,
        enrollment_start=run.enrollment_start,
        enrollment_end=run.enrollment_end,
        pacing=SELF_PACED if run.pacing_type == "self_paced" else INSTRUCTOR_PACED,
        is_enrollable=run.closed_reason is None,
        invitation_only=bool(run.invite_only),
        modes=tuple(
            ModeToSave(
                slug=seat.type,
                price_cents=int(seat.price * 100),
                currency=seat.currency.upper(),
                expires_at=seat.upgrade_deadline,
            )
            for _, seat in _kept_seats(run)
        ),
        drop_other_modes=True,
        # An answer of course-discovery doesn't say how many places there are, nor who may not come.
        keep=frozenset({"max_enrollments", "blocked_countries"}),
    )


def _kept_seats(run: _Run) -> Iterable[tuple[int, _Seat]]:
    """The first seat of each mode that the LMS knows (credit has one seat for each provider)."""
    seen: set[str] = set()
    for index, seat in enumerate(run.seats):
        if seat.type in MODE_SLUGS and seat.type not in seen:
            seen.add(seat.type)
            yield index, seat


def _notes(course: _Course) -> Iterable[tuple[problems.Path, str]]:
    if not course.course_runs:
        yield (), f"{course.key} has no runs"
    elif course.named_run_key() is None and course.canonical_course_run_key is not None:
        yield (
            ("canonical_course_run_key",),
            f"{course.canonical_course_run_key} was passed over, for it is none of the course's runs",
        )
    for index, run in enumerate(course.course_runs):
        if run.closed_reason is not None:
            yield ("course_runs", index), f"{run.key} takes no enrollments: {run.closed_reason}"
        kept = {position for position, _ in _kept_seats(run)}
        for position, seat in enumerate(run.seats):
            if position not in kept:
                why = "was listed before" if seat.type in MODE_SLUGS else "is no mode of the LMS"
                yield ("course_runs", index, "seats", position), f"skipped: {seat.type} {why}"
