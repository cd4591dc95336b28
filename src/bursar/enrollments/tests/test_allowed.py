"""Addresses that staff let into runs, and what becomes of them."""

from uuid import uuid4

import pytest

from bursar.enrollments import api, models
from bursar.enrollments.data import EnrollmentEntry
from bursar.enrollments.handlers import enroll_allowed_people
from bursar.enrollments.tests.scenes import (
    CLOSED,
    NEWT,
    NO_SUCH_RUN,
    RUN,
    cohort_of,
    facts_of,
    is_in,
    make_cohort,
    make_person,
    make_run,
    put_in,
    take_out,
)
from bursar.events.identity import AddressConfirmed
from bursar.identity import api as identity
from bursar.identity.models import User
from bursar.lib import clock
from bursar.outbox.data import Delivery
from tests.cast import ALICE, BOB, CS50_RUN, DANA, ERIN, OLGA, PYTHON_CLOSED_RUN, PYTHON_RUN
from tests.statements import counted

pytestmark = pytest.mark.django_db

PATH = "/api/enrollment/v1/enrollment_allowed/"
KEYS = {"email", "course_id", "auto_enroll", "user", "created"}


@pytest.fixture
def olga(client_of):
    """A client of staff."""
    return client_of(OLGA)


@pytest.fixture
def allow(olga):
    """Lets an address into a run by REST."""

    def do(email, run_key=RUN, **fields):
        answer = olga.post(PATH, {"email": email, "course_id": run_key, **fields})
        assert answer.status_code == 201, answer.content
        return answer.json()

    return do


@pytest.fixture
def closed_run(cast):
    """A run that takes nobody by themselves."""
    make_run(invitation_only=True, is_enrollable=False)


def enroll(member, run_key=RUN):
    return api.enroll([EnrollmentEntry(member.lms_user_id, run_key)], by=None)[0]


def users_of(client, email):
    return [each["user"] for each in client.get(PATH, {"email": email}).json()]


def confirmations_of(*members):
    """What is delivered when they have confirmed their addresses."""
    facts = tuple(AddressConfirmed(each.lms_user_id, each.username, each.email) for each in members)
    return Delivery(id=uuid4(), key="people", facts=facts, recorded_at=clock.now(), by=None)


def confirm(member):
    identity.confirm_addresses(lms_user_ids=[member.lms_user_id], by=None)


# Who may


def test_this_is_for_staff_alone(cast, client_of, server):
    User.objects.filter(username="alice").update(is_superuser=True)
    body = {"email": BOB.email, "course_id": PYTHON_RUN}

    for client, status in ((client_of(ALICE), 403), (client_of(None), 401), (server, 401)):
        for method in ("get", "post", "delete"):
            assert getattr(client, method)(PATH, body).status_code == status
    assert not models.EnrollmentAllowed.objects.exists()


# Letting in


def test_letting_an_address_in_answers_with_what_there_is_now(olga):
    answer = olga.post(PATH, {"email": NEWT.email, "course_id": PYTHON_RUN})

    assert answer.status_code == 201
    assert answer.json().keys() == KEYS
    assert answer.json()["created"].endswith("Z")
    told = {**answer.json(), "created": None}
    assert told == {
        "email": NEWT.email,
        "course_id": PYTHON_RUN,
        "auto_enroll": False,
        "user": None,
        "created": None,
    }
    assert olga.get(PATH, {"email": NEWT.email}).json() == [answer.json()]
    (row,) = models.EnrollmentAllowed.history.all()
    assert (row.history_type, row.history_user_id) == ("+", OLGA.lms_user_id)


@pytest.mark.parametrize("value", [True, False])
def test_auto_enroll_is_kept(olga, allow, value):
    assert allow(NEWT.email, PYTHON_RUN, auto_enroll=value)["auto_enroll"] is value


@pytest.mark.parametrize("spelling", ["NEWT@Nowhere.Test", " newt@nowhere.test ", "newt@nowhere.test"])
def test_spellings_of_one_address_are_one_address(olga, allow, spelling):
    assert allow(spelling, PYTHON_RUN)["email"] == NEWT.email
    again = olga.post(PATH, {"email": NEWT.email, "course_id": PYTHON_RUN})
    assert again.status_code == 409
    assert users_of(olga, spelling.upper()) == [None]
    assert olga.delete(PATH, {"email": spelling.upper(), "course_id": PYTHON_RUN}).status_code == 204


def test_the_same_again_is_a_409_that_changes_nothing(olga, allow):
    first = allow(NEWT.email, PYTHON_RUN)

    answer = olga.post(PATH, {"email": NEWT.email, "course_id": PYTHON_RUN, "auto_enroll": True})

    assert answer.status_code == 409
    assert answer.json()["code"] == answer["Bursar-Error-Code"] == "already_allowed"
    assert answer.json()["message"]
    assert olga.get(PATH, {"email": NEWT.email}).json() == [first]
    assert models.EnrollmentAllowed.history.count() == 1


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "missing_field"),
        ({"email": NEWT.email}, "missing_field"),
        ({"course_id": PYTHON_RUN}, "missing_field"),
        ({"email": "", "course_id": PYTHON_RUN}, "missing_field"),
        ({"email": None, "course_id": PYTHON_RUN}, "missing_field"),
        ({"email": 7, "course_id": PYTHON_RUN}, "missing_field"),
        ({"email": NEWT.email, "course_id": [PYTHON_RUN]}, "missing_field"),
        ({"email": "newt", "course_id": PYTHON_RUN}, "invalid_allowance"),
        ({"email": " ", "course_id": PYTHON_RUN}, "invalid_allowance"),
        ({"email": "x" * 300 + "@a.test", "course_id": PYTHON_RUN}, "invalid_allowance"),
        ({"email": NEWT.email, "course_id": "nonsense"}, "invalid_allowance"),
        ({"email": NEWT.email, "course_id": "MITx+6.00.1x"}, "invalid_allowance"),
        ({"email": NEWT.email, "course_id": "x" * 300}, "invalid_allowance"),
        ({"email": NEWT.email, "course_id": NO_SUCH_RUN}, "invalid_allowance"),
        ({"email": NEWT.email, "course_id": PYTHON_RUN, "auto_enroll": "yes"}, "invalid_field"),
        ({"email": NEWT.email, "course_id": PYTHON_RUN, "auto_enroll": None}, "invalid_field"),
    ],
)
def test_what_is_missing_or_wrong_is_a_400(olga, body, code):
    answer = olga.post(PATH, body)

    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert answer.json().keys() == {"message", "code"}
    assert not models.EnrollmentAllowed.objects.exists()


def test_a_body_that_is_no_object_is_a_400(olga):
    assert olga.post(PATH, ["x"]).status_code == 400
    assert olga.delete(PATH, ["x"]).status_code == 400


def test_the_same_request_with_its_key_gets_the_first_answer(olga):
    body, key = {"email": NEWT.email, "course_id": PYTHON_RUN}, {"Idempotency-Key": "once"}

    first, again = (olga.post(PATH, body, headers=key) for _ in range(2))

    assert (again.status_code, again.json()) == (201, first.json())
    assert again["Idempotency-Replayed"] == "true"


# Reading


def test_without_an_address_staff_read_their_own(olga, allow):
    allow(OLGA.email, PYTHON_RUN)
    allow(NEWT.email, PYTHON_RUN)

    assert [each["email"] for each in olga.get(PATH).json()] == [OLGA.email]


def test_an_address_is_listed_with_all_its_runs_the_oldest_first(olga, allow):
    for run_key in (PYTHON_RUN, CS50_RUN, PYTHON_CLOSED_RUN):
        allow(NEWT.email, run_key)
    allow(BOB.email, PYTHON_RUN)

    listed = olga.get(PATH, {"email": NEWT.email}).json()

    assert [each["course_id"] for each in listed] == [PYTHON_RUN, CS50_RUN, PYTHON_CLOSED_RUN]


@pytest.mark.parametrize("email", ["nobody@acme.test", "nonsense", "x" * 500])
def test_an_address_that_was_let_in_nowhere_has_an_empty_list(olga, email):
    answer = olga.get(PATH, {"email": email})

    assert (answer.status_code, answer.json()) == (200, [])


# Taking back


def test_taking_it_back_is_a_204_and_then_a_404(olga, allow):
    allow(NEWT.email, PYTHON_RUN)
    allow(NEWT.email, CS50_RUN)
    body = {"email": NEWT.email, "course_id": PYTHON_RUN}

    answer, again = olga.delete(PATH, body), olga.delete(PATH, body)

    assert (answer.status_code, answer.content) == (204, b"")
    assert (again.status_code, again.json()["code"]) == (404, "not_allowed_yet")
    assert again.json().keys() == {"message", "code"}
    assert [each["course_id"] for each in olga.get(PATH, {"email": NEWT.email}).json()] == [CS50_RUN]
    (deleted,) = models.EnrollmentAllowed.history.filter(history_type="-")
    assert (deleted.run_key, deleted.history_user_id) == (PYTHON_RUN, OLGA.lms_user_id)


@pytest.mark.parametrize(
    "body", [{}, {"email": NEWT.email}, {"course_id": PYTHON_RUN}, {"email": 1, "course_id": 2}]
)
def test_taking_back_needs_both_keys(olga, body):
    answer = olga.delete(PATH, body)

    assert (answer.status_code, answer.json()["code"]) == (400, "missing_field")


def test_who_is_in_stays_in_when_it_is_taken_back(closed_run, olga, allow):
    allow(BOB.email)
    enroll(BOB)

    olga.delete(PATH, {"email": BOB.email, "course_id": RUN})

    assert is_in(BOB)


# What it does


def test_it_lets_its_person_in_and_nobody_else(closed_run, allow):
    allow(BOB.email)

    assert enroll(BOB).created
    assert enroll(DANA).refusal.code == "invitation_only"


@pytest.mark.parametrize("fields", CLOSED, ids=" ".join)
def test_it_lets_in_by_rest_whatever_the_run_is_closed_by(cast, client_of, allow, fields):
    make_run(**fields)
    body = {"course_details": {"course_id": RUN}}
    assert client_of(BOB).post("/api/enrollment/v1/enrollment", body).status_code == 400

    allow(BOB.email)

    answer = client_of(BOB).post("/api/enrollment/v1/enrollment", body)
    assert (answer.status_code, answer.json()["is_active"]) == (200, True)


def test_it_is_for_its_run_alone(closed_run, allow):
    allow(BOB.email, PYTHON_RUN)

    assert enroll(BOB).refusal is not None


def test_it_makes_no_room_in_a_full_run(cast, allow):
    make_run(invitation_only=True, max_enrollments=1)
    put_in(DANA, RUN)
    allow(BOB.email)

    assert enroll(BOB).refusal.code == "run_full"


def test_an_address_that_is_not_confirmed_lets_nobody_in(closed_run, allow):
    make_person(is_confirmed=False)
    allow(NEWT.email)
    assert enroll(NEWT).refusal.code == "invitation_only"

    confirm(NEWT)

    assert enroll(NEWT).created


def test_what_was_taken_back_lets_nobody_in(closed_run, olga, allow):
    allow(BOB.email)
    olga.delete(PATH, {"email": BOB.email, "course_id": RUN})

    assert enroll(BOB).refusal.code == "invitation_only"


# Who made use of it


def test_it_is_the_first_ones_for_good(closed_run, olga, allow, drain):
    allow(BOB.email)
    enroll(BOB)
    drain()
    assert users_of(olga, BOB.email) == [BOB.lms_user_id]
    take_out(BOB, RUN)
    identity.change_person(lms_user_id=BOB.lms_user_id, email="bob@new.test", is_confirmed=True, by=None)
    identity.change_person(lms_user_id=ERIN.lms_user_id, email=BOB.email, is_confirmed=True, by=None)

    assert enroll(ERIN).refusal.code == "invitation_only"
    drain()
    assert users_of(olga, BOB.email) == []
    assert users_of(olga, "bob@new.test") == [BOB.lms_user_id], "it follows whoever made use of it"


def test_its_person_comes_back_by_it(closed_run, allow, drain):
    allow(BOB.email)
    enroll(BOB)
    drain()
    take_out(BOB, RUN)

    assert enroll(BOB).created


def test_others_make_no_use_of_it(closed_run, olga, allow, drain):
    allow(BOB.email)
    put_in(DANA, RUN)
    put_in(BOB, PYTHON_RUN)
    drain()

    assert users_of(olga, BOB.email) == [None]


def test_who_came_in_through_an_open_door_has_used_it_too(cast, olga, allow, drain):
    allow(BOB.email, PYTHON_RUN)
    put_in(BOB, PYTHON_RUN)
    drain()

    assert users_of(olga, BOB.email) == [BOB.lms_user_id]
    row = models.EnrollmentAllowed.history.order_by("history_id").last()
    assert (row.history_type, row.history_user_id) == ("~", None)


def test_whoever_only_claims_the_address_does_not_use_it_up(cast, olga, allow, drain):
    make_person(is_confirmed=False)
    allow(NEWT.email, PYTHON_RUN)
    put_in(NEWT, PYTHON_RUN)
    drain()

    assert users_of(olga, NEWT.email) == [None]


# Enrolling by itself


def test_auto_enroll_puts_in_whoever_confirms_the_address(closed_run, olga, allow, drain):
    make_person(is_confirmed=False)
    allow(NEWT.email, auto_enroll=True)
    allow(NEWT.email, PYTHON_RUN, auto_enroll=True)
    allow(NEWT.email, CS50_RUN)
    drain()
    assert not is_in(NEWT)

    confirm(NEWT)
    drain()

    assert [is_in(NEWT, key) for key in (RUN, PYTHON_RUN, CS50_RUN)] == [True, True, False]
    assert users_of(olga, NEWT.email) == [NEWT.lms_user_id, NEWT.lms_user_id, None]


def test_an_account_that_is_made_later_is_put_in_when_it_is_confirmed(closed_run, allow, drain):
    allow(NEWT.email, auto_enroll=True)
    make_person()

    drain()

    assert is_in(NEWT)


def test_a_new_address_counts_when_it_is_confirmed(closed_run, allow, drain):
    allow("bob@new.test", auto_enroll=True)

    identity.change_person(lms_user_id=BOB.lms_user_id, email="bob@new.test", is_confirmed=True, by=None)
    drain()

    assert is_in(BOB)


def test_auto_enroll_puts_into_the_cohort_too(closed_run, allow, drain):
    make_person(is_confirmed=False)
    allow(NEWT.email, auto_enroll=True)
    models.EnrollmentAllowed.objects.update(cohort=make_cohort("Red"))

    confirm(NEWT)
    drain()

    assert cohort_of(NEWT) == "Red"


def test_a_repeated_delivery_changes_nothing(closed_run, allow, drain):
    make_person(is_confirmed=False)
    allow(NEWT.email, auto_enroll=True)
    models.EnrollmentAllowed.objects.update(cohort=make_cohort("Red"))
    confirm(NEWT)
    drain()
    before = (models.Enrollment.history.count(), models.CohortMember.history.count())

    enroll_allowed_people([confirmations_of(NEWT)])
    drain()

    assert (models.Enrollment.history.count(), models.CohortMember.history.count()) == before == (1, 1)
    assert len(facts_of("enrollment.created")) == 1


def test_who_left_is_not_put_in_again(closed_run, allow, drain):
    make_person(is_confirmed=False)
    allow(NEWT.email, auto_enroll=True)
    confirm(NEWT)
    drain()
    take_out(NEWT, RUN)

    identity.change_person(lms_user_id=NEWT.lms_user_id, email="newt@new.test", is_confirmed=True, by=None)
    identity.change_person(lms_user_id=NEWT.lms_user_id, email=NEWT.email, is_confirmed=True, by=None)
    drain()

    assert not is_in(NEWT)


def test_who_is_in_already_stays_as_they_are(cast, allow, drain):
    make_person(is_confirmed=False)
    put_in(NEWT, PYTHON_RUN, "verified")
    allow(NEWT.email, PYTHON_RUN, auto_enroll=True)

    confirm(NEWT)
    drain()

    assert models.Enrollment.objects.get(lms_user_id=NEWT.lms_user_id).mode == "verified"


def test_a_closed_account_is_not_put_in(closed_run, allow, drain):
    make_person(is_confirmed=False)
    allow(NEWT.email, auto_enroll=True)
    confirm(NEWT)
    User.objects.filter(username=NEWT.username).update(is_active=False)

    drain()

    assert not is_in(NEWT)


def test_one_confirmed_address_and_fifty_cost_the_same_statements(acme, drain):
    make_run(invitation_only=True)
    learners = acme.learners(51)
    drain()
    models.EnrollmentAllowed.objects.bulk_create(
        models.EnrollmentAllowed(email=each.email, run_key=RUN, auto_enroll=True, created_at=clock.now())
        for each in learners
    )

    costs = []
    for group in (learners[:1], learners[1:]):
        with counted() as statements:
            enroll_allowed_people([confirmations_of(*group)])
        costs.append(statements.count)

    assert models.Enrollment.objects.count() == 51
    # Who is waited for, who they are; the run, who is in; what lets them in; the places with their
    # history; the event and what is to be delivered of it.
    assert costs == [9, 9]
