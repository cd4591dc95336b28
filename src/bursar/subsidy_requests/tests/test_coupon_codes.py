"""Requests for coupon codes: the same rules over another table, against a stand-in for what holds coupons."""

from collections.abc import Callable
from typing import Any

import pytest

from bursar.notifications.models import Message
from bursar.subsidy_requests.data import SubsidyType
from bursar.subsidy_requests.models import CouponCodeRequest
from bursar.subsidy_requests.tests.coupons import Coupons
from tests.cast import ALICE, BOB, CS50, DANA, PYTHON, PYTHON_RUN, Client, Organization

pytestmark = pytest.mark.once  # test_case_by_case.py has both kinds on every database

REQUESTS = "/api/v1/coupon-code-requests/"
Drain = Callable[[], None]


@pytest.fixture
def coupons(acme: Organization, install_coupons: Callable[..., Coupons]) -> Coupons:
    """Acme pays with codes, and has two."""
    acme.takes_requests(of=SubsidyType.COUPON)
    return install_coupons(acme, free=2)


@pytest.fixture
def ask(acme: Organization, client_of: Client) -> Callable[..., Any]:
    def ask(member: Any, course: object = PYTHON, **more: object) -> Any:
        body = {"enterprise_customer_uuid": str(acme.uuid), "course_id": course, **more}
        return client_of(member).post(REQUESTS, body)

    return ask


def answer(client: Any, acme: Organization, what: str, *uuids: str, **more: object) -> Any:
    body = {"enterprise_customer_uuid": str(acme.uuid), "subsidy_request_uuids": list(uuids), **more}
    return client.post(f"{REQUESTS}{what}", body)


def test_a_learner_asks_for_a_code_for_a_course(
    acme: Organization, coupons: Coupons, ask: Any, client_of: Client
) -> None:
    row = ask(BOB, course_run_id=PYTHON_RUN).json()

    assert list(row)[13:] == [
        "coupon_id",
        "coupon_code",
        "course_run_id",
        "fulfilled_at",
        "error_code",
        "error_message",
    ]
    assert (row["course_id"], row["course_run_id"], row["state"]) == (PYTHON, PYTHON_RUN, "requested")
    assert ask(BOB).status_code == 422  # for this course; for another one:
    assert ask(BOB, CS50).status_code == 201
    params = {"enterprise_customer_uuid": str(acme.uuid)}
    assert client_of(ALICE).get(REQUESTS, params).json()["count"] == 2
    overview = client_of(ALICE).get(f"{REQUESTS}overview/", params)
    assert overview.json() == [{"state": "requested", "count": 2}]


@pytest.mark.parametrize("course", [None, "", " "])
def test_a_request_for_a_code_names_a_course(coupons: Coupons, ask: Any, course: object) -> None:
    response = ask(BOB, course)

    assert response.status_code == 400
    assert list(response.json()) == ["course_id"]


def test_a_run_must_be_one_of_the_course(coupons: Coupons, ask: Any) -> None:
    assert ask(BOB, CS50, course_run_id=PYTHON_RUN).status_code == 422
    assert not CouponCodeRequest.objects.exists()


def test_an_approval_ends_with_a_code(
    acme: Organization, coupons: Coupons, ask: Any, client_of: Client, drain: Drain
) -> None:
    asked = [ask(member).json()["uuid"] for member in (BOB, DANA)]
    alice = client_of(ALICE)

    rows = answer(alice, acme, "approve/", *asked, coupon_id=7, send_notification=True).json()
    assert [row["state"] for row in rows] == ["pending", "pending"]
    params = {"enterprise_customer_uuid": str(acme.uuid)}
    capacity = alice.get(f"{REQUESTS}capacity/", params).json()
    drain()

    row = client_of(BOB).get(f"{REQUESTS}{asked[0]}/").json()
    code = next(code for code, (email, _at) in coupons.given.items() if email == BOB.email)
    assert (row["state"], row["coupon_id"], row["coupon_code"]) == ("approved", 7, code)
    assert row["fulfilled_at"]
    assert capacity["supplies"] == [{"coupon_id": 7, "title": "Spring", "free": 0}]
    story = client_of(BOB).get(f"{REQUESTS}{asked[0]}/history/").json()["results"]
    assert {(line["subject"], line["event"]) for line in story} >= {
        ("request", "requested"),
        ("request", "approved"),
        ("request", "fulfilled"),
        ("coupon", "assigned"),
        ("message", "sent"),
    }
    mail = Message.objects.get(template="subsidy_requests/coupon_approved", email=BOB.email)
    assert mail.context["code"] == code


def test_too_few_codes_refuse_the_whole_set(
    acme: Organization, coupons: Coupons, ask: Any, client_of: Client
) -> None:
    asked = [ask(*pair).json()["uuid"] for pair in ((BOB, PYTHON), (BOB, CS50), (DANA, PYTHON))]

    response = answer(client_of(ALICE), acme, "approve/", *asked, coupon_id=7)

    assert (response.status_code, "only 2 are free" in response.json()) == (422, True)
    assert not CouponCodeRequest.objects.exclude(state="requested").exists()
    assert not coupons.held


def test_a_coupon_that_is_over_ends_in_an_error_that_can_be_tried_again(
    acme: Organization, coupons: Coupons, ask: Any, client_of: Client, drain: Drain
) -> None:
    request = ask(BOB).json()["uuid"]
    answer(client_of(ALICE), acme, "approve/", request, coupon_id=7, send_notification=True)
    coupons.is_over = True
    drain()

    failed = client_of(BOB).get(f"{REQUESTS}{request}/").json()
    coupons.is_over = False
    answer(client_of(ALICE), acme, "approve/", request, coupon_id=7)
    drain()

    assert (failed["state"], failed["error_code"]) == ("error", "coupon_over")
    row = client_of(BOB).get(f"{REQUESTS}{request}/").json()
    assert (row["state"], row["error_code"], row["error_message"]) == ("approved", None, None)


def test_a_learner_withdraws_a_request_for_a_code(coupons: Coupons, ask: Any, client_of: Client) -> None:
    request = ask(BOB).json()["uuid"]

    assert client_of(DANA).delete(f"{REQUESTS}{request}/").status_code == 404
    assert client_of(BOB).delete(f"{REQUESTS}{request}/").status_code == 204
    assert client_of(BOB).get(f"{REQUESTS}{request}/").status_code == 404
    assert ask(BOB).status_code == 201


def test_without_coupons_a_clear_answer_is_given(acme: Organization, ask: Any, client_of: Client) -> None:
    acme.takes_requests(of=None)
    alice = client_of(ALICE)
    path = f"/api/v1/customer-configurations/{acme.uuid}/"

    choosing = alice.patch(path, {"subsidy_type": "coupon"})
    asking = ask(BOB)
    approving = answer(alice, acme, "approve/", str(acme.uuid), coupon_id=7)
    declining = answer(alice, acme, "decline/", str(acme.uuid))

    assert (choosing.status_code, choosing.json()["code"]) == (422, "subsidy_not_available")
    assert alice.get(path).json()["subsidy_type"] is None
    assert (asking.status_code, approving.status_code) == (422, 422)
    assert approving.headers["Bursar-Error-Code"] == "subsidy_not_available"
    assert (declining.status_code, declining.json()) == (200, [])
