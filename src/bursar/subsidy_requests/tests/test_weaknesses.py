"""What enterprise-access does wrong with requests, and we must not: what no other test of this app shows.

The others: W2 and W5 ``test_case_by_case.py``; W3, W7, W8 and W13 ``test_races.py``; W4 ``test_changing.py``;
W10 ``test_statements.py``; W14 ``test_digests.py``; W15 ``test_license_requests.py``. With processes and
brokers that die: ``tests/faults/``.
"""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest
from django.db import DatabaseError, connection, transaction

from bursar.config import nudges
from bursar.config.celery import app
from bursar.config.logs import JsonFormatter
from bursar.events.coupons import CODES_ASSIGNED, CodeAssigned
from bursar.lib import clock
from bursar.notifications.models import Message
from bursar.outbox import api as outbox
from bursar.outbox.models import Event
from bursar.subsidy_requests.data import State
from bursar.subsidy_requests.tests.paying import Paying, PayingCodes, PayingLicenses
from tests.cast import (
    ACME,
    ALICE,
    BOB,
    CAROL,
    CS50,
    DANA,
    ERIN,
    GLOBEX,
    NOWHERE,
    PYTHON,
    STRAY,
    Client,
    Member,
)

pytestmark = pytest.mark.once  # races and locks have tests of their own, on every database

Drain = Callable[[], None]
Post = Callable[..., Any]


@pytest.fixture
def post(client_of: Client) -> Post:
    """Posts an answer to requests."""

    def post(
        paying: Paying,
        what: str,
        *requests: object,
        by: Member = ALICE,
        key: str | None = None,
        outcomes: int = 0,
        **more: object,
    ) -> Any:
        body = {
            "enterprise_customer_uuid": str(ACME),
            "subsidy_request_uuids": [str(each) if isinstance(each, UUID) else each for each in requests],
            **more,
        }
        headers = {"Idempotency-Key": key} if key else None
        return client_of(by).post(f"{paying.prefix}{what}/?outcomes={outcomes}", body, headers=headers)

    return post


def test_foreigners_decline_nothing_and_read_nothing(paying: Paying, post: Post) -> None:
    """Weakness W1 of enterprise-access: whoever was signed in declined any request for a code."""
    paying.supply(free=1)
    request = paying.ask(BOB)

    for member in (BOB, CAROL, STRAY):
        assert post(paying, "decline", request, by=member).status_code == 403
    foreign = post(paying, "decline", request, by=CAROL, enterprise_customer_uuid=str(GLOBEX))
    named = {"enterprise_customer_uuid": str(GLOBEX), "unlink_users_from_enterprise": True}
    told = post(paying, "decline", request, by=CAROL, outcomes=1, **named)

    assert (foreign.status_code, foreign.json()) == (200, [])
    assert told.json()["results"][0]["code"] == "request_not_found"
    assert BOB.email not in told.content.decode()
    assert paying.story(request) == ["requested"]


def test_who_was_approved_already_needs_nothing_more(paying: Paying, drain: Drain) -> None:
    """Weakness W3 of enterprise-access: those counted as demand, so that the last one could not be given."""
    supply = paying.supply(free=2)
    bob, dana = paying.ask(BOB), paying.ask(DANA)
    paying.approve(supply, bob)
    drain()

    again, new = paying.approve(supply, bob, dana)

    assert again.refusal is not None
    assert (again.refusal.code, new.state) == ("already_approved", State.PENDING)


def test_some_get_a_code_some_do_not_and_each_request_says_so(
    codes_pay: PayingCodes, post: Post, drain: Drain
) -> None:
    """Weaknesses W5, W6 of enterprise-access: one code too few kept all pending; and mails said yes.

    Bob asks for two courses, with an address that comes back in capitals.
    """
    supply = codes_pay.supply(free=3)
    python, cs50, danas = codes_pay.ask(BOB), codes_pay.ask(BOB, CS50), codes_pay.ask(DANA)
    wanted = {"coupon_id": supply, "send_notification": True}
    first = post(codes_pay, "approve", python, cs50, danas, key="once", **wanted)
    codes_pay.let_go(danas)
    drain()

    again = post(codes_pay, "approve", python, cs50, danas, key="once", **wanted)
    other_key = post(codes_pay, "approve", python, cs50, key="twice", **wanted)
    drain()

    assert again.json() == first.json()
    assert other_key.json() == []
    assert [codes_pay.state(each) for each in (python, cs50, danas)] == ["approved", "approved", "error"]
    codes = {codes_pay.read(each).coupon_code for each in (python, cs50)}
    assert codes == set(codes_pay.coupons.given)
    assert len(codes) == 2
    mails = Message.objects.filter(template="subsidy_requests/coupon_approved")
    assert sorted(mails.values_list("email", flat=True)) == [BOB.email, BOB.email]


def test_an_answer_that_spells_the_address_in_another_way_finds_its_request(
    codes_pay: PayingCodes, drain: Drain
) -> None:
    """Weakness W5 of enterprise-access: answers were matched by the address, letter for letter."""
    supply = codes_pay.supply(free=1)
    request = codes_pay.ask(BOB)
    codes_pay.approve(supply, request)
    approval_uuid = codes_pay.read(request).approval_uuid
    assigned = CodeAssigned(supply, "X1", ACME, BOB.email.upper(), request, approval_uuid)  # type: ignore[arg-type]
    with transaction.atomic():
        outbox.record(CODES_ASSIGNED, key=str(supply), facts=[assigned], by=None)
    with codes_pay.out_of_order():
        drain()

    assert (codes_pay.state(request), codes_pay.read(request).coupon_code) == ("approved", "X1")


def test_a_stale_refusal_does_not_undo_an_approval(
    licenses_pay: PayingLicenses, post: Post, drain: Drain
) -> None:
    """Weakness W7 of enterprise-access: a colleague's page was older, and the no overwrote the yes."""
    supply = licenses_pay.supply(free=1)
    request = licenses_pay.ask(BOB)
    post(licenses_pay, "approve", request, subscription_plan_uuid=str(supply))

    while_pending = post(licenses_pay, "decline", request)
    drain()
    afterwards = post(licenses_pay, "decline", request)

    assert (while_pending.status_code, afterwards.status_code) == (422, 422)
    assert licenses_pay.story(request) == ["requested", "approved", "fulfilled"]


@pytest.mark.once
def test_asking_and_approving_do_not_need_the_broker(
    licenses_pay: PayingLicenses,
    client_of: Client,
    drain: Drain,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Callable[..., AbstractContextManager[object]],
) -> None:
    """Weakness W9 of enterprise-access: an error for the learner, but the request was there."""
    supply = licenses_pay.supply(free=1)
    nowhere = "redis://127.0.0.1:1/0"
    for name in ("broker_url", "broker_write_url"):
        monkeypatch.setitem(app.conf, name, nowhere)
    nudger = nudges.Nudger(nudges.connect)
    outbox.on_new_deliveries(lambda: nudger.nudge("bursar.outbox.tasks.relay"))
    body = {"enterprise_customer_uuid": str(ACME), "course_id": PYTHON}
    started = time.monotonic()
    try:
        with django_capture_on_commit_callbacks(execute=True):
            answer = client_of(BOB).post(licenses_pay.prefix, body)
            licenses_pay.approve(supply, UUID(answer.json()["uuid"]))
    finally:
        outbox.on_new_deliveries(lambda: None)
    drain()

    assert (answer.status_code, time.monotonic() - started < 2) == (201, True)
    assert licenses_pay.state(UUID(answer.json()["uuid"])) == State.APPROVED


BAD = [
    {"subsidy_request_uuids": [17]},
    {"subsidy_request_uuids": [None]},
    {"subsidy_request_uuids": [["x"]]},
    {"subsidy_request_uuids": {}},
    {"subsidy_request_uuids": None},
    {"send_notification": []},
]
BAD_CONTAINERS: dict[str, list[object]] = {
    "subscription_plan_uuid": [None, 7, "x", []],
    "coupon_id": [None, 0, -1, 2**63, 1.5, "x", [], str(NOWHERE)],
}


def test_whatever_is_refused_is_refused_in_one_form(paying: Paying, post: Post) -> None:
    """Weakness W11 of enterprise-access: a number among the uuids was a crash, each path had its form."""
    supply = paying.supply(free=1)
    bob, dana = paying.ask(BOB), paying.ask(DANA)
    paying.decline(dana)
    right = {paying.container_name: str(supply)}
    bad = [*BAD, *({paying.container_name: each} for each in BAD_CONTAINERS[paying.container_name])]

    answers = [post(paying, "approve", bob, **{**right, **each}) for each in bad]
    answers += [post(paying, "decline", bob, **each) for each in [*BAD, {"decline_reason": "x" * 256}]]
    refused = [
        post(paying, "approve", bob, dana, **right),
        post(paying, "approve", bob, paying.ask(ERIN), **right),
    ]

    assert {each.status_code for each in answers} == {400}
    assert {each.status_code for each in refused} == {422}
    for answer in (*answers, *refused):
        assert isinstance(answer.json(), str)
        assert answer.headers["Bursar-Error-Code"]
    assert paying.story(bob) == ["requested"]


def test_an_answer_says_what_became_of_each(paying: Paying, post: Post) -> None:
    """Weakness W12 of enterprise-access: "some failed", without saying which, or a plain yes."""
    supply = paying.supply(free=2)
    bob, dana = paying.ask(BOB), paying.ask(DANA)
    paying.approve(supply, bob)
    right = {paying.container_name: str(supply)}

    results = post(paying, "approve", NOWHERE, dana, bob, outcomes=1, **right).json()["results"]
    declined = post(paying, "decline", paying.ask(ERIN), outcomes=1).json()["results"]

    assert [(each["uuid"], each["state"], each["code"]) for each in results] == [
        (str(NOWHERE), None, "request_not_found"),
        (str(dana), "pending", None),
        (str(bob), "pending", "already_pending"),
    ]
    assert [bool(each["message"]) for each in results] == [True, False, True]
    assert [each["state"] for each in declined] == ["declined"]


def test_an_approval_is_written_as_a_whole_or_not_at_all(paying: Paying, drain: Drain) -> None:
    """Weakness W13 of enterprise-access: three transactions, with room between them."""
    supply = paying.supply(free=1)
    request = paying.ask(BOB)
    drain()
    before = Event.objects.count()

    with failing_last_step(), pytest.raises(DatabaseError):
        paying.approve(supply, request)

    assert (paying.state(request), paying.story(request)) == (State.REQUESTED, ["requested"])
    assert (Event.objects.count(), paying.count_held()) == (before, 0)
    paying.approve(supply, request)
    drain()
    assert paying.story(request) == ["requested", "approved", "fulfilled"]


def test_moments_are_in_utc_wherever_the_server_stands(
    licenses_pay: PayingLicenses, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Weakness W15 of enterprise-access: it wrote local time and called it UTC."""
    licenses_pay.supply(free=1)
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        (row,) = post(licenses_pay, "decline", licenses_pay.ask(BOB)).json()
    finally:
        monkeypatch.undo()
        time.tzset()

    for name in ("created", "modified", "reviewed_at"):
        assert row[name].endswith("Z")
        assert abs((datetime.fromisoformat(row[name]) - clock.now()).total_seconds()) < 60


def test_the_log_names_nobody(
    paying: Paying, post: Post, drain: Drain, caplog: pytest.LogCaptureFixture
) -> None:
    """Weaknesses W14, W15 of enterprise-access: addresses in logs and in what analysts read."""
    caplog.set_level(logging.DEBUG)
    supply = paying.supply(free=1)
    bob, dana = paying.ask(BOB), paying.ask(DANA)
    right = {paying.container_name: str(supply), "send_notification": True}
    post(paying, "approve", bob, dana, **right)
    post(paying, "approve", bob, **right)
    with paying.out_of_order():
        drain()
    drain()
    post(paying, "decline", bob)
    post(paying, "decline", dana, send_notification=True, decline_reason="Sorry")
    drain()

    written = [JsonFormatter().format(each) for each in caplog.records if each.name.startswith("bursar")]
    assert written
    assert not [line for line in written if BOB.email in line or DANA.email in line]


@contextmanager
def failing_last_step() -> Iterator[None]:
    """The database breaks off where the event is recorded."""

    def refuse(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith("INSERT INTO") and Event._meta.db_table in sql.split("(")[0]:
            raise DatabaseError("the disk is full")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(refuse):
        yield
