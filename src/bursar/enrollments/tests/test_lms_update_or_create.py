"""``lms_update_or_create_enrollment``, beyond ``test_lms_functions.py``: contract enrollments 2.4."""

import pytest
from django.db import connection

from bursar.enrollments import api, models
from bursar.enrollments.tests.places import (
    AUDIT,
    EXPIRED_VERIFIED,
    TOMORROW,
    WINDOW_CLOSED,
    events,
    give_place,
    place_of,
)
from bursar.enrollments.tests.scenes import RUN, make_run
from tests.cast import ACME, BOB, GUS
from tests.statements import counted

pytestmark = pytest.mark.django_db


def update_or_create(member=BOB, course_id=RUN, mode="verified", is_active=True, **more):
    return api.lms_update_or_create_enrollment(member.username, course_id, mode, is_active, **more)


PLACES = [(mode, is_active) for mode in ("audit", "verified") for is_active in (True, False)]


@pytest.mark.parametrize("place", PLACES)
def test_who_has_the_place_already_is_neither_written_nor_logged(run, audited, place):
    give_place(BOB, *place[:1], is_active=place[1])
    told, history, before = events(), models.Enrollment.history.count(), api.get_enrollment("bob", RUN)

    with counted() as statements:
        result = update_or_create(mode=place[0], is_active=place[1])

    assert result == before
    assert {each.split()[0] for each in statements.listed} == {"SELECT"}
    assert audited() == []
    assert (events(), models.Enrollment.history.count()) == (told, history)


@pytest.mark.parametrize(
    "fields",
    [{}, WINDOW_CLOSED, {"enrollment_start": TOMORROW}, {"invitation_only": True}, {"is_enrollable": False}],
    ids=["open", "closed", "not open yet", "by invitation", "not enrollable"],
)
def test_a_place_becomes_what_is_asked_for_whatever_the_run(run, fields):
    give_place(BOB)
    make_run(**fields)

    for before in PLACES:
        for after in PLACES:
            api.update_enrollment("bob", RUN, mode=before[0], is_active=before[1])
            result = update_or_create(mode=after[0], is_active=after[1])
            assert (result["mode"], result["is_active"]) == after
            assert place_of(BOB) == after


@pytest.mark.parametrize("before", PLACES)
@pytest.mark.parametrize("is_active", [True, False])
def test_without_a_mode_a_place_keeps_its_own(run, before, is_active):
    give_place(BOB, before[0], is_active=before[1])

    result = update_or_create(mode=None, is_active=is_active)

    assert (result["mode"], result["is_active"]) == (before[0], is_active)


def test_a_change_is_logged_with_what_became_of_it(run, audited):
    give_place(BOB, "audit")

    update_or_create(mode="verified", is_active=False)

    (line,) = audited()
    assert (line["requested_mode"], line["requested_activation"]) == ("verified", False)
    assert (line["actual_mode"], line["actual_activation"]) == ("verified", False)


@pytest.mark.parametrize("before", [("audit", True), ("audit", False), ("verified", False)])
@pytest.mark.parametrize("force", [False, True])
def test_nobody_can_be_made_active_in_an_expired_mode(run, before, force):
    give_place(BOB, before[0], is_active=before[1])
    make_run(modes=(AUDIT, EXPIRED_VERIFIED))

    with pytest.raises(api.CourseModeNotFoundError) as caught:
        update_or_create(mode="verified", force_enrollment=force)

    assert caught.value.data["course_id"] == RUN
    assert place_of(BOB) == before


@pytest.mark.parametrize("before", [("audit", True), ("verified", True)])
def test_whoever_leaves_may_do_so_in_an_expired_mode(run, before):
    give_place(BOB, before[0])
    make_run(modes=(AUDIT, EXPIRED_VERIFIED))

    assert update_or_create(mode="verified", is_active=False)["is_active"] is False
    assert place_of(BOB) == ("verified", False)


@pytest.mark.parametrize(
    "fields",
    [WINDOW_CLOSED, {"enrollment_start": TOMORROW}, {"invitation_only": True}, {"is_enrollable": False}],
    ids=["closed", "not open yet", "by invitation", "not enrollable"],
)
def test_force_gets_who_is_new_into_a_closed_run(run, fields):
    make_run(**fields)

    result = update_or_create(mode="verified", force_enrollment=True)

    assert (result["mode"], result["is_active"]) == ("verified", True)


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"max_enrollments": 1}, api.CourseEnrollmentFullError),
        ({"max_enrollments": 1, **WINDOW_CLOSED}, api.CourseEnrollmentFullError),
        ({"modes": (AUDIT, EXPIRED_VERIFIED)}, api.CourseModeNotFoundError),
    ],
    ids=["full", "closed and full", "expired"],
)
def test_force_gets_nobody_into_a_full_run_or_an_expired_mode(run, fields, error):
    give_place(GUS)
    make_run(**fields)

    with pytest.raises(error):
        update_or_create(mode="verified", force_enrollment=True)

    assert place_of(BOB) is None


def test_whoever_comes_back_needs_room(run):
    give_place(BOB, is_active=False)
    give_place(GUS)
    make_run(max_enrollments=1)

    with pytest.raises(api.CourseEnrollmentFullError):
        update_or_create(mode="audit")
    update_or_create(GUS, mode="verified")

    assert (place_of(BOB), place_of(GUS)) == (("audit", False), ("verified", True))


def test_the_customer_is_kept_with_a_new_place(run):
    update_or_create(enterprise_uuid=str(ACME))

    assert api.find_enrollments([(BOB.lms_user_id, RUN)])[BOB.lms_user_id, RUN].customer_uuid == ACME


def test_somebody_else_who_is_quicker_leaves_nothing_to_do(run):
    def outrun(execute, sql, params, many, context):
        result = execute(sql, params, many, context)
        if "enrollments_enrollment" in sql and not outrun.is_done:
            outrun.is_done = True
            give_place(BOB, "audit")
        return result

    outrun.is_done = False
    with connection.execute_wrapper(outrun):
        assert update_or_create(mode="verified") is None

    assert place_of(BOB) == ("audit", True)
