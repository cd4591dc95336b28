"""The modes of runs and the exceptions of the LMS's functions: contract enrollments 2.1 and 2.2."""

import pytest
from django.core.exceptions import ObjectDoesNotExist
from opaque_keys import InvalidKeyError

from bursar.catalog.data import ModeToSave
from bursar.enrollments import api
from bursar.enrollments.tests.places import AUDIT, EXPIRED_VERIFIED, HONOR, VERIFIED, YESTERDAY
from bursar.enrollments.tests.scenes import RUN, make_run

pytestmark = [pytest.mark.django_db, pytest.mark.once]

PROVIDER = {"namespace": "credit", "name": "provider_id", "value": "asu"}
CREDIT = ModeToSave("credit", price_cents=5_000)


@pytest.mark.parametrize(
    ("modes", "default"),
    [
        ((AUDIT, HONOR, VERIFIED), "audit"),
        ((HONOR, VERIFIED), "honor"),
        ((VERIFIED,), None),
        ((CREDIT,), None),
        ((CREDIT, HONOR), "honor"),
        ((), "audit"),
        ((EXPIRED_VERIFIED,), "audit"),
        ((HONOR, ModeToSave("audit", expires_at=YESTERDAY)), "honor"),
    ],
    ids=["audit", "honor", "neither", "credit", "credit, honor", "none", "all expired", "audit expired"],
)
def test_without_a_mode_it_is_audit_else_honor_else_an_error(run, modes, default):
    make_run(modes=modes)

    if default:
        assert api.add_enrollment("bob", RUN)["mode"] == default
    else:
        with pytest.raises(api.CourseModeNotFoundError):
            api.add_enrollment("bob", RUN)


@pytest.mark.parametrize(
    ("mode", "more", "is_offered"),
    [
        ("audit", {}, True),
        ("credit", {}, True),
        ("verified", {}, False),
        ("verified", {"is_active": True}, False),
        ("verified", {"is_active": False}, True),
        ("verified", {"include_expired": True}, True),
        ("honor", {}, False),
        ("honor", {"include_expired": True}, False),
        ("honor", {"is_active": False}, False),
        ("nonsense", {}, False),
    ],
)
def test_a_mode_is_valid_if_the_run_offers_it(run, mode, more, is_offered):
    make_run(modes=(AUDIT, CREDIT, EXPIRED_VERIFIED))

    if is_offered:
        assert api.validate_course_mode(RUN, mode, **more) is None
    else:
        with pytest.raises(api.CourseModeNotFoundError) as caught:
            api.validate_course_mode(RUN, mode, **more)
        assert caught.value.data == api.get_course_enrollment_details(RUN)


def test_a_run_that_says_nothing_of_modes_offers_audit_alone(run):
    make_run(modes=())

    assert [mode["slug"] for mode in api.get_course_enrollment_details(RUN)["course_modes"]] == ["audit"]
    api.validate_course_mode(RUN, "audit")
    with pytest.raises(api.CourseModeNotFoundError):
        api.validate_course_mode(RUN, "verified")


def test_one_gets_into_credit_by_asking_for_it(run):
    make_run(modes=(AUDIT, CREDIT))

    assert api.add_enrollment("bob", RUN, mode="credit", enrollment_attributes=[PROVIDER])["mode"] == "credit"
    assert api.add_enrollment("erin", RUN)["mode"] == "audit"


# Exceptions

REFUSALS = [
    api.UserNotFoundError,
    api.CourseEnrollmentClosedError,
    api.CourseEnrollmentFullError,
    api.CourseEnrollmentExistsError,
    api.CourseModeNotFoundError,
    api.EnrollmentNotFoundError,
    api.InvalidEnrollmentAttribute,
    api.CourseEnrollmentNotUpdatableError,
]


@pytest.mark.once
def test_refusals_are_course_enrollment_errors_and_what_is_missing_or_vetoed_is_not():
    assert all(issubclass(each, api.CourseEnrollmentError) for each in REFUSALS)
    assert issubclass(api.CourseNotFoundError, ObjectDoesNotExist)
    others = (
        api.CourseNotFoundError,
        api.CourseIdMissingException,
        api.UserDoesNotExistException,
        api.EnrollmentNotAllowed,
        InvalidKeyError,
    )
    assert not any(issubclass(each, api.CourseEnrollmentError) for each in others)


@pytest.mark.once
def test_a_course_enrollment_error_has_a_message_and_may_have_data():
    assert api.CourseEnrollmentError("no").data is None
    error = api.CourseModeNotFoundError("no", {"course_id": RUN})
    assert (str(error), error.data) == ("no", {"course_id": RUN})
    there = api.CourseEnrollmentExistsError("in", {"user": "bob"})
    assert (str(there), there.enrollment, there.data) == ("in", {"user": "bob"}, None)
