"""An operator's own pipelines of openedx-filters."""

import pytest
from openedx_filters.filters import PipelineStep
from openedx_filters.learning.filters import (
    CourseEnrollmentStarted,
    CourseEnrollmentViewStarted,
    CourseUnenrollmentStarted,
)

from bursar.enrollments import api, models
from bursar.enrollments.data import EnrollmentEntry, OnExisting
from bursar.enrollments.models import ManualEnrollmentAudit
from tests.cast import BOB, CS50_RUN, DANA, OLGA, PYTHON_RUN

pytestmark = [pytest.mark.django_db, pytest.mark.once]

POST = "/api/enrollment/v1/enrollment"
BULK = "/api/bulk_enroll/v1/bulk_enroll"


class KeepBobOut(PipelineStep):
    def run_filter(self, user, course_key, mode):
        if user.username == BOB.username and str(course_key) == CS50_RUN:
            raise CourseEnrollmentStarted.PreventEnrollment(f"Not you, {user.name}, not in {mode}.")
        return {"mode": "honor"}


class KeepEverybodyIn(PipelineStep):
    def run_filter(self, enrollment):
        raise CourseUnenrollmentStarted.PreventUnenrollment(f"Stay in {enrollment.mode}.")


class RefuseServers(PipelineStep):
    def run_filter(self, user, course_key, requester_is_backend_service):
        if requester_is_backend_service:
            raise CourseEnrollmentViewStarted.PreventEnrollment("A secret reason.")


def pipeline(kind, step):
    return {kind.filter_type: {"fail_silently": False, "pipeline": [f"{step.__module__}.{step.__name__}"]}}


@pytest.fixture
def bob_kept_out(settings, cast):
    settings.OPEN_EDX_FILTERS_CONFIG = pipeline(CourseEnrollmentStarted, KeepBobOut)


def body(run_key=CS50_RUN, **fields):
    return {"course_details": {"course_id": run_key}, **fields}


def test_a_pipeline_keeps_one_person_out_and_lets_the_others_in(bob_kept_out):
    entries = [
        EnrollmentEntry(BOB.lms_user_id, CS50_RUN, "audit"),
        EnrollmentEntry(BOB.lms_user_id, PYTHON_RUN, "audit"),
        EnrollmentEntry(DANA.lms_user_id, CS50_RUN, "audit"),
    ]

    outcomes = api.enroll(entries, by=None)

    assert [each.refusal and each.refusal.code for each in outcomes] == ["prevented", None, None]
    assert outcomes[0].refusal.message == "Not you, Bob, not in audit."
    assert {each.mode for each in outcomes[1:]} == {"audit"}, "a mode that a step gives back is not used"
    assert models.Enrollment.objects.count() == 2


def test_a_post_that_a_pipeline_prevents_is_a_403_with_its_words(bob_kept_out, client_of):
    answer = client_of(BOB).post(POST, body())

    assert answer.status_code == 403
    assert answer.json() == {
        "message": "Not you, Bob, not in None.",
        "localizedMessage": "Not you, Bob, not in None.",
        "code": "prevented",
    }


def test_who_is_in_or_changes_the_mode_is_not_asked(settings, cast):
    api.enroll([EnrollmentEntry(BOB.lms_user_id, CS50_RUN, "audit")], by=None)
    settings.OPEN_EDX_FILTERS_CONFIG = pipeline(CourseEnrollmentStarted, KeepBobOut)

    (same,) = api.enroll([EnrollmentEntry(BOB.lms_user_id, CS50_RUN)], by=None)
    (other,) = api.enroll(
        [EnrollmentEntry(BOB.lms_user_id, CS50_RUN, "verified", existing=OnExisting.SET)], by=None
    )

    assert (same.refusal, other.refusal, other.mode) == (None, None, "verified")


def test_a_python_caller_gets_an_exception_outside_the_enrollment_errors(bob_kept_out):
    with pytest.raises(api.EnrollmentNotAllowed, match="Not you, Bob") as raised:
        api.lms_enroll_user_in_course("bob", CS50_RUN, "audit", None)

    assert not isinstance(raised.value, api.CourseEnrollmentError)


def test_a_pipeline_of_the_view_refuses_without_its_words(settings, client_of):
    settings.OPEN_EDX_FILTERS_CONFIG = pipeline(CourseEnrollmentViewStarted, RefuseServers)
    settings.EDX_API_KEY = "a key that servers share"

    by_server = client_of(None).post(POST, body(user="bob"), HTTP_X_EDX_API_KEY=settings.EDX_API_KEY)
    by_person = client_of(BOB).post(POST, body())

    assert (by_server.status_code, by_server.json()["code"]) == (400, "prevented")
    assert "secret" not in by_server.content.decode()
    assert by_person.status_code == 200


def test_a_pipeline_keeps_people_in_whom_staff_take_out(settings, client_of):
    api.enroll([EnrollmentEntry(BOB.lms_user_id, CS50_RUN, "audit")], by=None)
    settings.OPEN_EDX_FILTERS_CONFIG = pipeline(CourseUnenrollmentStarted, KeepEverybodyIn)

    answer = client_of(OLGA).post(
        BULK, {"identifiers": "bob dana", "courses": CS50_RUN, "action": "unenroll"}
    )

    bob, dana = answer.json()["courses"][CS50_RUN]["results"]
    assert (bob["error"], bob["code"], bob["message"]) == (True, "prevented", "Stay in audit.")
    assert dana["after"]["enrollment"] is False
    assert models.Enrollment.objects.get().is_active
    assert ManualEnrollmentAudit.objects.get().enrolled_email == DANA.email
