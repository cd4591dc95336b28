"""An operator's own pipelines that may keep people out of runs, or in them: the filters of openedx-filters.

Contract: enrollments 4. ``OPEN_EDX_FILTERS_CONFIG`` says which steps run; without any, nothing here costs
anything. A step gets our values where the LMS's get its models: an ``identity.data.Person`` as ``user``, a
``data.Enrollment`` as ``enrollment``. What a step gives back is not used, like a changed mode in the LMS.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _
from opaque_keys.edx.keys import CourseKey
from openedx_filters.exceptions import OpenEdxFilterException
from openedx_filters.learning.filters import (
    CourseEnrollmentStarted,
    CourseEnrollmentViewStarted,
    CourseUnenrollmentStarted,
)

from bursar.enrollments.data import PREVENTED, Enrollment
from bursar.enrollments.service.places import Pair
from bursar.identity.data import Person
from bursar.lib.outcomes import Refusal


def find_kept_out(
    comers: Iterable[Pair], *, modes: Mapping[Pair, str | None], people: Mapping[int, Person]
) -> dict[Pair, Refusal]:
    """Those of the people who are about to come into runs whom a pipeline keeps out, and what it says."""
    kept: dict[Pair, Refusal] = {}
    for pair in comers if _is_configured(CourseEnrollmentStarted) else ():
        key = CourseKey.from_string(pair[1])
        refusal = _run(CourseEnrollmentStarted, user=people[pair[0]], course_key=key, mode=modes[pair])
        if refusal is not None:
            kept[pair] = refusal
    return kept


def find_kept_in(leavers: Mapping[Pair, Enrollment]) -> dict[Pair, Refusal]:
    """Those of the people whom staff are about to take out whom a pipeline keeps in, and what it says."""
    kept: dict[Pair, Refusal] = {}
    for pair, enrollment in leavers.items() if _is_configured(CourseUnenrollmentStarted) else ():
        refusal = _run(CourseUnenrollmentStarted, enrollment=enrollment)
        if refusal is not None:
            kept[pair] = refusal
    return kept


def find_objection(person: Person, run_key: str, *, is_server: bool) -> Refusal | None:
    """Why a pipeline of the REST API alone refuses a request, if it does."""
    if not _is_configured(CourseEnrollmentViewStarted):
        return None
    key = CourseKey.from_string(run_key)
    return _run(
        CourseEnrollmentViewStarted, user=person, course_key=key, requester_is_backend_service=is_server
    )


def _is_configured(kind: Any) -> bool:
    return kind.filter_type in settings.OPEN_EDX_FILTERS_CONFIG


def _run(kind: Any, **arguments: Any) -> Refusal | None:
    try:
        kind.run_filter(**arguments)
    except OpenEdxFilterException as veto:
        return Refusal(PREVENTED, veto.message or _("A rule of this site prevents it."))
    return None
