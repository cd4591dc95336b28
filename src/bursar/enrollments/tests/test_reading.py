"""What one reads about enrollments, courses and roles, as the LMS serves it."""

import logging
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest
from rest_framework.test import APIClient

from bursar.catalog import api as catalog
from bursar.catalog.data import CourseToSave, ModeToSave, RunToSave
from bursar.enrollments import api, models
from bursar.enrollments.data import CourseRoleName, EnrollmentEntry
from bursar.enrollments.tests.scenes import (
    NEWT,
    NO_SUCH_RUN,
    OLD_RUN,
    RUN,
    give_role,
    make_person,
    make_run,
    put_in,
    take_out,
)
from bursar.identity.models import User
from bursar.lib import clock
from tests.cast import ALICE, BOB, CS50_RUN, DANA, OLGA, PYTHON_CLOSED_RUN, PYTHON_RUN, Member
from tests.statements import counted

# It is read by keys; filters and pages are in test_listing.py, on each database.
pytestmark = [pytest.mark.django_db, pytest.mark.once]

LIST = "/api/enrollment/v1/enrollment"
ROLES = "/api/enrollment/v1/roles/"

ENROLLMENT_KEYS = {"created", "mode", "is_active", "course_details", "user"}
COURSE_KEYS = {
    "course_id",
    "course_name",
    "enrollment_start",
    "enrollment_end",
    "course_start",
    "course_end",
    "invite_only",
    "course_modes",
    "pacing_type",
}
DEFAULT_MODE = {
    "slug": "audit",
    "name": "Audit",
    "min_price": 0,
    "suggested_prices": "",
    "currency": "usd",
    "expiration_datetime": None,
    "description": None,
    "sku": None,
    "bulk_sku": None,
}

BAD_KEYS = (
    "a+b+c",
    "course-v1:a+b+c d",
    "course-v1:a+b+c+d",
    "course-v1:a+b+c,d",
    "x/y+z",
    "library-v1:a+b+c",
)


def one(run_key, member=None):
    return f"{LIST}/{quote(member.username)},{run_key}" if member else f"{LIST}/{run_key}"


def course(run_key):
    return f"/api/enrollment/v1/course/{run_key}"


def run_keys_in(answer):
    assert answer.status_code == 200
    return [each["course_details"]["course_id"] for each in answer.json()]


def slugs_of(answer):
    return [mode["slug"] for mode in answer.json()["course_modes"]]


# Shapes


def test_an_enrollment_has_these_keys_and_its_course(cast, client_of):
    row = put_in(BOB, mode="verified")
    models.Enrollment.objects.filter(pk=row.pk).update(created_at="2018-01-01T00:00:01Z")

    enrollment = client_of(BOB).get(one(PYTHON_RUN)).json()

    assert enrollment.keys() == ENROLLMENT_KEYS
    assert enrollment["course_details"].keys() == COURSE_KEYS
    assert enrollment["created"] == "2018-01-01T00:00:01Z"
    assert (enrollment["mode"], enrollment["is_active"], enrollment["user"]) == ("verified", True, "bob")


def test_the_list_says_the_same_of_an_enrollment_as_reading_it_alone(cast, client_of):
    put_in(BOB)

    (listed,) = client_of(BOB).get(LIST).json()

    assert listed == client_of(BOB).get(one(PYTHON_RUN)).json()


def test_a_course_is_told_in_the_words_of_the_lms(cast, client_of):
    make_run(
        title="A run of its own",
        start=datetime(2015, 1, 2, 3, 4, 5, tzinfo=UTC),
        end=datetime(2015, 3, 2, 3, 4, 5, tzinfo=UTC),
        enrollment_start=datetime(2014, 1, 2, 3, 4, 5, tzinfo=UTC),
        enrollment_end=datetime(2014, 12, 2, 3, 4, 5, tzinfo=UTC),
        pacing="self_paced",
        invitation_only=True,
        modes=(ModeToSave("verified", 14_950, "EUR", datetime(2099, 1, 2, 3, 4, 5, tzinfo=UTC)),),
    )

    assert client_of(None).get(course(RUN)).json() == {
        "course_id": RUN,
        "course_name": "A run of its own",
        "enrollment_start": "2014-01-02T03:04:05Z",
        "enrollment_end": "2014-12-02T03:04:05Z",
        "course_start": "2015-01-02T03:04:05Z",
        "course_end": "2015-03-02T03:04:05Z",
        "invite_only": True,
        "course_modes": [
            {
                "slug": "verified",
                "name": "Verified Certificate",
                "min_price": 149,
                "suggested_prices": "",
                "currency": "eur",
                "expiration_datetime": "2099-01-02T03:04:05Z",
                "description": None,
                "sku": None,
                "bulk_sku": None,
            }
        ],
        "pacing_type": "Self Paced",
    }


def test_what_a_course_has_not_is_null(cast, client_of):
    make_run()

    told = client_of(None).get(course(RUN)).json()

    dates = ("enrollment_start", "enrollment_end", "course_start", "course_end")
    assert [told[each] for each in dates] == [None] * 4
    assert told["pacing_type"] == "Instructor Paced"
    assert told["invite_only"] is False


# One enrollment


def test_an_enrollment_that_has_ended_is_read_as_well(cast, client_of):
    put_in(BOB, mode="verified")
    take_out(BOB)

    enrollment = client_of(BOB).get(one(PYTHON_RUN)).json()

    assert (enrollment["is_active"], enrollment["mode"]) == (False, "verified")


@pytest.mark.parametrize("run_key", [PYTHON_RUN, NO_SUCH_RUN, OLD_RUN])
def test_no_enrollment_is_a_200_of_zero_bytes(cast, client_of, run_key):
    for path in (one(run_key), one(run_key, BOB)):
        answer = client_of(BOB).get(path)

        assert (answer.status_code, answer.content) == (200, b"")


def test_nobody_of_that_name_is_a_200_of_zero_bytes_for_staff_and_servers(cast, client_of, server):
    for client in (client_of(OLGA), server):
        answer = client.get(one(PYTHON_RUN, NEWT))

        assert (answer.status_code, answer.content) == (200, b"")


def test_a_server_that_names_nobody_gets_zero_bytes(server):
    answer = server.get(one(PYTHON_RUN))

    assert (answer.status_code, answer.content) == (200, b"")


def test_without_a_name_the_enrollment_is_the_callers(cast, client_of):
    put_in(BOB)
    put_in(OLGA, mode="verified")

    assert client_of(OLGA).get(one(PYTHON_RUN)).json()["mode"] == "verified"
    assert client_of(OLGA).get(one(PYTHON_RUN)).json()["user"] == "olga"


def test_others_get_a_404_with_an_empty_body_whether_there_is_something_or_not(cast, client_of):
    put_in(BOB)
    give_role(ALICE, CourseRoleName.STAFF, run_key=PYTHON_RUN)

    for path in (one(PYTHON_RUN, BOB), one(CS50_RUN, BOB), one(PYTHON_RUN, NEWT), one("a+b+c", BOB)):
        answer = client_of(ALICE).get(path)

        assert (answer.status_code, answer.content) == (404, b"")


def test_staff_and_servers_read_the_enrollments_of_others(cast, client_of, server):
    put_in(BOB)

    for client in (client_of(OLGA), server):
        assert client.get(one(PYTHON_RUN, BOB)).json()["user"] == "bob"


def test_being_a_superuser_alone_is_not_being_staff(cast, client_of):
    put_in(BOB)
    User.objects.filter(username="alice").update(is_superuser=True)

    assert client_of(ALICE).get(one(PYTHON_RUN, BOB)).status_code == 404


def test_an_enrollment_whose_course_is_gone_has_no_course(cast, client_of):
    make_place(BOB, NO_SUCH_RUN)

    enrollment = client_of(BOB).get(one(NO_SUCH_RUN)).json()

    assert enrollment.keys() == ENROLLMENT_KEYS
    assert enrollment["course_details"] is None


def make_place(member, run_key, **fields):
    """A row in whatever run, also one that the catalog has not."""
    moment = clock.now()
    fields = {"mode": "audit", "created_at": moment, "modified_at": moment, **fields}
    return models.Enrollment.objects.create(lms_user_id=member.lms_user_id, run_key=run_key, **fields)


@pytest.mark.parametrize("key", BAD_KEYS)
def test_what_is_no_key_of_a_run_is_a_400(cast, client_of, key):
    for path in (one(key), one(key, BOB), course(key)):
        answer = client_of(BOB).get(path)

        assert answer.status_code == 400, path
        assert answer.json().keys() == {"message", "code"}
        assert answer.json()["message"].startswith("No course ")


@pytest.mark.parametrize("key", [RUN, OLD_RUN])
def test_both_separators_lead_to_the_right_answer(cast, client_of, key):
    make_run(key)
    put_in(BOB, key)

    for path in (one(key), one(key, BOB), one(quote(key, safe="")), one(quote(key), BOB)):
        assert client_of(BOB).get(path).json()["course_details"]["course_id"] == key
    assert client_of(None).get(course(key)).json()["course_id"] == key


@pytest.mark.parametrize("key", [RUN, OLD_RUN])
@pytest.mark.parametrize(
    "username", ["a.b", "a@b.c", "a+b", "+a", "a-b", "_a_", "a b", "jürgen", "a.b@c+d-e_f g"]
)
def test_odd_usernames_are_read_like_plain_ones(cast, client_of, username, key):
    make_run(key)
    odd = make_person(Member(username, NEWT.email, NEWT.lms_user_id))
    put_in(odd, key)

    for client in (client_of(OLGA), client_of(odd)):
        assert client.get(one(key, odd)).json()["user"] == username
        assert [each["user"] for each in client.get(LIST, {"user": username}).json()] == [username]


# The list of one person


def test_the_list_has_active_enrollments_only_the_oldest_first(cast, client_of):
    make_run()
    moment = clock.now()
    for days, run_key in ((1, CS50_RUN), (3, RUN), (2, PYTHON_RUN), (9, PYTHON_CLOSED_RUN)):
        make_place(BOB, run_key, created_at=moment - timedelta(days=days))
    take_out(BOB, PYTHON_CLOSED_RUN)

    assert run_keys_in(client_of(BOB).get(LIST)) == [RUN, PYTHON_RUN, CS50_RUN]


def test_who_is_nowhere_has_an_empty_list(cast, client_of, server):
    assert client_of(BOB).get(LIST).json() == []
    assert server.get(LIST).json() == []


def test_staff_and_servers_list_everything_of_others(cast, client_of, server):
    put_in(BOB, PYTHON_RUN)
    put_in(BOB, CS50_RUN)

    for client in (client_of(OLGA), server):
        assert run_keys_in(client.get(LIST, {"user": "bob"})) == [PYTHON_RUN, CS50_RUN]
        assert client.get(LIST, {"user": "nobody"}).json() == []


def test_a_course_team_sees_the_rows_of_its_own_runs(cast, client_of):
    for run_key in (PYTHON_RUN, CS50_RUN, PYTHON_CLOSED_RUN):
        put_in(BOB, run_key)
    give_role(ALICE, CourseRoleName.STAFF, run_key=PYTHON_RUN)
    give_role(ALICE, CourseRoleName.INSTRUCTOR, org="HarvardX", run_key=CS50_RUN)

    assert run_keys_in(client_of(ALICE).get(LIST, {"user": "bob"})) == [PYTHON_RUN, CS50_RUN]


@pytest.mark.parametrize(
    ("role", "run_key"),
    [
        (CourseRoleName.STAFF, ""),
        (CourseRoleName.INSTRUCTOR, ""),
        (CourseRoleName.LIMITED_STAFF, PYTHON_RUN),
        (CourseRoleName.BETA_TESTERS, PYTHON_RUN),
        (CourseRoleName.CCX_COACH, PYTHON_RUN),
        (CourseRoleName.DATA_RESEARCHER, PYTHON_RUN),
        (CourseRoleName.STAFF, PYTHON_CLOSED_RUN),
    ],
)
def test_other_roles_show_nothing_of_others(cast, client_of, role, run_key):
    put_in(BOB)
    give_role(ALICE, role, run_key=run_key)

    assert client_of(ALICE).get(LIST, {"user": "bob"}).json() == []


def test_others_get_an_empty_list_never_a_404(cast, client_of):
    put_in(BOB)

    for username in ("bob", "nobody"):
        answer = client_of(ALICE).get(LIST, {"user": username})

        assert (answer.status_code, answer.json()) == (200, [])


def test_rows_of_gone_courses_are_left_out_with_a_warning(cast, client_of, caplog):
    make_place(BOB, NO_SUCH_RUN)
    put_in(BOB)

    with caplog.at_level(logging.WARNING, "bursar.enrollments.rest.views"):
        assert run_keys_in(client_of(BOB).get(LIST)) == [PYTHON_RUN]

    (warning,) = [each for each in caplog.records if each.name == "bursar.enrollments.rest.views"]
    assert warning.runs == [NO_SUCH_RUN]


def test_one_enrollment_and_a_hundred_cost_three_statements(cast, client_of):
    keys = [f"course-v1:Test+T1+{number}" for number in range(100)]
    runs = tuple(RunToSave(key, modes=(ModeToSave("audit"), ModeToSave("verified"))) for key in keys)
    catalog.save_courses([CourseToSave("Test+T1", "Test", runs=runs)])
    put_in(DANA, keys[0])
    api.enroll([EnrollmentEntry(BOB.lms_user_id, key) for key in keys], by=None)

    costs = []
    for member in (DANA, BOB):
        client = client_of(member)
        with counted() as statements:
            answer = client.get(LIST)
        costs.append((len(answer.json()), statements.count))

    # Who asks; the places; the runs with their modes.
    assert costs == [(1, 3), (100, 3)]


# A course


def test_anybody_may_read_a_course(cast, client_of):
    for client in (client_of(None), client_of(BOB)):
        assert client.get(course(PYTHON_RUN)).json().keys() == COURSE_KEYS
    broken = client_of(None)
    broken.credentials(HTTP_AUTHORIZATION="JWT nonsense")
    assert broken.get(course(PYTHON_RUN)).status_code == 200


def test_an_unknown_course_is_a_400(cast, client_of):
    answer = client_of(None).get(course(NO_SUCH_RUN))

    assert answer.status_code == 400
    assert answer.json() == {
        "message": f"No course found for course ID '{NO_SUCH_RUN}'",
        "code": "unknown_course_run",
    }


def test_expired_modes_are_listed_on_request_alone(cast, client_of):
    expired = ModeToSave("verified", 100, expires_at=clock.now() - timedelta(seconds=1))
    make_run(modes=(ModeToSave("audit"), expired))
    client = client_of(None)

    assert slugs_of(client.get(course(RUN))) == ["audit"]
    assert slugs_of(client.get(course(RUN), {"include_expired": ""})) == ["audit"]
    for value in ("1", "true", "false", "0"):  # any text but none: the LMS's rule
        assert slugs_of(client.get(course(RUN), {"include_expired": value})) == ["audit", "verified"]


def test_credit_is_listed(cast, client_of):
    make_run(modes=(ModeToSave("audit"), ModeToSave("credit", 30_000)))

    assert slugs_of(client_of(None).get(course(RUN))) == ["audit", "credit"]


@pytest.mark.parametrize("has_expired", [False, True])
def test_a_run_that_offers_nothing_has_the_default_mode(cast, client_of, has_expired):
    expired = ModeToSave("verified", 100, expires_at=clock.now() - timedelta(days=1))
    make_run(modes=(expired,) if has_expired else ())
    put_in(BOB, RUN)

    assert client_of(None).get(course(RUN)).json()["course_modes"] == [DEFAULT_MODE]
    assert client_of(BOB).get(one(RUN)).json()["course_details"]["course_modes"] == [DEFAULT_MODE]


def test_a_course_is_told_as_it_is_now(cast, client_of):
    make_run()
    client = client_of(None)
    assert client.get(course(RUN)).json()["invite_only"] is False

    make_run(invitation_only=True, modes=(ModeToSave("honor"),))

    assert client.get(course(RUN)).json()["invite_only"] is True
    assert slugs_of(client.get(course(RUN))) == ["honor"]


# Roles


def test_everybody_reads_their_own_roles(cast, client_of):
    give_role(BOB, CourseRoleName.STAFF, run_key=PYTHON_RUN)
    give_role(BOB, CourseRoleName.INSTRUCTOR)
    give_role(ALICE, CourseRoleName.STAFF, run_key=PYTHON_RUN)

    assert client_of(BOB).get(ROLES).json() == {
        "roles": [
            {"org": "MITx", "course_id": "", "role": "instructor"},
            {"org": "MITx", "course_id": PYTHON_RUN, "role": "staff"},
        ],
        "is_staff": False,
    }
    assert client_of(OLGA).get(ROLES).json() == {"roles": [], "is_staff": True}


@pytest.mark.parametrize(
    ("course_id", "count"),
    [(PYTHON_RUN, 1), (CS50_RUN, 0), (PYTHON_RUN.lower(), 0), ("nonsense", 0), ("", 2)],
)
def test_roles_are_filtered_by_exactly_this_course(cast, client_of, course_id, count):
    give_role(BOB, CourseRoleName.STAFF, run_key=PYTHON_RUN)
    give_role(BOB, CourseRoleName.STAFF)

    answer = client_of(BOB).get(ROLES, {"course_id": course_id})

    assert (answer.status_code, len(answer.json()["roles"])) == (200, count)


def test_a_server_has_no_roles(server):
    answer = server.get(ROLES)

    assert answer.status_code == 400
    assert answer.json().keys() == {"message", "code"}


def test_roles_can_only_be_read(cast, client_of):
    for method in ("post", "put", "delete"):
        assert getattr(client_of(OLGA), method)(ROLES).status_code == 405


# All of them


PRIVATE = [LIST, one(PYTHON_RUN), one(PYTHON_RUN, BOB), ROLES]


@pytest.mark.parametrize("path", PRIVATE)
def test_nobody_gets_a_401(cast, client_of, settings, path):
    settings.EDX_API_KEY = "a key that servers share"
    wrong_key = client_of(None)
    wrong_key.credentials(HTTP_X_EDX_API_KEY="another key")

    for client in (client_of(None), wrong_key):
        answer = client.get(path)

        assert answer.status_code == 401
        assert answer["WWW-Authenticate"].startswith("JWT")


@pytest.mark.parametrize("path", PRIVATE)
def test_reading_sets_the_csrf_cookie_that_a_session_needs_to_post(cast, path):
    browser = APIClient(enforce_csrf_checks=True)
    browser.force_login(User.objects.get(username="bob"))
    body = {"course_details": {"course_id": PYTHON_RUN}}
    assert browser.post(LIST, body).status_code == 403

    token = browser.get(path).cookies["bursar-csrf"].value

    assert browser.post(LIST, body, headers={"X-CSRFToken": token}).status_code == 200


def test_the_cookie_is_set_on_a_404_too_and_not_for_public_courses(cast, client_of):
    assert "bursar-csrf" in client_of(ALICE).get(one(PYTHON_RUN, BOB)).cookies
    assert client_of(BOB).get(course(PYTHON_RUN)).cookies == {}


@pytest.mark.parametrize("path", PRIVATE)
def test_a_session_reads_like_a_token(cast, client_of, path):
    put_in(BOB)
    browser = client_of(None)
    browser.force_login(User.objects.get(username="bob"))

    assert browser.get(path).json() == client_of(BOB).get(path).json()


@pytest.mark.parametrize(
    "path", [f"{LIST}/", ROLES.rstrip("/"), f"{course(PYTHON_RUN)}/", one("a+b"), one("a/b/c/d")]
)
def test_other_paths_are_not_served(cast, client_of, path):
    assert client_of(BOB).get(path).status_code == 404
