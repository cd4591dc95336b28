"""Whom a run takes when it is closed to others, and who takes its room: contract enrollments 2.2."""

from datetime import UTC, datetime, timedelta

import pytest

from bursar.enrollments import api
from bursar.enrollments.data import EnrollmentEntry
from bursar.enrollments.tests.places import TOMORROW, WINDOW_CLOSED, give_place, join_team, let_in, place_of
from bursar.enrollments.tests.scenes import RUN, make_run
from bursar.identity import api as identity
from bursar.identity.data import PersonToSave
from bursar.lib import clock
from tests.cast import BOB, CS50_RUN, DANA, ERIN, GUS, Member

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
TICK = timedelta(microseconds=1)

SHUT = pytest.mark.parametrize(
    "fields",
    [WINDOW_CLOSED, {"enrollment_start": TOMORROW}, {"invitation_only": True}, {"is_enrollable": False}],
    ids=["closed", "not open yet", "by invitation", "not enrollable"],
)


def gets_in(member=BOB, **more):
    try:
        api.add_enrollment(member.username, RUN, **more)
    except api.CourseEnrollmentClosedError:
        return False
    return True


# The window


@pytest.mark.parametrize(
    ("opens_at", "closes_at", "is_open"),
    [
        (None, None, True),
        (NOON - TICK, None, True),
        (NOON, None, False),
        (NOON + TICK, None, False),
        (None, NOON + TICK, True),
        (None, NOON, False),
        (None, NOON - TICK, False),
        (NOON - TICK, NOON + TICK, True),
    ],
)
def test_the_window_is_open_strictly_between_its_ends(run, monkeypatch, opens_at, closes_at, is_open):
    make_run(enrollment_start=opens_at, enrollment_end=closes_at)
    monkeypatch.setattr(clock, "now", lambda: NOON)

    assert gets_in() == is_open


def test_a_run_that_has_ended_takes_people_while_its_window_is_open(run):
    make_run(start=NOON - timedelta(days=900), end=NOON - timedelta(days=800))

    assert gets_in()


# Addresses that staff let in


@SHUT
def test_an_address_that_was_let_in_gets_in_while_the_run_is_closed_to_others(run, fields):
    make_run(**fields)
    let_in(BOB)

    assert gets_in(BOB)
    assert not gets_in(DANA)


@SHUT
def test_what_somebody_else_made_use_of_lets_nobody_in(run, fields):
    make_run(**fields)
    let_in(BOB, used_by=DANA)

    assert not gets_in(BOB)


def test_whoever_made_use_of_it_comes_back_by_it(run, drain):
    let_in(BOB)
    give_place(BOB, is_active=False)
    drain()
    make_run(**WINDOW_CLOSED)

    assert gets_in(BOB)


def test_what_was_used_up_shuts_nobody_out_of_an_open_run(run):
    let_in(BOB, used_by=DANA)

    assert gets_in(BOB)


def test_an_address_is_let_into_its_own_run_alone(run):
    make_run(**WINDOW_CLOSED)
    let_in(BOB, run_key=CS50_RUN)

    assert not gets_in(BOB)


def test_an_address_that_is_not_confirmed_lets_nobody_in(run):
    fay = Member("fay", "fay@acme.test", 14)
    identity.save_people([PersonToSave(fay.email, "fay", lms_user_id=14, is_confirmed=False)])
    make_run(**WINDOW_CLOSED)
    let_in(fay)

    assert not gets_in(fay)


def test_being_let_in_passes_neither_a_full_run_nor_an_expired_mode(run):
    let_in(BOB)
    make_run(max_enrollments=0, **WINDOW_CLOSED)

    with pytest.raises(api.CourseEnrollmentFullError):
        api.add_enrollment("bob", RUN)
    with pytest.raises(api.CourseModeNotFoundError):
        api.add_enrollment("bob", RUN, mode="masters")


# The course's own team


@SHUT
@pytest.mark.parametrize("role", ["staff", "instructor"])
def test_the_team_of_the_run_and_of_its_organization_gets_in(run, fields, role):
    make_run(**fields)
    join_team(BOB, role)
    join_team(DANA, role, run_key="")

    assert [gets_in(each) for each in (BOB, DANA, ERIN)] == [True, True, False]


@pytest.mark.parametrize(
    "held",
    [
        {"role": "beta_testers"},
        {"role": "data_researcher"},
        {"role": "ccx_coach"},
        {"role": "staff", "run_key": CS50_RUN},
        {"role": "staff", "run_key": CS50_RUN, "org": "HarvardX"},
        {"role": "staff", "run_key": "", "org": "HarvardX"},
    ],
)
def test_other_roles_and_the_teams_of_others_let_nobody_in(run, held):
    make_run(**WINDOW_CLOSED)
    join_team(BOB, **held)

    assert not gets_in(BOB)


# Room


def is_full():
    try:
        api.add_enrollment("gus", RUN)
    except api.CourseEnrollmentFullError:
        return True
    return False


def test_who_left_leaves_room(run):
    give_place(BOB)
    give_place(DANA, is_active=False)
    make_run(max_enrollments=2)

    assert not is_full()
    with pytest.raises(api.CourseEnrollmentFullError):
        api.add_enrollment("dana", RUN)


def test_a_place_that_is_not_taken_needs_no_room(run):
    give_place(BOB)
    make_run(max_enrollments=1)

    assert api.add_enrollment("gus", RUN, is_active=False)["is_active"] is False


@pytest.mark.parametrize("role", ["staff", "instructor", "ccx_coach"])
def test_the_team_takes_no_room(run, role):
    join_team(BOB, role)
    give_place(BOB)
    make_run(max_enrollments=1)

    assert not is_full()
    assert place_of(GUS) == ("audit", True)


@pytest.mark.parametrize("held", [{"role": "beta_testers"}, {"role": "staff", "run_key": CS50_RUN}])
def test_others_do(run, held):
    join_team(BOB, **held)
    give_place(BOB)
    make_run(max_enrollments=1)

    assert is_full()


def test_a_full_run_does_not_take_its_team_either(run):
    join_team(BOB, "staff")
    give_place(DANA)
    make_run(max_enrollments=1)

    with pytest.raises(api.CourseEnrollmentFullError):
        api.add_enrollment("bob", RUN)


def test_the_team_takes_no_room_from_those_who_come_in_with_it(run):
    join_team(BOB, "staff")
    join_team(DANA, "instructor")
    make_run(max_enrollments=1)

    outcomes = api.enroll(
        [EnrollmentEntry(each.lms_user_id, RUN) for each in (BOB, DANA, ERIN, GUS)], by=None
    )

    assert [each.refusal and each.refusal.code for each in outcomes] == [None, None, None, "run_full"]
