"""Requests, when their learners change or are retired."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from bursar.identity import api as identity
from bursar.identity.data import PersonToSave
from bursar.lib import clock
from bursar.notifications.models import Message
from bursar.outbox import api as outbox
from bursar.outbox.models import Delivery, InboxEntry
from bursar.subsidy_requests import api
from bursar.subsidy_requests.data import Approval, Decline, State, SubsidyType
from bursar.subsidy_requests.models import LicenseRequest
from bursar.subsidy_requests.tests.paying import PayingCodes, PayingLicenses
from tests.architecture.tables import read_rows
from tests.cast import ALICE, BOB, CS50, DANA, OLGA, Client, Organization
from tests.statements import counted

NEW = "robert@acme.test"
REQUESTS = "/api/v1/license-requests/"
Drain = Callable[[], None]


@pytest.fixture(autouse=True)
def people(acme: Organization, drain: Drain) -> None:
    """Everybody is there, may ask, and what that caused is done."""
    acme.takes_requests()
    drain()


def change_bob(*, confirmed: bool = True) -> None:
    identity.change_person(lms_user_id=BOB.lms_user_id, email=NEW, is_confirmed=confirmed, by=None)
    outbox.relay()


def retire(*ids: int, relayed: bool = True) -> None:
    identity.request_retirements(lms_user_ids=ids, by=OLGA.lms_user_id)
    identity.complete_retirements(lms_user_ids=ids, by=OLGA.lms_user_id)
    if relayed:
        outbox.relay()


def approve(acme: Organization, request: UUID) -> None:
    approval = Approval(
        SubsidyType.LICENSE, acme.uuid, acme.plan(free=1).uuid, (request,), is_notification_wanted=True
    )
    api.approve(approval, by=ALICE.lms_user_id)


def rows_naming(text: str) -> list[tuple[str, ...]]:
    return [row for row in read_rows() if row[0].startswith("subsidy_requests.") and text in " ".join(row)]


def test_a_request_goes_by_the_new_address_once_that_is_confirmed(
    acme: Organization, client_of: Client
) -> None:
    mine, danas = acme.requests_of([BOB, DANA])

    change_bob(confirmed=False)
    assert LicenseRequest.objects.get(pk=mine).email == BOB.email
    identity.confirm_addresses(lms_user_ids=[BOB.lms_user_id], by=None)
    outbox.relay()

    assert LicenseRequest.objects.get(pk=mine).email == NEW
    assert LicenseRequest.objects.get(pk=danas).email == DANA.email
    assert client_of(ALICE).get(f"{REQUESTS}{mine}/").json()["email"] == NEW
    history = LicenseRequest.history.filter(uuid=mine).order_by("history_id")
    assert list(history.values_list("email", "history_change_reason")) == [
        (BOB.email, "requested"),
        (NEW, "address changed"),
    ]


def test_news_that_come_late_change_nothing(acme: Organization) -> None:
    (mine,) = acme.requests_of([BOB])
    change_bob()
    late = Delivery.objects.filter(handler="subsidy_requests.follow_addresses").latest("event_id")
    retire(BOB.lms_user_id)

    InboxEntry.objects.filter(delivery_uuid=late.pk).delete()
    Delivery.objects.filter(pk=late.pk).update(state="waiting", next_attempt_at=clock.now())
    outbox.relay()

    assert LicenseRequest.objects.get(pk=mine).email.endswith("@retired.invalid")


def test_who_is_approved_after_a_change_gets_the_license_and_the_mail_there(
    acme: Organization, drain: Drain
) -> None:
    (mine,) = acme.requests_of([BOB])
    change_bob()

    approve(acme, mine)
    drain()

    assert LicenseRequest.objects.get(pk=mine).state == State.APPROVED
    assert Message.objects.get(template="subsidy_requests/license_approved").email == NEW


def test_a_retired_person_is_in_no_request_and_no_history(acme: Organization, client_of: Client) -> None:
    (declined,) = acme.requests_of([BOB])
    answer = Decline(SubsidyType.LICENSE, acme.uuid, (declined,), reason=f"Sorry, {BOB.username}")
    api.decline(answer, by=ALICE.lms_user_id)
    change_bob()
    (asked,) = acme.requests_of([BOB], course=CS50)

    retire(BOB.lms_user_id)

    assert rows_naming(BOB.username) == rows_naming(NEW) == []
    rows = {row.pk: row for row in LicenseRequest.objects.all()}
    assert (rows[declined].state, rows[declined].is_removed) == (State.DECLINED, False)
    assert (rows[asked].state, rows[asked].is_removed) == (State.REQUESTED, True)
    assert rows[declined].reviewer_lms_user_id == ALICE.lms_user_id
    listed = client_of(ALICE).get(REQUESTS, {"enterprise_customer_uuid": str(acme.uuid)}).json()["results"]
    assert [each["uuid"] for each in listed] == [str(declined)]


def test_a_retirement_that_comes_twice_changes_nothing_more(acme: Organization) -> None:
    acme.requests_of([BOB])
    retire(BOB.lms_user_id)
    before = list(LicenseRequest.history.values())

    Delivery.objects.update(state="waiting", next_attempt_at=clock.now())
    outbox.relay()

    assert list(LicenseRequest.history.values()) == before


def test_who_has_not_confirmed_the_address_cannot_ask_for_it(
    acme: Organization, client_of: Client, drain: Drain
) -> None:
    acme.plan(free=1)
    body = {"enterprise_customer_uuid": str(acme.uuid), "course_id": CS50}
    change_bob(confirmed=False)

    refused = client_of(BOB).post(REQUESTS, body)
    identity.confirm_addresses(lms_user_ids=[BOB.lms_user_id], by=None)
    asked = client_of(BOB).post(REQUESTS, body)

    assert (refused.status_code, refused.headers["Bursar-Error-Code"]) == (422, "may_not_request")
    assert not Message.objects.filter(template="subsidy_requests/received").exclude(email=NEW).exists()
    assert (asked.status_code, asked.json()["email"]) == (201, NEW)


def test_what_is_pending_ends_by_itself_without_a_mail(acme: Organization, drain: Drain) -> None:
    (mine,) = acme.requests_of([BOB])
    approve(acme, mine)

    retire(BOB.lms_user_id)
    drain()

    row = LicenseRequest.objects.get(pk=mine)
    assert (row.state, row.is_removed) == (State.APPROVED, False)
    assert rows_naming(BOB.email) == []
    assert not Message.objects.filter(state="waiting").exists()


def test_what_is_pending_and_fails_after_all_is_withdrawn(
    licenses_pay: PayingLicenses, drain: Drain, client_of: Client
) -> None:
    supply = licenses_pay.supply(free=1)
    mine = licenses_pay.ask(BOB)
    licenses_pay.approve(supply, mine)
    licenses_pay.let_go(mine)

    retire(BOB.lms_user_id)
    drain()

    row = licenses_pay.read(mine)
    assert (row.state, row.is_removed) == (State.ERROR, True)
    assert client_of(ALICE).get(REQUESTS).json()["count"] == 0
    (again,) = licenses_pay.approve(supply, mine)
    assert (again.state, licenses_pay.count_held()) == (None, 0)


@pytest.mark.parametrize("is_retiring", [False, True])
def test_nothing_is_held_for_an_address_that_somebody_gives_up_in_this_very_moment(
    codes_pay: PayingCodes, is_retiring: bool
) -> None:
    supply = codes_pay.supply(free=2)
    bob, dana = codes_pay.ask(BOB), codes_pay.ask(DANA)
    hold = codes_pay.coupons.hold

    def hold_a_moment_later(**wanted: Any) -> None:
        retire(BOB.lms_user_id) if is_retiring else change_bob()
        hold(**wanted)

    codes_pay.coupons.hold = hold_a_moment_later  # type: ignore[method-assign]
    first, second = codes_pay.approve(supply, bob, dana)

    assert first.refusal is not None
    assert first.refusal.code == ("request_not_found" if is_retiring else "address_changed")
    assert second.state == State.PENDING
    assert list(codes_pay.coupons.held) == [codes_pay.read(dana).approval_uuid]


def test_an_ordinary_confirmation_changes_no_request(acme: Organization) -> None:
    acme.requests_of([BOB])
    before = LicenseRequest.history.count()

    identity.save_people([PersonToSave("new@acme.test", "new")])
    outbox.relay()

    assert LicenseRequest.history.count() == before


def test_one_person_and_two_hundred_take_the_same_number_of_statements(acme: Organization) -> None:
    learners = acme.learners(202)
    acme.requests_of(learners)
    outbox.relay()
    counts = []
    for group in (learners[:1], learners[1:2], learners[2:]):
        retire(*[each.lms_user_id for each in group], relayed=False)
        with counted() as statements:
            outbox.relay()
        counts.append(statements.count)

    assert counts[1] == counts[2]
    assert rows_naming("@acme.test") == []
