"""The LMS's Python functions for enrollments, under their published names: thin names over the services.

Sources: ``openedx.features.enterprise_support.enrollments.utils`` for ``lms_enroll_user_in_course`` (the one
that adrs name) and ``lms_update_or_create_enrollment`` (its successor), ``enrollments.api`` for the others.
Contract: enrollments 2.1 to 2.5. No request, no embargo, no authorization, no e-mail opt-in: callers have
seen to that. People are named by username, and enrollments are the LMS's JSON (``wire.to_enrollment``).

For many people call ``api.enroll``: these do one at a time. Each is a transaction of its own and refuses to
run inside another one, unlike the LMS's.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from django.core.exceptions import ObjectDoesNotExist
from opaque_keys.edx.keys import CourseKey

from bursar.catalog import api as catalog
from bursar.catalog.data import Run
from bursar.enrollments import wire
from bursar.enrollments.data import (
    PREVENTED,
    VERIFIED_MODES,
    Attribute,
    Enrollment,
    EnrollmentEntry,
    EnrollmentOutcome,
    OnExisting,
)
from bursar.enrollments.service.admission import list_course_roles
from bursar.enrollments.service.attributes import find_attributes, note_attributes
from bursar.enrollments.service.auditing import audit_request
from bursar.enrollments.service.enrolling import enroll
from bursar.enrollments.service.leaving import leave_all, list_orgs
from bursar.enrollments.service.places import find_enrollments, list_enrollments
from bursar.identity import api as identity
from bursar.identity.data import Person
from bursar.lib import clock
from bursar.lib.outcomes import Refusal

log = logging.getLogger(__name__)


class CourseEnrollmentError(Exception):
    """What an enrollment failed with. ``data`` says more, where there is more to say."""

    def __init__(self, msg: str, data: Any = None) -> None:
        super().__init__(msg)
        self.data = data


class UserNotFoundError(CourseEnrollmentError):
    """There is no such account."""


class CourseEnrollmentClosedError(CourseEnrollmentError):
    """The run takes nobody now: closed, not open yet, or by invitation."""


class CourseEnrollmentFullError(CourseEnrollmentError):
    """The run has no room."""


class CourseEnrollmentExistsError(CourseEnrollmentError):
    """The person is in already; ``enrollment`` is how."""

    def __init__(self, message: str, enrollment: Mapping[str, Any]) -> None:
        super().__init__(message)
        self.enrollment = enrollment


class CourseModeNotFoundError(CourseEnrollmentError):
    """The run does not offer the mode; ``data`` is the course with the modes that it offers."""


class EnrollmentNotFoundError(CourseEnrollmentError):
    """There is no enrollment that could be changed."""


class InvalidEnrollmentAttribute(CourseEnrollmentError):
    """An attribute lacks its namespace, name or value."""


class CourseEnrollmentNotUpdatableError(CourseEnrollmentError):
    """The enrollment did not become what was asked for."""


class CourseNotFoundError(ObjectDoesNotExist):
    """There is no such course run. Not a CourseEnrollmentError, as in the LMS."""


class EnrollmentNotAllowed(Exception):
    """A pipeline of the operator's keeps the person out. Not a CourseEnrollmentError, as in the LMS."""


class CourseIdMissingException(Exception):
    """No course run was named."""


class UserDoesNotExistException(Exception):
    """No person was named, or there is none of this name."""


class CourseAccessRole(NamedTuple):
    """A person's role in a course, or (``course_id`` empty) in all of the organization's."""

    org: str
    course_id: str
    role: str


# The two functions that edx-enterprise calls


def lms_enroll_user_in_course(
    username: str,
    course_id: CourseKey | str,
    mode: str | None,
    enterprise_uuid: UUID | str | None,
    is_active: bool = True,
) -> dict[str, Any] | None:
    """Puts a person into a course run; gives the enrollment, or None for who is in already.

    Changes no mode: who is in stays as they are, whatever ``mode`` says, also after the run has closed.
    Who left comes back in ``mode`` (None: the run's default).
    Raises CourseIdMissingException, UserDoesNotExistException, InvalidKeyError, CourseNotFoundError,
    EnrollmentNotAllowed, and as CourseEnrollmentError: CourseEnrollmentClosedError,
    CourseEnrollmentFullError, CourseModeNotFoundError.
    Effects: one transaction, and a line in the audit log whatever happens.
    """
    person, run_key = _check_named(username, course_id)
    try:
        return add_enrollment(
            username, run_key, mode=mode, is_active=is_active, enterprise_uuid=enterprise_uuid
        )
    except CourseEnrollmentExistsError:
        log.info("already enrolled", extra={"username": username, "course_id": run_key})
        return None
    except CourseEnrollmentError as error:
        log.warning("not enrolled", extra={"username": username, "course_id": run_key, "error": str(error)})
        raise
    finally:
        _audit(person, run_key, mode, is_active)


def lms_update_or_create_enrollment(
    username: str,
    course_id: CourseKey | str,
    desired_mode: str | None,
    is_active: bool,
    enterprise_uuid: UUID | str | None = None,
    force_enrollment: bool = False,
) -> dict[str, Any] | None:
    """Gives a person a place in a run with this mode and activity; changes the mode of who is in.

    ``force_enrollment`` passes a closed run for who comes in, never a full one and never an expired mode. For
    who is in already the state of the run does not matter, but the mode must be on offer to be active in.
    Raises as ``lms_enroll_user_in_course`` does, and CourseEnrollmentNotUpdatableError.
    Effects: none for who has the place already; one transaction and a line in the audit log otherwise.
    """
    person, run_key = _check_named(username, course_id)
    existing = get_enrollment(username, run_key)
    if existing and (existing["mode"], existing["is_active"]) == (desired_mode, is_active):
        return existing
    try:
        if existing is None:
            return add_enrollment(
                username,
                run_key,
                mode=desired_mode,
                is_active=is_active,
                enterprise_uuid=enterprise_uuid,
                force_enrollment=force_enrollment,
            )
        updated = update_enrollment(username, run_key, mode=desired_mode, is_active=is_active)
        if updated["is_active"] != is_active or desired_mode not in (None, updated["mode"]):
            text = f"{username} could not be given the mode {desired_mode} in {run_key}."
            raise CourseEnrollmentNotUpdatableError(text, updated)
        return updated
    except CourseEnrollmentExistsError:  # somebody else put them in meanwhile
        log.info("already enrolled", extra={"username": username, "course_id": run_key})
        return None
    finally:
        _audit(person, run_key, desired_mode, is_active)


def _check_named(username: str, course_id: CourseKey | str) -> tuple[Person, str]:
    if not course_id:
        raise CourseIdMissingException("Name a course run.")
    person = identity.find_people_by_username([username]).get(username) if username else None
    if person is None:
        raise UserDoesNotExistException(f"There is no account named {username}.")
    return person, str(course_id)


def _audit(person: Person, run_key: str, mode: str | None, is_active: bool) -> None:
    pair = (person.lms_user_id, run_key)
    actual = find_enrollments([pair]).get(pair) if catalog.is_run_key(run_key) else None
    audit_request(
        run_key,
        lms_user_id=person.lms_user_id,
        requested=(mode, is_active),
        actual=(actual.mode, actual.is_active) if actual else (None, None),
    )


# The LMS's enrollments.api


def get_enrollments(username: str, include_inactive: bool = False) -> list[dict[str, Any]]:
    """A person's enrollments, the oldest first; none for an unknown name. Three queries."""
    person = identity.find_people_by_username([username]).get(username)
    if person is None:
        return []
    listed = list_enrollments(lms_user_id=person.lms_user_id, include_inactive=include_inactive)
    runs = catalog.find_runs({each.run_key for each in listed}) if listed else {}
    return [wire.to_enrollment(each, runs.get(each.run_key), username) for each in listed]


def get_verified_enrollments(username: str, include_inactive: bool = False) -> list[dict[str, Any]]:
    """Those of them in a mode that leads to a certificate for a proven identity."""
    return [each for each in get_enrollments(username, include_inactive) if each["mode"] in VERIFIED_MODES]


def get_enrollment(username: str, course_id: str) -> dict[str, Any] | None:
    """A person's place in a run, active or not, or None. Raises InvalidKeyError."""
    run_key = str(CourseKey.from_string(course_id))
    person = identity.find_people_by_username([username]).get(username)
    if person is None:
        return None
    pair = (person.lms_user_id, run_key)
    enrollment = find_enrollments([pair]).get(pair)
    if enrollment is None:
        return None
    return wire.to_enrollment(enrollment, catalog.find_runs([run_key]).get(run_key), username)


def add_enrollment(
    username: str,
    course_id: str,
    mode: str | None = None,
    is_active: bool = True,
    enrollment_attributes: Sequence[Mapping[str, str]] | None = None,
    enterprise_uuid: UUID | str | None = None,
    force_enrollment: bool = False,
    include_expired: bool = False,
) -> dict[str, Any]:
    """Puts a person into a run, or back into it; with ``is_active`` false the place is made, but not taken.

    Raises CourseEnrollmentExistsError for who is in, else as ``lms_enroll_user_in_course``, and
    UserNotFoundError, InvalidEnrollmentAttribute. ``enterprise_uuid`` is kept with the enrollment.
    """
    person, run = _find(username, course_id)
    entry = EnrollmentEntry(
        person.lms_user_id,
        run.key,
        mode,
        force=force_enrollment,
        customer_uuid=UUID(str(enterprise_uuid)) if enterprise_uuid else None,
        existing=OnExisting.KEEP,
        is_active=is_active,
        attributes=_read_attributes(enrollment_attributes),
        may_enter_expired=include_expired,
    )
    outcome = _enroll(entry, person, run)
    enrollment = wire.to_enrollment(outcome, run, username)
    if outcome.is_active and not outcome.created:
        raise CourseEnrollmentExistsError(f"{username} is in {run.key} already.", enrollment)
    return enrollment


def update_enrollment(
    username: str,
    course_id: str,
    mode: str | None = None,
    is_active: bool | None = None,
    enrollment_attributes: Sequence[Mapping[str, str]] | None = None,
    include_expired: bool = False,
) -> dict[str, Any]:
    """Changes mode and activity of a place that is there; None leaves them as they are.

    Whether the run takes people now does not matter; whether it has room does for who comes back.
    Raises EnrollmentNotFoundError, UserNotFoundError, CourseNotFoundError, InvalidKeyError,
    CourseModeNotFoundError, CourseEnrollmentFullError, InvalidEnrollmentAttribute.
    """
    person, run = _find(username, course_id)
    pair = (person.lms_user_id, run.key)
    there = find_enrollments([pair])
    if pair not in there:
        raise EnrollmentNotFoundError(f"{username} has never been in {run.key}.")
    attributes = _read_attributes(enrollment_attributes)
    enrollment: Enrollment | EnrollmentOutcome = there[pair]
    if mode is not None or is_active is not None:
        entry = EnrollmentEntry(
            *pair,
            mode,
            existing=OnExisting.SET,
            is_active=there[pair].is_active if is_active is None else is_active,
            may_set_expired=include_expired,
        )
        enrollment = _enroll(entry, person, run)
    if attributes is not None:
        note_attributes(pair, attributes, by=None)
    return wire.to_enrollment(enrollment, run, username)


def get_course_enrollment_details(course_id: str, include_expired: bool = False) -> dict[str, Any]:
    """A run with its modes. Raises InvalidKeyError and CourseNotFoundError."""
    return wire.to_course(_get_run(course_id), include_expired=include_expired)


def get_enrollment_attributes(username: str, course_id: str) -> list[dict[str, str]]:
    """What was noted down with a place, in order. Raises UserNotFoundError."""
    person = _get_person(username)
    return wire.to_attributes(find_attributes((person.lms_user_id, course_id)))


def set_enrollment_attributes(username: str, course_id: str, attributes: Sequence[Mapping[str, str]]) -> None:
    """Replaces what is noted down with a place, if there is such a place.

    Raises UserNotFoundError and InvalidEnrollmentAttribute.
    """
    person = _get_person(username)
    note_attributes((person.lms_user_id, course_id), _read_attributes(attributes) or (), by=None)


def unenroll_user_from_all_courses(username: str) -> set[str]:
    """Takes a person out of every run; gives the organizations of all runs the person ever was in.

    Raises UserNotFoundError.
    """
    person = _get_person(username)
    leave_all(person, by=None)
    return set(list_orgs(lms_user_id=person.lms_user_id))


def get_user_roles(username: str) -> set[CourseAccessRole]:
    """A person's roles in courses. Raises UserNotFoundError."""
    held = list_course_roles(lms_user_id=_get_person(username).lms_user_id)
    return {CourseAccessRole(each.org, each.run_key, each.role) for each in held}


def validate_course_mode(
    course_id: str, mode: str, is_active: bool | None = None, include_expired: bool = False
) -> None:
    """Is silent if the run offers the mode; whoever leaves may do so in an expired one.

    Raises CourseModeNotFoundError, InvalidKeyError and CourseNotFoundError.
    """
    run = _get_run(course_id)
    if not run.has_mode(mode, clock.now(), include_expired=include_expired or is_active is False):
        raise CourseModeNotFoundError(f"{run.key} does not offer the mode {mode} now.", wire.to_course(run))


def _enroll(entry: EnrollmentEntry, person: Person, run: Run) -> EnrollmentOutcome:
    (outcome,) = enroll([entry], by=None, people={person.lms_user_id: person}, runs={run.key: run})
    if outcome.refusal is not None:
        raise _error_of(outcome.refusal, run)
    return outcome


def _error_of(refusal: Refusal, run: Run) -> CourseEnrollmentError | EnrollmentNotAllowed:
    if refusal.code == PREVENTED:
        return EnrollmentNotAllowed(refusal.message)
    if refusal.code == "mode_not_offered":
        return CourseModeNotFoundError(refusal.message, wire.to_course(run))
    return _ERRORS.get(refusal.code, CourseEnrollmentError)(refusal.message)


_ERRORS: Mapping[str, Callable[[str], CourseEnrollmentError]] = {
    "run_full": CourseEnrollmentFullError,
    "invitation_only": CourseEnrollmentClosedError,
    "enrollment_not_open_yet": CourseEnrollmentClosedError,
    "enrollment_closed": CourseEnrollmentClosedError,
    "run_not_enrollable": CourseEnrollmentClosedError,
}


def _find(username: str, course_id: str) -> tuple[Person, Run]:
    run = _get_run(course_id)
    return _get_person(username), run


def _get_run(course_id: str) -> Run:
    run_key = str(CourseKey.from_string(course_id))
    run = catalog.find_runs([run_key]).get(run_key) if catalog.is_run_key(run_key) else None
    if run is None:
        raise CourseNotFoundError(f"There is no course run {run_key}.")
    return run


def _get_person(username: str) -> Person:
    person = identity.find_people_by_username([username]).get(username)
    if person is None:
        raise UserNotFoundError(f"There is no account named {username}.")
    return person


def _read_attributes(written: Sequence[Mapping[str, str]] | None) -> tuple[Attribute, ...] | None:
    try:
        return wire.read_attributes(written)
    except KeyError as error:
        raise InvalidEnrollmentAttribute(f"An attribute lacks its {error.args[0]}.") from error
