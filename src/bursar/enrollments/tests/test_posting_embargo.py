"""From which country one may post an enrollment, and what the audit log says of posts."""

import logging

import pytest

from bursar.enrollments.tests.places import (
    join_team,
    place_of,
)
from bursar.enrollments.tests.posts import (
    SERVER,
    assert_answered,
    assert_nothing_was_written,
    assert_refused,
    put_in,
    told,
)
from bursar.enrollments.tests.scenes import NO_SUCH_RUN, RUN, make_run
from tests.cast import BOB, DANA, OLGA
from tests.countries import BRITISH, EUROPEAN, JAPANESE, KOREAN, UNKNOWN

pytestmark = [pytest.mark.django_db, pytest.mark.once]

# Embargo


@pytest.fixture
def blocked(post, country_database, settings):
    """Posts from North Korea, to which the run is closed."""
    settings.PUBLIC_URL = "https://bursar.test"
    make_run(blocked_countries=("KP", "IR"))
    return lambda by, **fields: post(by, **{"address": KOREAN, **fields})


def assert_blocked(answer):
    assert_refused(answer, 403, "country_blocked", "user_message_url")
    url = "https://bursar.test/embargo/blocked-message/enrollment/default/"
    assert answer.json()["user_message_url"] == url


def test_nobody_enrolls_from_a_country_that_is_closed_to_the_run(blocked):
    assert_blocked(blocked(BOB))
    assert_nothing_was_written()


@pytest.mark.parametrize("chain", [f"{KOREAN}, {BRITISH}", f"{BRITISH}, {KOREAN}", f"unknown, {KOREAN}:80"])
def test_every_address_of_the_forwarded_chain_counts(blocked, chain):
    assert_blocked(blocked(BOB, address="10.0.0.1", headers={"X-Forwarded-For": chain}))
    assert_nothing_was_written()


@pytest.mark.parametrize("address", [BRITISH, JAPANESE, EUROPEAN, UNKNOWN, "10.0.0.1", ""])
def test_from_other_countries_and_unknown_ones_people_enroll(blocked, address):
    assert_answered(blocked(BOB, address=address), "audit")


def test_a_server_in_a_closed_country_enrolls_nobody(blocked):
    assert_blocked(blocked(SERVER, user="bob"))
    assert_nothing_was_written()


def test_who_is_in_already_is_blocked_too(blocked):
    put_in(BOB)

    with told() as facts:
        assert_blocked(blocked(BOB))
        assert_blocked(blocked(SERVER, user="bob", is_active=False))

    assert facts == []
    assert place_of(BOB) == ("audit", True)


def test_staff_enroll_from_everywhere(blocked):
    assert_answered(blocked(OLGA, user="bob"), "audit")


@pytest.mark.parametrize("role", ["staff", "instructor"])
@pytest.mark.parametrize("run_key", [RUN, ""], ids=["of the run", "of the organization"])
def test_the_team_of_the_course_is_enrolled_from_everywhere(blocked, role, run_key):
    join_team(BOB, role, run_key=run_key)

    assert_answered(blocked(BOB), "audit")


def test_other_roles_and_the_teams_of_other_courses_are_blocked(blocked):
    join_team(BOB, "beta_testers")
    join_team(BOB, "staff", org="Other", run_key="")
    join_team(BOB, "staff", run_key=NO_SUCH_RUN)
    join_team(DANA, "staff")

    assert_blocked(blocked(BOB))


def test_without_a_file_of_countries_nobody_is_blocked(blocked, settings):
    settings.GEOIP_DATABASE = ""

    assert_answered(blocked(BOB), "audit")


# The audit log


@pytest.fixture
def audit_lines(caplog):
    """What the audit log has said of changes so far."""
    caplog.set_level(logging.INFO, logger="bursar.enrollments.audit")
    names = (
        "course_id",
        "user_id",
        "requested_mode",
        "requested_activation",
        "actual_mode",
        "actual_activation",
    )

    def read():
        lines = [each for each in caplog.records if each.message == "enrollment_change_requested"]
        return [tuple(getattr(each, name) for name in names) for each in lines]

    return read


def test_what_a_server_asks_for_and_gets_is_in_the_audit_log(post, audit_lines):
    post(SERVER, user="bob", mode="verified", is_active=True)
    post(SERVER, user="bob")
    post(SERVER, user="bob", is_active=False)

    assert audit_lines() == [
        (RUN, BOB.lms_user_id, "verified", True, "verified", True),
        (RUN, BOB.lms_user_id, None, None, "verified", True),
        (RUN, BOB.lms_user_id, None, False, "verified", False),
    ]


def test_what_a_server_asks_for_and_does_not_get_is_in_the_audit_log(post, audit_lines):
    post(SERVER, user="bob", mode="masters")
    put_in(BOB)
    post(SERVER, user="bob", mode="verified", is_active=False)
    post(SERVER, user="bob", is_active="no")
    post(SERVER, user="bob", run_key=NO_SUCH_RUN)

    assert audit_lines() == [
        (RUN, BOB.lms_user_id, "masters", None, None, None),
        (RUN, BOB.lms_user_id, "verified", False, "audit", True),
        (RUN, BOB.lms_user_id, None, None, "audit", True),
        (NO_SUCH_RUN, BOB.lms_user_id, None, None, None, None),
    ]


def test_the_key_beside_an_account_leaves_a_line_too(post, audit_lines):
    post(OLGA, with_key=True, user="bob")

    assert audit_lines() == [(RUN, BOB.lms_user_id, None, None, "audit", True)]


def test_what_people_and_staff_ask_for_leaves_no_line(post, audit_lines):
    post(BOB)
    post(BOB, mode="honor")
    post(OLGA, user="bob", mode="verified")
    post(OLGA, user="bob", mode="masters")

    assert audit_lines() == []


def test_what_ends_before_the_person_and_the_country_are_known_leaves_no_line(blocked, audit_lines):
    blocked(SERVER, run_key="nonsense", user="bob")
    blocked(SERVER, user="nobody")
    blocked(SERVER, user="bob")

    assert audit_lines() == []
