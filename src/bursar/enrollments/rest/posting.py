"""``POST enrollment``: what the body says, and in which order the LMS says no. Contract: enrollments 1.5."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _
from rest_framework.request import Request
from rest_framework.response import Response

from bursar.catalog import api as catalog
from bursar.catalog.data import Run
from bursar.enrollments import embargo, wire
from bursar.enrollments.data import (
    CREDIT,
    PREVENTED,
    Attribute,
    CohortNotFound,
    Enrollment,
    EnrollmentEntry,
    EnrollmentOutcome,
    OnExisting,
)
from bursar.enrollments.models import Cohort
from bursar.enrollments.rest.addresses import client_addresses
from bursar.enrollments.rest.base import (
    check_run_key,
    is_privileged,
    is_staff,
    lms_user_id_of,
    no_course,
    object_of,
    username_of,
)
from bursar.enrollments.rest.errors import Refused
from bursar.enrollments.rest.links import blocked_message_url
from bursar.enrollments.rest.permissions import has_api_key
from bursar.enrollments.service.admission import find_team
from bursar.enrollments.service.auditing import audit_request
from bursar.enrollments.service.cohorts import get_cohort, join_cohorts
from bursar.enrollments.service.enrolling import enroll
from bursar.enrollments.service.filters import find_objection
from bursar.enrollments.service.opting import opt
from bursar.enrollments.service.places import find_enrollments
from bursar.identity import api as identity
from bursar.identity.data import Person
from bursar.lib import emails
from bursar.lib.outcomes import Refusal

_OWN_CHOICE = ("audit", "honor")
"""Modes that people may choose for themselves."""

_LONGEST = 255  # characters of a part of an attribute, and of a cohort's name


class PostEnrollment:
    """One such request. What is wrong first is what the answer says, in the LMS's order."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._body: Mapping[str, Any] = object_of(request)
        self._is_privileged = is_privileged(request)

    def answer(self) -> Response:
        """Does it. Raises Refused."""
        run_key = self._run_key()
        self._check_target()
        mode = self._text("mode")
        if mode not in (None, *_OWN_CHOICE) and not self._is_privileged:
            text = _("You may choose between %(modes)s; %(mode)s is for staff to give.")
            raise Refused.because(
                403, text % {"modes": ", ".join(_OWN_CHOICE), "mode": mode}, "mode_not_permitted"
            )
        person = self._find_person()
        run = catalog.find_runs([run_key]).get(run_key)
        if run is not None:
            self._check_embargo(person, run)
        outcome: EnrollmentOutcome | None = None
        try:
            outcome = self._enroll(self._read_entry(person, run_key, mode), person, run)
        finally:
            if has_api_key(self._request):
                self._audit(person, run_key, mode, outcome)
        return Response(wire.to_enrollment(outcome, run, person.username))

    # What the body says

    def _run_key(self) -> str:
        details = self._body.get("course_details")
        run_key = details.get("course_id") if isinstance(details, Mapping) else None
        if not run_key or not isinstance(run_key, str):
            text = _("Name a course run: course_details must have a course_id.")
            raise Refused.because(400, text, "missing_course_id")
        return check_run_key(run_key)

    def _check_target(self) -> None:
        """Others are for staff and servers; whether they exist isn't told to anybody else."""
        user, email = self._text("user"), self._text("email")
        is_other = user != username_of(self._request) if user else bool(email)
        if is_other and not self._is_privileged:
            raise Refused(404)

    def _find_person(self) -> Person:
        email = self._text("email")
        username = self._text("user")
        if username or not email:
            username = username or username_of(self._request)
            person = identity.find_people_by_username([username]).get(username) if username else None
        else:
            person = identity.find_people_by_email([email]).get(emails.normalize(email))
            if person is not None and not person.is_confirmed:
                person = None  # whoever claims an address gets nothing that is meant for its owner
        if person is None:
            text = _("There is no account named %(name)s.") % {"name": username or email}
            if not username and not email:
                text = _("Name a person: user or email is needed with the API key.")
            raise Refused.because(406, text, "unknown_user")
        return person

    def _text(self, name: str) -> str | None:
        value = self._body.get(name)
        if value is not None and not isinstance(value, str):
            raise _invalid(name, _("must be text"))
        return value or None

    def _flag(self, name: str) -> bool | None:
        value = self._body.get(name)
        if value is not None and not isinstance(value, bool):
            raise _invalid(name, _("must be true, false or null"))
        return value

    def _uuid(self, name: str, *, counts: bool) -> UUID | None:
        """A customer's uuid; from those for whom it doesn't count it is passed over."""
        value = self._text(name) if counts else None
        try:
            return UUID(value) if value else None
        except ValueError as error:
            raise _invalid(name, _("must be a uuid")) from error

    def _attributes(self) -> tuple[Attribute, ...] | None:
        written = self._body.get("enrollment_attributes")
        if written is not None and not (isinstance(written, list) and all(map(_may_be_attribute, written))):
            raise _invalid("enrollment_attributes", _("must be a list of objects of text"))
        try:
            attributes = wire.read_attributes(written)
        except KeyError as error:
            text = _("An enrollment attribute lacks its %(part)s.") % {"part": error.args[0]}
            raise Refused.because(400, text, "invalid_attribute", localizedMessage=text) from error
        parts = [part for each in attributes or () for part in (each.namespace, each.name, each.value)]
        if any(len(part) > _LONGEST for part in parts):
            raise _invalid("enrollment_attributes", _("has a part of more than 255 characters"))
        return attributes

    # What is done

    def _enroll(self, entry: EnrollmentEntry, person: Person, run: Run | None) -> EnrollmentOutcome:
        """Enrolls; what can be wrong with the cohort and the opt-in is found out before that."""
        opt_in, cohort_name = self._flag("email_opt_in"), self._text("cohort")
        self._check_objection(person, entry.run_key)
        self._check_change(entry)
        if run is None:
            raise Refused.because(400, no_course(entry.run_key), "unknown_course_run")
        cohort = _find_cohort(run.key, cohort_name) if cohort_name else None
        by = lms_user_id_of(self._request)
        (outcome,) = enroll([entry], by=by, people={person.lms_user_id: person}, runs={run.key: run})
        if outcome.refusal is not None:
            raise _refused(outcome.refusal, run)
        if cohort is not None:
            join_cohorts({(person.lms_user_id, run.key): cohort}, by=by)
        if opt_in is not None:
            opt(lms_user_id=person.lms_user_id, org=run.org, is_in=opt_in, by=by)
        return outcome

    def _read_entry(self, person: Person, run_key: str, mode: str | None) -> EnrollmentEntry:
        is_active = self._flag("is_active")
        linked = self._uuid("linked_enterprise_customer", counts=has_api_key(self._request))
        force = bool(self._flag("force_enrollment")) and is_staff(self._request)
        return EnrollmentEntry(
            person.lms_user_id,
            run_key,
            mode,
            force=force,
            customer_uuid=self._uuid("enterprise_uuid", counts=self._is_privileged),
            existing=OnExisting.SET if self._is_privileged else OnExisting.KEEP,
            is_active=is_active,
            attributes=self._attributes(),
            may_enter_expired=force,
            may_set_expired=has_api_key(self._request),
            linked_customer_uuid=linked,
        )

    def _check_embargo(self, person: Person, run: Run) -> None:
        if is_staff(self._request) or not run.blocked_countries:
            return
        if not embargo.is_blocked(run, embargo.countries_of(client_addresses(self._request))):
            return
        pair = (person.lms_user_id, run.key)
        if find_team([pair], {run.key: run}):
            return
        text = _("%(run_key)s cannot be taken from the country of this request.") % {"run_key": run.key}
        raise Refused.because(403, text, "country_blocked", user_message_url=blocked_message_url())

    def _check_objection(self, person: Person, run_key: str) -> None:
        """What a pipeline says stays with it: it may be about others than the caller."""
        if find_objection(person, run_key, is_server=has_api_key(self._request)):
            raise Refused.because(400, _("A rule of this site prevents this enrollment."), PREVENTED)

    def _check_change(self, entry: EnrollmentEntry) -> None:
        """What staff and servers may not change at one go."""
        is_leaving_in_mode = entry.is_active is False and entry.mode is not None
        if not self._is_privileged or not (is_leaving_in_mode or _lacks_provider(entry)):
            return
        pair = (entry.lms_user_id, entry.run_key)
        there = find_enrollments([pair]).get(pair)
        if there is None:
            return
        mode_differs = entry.mode not in (None, there.mode)
        activity_differs = entry.is_active not in (None, there.is_active)
        if mode_differs and activity_differs and entry.is_active is False:
            raise _mode_mismatch(there, str(entry.mode))
        if _lacks_provider(entry) and (mode_differs or activity_differs):
            text = _("The mode credit needs the attribute credit:provider_id.")
            raise Refused.because(400, text, "missing_attribute")

    def _audit(
        self, person: Person, run_key: str, mode: str | None, outcome: EnrollmentOutcome | None
    ) -> None:
        pair = (person.lms_user_id, run_key)
        there = outcome or find_enrollments([pair]).get(pair)
        requested = self._body.get("is_active")
        audit_request(
            run_key,
            lms_user_id=person.lms_user_id,
            requested=(mode, requested if isinstance(requested, bool) else None),
            actual=(there.mode, there.is_active) if there else (None, None),
        )


def _find_cohort(run_key: str, name: str) -> Cohort:
    try:
        return get_cohort(run_key=run_key, name=name)
    except CohortNotFound as error:
        raise Refused.because(400, error.message, error.code) from error


def _lacks_provider(entry: EnrollmentEntry) -> bool:
    """Whether attributes go with the mode credit, and none of them says who gives the credit."""
    if entry.mode != CREDIT or not entry.attributes:
        return False
    return not any((each.namespace, each.name) == ("credit", "provider_id") for each in entry.attributes)


def _may_be_attribute(written: Any) -> bool:
    """Whether it is an object, and its parts, as far as they are there, are text or numbers."""
    return isinstance(written, Mapping) and all(
        isinstance(written.get(part, ""), str | int | float) for part in ("namespace", "name", "value")
    )


def _invalid(field: str, reason: str) -> Refused:
    return Refused.because(400, f"{field}: {reason}.", "invalid_field")


def _mode_mismatch(there: Enrollment, mode: str) -> Refused:
    text = _("the place is in %(present)s, not in %(wanted)s, and was not ended.")
    # Clients look for the first three words, so they have no translation.
    message = "Enrollment mode mismatch: " + text % {"present": there.mode, "wanted": mode}
    return Refused.because(400, message, "mode_mismatch")


def _refused(refusal: Refusal, run: Run) -> Refused:
    if refusal.code == PREVENTED:
        return Refused.because(403, refusal.message, refusal.code, localizedMessage=refusal.message)
    more = {"course_details": wire.to_course(run)} if refusal.code == "mode_not_offered" else {}
    return Refused.because(400, refusal.message, refusal.code, **more)
