"""What the learner portal shows of a learner's own sponsored courses."""

import uuid

import pytest

from bursar.customers import api
from bursar.customers.data import BulkPair
from bursar.customers.models import SponsoredEnrollment
from tests.cast import ACME, ALICE, BOB, CAROL, CS50_RUN, DANA, GLOBEX, NOWHERE, PYTHON, PYTHON_RUN, STRAY
from tests.statements import counted

pytestmark = pytest.mark.django_db

URL = "/enterprise_learner_portal/api/v1/enterprise_course_enrollments/"


def enroll(*members, run=PYTHON_RUN, to=ACME):
    pairs = [BulkPair(run, each.email, license_uuid=str(uuid.uuid4())) for each in members]
    return api.enroll_in_bulk(customer_uuid=to, pairs=pairs, by=None)


def listed(client, **query):
    return client.get(URL, {"enterprise_id": str(ACME), **query})


def test_a_learner_sees_the_own_sponsored_courses(client_of, cast, settings):
    settings.LMS_URL = "https://lms.test"
    enroll(BOB)
    enroll(BOB, run=CS50_RUN)
    enroll(DANA)
    enroll(BOB, run=CS50_RUN, to=GLOBEX)

    response = listed(client_of(BOB))

    assert response.status_code == 200
    newest, oldest = response.json()
    assert newest["course_run_id"] == CS50_RUN
    assert oldest == {
        "certificate_download_url": None,
        "emails_enabled": None,
        "course_run_id": PYTHON_RUN,
        "course_run_status": "in_progress",
        "created": oldest["created"],
        "start_date": oldest["start_date"],
        "end_date": None,
        "display_name": "Introduction to Programming in Python",
        "course_run_url": f"https://lms.test/courses/{PYTHON_RUN}/course/",
        "due_dates": [],
        "pacing": "instructor",
        "org_name": "MITx",
        "is_revoked": False,
        "is_enrollment_active": True,
        "mode": "verified",
        "resume_course_run_url": None,
        "course_key": PYTHON,
        "course_type": None,
        "product_source": None,
        "enroll_by": None,
    }


def test_what_was_taken_back_is_marked_and_can_be_left_out(client_of, cast):
    (outcome,) = enroll(BOB)
    enroll(BOB, run=CS50_RUN)
    api.cancel_fulfillment(outcome.fulfillment_uuid, by=None)

    everything = listed(client_of(BOB)).json()

    states = {each["course_run_id"]: (each["is_revoked"], each["course_run_status"]) for each in everything}
    assert states == {PYTHON_RUN: (True, "saved_for_later"), CS50_RUN: (False, "in_progress")}
    active = listed(client_of(BOB), is_active="true").json()
    assert [each["course_run_id"] for each in active] == [CS50_RUN]
    inactive = listed(client_of(BOB), is_active="false").json()
    assert [each["course_run_id"] for each in inactive] == [PYTHON_RUN]


def test_a_course_is_put_aside_and_taken_up_again(client_of, cast):
    enroll(BOB)

    def patch(value):
        query = {"enterprise_id": str(ACME), "course_id": PYTHON_RUN, "saved_for_later": value}
        return client_of(BOB).patch(URL, {}, format="json", query_params=query)

    aside, again, back = patch("true"), patch("true"), patch("false")

    assert [each.json()["course_run_status"] for each in (aside, again, back)] == [
        "saved_for_later",
        "saved_for_later",
        "in_progress",
    ]
    assert SponsoredEnrollment.objects.get().history.count() == 3


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"course_id": CS50_RUN}, 404),
        ({"enterprise_id": str(NOWHERE)}, 404),
        ({"enterprise_id": str(GLOBEX)}, 404),
        ({"enterprise_id": "x"}, 400),
        ({"enterprise_id": ""}, 400),
        ({"saved_for_later": "perhaps"}, 400),
        ({"course_id": ""}, 400),
    ],
)
def test_a_change_of_what_is_not_ones_own_or_not_understood_is_refused(client_of, cast, changes, status):
    enroll(BOB)
    query = {"enterprise_id": str(ACME), "course_id": PYTHON_RUN, "saved_for_later": "true", **changes}

    assert client_of(BOB).patch(URL, {}, format="json", query_params=query).status_code == status


@pytest.mark.parametrize("member", [CAROL, STRAY])
def test_a_customer_that_is_not_ones_own_looks_like_a_missing_one(client_of, cast, member):
    foreign = listed(client_of(member))
    missing = client_of(member).get(URL, {"enterprise_id": str(NOWHERE)})

    assert (foreign.status_code, foreign.content) == (404, missing.content)
    assert client_of(None).get(URL).status_code == 401
    assert client_of(member).get(URL).status_code == 400


def test_nobody_sees_the_courses_of_others(client_of, cast):
    enroll(DANA)

    assert listed(client_of(BOB)).json() == []
    assert listed(client_of(ALICE)).json() == []


def test_one_course_and_two_cost_the_same_statements(client_of, cast):
    counts, client = [], client_of(BOB)
    for run in (PYTHON_RUN, CS50_RUN):
        enroll(BOB, run=run)
        with counted() as statements:
            listed(client)
        counts.append(statements.count)
    assert counts[0] == counts[1] <= 6
