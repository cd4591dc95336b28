"""Giving licenses to addresses directly."""

from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from bursar.lib.outcomes import Refusal
from bursar.licenses import api as licenses
from bursar.licenses.data import NotEnoughLicenses, PlanNotFound, PlanUnavailable, Seat, Status
from tests.cast import NOWHERE, Organization
from tests.statements import counted


def test_who_holds_a_license_keeps_it(acme: Organization) -> None:
    plan = acme.plan(free=3)

    first = licenses.assign(plan_uuid=plan.uuid, addresses=["bob@acme.test"], by=10)
    again = licenses.assign(plan_uuid=plan.uuid, addresses=[" Bob@ACME.test"], by=10)

    assert again[0].license_uuid == first[0].license_uuid
    assert first[0].is_new
    assert not again[0].is_new


def test_an_accent_makes_another_person(acme: Organization) -> None:
    plan = acme.plan(free=2)

    with_accent, without = licenses.assign(
        plan_uuid=plan.uuid, addresses=["josé@acme.test", "jose@acme.test"], by=None
    )

    assert with_accent.license_uuid != without.license_uuid
    assert licenses.count_by_status(plan.uuid) == {Status.ASSIGNED: 2}


def test_too_few_free_licenses_refuse_the_whole_set(acme: Organization) -> None:
    plan = acme.plan(free=1)

    with pytest.raises(NotEnoughLicenses) as refused:
        licenses.assign(plan_uuid=plan.uuid, addresses=["bob@acme.test", "dana@acme.test"], by=10)

    assert refused.value.fields == {"needed": 2, "free": 1}
    assert licenses.count_by_status(plan.uuid) == {Status.UNASSIGNED: 1}


def test_what_is_not_an_address_is_refused_by_itself(acme: Organization) -> None:
    plan = acme.plan(free=2)

    bad, good = licenses.assign(plan_uuid=plan.uuid, addresses=["no address", "bob@acme.test"], by=10)

    assert isinstance(bad.refusal, Refusal)
    assert bad.refusal.code == "invalid_email"
    assert bad.license_uuid is None
    assert good.is_new


def test_an_address_that_comes_twice_gets_one_license(acme: Organization) -> None:
    plan = acme.plan(free=2)

    first, second = licenses.assign(plan_uuid=plan.uuid, addresses=["bob@acme.test", "BOB@acme.test"], by=10)

    assert first.license_uuid == second.license_uuid
    assert [first.is_new, second.is_new] == [True, False]
    assert licenses.find_plans([plan.uuid])[plan.uuid].free_count == 1


@pytest.mark.parametrize(
    ("fields", "reason"),
    [({"is_active": False}, "plan_inactive"), ({"days_left": -1}, "plan_expired")],
)
def test_a_plan_that_grants_nothing_now_assigns_nothing(
    acme: Organization, fields: dict[str, object], reason: str
) -> None:
    plan = acme.plan(free=1, **fields)  # type: ignore[arg-type]

    with pytest.raises(PlanUnavailable) as refused:
        licenses.assign(plan_uuid=plan.uuid, addresses=["bob@acme.test"], by=10)

    assert refused.value.fields["reason"] == reason


def test_an_unknown_plan_is_not_found(acme: Organization) -> None:
    with pytest.raises(PlanNotFound):
        licenses.assign(plan_uuid=NOWHERE, addresses=["bob@acme.test"], by=10)


def test_the_story_of_a_license_says_who_did_what(acme: Organization) -> None:
    plan = acme.plan(free=1)
    (outcome,) = licenses.assign(plan_uuid=plan.uuid, addresses=["bob@acme.test"], by=10)
    licenses.activate(activation_key=outcome.activation_key, email="bob@acme.test", lms_user_id=11)

    story = licenses.tell_story(outcome.license_uuid)

    assert [(change.status, change.by) for change in story] == [
        (Status.UNASSIGNED, None),
        (Status.ASSIGNED, 10),
        (Status.ACTIVATED, 11),
    ]


def test_the_counts_on_the_plan_agree_with_its_licenses(acme: Organization) -> None:
    plan = acme.plan(free=5)
    outcomes = licenses.assign(plan_uuid=plan.uuid, addresses=["bob@acme.test", "dana@acme.test"], by=10)
    licenses.activate(activation_key=outcomes[0].activation_key, email="bob@acme.test", lms_user_id=11)
    licenses.revoke(plan_uuid=plan.uuid, addresses=["bob@acme.test"], by=10)

    from bursar.licenses import models

    row = models.Plan.objects.get(pk=plan.uuid)
    assert licenses.count_by_status(plan.uuid) == {
        Status.UNASSIGNED: row.unassigned_count,
        Status.ASSIGNED: row.assigned_count,
        Status.REVOKED: row.revoked_count,
    }
    assert (row.unassigned_count, row.assigned_count, row.activated_count, row.revoked_count) == (4, 1, 0, 1)


def test_assigning_takes_the_same_statements_for_one_and_for_two_hundred(acme: Organization) -> None:
    plan = acme.plan(free=201)
    addresses = [f"learner{number}@acme.test" for number in range(201)]

    with counted() as one:
        licenses.assign(plan_uuid=plan.uuid, addresses=addresses[:1], by=10)
    with counted() as two_hundred:
        licenses.assign(plan_uuid=plan.uuid, addresses=addresses[1:], by=10)

    assert one.count == two_hundred.count
    assert one.count <= 10


def test_giving_a_seat_up_waits_for_whoever_counts_seats(acme: Organization) -> None:
    plan = acme.plan(free=1)
    seat = Seat(uuid4(), "bob@acme.test")
    licenses.hold(plan_uuid=plan.uuid, customer_uuid=acme.uuid, seats=[seat])

    with CaptureQueriesContext(connection) as captured:
        assert licenses.release(approval_uuids=[seat.approval_uuid]) == 1

    if connection.features.has_select_for_update:
        locked = [query["sql"] for query in captured.captured_queries if "FOR UPDATE" in query["sql"]]
        assert len(locked) == 1
        assert "licenses_plan" in locked[0]
    assert licenses.release(approval_uuids=[seat.approval_uuid]) == 0
    assert licenses.find_plans([plan.uuid])[plan.uuid].free_count == 1
