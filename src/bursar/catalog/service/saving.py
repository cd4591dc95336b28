"""Saving courses and catalogs as wanted: what is missing is made, what differs is changed."""

import uuid
from collections import Counter, defaultdict
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar
from uuid import UUID

from django.db import models as django_models
from django.db import transaction

from bursar.catalog import keys, models
from bursar.catalog.data import (
    EVERYTHING,
    MODE_SLUGS,
    CatalogInvalid,
    CatalogToSave,
    CourseToSave,
    ModeToSave,
    RunToSave,
)
from bursar.catalog.service.reading import find_catalogs
from bursar.lib import sets
from bursar.lib.outcomes import Saved

Row = tuple[Any, ...]
KeyT = TypeVar("KeyT", bound=Hashable)


def save_courses(courses: Sequence[CourseToSave]) -> Saved:
    """Makes or changes the courses with their partners, runs and modes; counts courses.

    A course counts as changed when anything about it or its runs and modes does.
    Errors: CatalogInvalid, and nothing is written. Effects: some ten statements per 1,000 rows of a
    kind; runs get a history row when they are made or changed.
    """
    wanted = list(dict.fromkeys(courses))
    problems = [*_problems_of_courses(wanted)]
    if problems:
        raise CatalogInvalid(problems)
    with transaction.atomic(durable=True):
        _check_advertised_runs(wanted)
        partners = _save_partners(wanted)
        saved = _save_course_rows(wanted)
        touched = saved.changed | _save_course_partners(wanted, saved.ids, partners)
        runs = _save_runs(wanted, saved.ids)
        modes_of = {run.key: run.modes for course in wanted for run in course.runs}
        drop_others = {run.key for course in wanted for run in course.runs if run.drop_other_modes}
        touched_runs = runs.created | runs.changed | _save_modes(modes_of, runs.ids, drop_others)
        touched |= {course.key for course in wanted if any(run.key in touched_runs for run in course.runs)}
        touched -= saved.created
    return Saved(len(saved.created), len(touched), len(wanted) - len(saved.created) - len(touched))


def save_catalogs(catalogs: Sequence[CatalogToSave]) -> Saved:
    """Makes or changes the customers' catalogs, with history.

    Errors: CatalogInvalid (a uuid that is another customer's, a key that isn't one), and nothing is
    written. Effects: at most five statements per 1,000 catalogs.
    """
    wanted = list(dict.fromkeys(catalogs))
    problems = [*_problems_of_catalogs(wanted)]
    if problems:
        raise CatalogInvalid(problems)
    with transaction.atomic(durable=True):
        existing = find_catalogs([catalog.uuid for catalog in wanted])
        stolen = [
            f"{catalog.uuid}: is a catalog of another customer"
            for catalog in wanted
            if catalog.uuid in existing and existing[catalog.uuid].customer_uuid != catalog.customer_uuid
        ]
        if stolen:
            raise CatalogInvalid(stolen)
        written = _write(
            models.CustomerCatalog,
            _CATALOG_COLUMNS,
            wanted={
                catalog.uuid: _Wanted(
                    (
                        catalog.customer_uuid,
                        catalog.title,
                        EVERYTHING in catalog.course_keys,
                        sorted(set(catalog.course_keys) - {EVERYTHING}),
                    ),
                    catalog.keep | ({"contains_everything"} if "course_keys" in catalog.keep else set()),
                )
                for catalog in wanted
            },
            existing={
                catalog.uuid: (
                    catalog.uuid,
                    (
                        catalog.customer_uuid,
                        catalog.title,
                        catalog.contains_everything,
                        sorted(catalog.course_keys),
                    ),
                )
                for catalog in existing.values()
            },
            make_id=lambda key: key,
        )
        _record_history(models.CustomerCatalog, written)
    return written.count(len(wanted))


# Writing rows of one kind


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A row as it should be. The columns in ``keep`` stay as they are if it exists."""

    values: Row
    keep: Collection[str] = ()


@dataclass(slots=True)
class _Written(Generic[KeyT]):
    ids: dict[KeyT, UUID] = field(default_factory=dict)
    created: set[KeyT] = field(default_factory=set)
    changed: set[KeyT] = field(default_factory=set)

    def count(self, wanted: int) -> Saved:
        return Saved(len(self.created), len(self.changed), wanted - len(self.created) - len(self.changed))


def _write(
    model: type[django_models.Model],
    columns: Sequence[str],
    *,
    wanted: Mapping[KeyT, _Wanted],
    existing: Mapping[KeyT, tuple[UUID, Row]],
    make_id: Any = lambda key: uuid.uuid4(),
) -> _Written[KeyT]:
    written: _Written[KeyT] = _Written()
    inserts: list[Row] = []
    updates: list[Row] = []
    for key, row in wanted.items():
        if key not in existing:
            written.ids[key] = make_id(key)
            written.created.add(key)
            inserts.append((written.ids[key], *row.values))
            continue
        written.ids[key], old = existing[key]
        new = tuple(
            before if column in row.keep else after
            for column, before, after in zip(columns, old, row.values, strict=True)
        )
        if new != old:
            written.changed.add(key)
            updates.append((written.ids[key], *new))
    for chunk in sets.chunks(sorted(inserts, key=_by_id)):
        sets.insert(model, ("uuid", *columns), chunk)
    for chunk in sets.chunks(sorted(updates, key=_by_id)):
        sets.update(model, ("uuid", *columns), chunk)
    return written


def _by_id(row: Row) -> UUID:
    identity: UUID = row[0]
    return identity


def _record_history(model: type[django_models.Model], written: _Written[Any]) -> None:
    for kind, touched in (("+", written.created), ("~", written.changed)):
        for chunk in sets.chunks(sorted(written.ids[key] for key in touched)):
            sets.record_history(model, chunk, kind=kind, by=None)


def _existing(
    model: type[django_models.Model], key: str, columns: Sequence[str], wanted: Iterable[str]
) -> dict[str, tuple[UUID, Row]]:
    found: dict[str, tuple[UUID, Row]] = {}
    for chunk in sets.chunks(sorted(wanted)):
        rows = model._default_manager.filter(**{f"{key}__in": chunk}).order_by()
        found.update((row[1], (row[0], row[2:])) for row in rows.values_list("uuid", key, *columns))
    return found


# Courses, kind by kind


def _save_partners(courses: Sequence[CourseToSave]) -> dict[str, UUID]:
    partners = {partner.key: partner for course in courses for partner in course.partners}
    existing = _existing(models.Partner, "key", ("key", "name"), partners)
    given = {key: partner.uuid for key, partner in partners.items() if partner.uuid is not None}
    return _write(
        models.Partner,
        ("key", "name"),
        wanted={key: _Wanted((key, partner.name)) for key, partner in partners.items()},
        existing=existing,
        make_id=lambda key: given.get(key) or uuid.uuid4(),
    ).ids


def _save_course_rows(courses: Sequence[CourseToSave]) -> _Written[str]:
    return _write(
        models.Course,
        _COURSE_COLUMNS,
        wanted={
            course.key: _Wanted(
                (
                    course.key,
                    course.title,
                    course.short_description,
                    course.level,
                    list(course.subjects),
                    course.advertised_run_key,
                ),
                course.keep,
            )
            for course in courses
        },
        existing=_existing(models.Course, "key", _COURSE_COLUMNS, [course.key for course in courses]),
    )


def _save_course_partners(
    courses: Sequence[CourseToSave], course_ids: Mapping[str, UUID], partner_ids: Mapping[str, UUID]
) -> set[str]:
    """Returns the keys of the courses whose partners changed."""
    existing: dict[UUID, list[UUID]] = defaultdict(list)
    for chunk in sets.chunks(sorted(course_ids.values())):
        rows = models.CoursePartner.objects.filter(course_id__in=chunk).order_by("position")
        for course_id, partner_id in rows.values_list("course_id", "partner_id"):
            existing[course_id].append(partner_id)
    wanted: dict[UUID, list[UUID]] = {
        course_ids[course.key]: [partner_ids[partner.key] for partner in course.partners]
        for course in courses
        if "partners" not in course.keep or course_ids[course.key] not in existing
    }
    changed = {course_id for course_id, partners in wanted.items() if partners != existing.get(course_id, [])}
    for chunk in sets.chunks(sorted(changed & existing.keys())):
        models.CoursePartner.objects.filter(course_id__in=chunk).delete()
    rows_to_write = [
        (uuid.uuid4(), course_id, partner_id, position)
        for course_id in sorted(changed)
        for position, partner_id in enumerate(wanted[course_id])
    ]
    for rows_chunk in sets.chunks(rows_to_write):
        sets.insert(models.CoursePartner, ("uuid", "course", "partner", "position"), rows_chunk)
    return {course.key for course in courses if course_ids[course.key] in changed}


def _save_runs(courses: Sequence[CourseToSave], course_ids: Mapping[str, UUID]) -> _Written[str]:
    written = _write(
        models.Run,
        _RUN_COLUMNS,
        wanted={
            run.key: _Wanted(_run_values(run, course_ids[course.key]), run.keep)
            for course in courses
            for run in course.runs
        },
        existing=_existing(
            models.Run, "key", _RUN_COLUMNS, [run.key for course in courses for run in course.runs]
        ),
    )
    _record_history(models.Run, written)
    return written


def _run_values(run: RunToSave, course_id: UUID) -> Row:
    return (
        run.key,
        course_id,
        keys.org_of_run(run.key),
        run.title,
        run.start,
        run.end,
        run.enrollment_start,
        run.enrollment_end,
        run.pacing,
        run.is_enrollable,
        run.invitation_only,
        run.max_enrollments,
        list(run.blocked_countries),
    )


def _save_modes(
    modes_of: Mapping[str, Sequence[ModeToSave]], run_ids: Mapping[str, UUID], drop_others: set[str]
) -> set[str]:
    """Returns the keys of the runs whose modes changed."""
    run_of_id = {run_id: key for key, run_id in run_ids.items()}
    existing: dict[tuple[str, str], tuple[UUID, Row]] = {}
    for chunk in sets.chunks(sorted(run_of_id)):
        rows = models.Mode.objects.filter(run_id__in=chunk).order_by()
        for mode_id, *values in rows.values_list("uuid", *_MODE_COLUMNS):
            existing[run_of_id[values[0]], values[1]] = mode_id, tuple(values)
    wanted = {
        (run_key, mode.slug): _Wanted(
            (run_ids[run_key], mode.slug, mode.price_cents, mode.currency.upper(), mode.expires_at), mode.keep
        )
        for run_key, modes in modes_of.items()
        for mode in modes
    }
    written = _write(models.Mode, _MODE_COLUMNS, wanted=wanted, existing=existing)
    dropped = {key for key in existing.keys() - wanted.keys() if key[0] in drop_others}
    for ids in sets.chunks(sorted(existing[key][0] for key in dropped)):
        models.Mode.objects.filter(uuid__in=ids).delete()
    return {run_key for run_key, _ in written.created | written.changed | dropped}


# What is refused


def _problems_of_courses(courses: Sequence[CourseToSave]) -> Iterable[str]:
    yield from _listed_twice(course.key for course in courses)
    yield from _listed_twice(run.key for course in courses for run in course.runs)
    for course in courses:
        if not keys.is_course_key(course.key):
            yield f"{course.key}: is not a course key (Org+Course)"
        yield from (f"{course.key}: {each}" for each in _listed_twice(each.key for each in course.partners))
        for run in course.runs:
            if not keys.is_run_key(run.key):
                yield f"{run.key}: is not a course run key (course-v1:Org+Course+Run)"
            yield from (f"{run.key}: {problem}" for problem in _problems_of_modes(run.modes))


def _problems_of_modes(modes: Sequence[ModeToSave]) -> Iterable[str]:
    yield from _listed_twice(mode.slug for mode in modes)
    for mode in modes:
        if mode.slug not in MODE_SLUGS:
            yield f"there is no mode {mode.slug}"
        if mode.price_cents < 0:
            yield f"the price of {mode.slug} must be at least 0"


def _problems_of_catalogs(catalogs: Sequence[CatalogToSave]) -> Iterable[str]:
    yield from _listed_twice(str(catalog.uuid) for catalog in catalogs)
    for catalog in catalogs:
        if EVERYTHING in catalog.course_keys and len(set(catalog.course_keys)) > 1:
            yield f"{catalog.uuid}: lists course keys beside {EVERYTHING}"
        for key in catalog.course_keys:
            if key != EVERYTHING and not keys.is_course_key(key):
                yield f"{catalog.uuid}: {key} is not a course key (Org+Course)"


def _check_advertised_runs(courses: Sequence[CourseToSave]) -> None:
    elsewhere = [
        (course.key, course.advertised_run_key)
        for course in courses
        if course.advertised_run_key and course.advertised_run_key not in {run.key for run in course.runs}
    ]
    stored = _existing(models.Run, "key", ("course__key",), {run_key for _, run_key in elsewhere})
    problems = [
        f"{course_key}: the advertised run {run_key} is none of its runs"
        for course_key, run_key in elsewhere
        if run_key not in stored or stored[run_key][1] != (course_key,)
    ]
    if problems:
        raise CatalogInvalid(problems)


def _listed_twice(names: Iterable[str]) -> list[str]:
    return [f"{name} is listed twice" for name, count in Counter(names).items() if count > 1]


_CATALOG_COLUMNS = ("customer_uuid", "title", "contains_everything", "course_keys")
_COURSE_COLUMNS = ("key", "title", "short_description", "level", "subjects", "advertised_run_key")
_MODE_COLUMNS = ("run", "slug", "price_cents", "currency", "expires_at")
_RUN_COLUMNS = (
    "key",
    "course",
    "org",
    "title",
    "start",
    "end",
    "enrollment_start",
    "enrollment_end",
    "pacing",
    "is_enrollable",
    "invitation_only",
    "max_enrollments",
    "blocked_countries",
)
