"""Whoever is being retired leaves all course runs."""

import pytest
from django.db import connection

from bursar.enrollments import models
from bursar.enrollments.tests.scenes import OLD_RUN, RUN, facts_of, make_run, put_in, take_out
from bursar.identity import api as identity
from bursar.identity.models import User
from bursar.lib import clock
from bursar.outbox.models import Event
from tests.architecture.tables import read_rows
from tests.cast import ALICE, BOB, CS50_RUN, DANA, OLGA, PYTHON_CLOSED_RUN, PYTHON_RUN
from tests.statements import counted

pytestmark = pytest.mark.django_db

PATH = "/api/enrollment/v1/unenroll/"


@pytest.fixture
def olga(client_of):
    """A client of an operator."""
    return client_of(OLGA)


@pytest.fixture
def retiring_bob(cast):
    """Bob is in three runs, one of them closed, and was in a fourth; his retirement is requested."""
    make_run()
    put_in(BOB, PYTHON_RUN, "verified")
    put_in(BOB, PYTHON_CLOSED_RUN)
    put_in(BOB, CS50_RUN)
    put_in(BOB, RUN)
    take_out(BOB, RUN)
    identity.request_retirements(lms_user_ids=[BOB.lms_user_id], by=OLGA.lms_user_id)


def unenroll(client, username="bob"):
    return client.post(PATH, {"username": username})


def places_of(member):
    rows = models.Enrollment.objects.filter(lms_user_id=member.lms_user_id)
    return {row.run_key: (row.mode, row.is_active) for row in rows}


# Who may


def test_operators_alone_may(retiring_bob, client_of, server):
    User.objects.filter(username="dana").update(is_staff=True)

    assert unenroll(client_of(None)).status_code == 401
    assert unenroll(server).status_code == 401
    for member in (ALICE, DANA):
        answer = unenroll(client_of(member))
        assert (answer.status_code, list(answer.json())) == (403, ["detail"])
        assert client_of(member).post(PATH, {}).status_code == 403
    assert sum(is_active for _, is_active in places_of(BOB).values()) == 3


def test_superusers_may(retiring_bob, client_of):
    User.objects.filter(username="dana").update(is_superuser=True)

    assert unenroll(client_of(DANA)).status_code == 200


# What it answers


@pytest.mark.parametrize("body", [{}, {"username": None}, {"user": "bob"}])
def test_without_a_username_it_says_so(retiring_bob, olga, body):
    answer = olga.post(PATH, body)

    assert (answer.status_code, answer.content) == (404, b'"Username not specified."')


@pytest.mark.parametrize("username", ["dana", "nobody", "", "Bob", "bob ", "x" * 500, 7, True, ["bob"], {}])
def test_nobody_who_is_being_retired_is_a_404_with_a_sentence(retiring_bob, olga, username):
    put_in(DANA)
    before = read_rows()

    answer = unenroll(olga, username)

    assert answer.status_code == 404
    assert answer.json() == "Nobody of this name is being retired."
    assert read_rows() == before


@pytest.mark.parametrize("was_in", [False, True])
def test_with_nothing_to_leave_it_is_an_empty_204(cast, olga, was_in):
    if was_in:
        put_in(BOB)
        take_out(BOB)
    identity.request_retirements(lms_user_ids=[BOB.lms_user_id], by=None)

    answer = unenroll(olga)

    assert (answer.status_code, answer.content) == (204, b"")


def test_it_answers_with_the_organizations_of_all_runs_once_each_in_order(retiring_bob, olga):
    answer = unenroll(olga)

    # Test is one that was left long ago; MITx has two runs.
    assert (answer.status_code, answer.json()) == (200, ["HarvardX", "MITx", "Test"])


def test_a_second_time_there_is_nothing_to_leave(retiring_bob, olga):
    unenroll(olga)
    before = read_rows()

    assert unenroll(olga).status_code == 204
    assert read_rows() == before


def test_the_same_request_with_its_key_gets_the_first_answer(retiring_bob, olga):
    answers = [olga.post(PATH, {"username": "bob"}, headers={"Idempotency-Key": "once"}) for _ in range(2)]

    assert [answer.json() for answer in answers] == [["HarvardX", "MITx", "Test"]] * 2


def test_a_retirement_that_was_begun_counts_and_one_that_is_over_does_not(retiring_bob, olga):
    identity.begin_retirements(lms_user_ids=[BOB.lms_user_id])
    assert unenroll(olga).status_code == 200

    identity.complete_retirements(lms_user_ids=[BOB.lms_user_id], by=None)

    assert unenroll(olga).status_code == 404


def test_a_retirement_that_was_taken_back_is_none(retiring_bob, olga):
    identity.cancel_retirements(lms_user_ids=[BOB.lms_user_id])

    assert unenroll(olga).status_code == 404
    assert places_of(BOB)[PYTHON_RUN] == ("verified", True)


# What it does


def test_all_places_end_and_keep_their_modes_also_in_closed_runs(retiring_bob, olga):
    put_in(DANA, PYTHON_RUN)

    unenroll(olga)

    assert places_of(BOB) == {
        PYTHON_RUN: ("verified", False),
        PYTHON_CLOSED_RUN: ("audit", False),
        CS50_RUN: ("audit", False),
        RUN: ("audit", False),
    }
    assert places_of(DANA) == {PYTHON_RUN: ("audit", True)}


@pytest.mark.parametrize("run_key", ["course-v1:Gone+G+1", OLD_RUN])
def test_runs_that_the_catalog_has_not_are_left_too(cast, olga, run_key):
    moment = clock.now()
    models.Enrollment.objects.create(
        lms_user_id=BOB.lms_user_id, run_key=run_key, mode="audit", created_at=moment, modified_at=moment
    )
    identity.request_retirements(lms_user_ids=[BOB.lms_user_id], by=None)

    assert unenroll(olga).json() == [run_key.split(":")[-1].replace("/", "+").split("+")[0]]
    assert places_of(BOB) == {run_key: ("audit", False)}


def test_the_history_says_who_did_it(retiring_bob, olga):
    before = models.Enrollment.history.count()

    unenroll(olga)

    rows = models.Enrollment.history.order_by("history_id")[before:]
    assert {row.run_key for row in rows} == {PYTHON_RUN, PYTHON_CLOSED_RUN, CS50_RUN}
    assert len(rows) == 3
    assert {(row.history_type, row.is_active, row.history_user_id) for row in rows} == {
        ("~", False, OLGA.lms_user_id)
    }


def test_it_is_told_once(retiring_bob, olga):
    Event.objects.all().delete()

    unenroll(olga)

    (event,) = Event.objects.filter(type__startswith="enrollment.")
    assert (event.type, event.recorded_by) == ("enrollment.ended", OLGA.lms_user_id)
    facts = facts_of("enrollment.ended")
    assert sorted((fact["run_key"], fact["mode"], fact["is_active"]) for fact in facts) == [
        (CS50_RUN, "audit", False),
        (PYTHON_CLOSED_RUN, "audit", False),
        (PYTHON_RUN, "verified", False),
    ]
    assert {(fact["username"], fact["email"]) for fact in facts} == {("bob", BOB.email)}


def test_it_is_done_as_a_whole_or_not_at_all(retiring_bob, olga):
    before = read_rows()
    olga.raise_request_exception = False

    def fail_at_the_event(execute, sql, *more):
        if "INSERT" in sql and "outbox_event" in sql:
            raise ConnectionError("the database is gone")
        return execute(sql, *more)

    with connection.execute_wrapper(fail_at_the_event):
        assert unenroll(olga).status_code == 500

    assert read_rows() == before


def test_one_place_and_fifty_cost_the_same_statements(cast, olga):
    moment = clock.now()
    costs = []
    for member, count in ((BOB, 1), (DANA, 50)):
        models.Enrollment.objects.bulk_create(
            models.Enrollment(
                lms_user_id=member.lms_user_id,
                run_key=f"course-v1:Org{number}+C+R",
                mode="audit",
                created_at=moment,
                modified_at=moment,
            )
            for number in range(count)
        )
        identity.request_retirements(lms_user_ids=[member.lms_user_id], by=None)
        with counted() as statements:
            answer = unenroll(olga, member.username)
        costs.append((len(answer.json()), statements.count))

    # Who asks, with which roles; who is being retired, twice; the places, their end and history; the runs;
    # the event and what is to be delivered of it; the organizations.
    assert costs == [(1, 11), (50, 11)]
