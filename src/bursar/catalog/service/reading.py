"""What the catalog knows, as plain values: the same number of statements for one key and for a thousand."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from itertools import groupby
from operator import itemgetter
from typing import Any
from uuid import UUID

from bursar.catalog import models
from bursar.catalog.data import Course, CustomerCatalog, Mode, Partner, Run
from bursar.lib import sets


def find_courses(keys: Collection[str]) -> dict[str, Course]:
    """The courses that exist, by key. Effects: three queries for each 1,000 keys."""
    found: dict[str, Course] = {}
    for chunk in sets.chunks(_distinct(keys)):
        rows = list(models.Course.objects.filter(key__in=chunk).order_by().values_list(*_COURSE_COLUMNS))
        ids = [row[0] for row in rows]
        partners, run_keys = _partners_of(ids), _run_keys_of(ids)
        for uuid, key, title, short_description, level, subjects, advertised_run_key in rows:
            found[key] = Course(
                key=key,
                title=title,
                short_description=short_description,
                partners=tuple(partners[uuid]),
                level=level,
                subjects=tuple(subjects),
                advertised_run_key=advertised_run_key,
                run_keys=tuple(run_keys[uuid]),
            )
    return found


def find_runs(keys: Collection[str]) -> dict[str, Run]:
    """The runs that exist, by key, with their modes. Effects: one query for each 1,000 keys."""
    found: dict[str, Run] = {}
    for chunk in sets.chunks(_distinct(keys)):
        rows = models.Run.objects.filter(key__in=chunk).order_by("key", "modes__slug")
        columns = rows.values_list(*_RUN_COLUMNS, *_MODE_COLUMNS)
        for _, of_run in groupby(columns, key=itemgetter(_RUN_COLUMNS.index("key"))):
            listed = list(of_run)
            modes = [Mode(*row[-len(_MODE_COLUMNS) :]) for row in listed if row[-len(_MODE_COLUMNS)]]
            run = _run(listed[0][: -len(_MODE_COLUMNS)], modes)
            found[run.key] = run
    return found


def find_catalogs_with_courses(
    *, customer_uuid: UUID, course_keys: Collection[str]
) -> dict[str, frozenset[UUID]]:
    """For each key asked for, those of the customer's catalogs that contain the course.

    A key that no course has is in no catalog, ``*`` or not.
    Effects: one query, and one for each 1,000 keys.
    """
    wanted = _distinct(course_keys)
    known: set[str] = set()
    for chunk in sets.chunks(wanted):
        known.update(models.Course.objects.filter(key__in=chunk).order_by().values_list("key", flat=True))
    containing = _containing(customer_uuid, known)
    return {key: containing.get(key, frozenset()) for key in wanted}


def find_catalogs_with_runs(*, customer_uuid: UUID, run_keys: Collection[str]) -> dict[str, frozenset[UUID]]:
    """For each run key asked for, those of the customer's catalogs that contain its course.

    Effects: one query, and one for each 1,000 keys.
    """
    wanted = _distinct(run_keys)
    course_of: dict[str, str] = {}
    for chunk in sets.chunks(wanted):
        rows = models.Run.objects.filter(key__in=chunk).order_by()
        course_of.update(rows.values_list("key", "course__key"))
    containing = _containing(customer_uuid, set(course_of.values()))
    return {key: containing[course_of[key]] if key in course_of else frozenset() for key in wanted}


def list_catalogs(*, customer_uuid: UUID) -> list[CustomerCatalog]:
    """All catalogs of the customer, by title."""
    rows = models.CustomerCatalog.objects.filter(customer_uuid=customer_uuid)
    return [_catalog(row) for row in rows.order_by("title", "uuid").values_list(*_CATALOG_COLUMNS)]


def find_catalogs_of(customer_uuids: Collection[UUID]) -> dict[UUID, list[UUID]]:
    """The uuids of each customer's catalogs, by title. Effects: one query for each 1,000 customers."""
    found: dict[UUID, list[UUID]] = defaultdict(list)
    for chunk in sets.chunks(list(dict.fromkeys(customer_uuids))):
        rows = models.CustomerCatalog.objects.filter(customer_uuid__in=chunk).order_by("title", "uuid")
        for customer_uuid, uuid in rows.values_list("customer_uuid", "uuid"):
            found[customer_uuid].append(uuid)
    return found


def find_catalogs(uuids: Collection[UUID]) -> dict[UUID, CustomerCatalog]:
    """The catalogs that exist, by uuid, whosever they are. Effects: one query for each 1,000 uuids."""
    found: dict[UUID, CustomerCatalog] = {}
    for chunk in sets.chunks(list(dict.fromkeys(uuids))):
        rows = models.CustomerCatalog.objects.filter(uuid__in=chunk).order_by()
        found.update((row[0], _catalog(row)) for row in rows.values_list(*_CATALOG_COLUMNS))
    return found


def _containing(customer_uuid: UUID, course_keys: set[str]) -> dict[str, frozenset[UUID]]:
    catalogs = list_catalogs(customer_uuid=customer_uuid)
    return {
        key: frozenset(catalog.uuid for catalog in catalogs if catalog.contains(key)) for key in course_keys
    }


def _partners_of(course_ids: Collection[UUID]) -> dict[UUID, list[Partner]]:
    found: dict[UUID, list[Partner]] = defaultdict(list)
    rows = models.CoursePartner.objects.filter(course_id__in=course_ids).order_by("position", "partner__key")
    columns = ("course_id", "partner__uuid", "partner__key", "partner__name")
    for course_id, uuid, key, name in rows.values_list(*columns):
        found[course_id].append(Partner(uuid=uuid, key=key, name=name))
    return found


def _run_keys_of(course_ids: Collection[UUID]) -> dict[UUID, list[str]]:
    found: dict[UUID, list[str]] = defaultdict(list)
    rows = models.Run.objects.filter(course_id__in=course_ids).order_by("key")
    for course_id, key in rows.values_list("course_id", "key"):
        found[course_id].append(key)
    return found


def _run(row: tuple[Any, ...], modes: list[Mode]) -> Run:
    make: Callable[..., Run] = Run
    course_title, title, key, course_key, org, *columns, blocked_countries = row
    return make(key, course_key, org, title or course_title, *columns, tuple(blocked_countries), tuple(modes))


def _catalog(row: tuple[Any, ...]) -> CustomerCatalog:
    uuid, customer_uuid, title, contains_everything, course_keys = row
    return CustomerCatalog(uuid, customer_uuid, title, contains_everything, frozenset(course_keys))


def _distinct(keys: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(keys))


_COURSE_COLUMNS = ("uuid", "key", "title", "short_description", "level", "subjects", "advertised_run_key")
_CATALOG_COLUMNS = ("uuid", "customer_uuid", "title", "contains_everything", "course_keys")
_MODE_COLUMNS = ("modes__slug", "modes__price_cents", "modes__currency", "modes__expires_at")
"""In the order of ``data.Mode``'s fields. All are null for a run without modes."""
_RUN_COLUMNS = (
    "course__title",
    "title",
    "key",
    "course__key",
    "org",
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
"""From the key on in the order of ``data.Run``'s fields, without the title and the modes."""
