"""The list of all enrollments, for staff."""

from base64 import b64encode
from datetime import timedelta

import pytest

from bursar.catalog import api as catalog
from bursar.catalog.data import CourseToSave, ModeToSave, RunToSave
from bursar.enrollments import api, models
from bursar.enrollments.data import CourseRoleName, EnrollmentEntry
from bursar.enrollments.tests.scenes import (
    NEWT,
    NO_SUCH_RUN,
    OLD_RUN,
    give_role,
    make_person,
    make_run,
    put_in,
    take_out,
)
from bursar.identity.models import User
from bursar.lib import clock
from tests.cast import (
    ACME,
    ALICE,
    BOB,
    CAROL,
    CS50_RUN,
    DANA,
    GUS,
    OLGA,
    PYTHON_CLOSED_RUN,
    PYTHON_RUN,
    Member,
)
from tests.statements import counted

pytestmark = pytest.mark.django_db

PATH = "/api/enrollment/v1/enrollments"


EVERY_FILTER = {"course_ids": "mitx,test", "username": "bob,gus", "email": "bob@acme.test,dana@acme.test"}


@pytest.fixture
def olga(client_of):
    """A client of staff."""
    return client_of(OLGA)


@pytest.fixture
def places(cast):
    """Bob in three runs, Dana and Gus in one."""
    put_in(BOB, PYTHON_RUN)
    put_in(BOB, PYTHON_CLOSED_RUN, "verified")
    put_in(BOB, CS50_RUN)
    put_in(DANA, PYTHON_RUN)
    put_in(GUS, CS50_RUN)


def found_by(client, **filters):
    answer = client.get(PATH, filters)
    assert answer.status_code == 200, answer.content
    return sorted((each["user"], each["course_id"]) for each in answer.json()["results"])


def errors_of(answer):
    assert answer.status_code == 400
    assert answer.json().keys() == {"field_errors"}
    errors = answer.json()["field_errors"]
    assert all(
        error.keys() == {"developer_message"} and error["developer_message"] for error in errors.values()
    )
    return set(errors)


# Who may


def test_staff_alone_may_list_them(places, client_of, server):
    give_role(ALICE, CourseRoleName.STAFF, run_key=PYTHON_RUN)

    assert client_of(OLGA).get(PATH).status_code == 200
    assert client_of(ALICE).get(PATH).status_code == 403
    assert client_of(None).get(PATH).status_code == 401
    assert server.get(PATH).status_code == 401


def test_neither_the_key_nor_being_a_superuser_makes_staff(cast, client_of, server, settings):
    User.objects.filter(username="alice").update(is_superuser=True)
    alice = client_of(ALICE)

    assert alice.get(PATH, headers={"X-Edx-Api-Key": settings.EDX_API_KEY}).status_code == 403


# Shapes


def test_a_page_and_what_is_on_it_have_exactly_these_keys(olga):
    row = put_in(BOB, mode="verified")
    models.Enrollment.objects.filter(pk=row.pk).update(created_at="2018-01-01T00:00:01Z")

    assert olga.get(PATH).json() == {
        "next": None,
        "previous": None,
        "results": [
            {
                "created": "2018-01-01T00:00:01Z",
                "mode": "verified",
                "is_active": True,
                "user": "bob",
                "course_id": PYTHON_RUN,
            }
        ],
    }


def test_without_enrollments_the_page_is_empty(olga):
    assert olga.get(PATH).json() == {"next": None, "previous": None, "results": []}


def test_who_left_is_listed_too_the_newest_first(olga):
    moment = clock.now()
    for days, run_key in ((2, PYTHON_RUN), (1, CS50_RUN), (3, PYTHON_CLOSED_RUN)):
        row = put_in(BOB, run_key)
        models.Enrollment.objects.filter(pk=row.pk).update(created_at=moment - timedelta(days=days))
    take_out(BOB, PYTHON_RUN)

    listed = olga.get(PATH).json()["results"]

    assert [(each["course_id"], each["is_active"]) for each in listed] == [
        (CS50_RUN, True),
        (PYTHON_RUN, False),
        (PYTHON_CLOSED_RUN, True),
    ]


@pytest.mark.parametrize("path", [PATH, f"{PATH}/"])
def test_the_last_slash_makes_no_difference(places, olga, path):
    assert len(olga.get(path).json()["results"]) == 5


def test_runs_that_the_catalog_has_not_are_listed_too(cast, olga):
    moment = clock.now()
    models.Enrollment.objects.create(
        lms_user_id=BOB.lms_user_id, run_key=NO_SUCH_RUN, mode="audit", created_at=moment, modified_at=moment
    )

    assert found_by(olga) == [("bob", NO_SUCH_RUN)]


# Filters


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({"course_id": PYTHON_RUN}, [("bob", PYTHON_RUN), ("dana", PYTHON_RUN)]),
        ({"course_ids": "1T2026,CS50", "username": "bob"}, [("bob", CS50_RUN), ("bob", PYTHON_CLOSED_RUN)]),
        ({"course_ids": "HarvardX+CS50"}, [("bob", CS50_RUN), ("gus", CS50_RUN)]),
        ({"username": "gus"}, [("gus", CS50_RUN)]),
        ({"username": " gus , dana,"}, [("dana", PYTHON_RUN), ("gus", CS50_RUN)]),
        ({"email": "dana@acme.test"}, [("dana", PYTHON_RUN)]),
        ({"email": " DANA@acme.test,gus@GLOBEX.test "}, [("dana", PYTHON_RUN), ("gus", CS50_RUN)]),
        ({"email": "dana", "username": ""}, []),
        ({"course_id": CS50_RUN, "username": "bob,dana"}, [("bob", CS50_RUN)]),
        ({"course_id": CS50_RUN, "email": "bob@acme.test,dana@acme.test"}, [("bob", CS50_RUN)]),
        ({"course_id": PYTHON_RUN, "course_ids": "CS50"}, []),
        ({"username": "bob", "email": "dana@acme.test"}, []),
        ({**EVERY_FILTER, "course_id": PYTHON_RUN}, [("bob", PYTHON_RUN)]),
        ({**EVERY_FILTER, "course_id": CS50_RUN}, []),
        ({"course_id": NO_SUCH_RUN}, []),
        ({"course_ids": "no-such"}, []),
        ({"username": "nobody"}, []),
        ({"email": "nobody@acme.test"}, []),
        ({"username": "Bob"}, []),
    ],
)  # fmt: skip
def test_an_enrollment_is_listed_if_it_fits_all_filters(places, olga, filters, found):
    assert found_by(olga, **filters) == found


@pytest.mark.parametrize("value", ["", ",", " , "])
def test_filters_without_a_value_filter_nothing(places, olga, value):
    filters = dict.fromkeys(("course_ids", "username", "email"), value)

    assert len(found_by(olga, course_id="", **filters)) == 5


@pytest.mark.parametrize(
    "part", ["CS50", "cs50", "harvardx+cs50", "COURSE-V1:HARVARDX+CS50+X", "X+c", " Cs5 "]
)
def test_course_ids_are_parts_of_keys_in_either_case(places, olga, part):
    assert found_by(olga, course_ids=part) == [("bob", CS50_RUN), ("gus", CS50_RUN)]


@pytest.mark.parametrize("part", ["%", "_", "C_50", "C%0", "\\", "*"])
def test_course_ids_know_no_wildcards(places, olga, part):
    assert found_by(olga, course_ids=part) == []


def test_parts_of_old_keys_have_slashes(places, olga):
    make_run(OLD_RUN)
    put_in(BOB, OLD_RUN)

    assert found_by(olga, course_ids="test/t1") == found_by(olga, course_id=OLD_RUN) == [("bob", OLD_RUN)]


@pytest.mark.parametrize("username", ["a.b", "a@b.c", "a+b", "a-b", "_a_", "a b", "jürgen"])
def test_odd_usernames_are_found(cast, olga, username):
    put_in(make_person(Member(username, NEWT.email, NEWT.lms_user_id)))

    assert found_by(olga, username=username) == [(username, PYTHON_RUN)]


# Filters that are refused


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("course_id", "nonsense"),
        ("course_id", "MITx+6.00.1x"),
        ("course_id", "x" * 300),
        ("username", "bob,no/name"),
        ("username", "a*b"),
        ("username", "bob\ndana"),
    ],
)
def test_a_bad_value_is_refused_by_its_field(places, olga, field, value):
    assert errors_of(olga.get(PATH, {field: value})) == {field}


@pytest.mark.parametrize("field", ["course_ids", "username", "email"])
def test_a_filter_has_a_hundred_values_at_most(places, olga, field):
    assert olga.get(PATH, {field: ",".join(["x"] * 100)}).status_code == 200
    assert errors_of(olga.get(PATH, {field: ",".join(["x"] * 101)})) == {field}


def test_everything_that_is_wrong_is_told_at_once(places, olga):
    many = ",".join(["x"] * 101)

    answer = olga.get(PATH, {"course_id": "nonsense", "course_ids": many, "username": "a*b", "email": many})

    assert errors_of(answer) == {"course_id", "course_ids", "username", "email"}


# Pages


def pages_from(client, url, *, by="next"):
    """The results of this page and of all that come after it."""
    pages = []
    while url:
        assert len(pages) < 20
        page = client.get(url).json()
        pages.append(page["results"])
        url = page[by]
    return pages


def enroll_learners(acme, count, run_key=PYTHON_RUN):
    entries = [EnrollmentEntry(each.lms_user_id, run_key) for each in acme.learners(count)]
    api.enroll(entries, by=None)


def test_a_walk_over_rows_of_one_moment_loses_and_repeats_none(acme, olga):
    enroll_learners(acme, 250)
    assert models.Enrollment.objects.values("created_at").distinct().count() == 1

    pages = pages_from(olga, PATH)

    assert [len(page) for page in pages] == [100, 100, 50]
    assert len({each["user"] for page in pages for each in page}) == 250


def test_the_way_back_is_the_same(acme, olga):
    enroll_learners(acme, 250)
    first = olga.get(PATH).json()
    second = olga.get(first["next"]).json()
    third = olga.get(second["next"]).json()

    back = pages_from(olga, third["previous"], by="previous")

    assert back == [second["results"], first["results"]]


def test_a_walk_goes_on_where_it_was_while_others_enroll(acme, olga):
    enroll_learners(acme, 150)
    first = olga.get(PATH).json()
    put_in(CAROL)

    (rest,) = pages_from(olga, first["next"])

    users = [each["user"] for each in first["results"] + rest]
    assert len(users) == len(set(users)) == 150
    assert "carol" not in users


def test_a_walk_keeps_its_filters(acme, olga):
    enroll_learners(acme, 120)
    put_in(BOB, CS50_RUN)

    pages = pages_from(olga, f"{PATH}?course_ids=mitx")

    assert [len(page) for page in pages] == [100, 20]


def test_page_and_page_size_are_passed_over(acme, olga):
    enroll_learners(acme, 120)

    page = olga.get(PATH, {"page": "2", "page_size": "5"}).json()

    assert page["results"] == olga.get(PATH).json()["results"]
    assert len(page["results"]) == 100


def cursor(text):
    return b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    "garbage",
    [
        "x",
        "%%%",
        "é",
        "=" * 9,
        "x" * 300,
        cursor("\xff"),
        cursor("after nonsense nonsense"),
        cursor("o=3"),
        cursor("o=-1"),
        cursor(f"o={10**30}"),
        cursor("p=2026-01-01T00:00:00"),
        cursor(f"after 2026-01-01T00:00:00 {ACME}"),
        cursor(f"after 2026-01-01 {ACME}"),
        cursor(f"after 2026-13-01T00:00:00+00:00 {ACME}"),
        cursor(f"after 0001-01-01T00:00:00+23:59 {ACME}"),
        cursor(f"never 2026-01-01T00:00:00+00:00 {ACME}"),
        cursor(f"after 2026-01-01T00:00:00+00:00 {ACME} "),
        cursor(f"after 2026-01-01T00:00:00+00:00 {ACME.hex}"),
    ],
)
def test_a_cursor_that_was_not_given_out_is_refused_by_its_name(places, olga, garbage):
    assert errors_of(olga.get(PATH, {"cursor": garbage})) == {"cursor"}


@pytest.mark.parametrize(("direction", "count"), [("after", 0), ("before", 5)])
@pytest.mark.parametrize("year", ["0001", "1900"])
def test_before_the_first_enrollment_there_is_nothing(places, olga, direction, count, year):
    page = olga.get(PATH, {"cursor": cursor(f"{direction} {year}-01-01T00:00:00+00:00 {ACME}")}).json()

    assert len(page["results"]) == count
    assert page["previous"] is None


def test_one_row_and_a_hundred_cost_three_statements(acme, olga):
    runs = (RunToSave(PYTHON_RUN, modes=(ModeToSave("audit"),)),)
    catalog.save_courses([CourseToSave("MITx+6.00.1x", "Python", runs=runs)])
    put_in(BOB, CS50_RUN)
    enroll_learners(acme, 100)

    costs = []
    for run_key in (CS50_RUN, PYTHON_RUN):
        with counted() as statements:
            answer = olga.get(PATH, {"course_id": run_key})
        costs.append((len(answer.json()["results"]), statements.count))

    # Who asks; the rows; whose they are.
    assert costs == [(1, 3), (100, 3)]
