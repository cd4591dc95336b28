"""What a posted enrollment makes and changes, and who gets in."""

import pytest

from bursar.catalog.data import ModeToSave
from bursar.enrollments.tests.places import (
    AUDIT,
    EXPIRED_VERIFIED,
    HONOR,
    TOMORROW,
    VERIFIED,
    WINDOW_CLOSED,
    join_team,
    let_in,
    place_of,
)
from bursar.enrollments.tests.posts import (
    ANYBODY,
    ORDER,
    PRIVILEGED,
    SERVER,
    assert_answered,
    assert_refused,
    attributes_of,
    history_of,
    name_of,
    put_in,
    told,
)
from bursar.enrollments.tests.scenes import RUN, make_run
from bursar.identity.models import User
from tests.cast import BOB, DANA, ERIN, OLGA

# What is written on each database test_enroll_set.py and test_lms_functions.py show.
pytestmark = [pytest.mark.django_db, pytest.mark.once]


OTHER = {"namespace": "credit", "name": "provider_id", "value": "asu"}


# New


@ANYBODY
def test_a_new_place_is_told_once_and_has_its_history(post, by):
    with told() as facts:
        post(by, user="bob", is_active=True)

    assert facts == [("enrollment.created", "bob", "audit", True)]
    assert history_of(BOB) == [("+", "audit", True, by and by.lms_user_id)]


@PRIVILEGED
def test_a_new_place_is_told_with_the_mode_that_it_got(post, by):
    with told() as facts:
        post(by, user="bob", mode="verified")

    assert facts == [("enrollment.created", "bob", "verified", True)]


@ANYBODY
def test_a_new_place_may_be_inactive_from_the_beginning(post, by):
    with told() as facts:
        assert_answered(post(by, user="bob", is_active=False), "audit", is_active=False)

    assert facts == [("enrollment.created", "bob", "audit", False)]
    assert history_of(BOB) == [("+", "audit", False, by and by.lms_user_id)]


# Modes


@PRIVILEGED
@pytest.mark.parametrize(
    ("before", "after"), [("audit", "verified"), ("verified", "audit"), ("audit", "honor")]
)
def test_staff_and_servers_change_the_mode_upwards_and_downwards(post, by, before, after):
    make_run(modes=(AUDIT, HONOR, VERIFIED))
    put_in(BOB, before)

    with told() as facts:
        assert_answered(post(by, user="bob", mode=after), after)

    assert facts == [("enrollment.changed", "bob", after, True)]
    assert history_of(BOB)[1:] == [("~", after, True, by and by.lms_user_id)]


@PRIVILEGED
@pytest.mark.parametrize(
    "fields", [WINDOW_CLOSED, {"invitation_only": True}, {"max_enrollments": 0}], ids=name_of
)
def test_the_mode_of_who_is_in_changes_also_when_the_run_takes_nobody(post, by, fields):
    put_in(BOB)
    make_run(**fields)

    assert_answered(post(by, user="bob", mode="verified"), "verified")


@PRIVILEGED
def test_a_place_cannot_change_into_a_mode_that_the_run_does_not_offer(post, by):
    put_in(BOB)

    with told() as facts:
        answer = post(by, user="bob", mode="masters")

    assert_refused(answer, 400, "mode_not_offered", "course_details")
    assert facts == []
    assert place_of(BOB) == ("audit", True)


@pytest.mark.parametrize(("by", "with_key"), [(SERVER, True), (OLGA, True), (BOB, True)])
def test_the_key_changes_a_place_into_an_expired_mode(post, by, with_key):
    put_in(DANA)
    make_run(modes=(AUDIT, EXPIRED_VERIFIED))

    answer = post(by, with_key=with_key, user="dana", mode="verified")

    assert_answered(answer, "verified", user="dana")


@pytest.mark.parametrize("force", [None, True])
def test_staff_without_the_key_cannot_change_a_place_into_an_expired_mode(post, force):
    put_in(BOB)
    make_run(modes=(AUDIT, EXPIRED_VERIFIED))

    answer = post(OLGA, user="bob", mode="verified", force_enrollment=force)

    assert_refused(answer, 400, "mode_not_offered", "course_details")
    assert place_of(BOB) == ("audit", True)


@PRIVILEGED
def test_an_inactive_place_whose_mode_is_changed_stays_inactive(post, by):
    put_in(BOB, is_active=False)

    with told() as facts:
        assert_answered(post(by, user="bob", mode="verified"), "verified", is_active=False)

    assert facts == [("enrollment.changed", "bob", "verified", False)]


@pytest.mark.parametrize("mode", ["audit", "honor", None])
def test_people_never_change_the_mode_of_their_own_place(post, mode):
    make_run(modes=(AUDIT, HONOR, VERIFIED))
    put_in(BOB, "verified")

    with told() as facts:
        assert_answered(post(BOB, mode=mode), "verified")

    assert facts == []


@pytest.mark.parametrize("mode", ["honor", "audit"])
def test_a_free_mode_does_not_replace_another_for_people(post, mode):
    make_run(modes=(AUDIT, HONOR))
    put_in(BOB, "audit" if mode == "honor" else "honor")

    post(BOB, mode=mode)

    assert place_of(BOB) == ("audit" if mode == "honor" else "honor", True)


# Credit


@pytest.fixture
def credit_run(post):
    """Bob is in a run that gives credit."""
    make_run(modes=(AUDIT, ModeToSave("credit", 100)))
    put_in(BOB)


@PRIVILEGED
def test_credit_needs_its_provider_among_the_attributes(post, credit_run, by):
    answer = post(by, user="bob", mode="credit", enrollment_attributes=[ORDER])

    assert_refused(answer, 400, "missing_attribute")
    assert place_of(BOB) == ("audit", True)
    assert_answered(post(by, user="bob", mode="credit", enrollment_attributes=[ORDER, OTHER]), "credit")
    assert attributes_of(BOB) == [ORDER, OTHER]


@PRIVILEGED
@pytest.mark.parametrize("attributes", [None, []])
def test_credit_without_any_attribute_is_given(post, credit_run, by, attributes):
    assert_answered(post(by, user="bob", mode="credit", enrollment_attributes=attributes), "credit")


@PRIVILEGED
def test_who_comes_in_new_gets_credit_without_a_provider(post, credit_run, by):
    answer = post(by, user="dana", mode="credit", enrollment_attributes=[ORDER])

    assert_answered(answer, "credit", user="dana")


# Leaving


@PRIVILEGED
@pytest.mark.parametrize("mode", [None, "verified"])
def test_staff_and_servers_end_a_place_which_keeps_its_mode(post, by, mode):
    put_in(BOB, "verified")

    with told() as facts:
        assert_answered(post(by, user="bob", mode=mode, is_active=False), "verified", is_active=False)

    assert facts == [("enrollment.ended", "bob", "verified", False)]
    assert history_of(BOB)[1:] == [("~", "verified", False, by and by.lms_user_id)]


@PRIVILEGED
@pytest.mark.parametrize(
    "fields", [{}, WINDOW_CLOSED, {"modes": (AUDIT, EXPIRED_VERIFIED)}], ids=["open", "closed", "expired"]
)
def test_ending_a_place_again_changes_and_tells_nothing(post, by, fields):
    put_in(BOB, "verified", is_active=False)
    make_run(**fields)

    with told() as facts:
        answer = post(by, user="bob", mode="verified", is_active=False)
        assert_answered(answer, "verified", is_active=False)
        assert_answered(post(by, user="bob", is_active=False), "verified", is_active=False)

    assert facts == []
    assert len(history_of(BOB)) == 1


@PRIVILEGED
@pytest.mark.parametrize(
    "fields", [WINDOW_CLOSED, {"modes": (AUDIT, EXPIRED_VERIFIED)}], ids=["closed", "expired"]
)
def test_a_place_can_be_ended_when_the_run_has_closed_or_the_mode_has_expired(post, by, fields):
    put_in(BOB, "verified")
    make_run(**fields)

    answer = post(by, user="bob", mode="verified", is_active=False)

    assert_answered(answer, "verified", is_active=False)


@PRIVILEGED
def test_a_place_in_another_mode_than_named_is_not_ended(post, by):
    put_in(BOB)

    with told() as facts:
        answer = post(by, user="bob", mode="verified", is_active=False)

    assert_refused(answer, 400, "mode_mismatch")
    assert "Enrollment mode mismatch" in answer.json()["message"]
    assert facts == []
    assert place_of(BOB) == ("audit", True)


def test_people_do_not_leave_by_themselves_and_are_told_that_they_are_in(post):
    put_in(BOB)

    with told() as facts:
        assert_answered(post(BOB, is_active=False), "audit")

    assert facts == []
    assert place_of(BOB) == ("audit", True)


# Coming back


@PRIVILEGED
def test_who_is_made_active_again_comes_back_in_the_mode_of_before(post, by):
    put_in(BOB, "verified", is_active=False)

    with told() as facts:
        assert_answered(post(by, user="bob", is_active=True), "verified")

    assert facts == [("enrollment.created", "bob", "verified", True)]
    assert history_of(BOB)[1:] == [("~", "verified", True, by and by.lms_user_id)]


@PRIVILEGED
@pytest.mark.parametrize("mode", ["audit", "verified"])
def test_who_is_made_active_again_comes_back_in_the_mode_that_is_named(post, by, mode):
    put_in(BOB, "audit" if mode == "verified" else "verified", is_active=False)

    with told() as facts:
        assert_answered(post(by, user="bob", mode=mode, is_active=True), mode)

    assert facts == [("enrollment.created", "bob", mode, True)]


@PRIVILEGED
def test_who_is_made_active_again_comes_into_a_run_that_is_closed_to_others(post, by):
    put_in(BOB, is_active=False)
    make_run(**WINDOW_CLOSED)

    assert_answered(post(by, user="bob", is_active=True), "audit")


@ANYBODY
def test_who_is_enrolled_again_without_a_mode_comes_back_in_the_default_one(post, by):
    put_in(BOB, "verified", is_active=False)

    with told() as facts:
        assert_answered(post(by, user="bob"), "audit")

    assert facts == [("enrollment.created", "bob", "audit", True)]
    assert history_of(BOB)[1:] == [("~", "audit", True, by and by.lms_user_id)]


@ANYBODY
def test_who_has_left_is_not_enrolled_again_in_a_closed_run(post, by):
    put_in(BOB, is_active=False)
    make_run(**WINDOW_CLOSED)

    assert_refused(post(by, user="bob"), 400, "enrollment_closed")
    assert place_of(BOB) == ("audit", False)


def test_people_come_back_by_themselves_in_the_free_mode_that_they_choose(post):
    make_run(modes=(AUDIT, HONOR))
    put_in(BOB, is_active=False)

    assert_answered(post(BOB, mode="honor", is_active=True), "honor")


def test_people_who_have_left_and_want_to_be_out_stay_out(post):
    put_in(BOB, is_active=False)

    with told() as facts:
        assert_answered(post(BOB, is_active=False), "audit", is_active=False)

    assert facts == []


# Who gets into a closed run


CLOSED_RUNS = pytest.mark.parametrize(
    "fields",
    [WINDOW_CLOSED, {"enrollment_start": TOMORROW}, {"invitation_only": True}, {"is_enrollable": False}],
    ids=name_of,
)


@CLOSED_RUNS
def test_an_allowed_address_gets_into_a_closed_run(post, fields):
    make_run(**fields)
    let_in(BOB)

    assert_answered(post(BOB), "audit")


def test_an_address_lets_nobody_in_who_has_not_confirmed_it_or_whom_it_was_not_for(post):
    make_run(**WINDOW_CLOSED)
    let_in(BOB)
    let_in(DANA, used_by=ERIN)
    User.objects.filter(username="bob").update(confirmed_at=None)

    for member in (BOB, DANA, ERIN):
        assert_refused(post(member), 400, "enrollment_closed")


@CLOSED_RUNS
@pytest.mark.parametrize("role", ["staff", "instructor"])
@pytest.mark.parametrize("run_key", [RUN, ""], ids=["of the run", "of the organization"])
def test_the_team_of_the_course_gets_into_a_closed_run(post, fields, role, run_key):
    make_run(**fields)
    join_team(BOB, role, run_key=run_key)

    assert_answered(post(BOB), "audit")


# Room


def test_a_run_with_room_takes_people_until_it_is_full(post):
    make_run(max_enrollments=1)

    assert_answered(post(BOB), "audit")
    assert_refused(post(DANA), 400, "run_full")
    assert_answered(post(BOB), "audit")


@pytest.mark.parametrize("role", ["staff", "instructor", "ccx_coach"])
def test_the_team_of_the_course_takes_no_seat(post, role):
    make_run(max_enrollments=1)
    join_team(DANA, role)
    put_in(DANA)

    assert_answered(post(BOB), "audit")


def test_other_roles_take_a_seat(post):
    make_run(max_enrollments=1)
    join_team(DANA, "beta_testers")
    put_in(DANA)

    assert_refused(post(BOB), 400, "run_full")


def test_an_inactive_place_takes_no_seat(post):
    make_run(max_enrollments=1)
    put_in(DANA, is_active=False)

    assert_answered(post(BOB, is_active=False), "audit", is_active=False)
    assert_answered(post(ERIN), "audit", user="erin")


@pytest.mark.parametrize(
    ("by", "is_active"), [(BOB, None), (OLGA, None), (OLGA, True), (SERVER, None), (SERVER, True)]
)
def test_coming_back_takes_a_seat(post, by, is_active):
    put_in(BOB, is_active=False)
    make_run(max_enrollments=1)
    put_in(DANA)

    assert_refused(post(by, user="bob", is_active=is_active), 400, "run_full")
    assert place_of(BOB) == ("audit", False)
    assert_answered(post(SERVER, user="dana", is_active=False), "audit", is_active=False, user="dana")
    assert_answered(post(by, user="bob", is_active=is_active), "audit")
    assert_refused(post(ERIN), 400, "run_full")
