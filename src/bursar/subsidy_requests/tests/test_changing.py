"""A customer pays for requests in another way: what waits for the old one is declined."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import DatabaseError, connection

from bursar.notifications.models import Message
from bursar.outbox import api as outbox
from bursar.outbox.models import Delivery, Event
from bursar.subsidy_requests.data import State
from bursar.subsidy_requests.models import Configuration, LicenseRequest
from bursar.subsidy_requests.service.changing import DECLINE_OTHER_TYPES
from bursar.subsidy_requests.tests.paying import PayingCodes, PayingLicenses, let_every_try_fail
from tests.cast import ACME, ALICE, BOB, DANA, OLGA, Client, Member

PATH = f"/api/v1/customer-configurations/{ACME}/"
Drain = Callable[[], None]
Change = Callable[..., Any]


@pytest.fixture
def change(client_of: Client) -> Change:
    """Has an administrator change the configuration."""

    def change(by: Member = ALICE, key: str | None = None, **values: object) -> Any:
        headers = {"Idempotency-Key": key} if key else None
        return client_of(by).patch(PATH, values, headers=headers)

    return change


def count_changes() -> int:
    return Event.objects.filter(type="subsidy_request.subsidy_type_changed").count()


def declined_mails() -> list[str]:
    return list(Message.objects.filter(template="subsidy_requests/declined").values_list("email", flat=True))


def test_what_waits_is_declined_with_the_reason_and_learners_hear_of_it_if_that_is_wanted(
    licenses_pay: PayingLicenses, change: Change, drain: Drain, client_of: Client
) -> None:
    licenses_pay.supply(free=1)
    bob = licenses_pay.ask(BOB)

    assert change(subsidy_type=None, send_notification=True).status_code == 200
    assert licenses_pay.state(bob) == State.REQUESTED  # the administrator waits for nothing
    drain()

    row = client_of(BOB).get(f"{licenses_pay.prefix}{bob}/").json()
    assert (row["state"], row["reviewer_lms_user_id"]) == ("declined", ALICE.lms_user_id)
    assert "does not pay for requested courses any more" in row["decline_reason"]
    assert declined_mails() == [BOB.email]
    story = client_of(BOB).get(f"{licenses_pay.prefix}{bob}/history/").json()["results"]
    assert ("declined", "alice") in [(line["event"], line["by_username"]) for line in story]

    change(subsidy_type="license")
    dana = licenses_pay.ask(DANA)
    change(OLGA, subsidy_type=None)
    drain()
    assert licenses_pay.state(dana) == State.DECLINED
    assert licenses_pay.read(dana).reviewer_lms_user_id == OLGA.lms_user_id
    assert declined_mails() == [BOB.email]


def test_who_goes_to_codes_and_back_keeps_requests_for_licenses_and_no_other(
    codes_pay: PayingCodes, licenses_pay: PayingLicenses, change: Change, drain: Drain
) -> None:
    licenses_pay.supply(free=1)
    codes_pay.supply(free=1)
    for_license = licenses_pay.ask(BOB)
    change(subsidy_type="coupon")
    for_code = codes_pay.ask(DANA)
    change(subsidy_type="license")

    drain()

    assert licenses_pay.state(for_license) == State.REQUESTED
    assert codes_pay.state(for_code) == State.DECLINED


def test_what_is_pending_ends_by_itself_and_is_declined_if_it_fails(
    codes_pay: PayingCodes, change: Change, drain: Drain
) -> None:
    supply = codes_pay.supply(free=2)
    bob, dana = codes_pay.ask(BOB), codes_pay.ask(DANA)
    codes_pay.approve(supply, bob, dana)
    codes_pay.let_go(dana)

    change(subsidy_type="license")
    drain()

    assert codes_pay.story(bob) == ["requested", "approved", "fulfilled"]
    assert codes_pay.story(dana) == ["requested", "approved", "failed", "declined"]
    assert codes_pay.count_held() == 0


def test_naming_the_same_type_changes_nothing(
    licenses_pay: PayingLicenses, change: Change, drain: Drain
) -> None:
    licenses_pay.supply(free=1)
    bob = licenses_pay.ask(BOB)
    change(digest="weekly")
    before = Configuration.history.count()

    answer = change(OLGA, subsidy_type="license", digest="weekly", subsidy_requests_enabled=True)
    drain()

    assert answer.json()["changed_by_lms_user_id"] == ALICE.lms_user_id
    assert (count_changes(), Configuration.history.count()) == (0, before)
    assert licenses_pay.state(bob) == State.REQUESTED


def test_a_change_that_is_sent_again_is_made_once(licenses_pay: PayingLicenses, change: Change) -> None:
    first = change(key="once", subsidy_type=None)
    change(subsidy_type="license")

    again = change(key="once", subsidy_type=None)

    assert (again.status_code, again.json()) == (200, first.json())
    assert Configuration.objects.get(pk=ACME).subsidy_type == "license"
    assert change(key="once", subsidy_type="coupon").status_code == 422


@pytest.mark.parametrize(("wanted", "status"), [("budget", 400), ("coupon", 422), (7, 400)])
def test_a_change_that_is_refused_declines_nothing(
    licenses_pay: PayingLicenses, change: Change, drain: Drain, wanted: object, status: int
) -> None:
    """Weakness W4 of enterprise-access: the task was queued before the body was looked at."""
    licenses_pay.supply(free=1)
    bob = licenses_pay.ask(BOB)

    assert change(subsidy_type=wanted).status_code == status
    drain()

    assert licenses_pay.state(bob) == State.REQUESTED
    assert (Configuration.objects.get(pk=ACME).subsidy_type, count_changes()) == ("license", 0)


def test_thousands_are_declined_and_a_part_that_fails_is_seen_and_goes_on_when_tried_again(
    licenses_pay: PayingLicenses, change: Change, drain: Drain
) -> None:
    """Weakness W4 of enterprise-access: requests that nobody had reviewed stayed open, and none knew."""
    learners = [Member(f"l{number}", f"l{number}@acme.test", 50_000 + number) for number in range(2_500)]
    for start in range(0, 2_500, 1_000):
        licenses_pay.organization.requests_of(learners[start : start + 1_000])
    last = LicenseRequest.objects.order_by("pk").last()
    assert last is not None
    change(subsidy_type=None)

    with failing_updates_of(last):
        let_every_try_fail(drain)
    waiting = LicenseRequest.objects.filter(state=State.REQUESTED)
    dead = Delivery.objects.filter(state="dead", handler=DECLINE_OTHER_TYPES)
    left, dead_uuids = waiting.count(), list(dead.values_list("pk", flat=True))
    outbox.retry_dead(dead_uuids)
    drain()

    assert (left, len(dead_uuids)) == (500, 1)
    assert not waiting.exists()
    assert LicenseRequest.history.filter(history_change_reason="declined").count() == 2_500


@contextmanager
def failing_updates_of(row: LicenseRequest) -> Iterator[None]:
    """The database is broken where this row is written."""

    def refuse(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith("UPDATE") and row._meta.db_table in sql:
            written = str(params)
            if str(row.pk) in written or row.pk.hex in written:
                raise DatabaseError("this page cannot be written")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(refuse):
        yield
