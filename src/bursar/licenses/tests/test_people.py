"""Licenses, when their holders change or are retired."""

import uuid
from uuid import UUID

import pytest

from bursar.identity import api as identity
from bursar.lib import clock
from bursar.licenses import api as licenses
from bursar.licenses import models
from bursar.licenses.data import Seat, Status
from bursar.outbox import api as outbox
from bursar.outbox.models import Delivery
from bursar.subsidy_requests import api as subsidy_requests
from bursar.subsidy_requests.data import Approval, SubsidyType
from tests.architecture.tables import read_rows
from tests.cast import ALICE, BOB, DANA, OLGA, Client, Organization
from tests.statements import counted

NEW = "robert@acme.test"


@pytest.fixture(autouse=True)
def people(cast: None) -> None:
    """Everybody is there, and what that caused is done."""
    outbox.relay()


def change_bob(email: str = NEW, *, confirmed: bool = True, relayed: bool = True) -> None:
    identity.change_person(lms_user_id=BOB.lms_user_id, email=email, is_confirmed=confirmed, by=None)
    if relayed:
        outbox.relay()


def retire(*ids: int, relayed: bool = True) -> None:
    identity.request_retirements(lms_user_ids=ids, by=OLGA.lms_user_id)
    identity.complete_retirements(lms_user_ids=ids, by=OLGA.lms_user_id)
    if relayed:
        outbox.relay()


def assign(plan_uuid: UUID, *emails: str) -> list[UUID]:
    outcomes = licenses.assign(plan_uuid=plan_uuid, addresses=emails, by=None)
    return [each.license_uuid for each in outcomes if each.license_uuid]


def address_of(license_uuid: UUID) -> str | None:
    return models.License.objects.get(pk=license_uuid).email


def rows_naming(text: str) -> list[tuple[str, ...]]:
    return [row for row in read_rows() if row[0].startswith("licenses.") and text in " ".join(row)]


def test_a_license_goes_along_once_the_new_address_is_confirmed(
    acme: Organization, client_of: Client
) -> None:
    plan = acme.plan(free=3)
    mine, danas = assign(plan.uuid, BOB.email, DANA.email)

    change_bob(confirmed=False)
    assert address_of(mine) == BOB.email
    identity.confirm_addresses(lms_user_ids=[BOB.lms_user_id], by=None)
    outbox.relay()

    assert (address_of(mine), address_of(danas)) == (NEW, DANA.email)
    assert assign(plan.uuid, NEW) == [mine]
    history = models.License.history.filter(uuid=mine).order_by("history_id")
    assert list(history.values_list("email", "history_change_reason"))[-2:] == [
        (BOB.email, "assigned"),
        (NEW, "address changed"),
    ]
    key = models.License.objects.get(pk=mine).activation_key
    assert key is not None
    assert licenses.activate(activation_key=key, email=NEW, lms_user_id=BOB.lms_user_id) == mine


def test_two_changes_at_once_go_all_the_way(acme: Organization) -> None:
    (mine,) = assign(acme.plan(free=1).uuid, BOB.email)

    change_bob("b@acme.test", relayed=False)
    change_bob("c@acme.test")

    assert address_of(mine) == "c@acme.test"


def test_an_address_keeps_one_live_license_of_a_plan(acme: Organization) -> None:
    plan = acme.plan(free=2)
    old, new = assign(plan.uuid, BOB.email, NEW)
    (elsewhere,) = assign(acme.plan(free=1).uuid, BOB.email)

    change_bob()

    assert [address_of(each) for each in (old, new, elsewhere)] == [BOB.email, NEW, NEW]


def test_a_seat_that_is_held_goes_along(acme: Organization) -> None:
    acme.takes_requests()
    plan = acme.plan(free=1)
    (request,) = acme.requests_of([BOB])
    subsidy_requests.approve(
        Approval(SubsidyType.LICENSE, acme.uuid, plan.uuid, (request,)), by=ALICE.lms_user_id
    )
    (delivery,) = Delivery.objects.filter(handler="licenses.fulfil_approvals")
    Delivery.objects.filter(pk=delivery.pk).update(state=Delivery.State.DEAD)

    change_bob()
    assert models.Hold.objects.get().email == NEW
    outbox.retry_dead([delivery.pk])
    outbox.relay()

    assert models.License.objects.get(status=Status.ASSIGNED).email == NEW


def test_licenses_of_a_retired_person_are_free_again_and_no_history_names_them(
    acme: Organization,
) -> None:
    plan = acme.plan(free=4)
    assigned, activated, danas = assign(plan.uuid, "b@acme.test", BOB.email, DANA.email)
    licenses.activate_for(plan_uuid=plan.uuid, holders={BOB.email: BOB.lms_user_id}, by=None)
    (revoked,) = assign(acme.plan(free=1).uuid, BOB.email)
    licenses.revoke(plan_uuid=models.License.objects.get(pk=revoked).plan_id, addresses=[BOB.email], by=None)
    change_bob("b@acme.test")

    retire(BOB.lms_user_id)

    assert rows_naming(BOB.email) == rows_naming("b@acme.test") == []
    assert address_of(danas) == DANA.email
    assert licenses.count_by_status(plan.uuid) == {Status.UNASSIGNED: 3, Status.ASSIGNED: 1}
    assert licenses.find_plans([plan.uuid])[plan.uuid].free_count == 3
    assert licenses.check_counts(mend=False) == []
    for each in (assigned, activated):
        row = models.License.objects.get(pk=each)
        left = (row.email, row.lms_user_id, row.activation_key, row.assigned_at, row.activated_at)
        assert left == (None,) * 5
    gone = models.License.objects.get(pk=revoked)
    assert (gone.status, gone.email) == (Status.REVOKED, None)
    story = licenses.tell_story(activated)
    assert [(each.status, each.email) for each in story][-2:] == [
        (Status.ACTIVATED, None),
        (Status.UNASSIGNED, None),
    ]
    rows = read_rows()
    Delivery.objects.filter(event__type="identity.person_retired").update(
        state="waiting", next_attempt_at=clock.now()
    )
    outbox.relay()
    assert [row for row in read_rows() - rows if row[0].startswith("licenses.")] == []


def test_two_held_seats_of_a_retired_person_stay_one(acme: Organization) -> None:
    plan = acme.plan(free=2)
    seats = [Seat(uuid.uuid4(), BOB.email), Seat(uuid.uuid4(), BOB.email)]
    licenses.hold(plan_uuid=plan.uuid, customer_uuid=acme.uuid, seats=seats)

    retire(BOB.lms_user_id)

    assert rows_naming(BOB.email) == []
    assert assign(plan.uuid, DANA.email)


def test_an_approval_under_way_ends_without_the_name(acme: Organization) -> None:
    acme.takes_requests()
    plan = acme.plan(free=1)
    (request,) = acme.requests_of([BOB])
    subsidy_requests.approve(
        Approval(SubsidyType.LICENSE, acme.uuid, plan.uuid, (request,)), by=ALICE.lms_user_id
    )

    retire(BOB.lms_user_id)

    assert rows_naming(BOB.email) == []
    assert licenses.count_by_status(plan.uuid) == {Status.ASSIGNED: 1}


def test_who_only_claimed_an_address_leaves_its_license_alone(acme: Organization) -> None:
    (owned,) = assign(acme.plan(free=1).uuid, "victim@other.test")
    change_bob("victim@other.test", confirmed=False)

    retire(BOB.lms_user_id)

    assert address_of(owned) == "victim@other.test"


def test_one_person_and_two_hundred_take_the_same_number_of_statements(acme: Organization) -> None:
    learners = acme.learners(202)
    plan = acme.plan(free=202)
    assign(plan.uuid, *[each.email for each in learners])
    outbox.relay()
    counts = []
    for group in (learners[:1], learners[1:2], learners[2:]):
        retire(*[each.lms_user_id for each in group], relayed=False)
        with counted() as statements:
            outbox.relay()
        counts.append(statements.count)

    assert counts[1] == counts[2]
    assert rows_naming("@acme.test") == []
