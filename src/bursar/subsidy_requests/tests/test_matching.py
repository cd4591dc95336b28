"""Approving and declining all requests that match a filter, by a job."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from bursar.jobs import api as jobs
from bursar.jobs.models import Job
from bursar.licenses import api as licenses
from bursar.notifications.models import Message
from bursar.outbox import api as outbox
from bursar.subsidy_requests import api as subsidy_requests
from bursar.subsidy_requests.data import Decline, SubsidyType
from bursar.subsidy_requests.models import CouponCodeRequest, LicenseRequest
from tests.cast import (
    ACME,
    ALICE,
    BOB,
    CAROL,
    CS50,
    DANA,
    ERIN,
    GUS,
    NOWHERE,
    OLGA,
    PYTHON,
    Client,
    Member,
    Organization,
)
from tests.statements import counted

REQUESTS = "/api/v1/license-requests/"
CODE_REQUESTS = "/api/v1/coupon-code-requests/"
JOBS = "/api/jobs/v1/jobs/"
Drain = Callable[[], None]
Answer = Callable[..., Any]


@pytest.fixture
def asked(acme: Organization) -> dict[str, UUID]:
    """Bob and Dana have asked for Python, and then Erin for CS50."""
    acme.takes_requests()
    bob, dana = acme.requests_of([BOB, DANA])
    (erin,) = acme.requests_of([ERIN], CS50)
    return {"bob": bob, "dana": dana, "erin": erin}


@pytest.fixture
def answer(acme: Organization, client_of: Client) -> Answer:
    """Answers what matches: ``answer("approve", {"search": "bob"}, plan_uuid)``."""

    def post(what: str, wanted: object, plan: object = None, *, by: Member = ALICE, **more: object) -> Any:
        body = {"enterprise_customer_uuid": str(acme.uuid), "filter": wanted, **more}
        if plan is not None:
            body["subscription_plan_uuid"] = str(plan)
        return client_of(by).post(f"{REQUESTS}{what}-matching/", body)

    return post


def states() -> dict[str, str]:
    rows = LicenseRequest.objects.filter(is_removed=False).values_list("email", "state")
    return {email.split("@")[0]: state for email, state in rows}


def results_of(client: Any, response: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.get(f"{JOBS}{response.json()['job_uuid']}/results.json").json()[
        "results"
    ]
    return found


def test_all_that_match_are_approved_in_the_background(
    acme: Organization, asked: dict[str, UUID], answer: Answer, client_of: Client, drain: Drain
) -> None:
    plan, alice = acme.plan(free=2), client_of(ALICE)

    begun = answer("approve", {"course_id": PYTHON, "state": "requested"}, plan.uuid, send_notification=True)

    assert (begun.status_code, begun.json()["count"]) == (202, 2)
    assert set(states().values()) == {"requested"}
    jobs.run()
    assert states() == {"bob": "pending", "dana": "pending", "erin": "requested"}
    drain()
    assert states() == {"bob": "approved", "dana": "approved", "erin": "requested"}
    job = alice.get(f"{JOBS}{begun.json()['job_uuid']}/").json()
    assert (job["title"], job["state"], job["progress_percent"]) == ("Approve requests", "done", 100)
    assert job["counts"] == {"approved": 2}
    results = results_of(alice, begun)
    assert sorted(each["uuid"] for each in results) == sorted([str(asked["bob"]), str(asked["dana"])])
    assert [(each["row"], each["outcome"]) for each in results] == [(1, "approved"), (2, "approved")]
    reviewers = LicenseRequest.objects.values_list("reviewer_lms_user_id", flat=True)
    assert set(reviewers) == {ALICE.lms_user_id, None}
    assert set(Message.objects.values_list("email", flat=True)) == {BOB.email, DANA.email}
    assert client_of(CAROL).get(f"{JOBS}{begun.json()['job_uuid']}/").status_code == 404
    table = client_of(ALICE).get(f"{JOBS}{begun.json()['job_uuid']}/results.csv").content.decode()
    assert table.splitlines()[0] == "row,request,email address,outcome,code,message"


def test_all_that_match_are_declined_in_the_background(
    asked: dict[str, UUID], answer: Answer, client_of: Client, drain: Drain
) -> None:
    begun = answer(
        "decline", {"search": "BO acme"}, decline_reason="Next year.", unlink_users_from_enterprise=True,
        send_notification=True,
    )  # fmt: skip
    jobs.run()
    drain()

    assert begun.json()["count"] == 1
    assert results_of(client_of(ALICE), begun) == [
        {"row": 1, "uuid": str(asked["bob"]), "email": BOB.email, "outcome": "declined"}
    ]
    assert states() == {"bob": "declined", "dana": "requested", "erin": "requested"}
    assert LicenseRequest.objects.get(pk=asked["bob"]).decline_reason == "Next year."
    assert "Next year." not in str(Job.objects.get().parameters)  # it may name somebody
    mail = Message.objects.get(template="subsidy_requests/declined")
    assert (mail.email, mail.context["reason"], mail.context["is_unlinked"]) == (
        BOB.email,
        "Next year.",
        True,
    )
    again = {"enterprise_customer_uuid": str(ACME), "course_id": PYTHON}
    assert client_of(BOB).post(REQUESTS, again).status_code == 403  # he was unlinked


def test_codes_are_given_to_all_that_match(
    acme: Organization, install_coupons: Callable[..., Any], client_of: Client, drain: Drain
) -> None:
    acme.takes_requests(of=SubsidyType.COUPON)
    coupons, alice = install_coupons(acme, free=2), client_of(ALICE)
    body: dict[str, object] = {"enterprise_customer_uuid": str(acme.uuid)}
    for member, course in ((BOB, PYTHON), (BOB, CS50), (DANA, PYTHON)):
        client_of(member).post(CODE_REQUESTS, {**body, "course_id": course})

    def post(what: str, wanted: object) -> Any:
        return alice.post(
            f"{CODE_REQUESTS}{what}-matching/", {**body, "filter": wanted, "coupon_id": coupons.coupon_id}
        )

    too_many = post("approve", {})
    begun = post("approve", {"search": "bob"})
    jobs.run()
    drain()
    rest = post("decline", {})
    jobs.run()

    assert (too_many.status_code, "only 2 are free" in too_many.json()) == (422, True)
    assert [each["outcome"] for each in results_of(alice, begun)] == ["approved", "approved"]
    assert (rest.json()["count"], results_of(alice, rest)[0]["outcome"]) == (1, "declined")
    ended = CouponCodeRequest.objects.values_list("email", "state", "coupon_code")
    assert sorted(ended, key=lambda each: each[2] or "") == [
        (DANA.email, "declined", None),
        (BOB.email, "approved", "CODE0"),
        (BOB.email, "approved", "CODE1"),
    ]


def test_what_is_answered_meanwhile_is_passed_over_and_a_repeated_chunk_changes_nothing(
    acme: Organization, asked: dict[str, UUID], answer: Answer, client_of: Client
) -> None:
    plan = acme.plan(free=3)
    begun = answer("approve", {}, plan.uuid)
    only_bob = Decline(SubsidyType.LICENSE, acme.uuid, (asked["bob"],))
    subsidy_requests.decline(only_bob, by=OLGA.lms_user_id)
    subsidy_requests.withdraw(SubsidyType.LICENSE, asked["dana"], lms_user_id=DANA.lms_user_id)
    jobs.run()
    first = results_of(client_of(ALICE), begun)
    history = LicenseRequest.history.count()

    Job.objects.get().chunks.update(state="waiting", results="", claim=None, claimed_until=None)
    Job.objects.update(state="running", finished_at=None)
    jobs.run()

    assert {each["email"]: (each["outcome"], each.get("code")) for each in first} == {
        BOB.email: ("passed_over", "already_declined"),
        DANA.email: ("passed_over", "request_not_found"),
        ERIN.email: ("approved", None),
    }
    assert states() == {"bob": "declined", "erin": "pending"}
    again = {each["email"]: each["outcome"] for each in results_of(client_of(ALICE), begun)}
    assert again == dict.fromkeys((BOB.email, DANA.email, ERIN.email), "passed_over")
    assert LicenseRequest.history.count() == history
    assert licenses.find_plans([plan.uuid])[plan.uuid].free_count == 2


def test_seats_that_are_taken_meanwhile_refuse_the_chunk_and_say_how_many_are_free(
    acme: Organization, asked: dict[str, UUID], answer: Answer, client_of: Client
) -> None:
    plan = acme.plan(free=3, title="Small")
    begun = answer("approve", {}, plan.uuid)
    licenses.assign(plan_uuid=plan.uuid, addresses=["someone@acme.test"], by=None)

    jobs.run()

    results = results_of(client_of(ALICE), begun)
    assert {(each["outcome"], each["code"], each["message"]) for each in results} == {
        ("refused", "not_enough_licenses", "3 licenses are needed, but “Small” has only 2 free.")
    }
    assert set(states().values()) == {"requested"}
    assert licenses.find_plans([plan.uuid])[plan.uuid].free_count == 2


def test_too_little_and_nothing_are_refused_at_once(
    acme: Organization, asked: dict[str, UUID], answer: Answer
) -> None:
    plan = acme.plan(free=1, title="Small")

    too_few = answer("approve", {}, plan.uuid)
    nobody = answer("approve", {"search": "nobody"}, plan.uuid)
    nothing = answer("decline", {"state": ["error"]})

    assert (too_few.status_code, too_few.json()) == (
        422,
        "3 licenses are needed, but “Small” has only 1 free.",
    )
    for refused in (nobody, nothing):
        assert (refused.status_code, refused.headers["Bursar-Error-Code"]) == (422, "nothing_matches")
    assert not Job.objects.exists()


def test_an_error_whose_learner_has_asked_again_is_refused_by_itself(
    acme: Organization, asked: dict[str, UUID], answer: Answer, client_of: Client
) -> None:
    LicenseRequest.objects.filter(pk=asked["bob"]).update(state="error")
    acme.requests_of([BOB], CS50)

    begun = answer("approve", {"search": "bob"}, acme.plan(free=1).uuid)
    jobs.run()

    old, new = results_of(client_of(ALICE), begun)
    assert (old["uuid"], old["outcome"], old["code"]) == (str(asked["bob"]), "refused", "superseded")
    assert new["outcome"] == "approved"


def test_a_cancelled_job_answers_nobody_and_names_them(
    asked: dict[str, UUID], answer: Answer, client_of: Client
) -> None:
    begun = answer("decline", {"course_id": CS50})

    cancelled = client_of(ALICE).post(f"{JOBS}{begun.json()['job_uuid']}/cancel/")
    jobs.run()

    assert cancelled.json()["state"] == "cancelled"
    (result,) = results_of(client_of(ALICE), begun)
    assert (result["uuid"], result["email"], result["outcome"]) == (
        str(asked["erin"]),
        ERIN.email,
        "cancelled",
    )
    assert set(states().values()) == {"requested"}


def test_another_customers_requests_and_plans_are_out_of_reach(
    acme: Organization, globex: Organization, asked: dict[str, UUID], answer: Answer
) -> None:
    globex.takes_requests()
    globex.requests_of([GUS], CS50)

    foreign = answer("approve", {}, globex.plan().uuid)
    missing = answer("approve", {}, NOWHERE)
    declined = answer("decline", {})
    jobs.run()

    assert (foreign.status_code, foreign.json()) == (missing.status_code, missing.json())
    assert foreign.status_code == 422
    assert declined.json()["count"] == 3
    assert states() == {"bob": "declined", "dana": "declined", "erin": "declined", "gus": "requested"}
    for what in ("approve", "decline"):
        assert answer(what, {}, by=CAROL).status_code == answer(what, {}, by=BOB).status_code == 403


def test_the_same_key_begins_one_job(asked: dict[str, UUID], client_of: Client) -> None:
    body = {"enterprise_customer_uuid": str(ACME), "filter": {}}
    headers = {"Idempotency-Key": "decline all"}

    first, again = (
        client_of(ALICE).post(f"{REQUESTS}decline-matching/", body, headers=headers) for _ in range(2)
    )

    assert first.json() == again.json()
    assert Job.objects.count() == 1


@pytest.mark.once
@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"filter": None}, "filter"),
        ({"filter": []}, "filter.non_field_errors"),
        ({"filter": {"search": " "}}, "filter.search"),
        ({"filter": {"search": ", ,"}}, "filter.search"),
        ({"filter": {"state": []}}, "filter.state"),
        ({"filter": {"state": ","}}, "filter.state"),
        ({"filter": {"state": "requested,approved"}}, "filter.state"),
        ({"filter": {"state": [7, None]}}, "filter.state"),
        ({"filter": {"course_id": ""}}, "filter.course_id"),
        ({"filter": {"course": PYTHON}}, "filter.course"),
        ({"subsidy_request_uuids": [str(NOWHERE)]}, "subsidy_request_uuids"),
    ],
)
def test_a_slip_of_the_pen_is_a_400_that_names_the_field(
    asked: dict[str, UUID], answer: Answer, change: dict[str, object], field: str
) -> None:
    wanted = {"filter": {}, **change}

    response = answer("decline", wanted.pop("filter"), **wanted)

    assert (response.status_code, response.json().split(": ")[0]) == (400, field)
    assert not Job.objects.exists()


@pytest.mark.once
def test_without_a_filter_nothing_is_answered(asked: dict[str, UUID], client_of: Client) -> None:
    body = {"enterprise_customer_uuid": str(ACME)}

    response = client_of(ALICE).post(f"{REQUESTS}decline-matching/", body)

    assert (response.status_code, response.json()) == (400, "filter: This field is required.")


def test_one_and_two_hundred_take_the_same_statements(acme: Organization, answer: Answer) -> None:
    acme.takes_requests()
    learners = acme.learners(201)
    figures = []
    for some in (learners[:1], learners[1:]):
        plan = acme.plan(free=len(some))
        for what, plan_uuid, course in (("decline", None, PYTHON), ("approve", plan.uuid, CS50)):
            acme.requests_of(some, course)
            outbox.relay()  # what the preparations left to do is not counted
            with counted() as in_the_request:
                assert answer(what, {}, plan_uuid, send_notification=True).json()["count"] == len(some)
            with counted() as in_the_background:
                jobs.run()
            figures.append((what, in_the_request.count, in_the_background.count))
        assert LicenseRequest.objects.filter(state="pending").count() == len(some)
        outbox.relay()

    assert figures[:2] == figures[2:]
