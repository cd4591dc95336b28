"""The two functions that edx-enterprise calls: contract enrollments 2.3 to 2.5."""

import logging
import uuid

import pytest
from opaque_keys import InvalidKeyError
from opaque_keys.edx.keys import CourseKey

from bursar.enrollments import api
from bursar.enrollments.tests.places import (
    AUDIT,
    EXPIRED_VERIFIED,
    HONOR,
    TOMORROW,
    WINDOW_CLOSED,
    events,
    give_place,
    place_of,
)
from bursar.enrollments.tests.scenes import NO_SUCH_RUN, RUN, make_run
from tests.cast import ACME, BOB, DANA, ERIN, GUS

pytestmark = pytest.mark.django_db


def enroll(member=BOB, course_id=RUN, mode=None, **more):
    return api.lms_enroll_user_in_course(member.username, course_id, mode, None, **more)


def update_or_create(member=BOB, course_id=RUN, mode="verified", is_active=True, **more):
    return api.lms_update_or_create_enrollment(member.username, course_id, mode, is_active, **more)


BOTH = pytest.mark.parametrize("call", [enroll, update_or_create])


# What both have in common


@BOTH
@pytest.mark.parametrize("course_id", [RUN, CourseKey.from_string(RUN)], ids=["text", "key"])
def test_the_run_may_be_named_by_text_or_by_key(run, call, course_id):
    result = call(course_id=course_id, mode="verified")

    assert result["course_details"]["course_id"] == RUN
    assert place_of(BOB) == ("verified", True)


@pytest.mark.parametrize("course_id", [None, ""])
def test_the_run_is_asked_for_before_the_person(run, course_id):
    for username in (None, "", "nobody", "bob"):
        with pytest.raises(api.CourseIdMissingException):
            api.lms_enroll_user_in_course(username, course_id, None, None)
        with pytest.raises(api.CourseIdMissingException):
            api.lms_update_or_create_enrollment(username, course_id, "audit", True)


@pytest.mark.parametrize("username", [None, "", "nobody", "Bob", "bo\x00b"])
def test_a_person_who_is_not_there_cannot_be_enrolled(run, username):
    with pytest.raises(api.UserDoesNotExistException):
        api.lms_enroll_user_in_course(username, RUN, None, None)
    with pytest.raises(api.UserDoesNotExistException):
        api.lms_update_or_create_enrollment(username, RUN, "audit", True)


@BOTH
def test_a_run_that_is_not_there_is_an_object_that_does_not_exist(run, call, audited):
    with pytest.raises(api.CourseNotFoundError):
        call(course_id=NO_SUCH_RUN, mode="audit")

    (line,) = audited()
    assert (line["course_id"], line["actual_mode"]) == (NO_SUCH_RUN, None)


@BOTH
@pytest.mark.parametrize("course_id", ["nonsense", "course-v1:A+B", "nonsense\x00", "x" * 300])
def test_what_is_no_course_key_is_an_invalid_key(run, call, course_id):
    with pytest.raises(InvalidKeyError):
        call(course_id=course_id, mode="audit")


@BOTH
def test_the_audit_log_says_what_was_asked_for_and_what_came_of_it(run, call, audited):
    call(mode="verified")

    assert audited() == [
        {
            "course_id": RUN,
            "requested_mode": "verified",
            "actual_mode": "verified",
            "requested_activation": True,
            "actual_activation": True,
            "user_id": BOB.lms_user_id,
        }
    ]


@BOTH
def test_the_audit_log_has_a_line_for_who_was_refused_too(run, call, audited):
    make_run(**WINDOW_CLOSED)

    with pytest.raises(api.CourseEnrollmentClosedError):
        call(mode="verified")

    (line,) = audited()
    assert (line["requested_mode"], line["requested_activation"]) == ("verified", True)
    assert (line["actual_mode"], line["actual_activation"]) == (None, None)


@BOTH
def test_a_new_place_is_announced_once_with_the_mode_asked_for(run, call):
    call(mode="verified")

    assert events() == [("enrollment.created", "verified", True)]


@BOTH
def test_a_place_may_be_made_without_being_taken(run, call):
    result = call(mode="verified", is_active=False)

    assert (result["mode"], result["is_active"]) == ("verified", False)
    assert place_of(BOB) == ("verified", False)


TAKES_NOBODY = pytest.mark.parametrize(
    ("fields", "mode", "error"),
    [
        (WINDOW_CLOSED, "audit", api.CourseEnrollmentClosedError),
        ({"enrollment_start": TOMORROW}, "audit", api.CourseEnrollmentClosedError),
        ({"invitation_only": True}, "audit", api.CourseEnrollmentClosedError),
        ({"is_enrollable": False}, "audit", api.CourseEnrollmentClosedError),
        ({"max_enrollments": 0}, "audit", api.CourseEnrollmentFullError),
        ({}, "masters", api.CourseModeNotFoundError),
        ({"modes": (AUDIT, EXPIRED_VERIFIED)}, "verified", api.CourseModeNotFoundError),
    ],
    ids=["closed", "not open yet", "by invitation", "not enrollable", "full", "not offered", "expired"],
)


@TAKES_NOBODY
def test_a_run_that_does_not_take_who_is_new_raises(run, fields, mode, error):
    make_run(**fields)

    for call in (enroll, update_or_create):
        with pytest.raises(error):
            call(mode=mode)

    assert place_of(BOB) is None
    assert events() == []


# lms_enroll_user_in_course


def test_who_is_new_gets_in_and_the_enrollment_comes_back(run):
    result = enroll(mode="verified")

    assert result == api.get_enrollment("bob", RUN)
    assert (result["user"], result["mode"], result["is_active"]) == ("bob", "verified", True)


def test_the_customer_is_kept_with_the_enrollment_named_by_text_or_uuid(run):
    for member, customer_uuid in ((BOB, ACME), (DANA, str(ACME)), (ERIN, None)):
        api.lms_enroll_user_in_course(member.username, RUN, "audit", customer_uuid)

    pairs = [(each.lms_user_id, RUN) for each in (BOB, DANA, ERIN)]
    found = api.find_enrollments(pairs)
    assert [found[pair].customer_uuid for pair in pairs] == [ACME, ACME, None]


@pytest.mark.parametrize(
    ("prior", "mode", "after"),
    [
        (None, None, "audit"),
        (None, "audit", "audit"),
        (None, "verified", "verified"),
        ("audit", None, "audit"),
        ("audit", "verified", "verified"),
        ("verified", None, "audit"),  # the run's default, not the mode of before
        ("verified", "verified", "verified"),
        ("verified", "audit", "audit"),
    ],
)
def test_who_is_not_in_comes_in_in_the_mode_asked_for(run, prior, mode, after):
    if prior:
        give_place(BOB, prior, is_active=False)

    result = enroll(mode=mode)

    assert (result["mode"], result["is_active"]) == (after, True)
    assert place_of(BOB) == (after, True)


def test_the_default_of_a_run_without_audit_is_honor(run):
    make_run(modes=(HONOR,))

    assert enroll()["mode"] == "honor"


@TAKES_NOBODY
def test_a_run_that_does_not_take_who_left_raises(run, fields, mode, error):
    give_place(BOB, "verified", is_active=False)
    make_run(**fields)

    with pytest.raises(error):
        enroll(mode=mode)

    assert place_of(BOB) == ("verified", False)


@pytest.mark.parametrize("prior", ["audit", "verified"])
@pytest.mark.parametrize("mode", [None, "audit", "verified"])
def test_who_is_in_gets_none_and_stays_as_they_are(run, prior, mode, caplog):
    caplog.set_level(logging.INFO)
    give_place(BOB, prior)
    told = events()

    assert enroll(mode=mode) is None
    assert enroll(mode=mode, is_active=False) is None

    assert place_of(BOB) == (prior, True)
    assert events() == told
    logged = [each.message for each in caplog.records if each.name == "bursar.enrollments.lms"]
    assert logged == ["already enrolled"] * 2


@TAKES_NOBODY
def test_who_is_in_gets_none_also_from_a_run_that_takes_nobody(run, fields, mode, error):
    give_place(BOB)
    make_run(**fields)

    assert enroll(mode=mode) is None

    assert place_of(BOB) == ("audit", True)


def test_who_is_in_is_in_the_audit_log_as_they_are(run, audited):
    give_place(BOB, "verified")

    enroll(mode="audit")

    (line,) = audited()
    assert (line["requested_mode"], line["actual_mode"]) == ("audit", "verified")


def test_a_refusal_is_logged_and_raised(run, caplog):
    make_run(**WINDOW_CLOSED)

    with pytest.raises(api.CourseEnrollmentClosedError):
        enroll()

    (record,) = [each for each in caplog.records if each.name == "bursar.enrollments.lms"]
    assert (record.levelname, record.username, record.course_id) == ("WARNING", "bob", RUN)


def test_a_refused_mode_comes_with_the_modes_that_the_run_offers(run):
    make_run(modes=(AUDIT, EXPIRED_VERIFIED))

    with pytest.raises(api.CourseModeNotFoundError) as caught:
        enroll(mode="verified")

    assert caught.value.data["course_id"] == RUN
    assert [mode["slug"] for mode in caught.value.data["course_modes"]] == ["audit"]


# How edx-enterprise uses the first one


def enroll_as_its_caller_does(member, course_id, mode="verified"):
    """Whether it succeeded, and whether the person got in by it: any other exception ends a batch."""
    try:
        enrollment = api.lms_enroll_user_in_course(member.username, course_id, mode, str(uuid.uuid4()))
    except api.CourseEnrollmentError:
        return False, False
    return True, bool(enrollment)


def test_its_caller_learns_who_got_in_who_was_in_and_who_could_not(run):
    give_place(BOB)
    make_run(max_enrollments=2)

    assert [enroll_as_its_caller_does(each, RUN) for each in (BOB, DANA, ERIN)] == [
        (True, False),
        (True, True),
        (False, False),
    ]
    assert enroll_as_its_caller_does(BOB, CourseKey.from_string(RUN)) == (True, False)
    assert enroll_as_its_caller_does(GUS, RUN, mode="masters") == (False, False)


@pytest.mark.parametrize(
    ("username", "course_id", "error"),
    [
        ("bob", NO_SUCH_RUN, api.CourseNotFoundError),
        ("bob", "nonsense", InvalidKeyError),
        ("bob", None, api.CourseIdMissingException),
        ("nobody", RUN, api.UserDoesNotExistException),
    ],
)
def test_what_its_caller_does_not_catch_gets_through(run, username, course_id, error):
    with pytest.raises(error):
        enroll_as_its_caller_does(type(BOB)(username, "", 0), course_id)
