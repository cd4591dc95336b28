"""Saving agreements and plans."""

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest

from bursar.lib import clock
from bursar.lib.errors import InvalidInputError
from bursar.lib.outcomes import Saved
from bursar.licenses import api as licenses
from bursar.licenses.data import AgreementToSave, PlanToSave, Status
from bursar.licenses.models import Agreement, License, Plan
from tests.cast import ACME, GLOBEX, NOWHERE, Organization
from tests.threads import at_once


@pytest.fixture
def plan(acme: Organization) -> PlanToSave:
    now = clock.now()
    return PlanToSave(
        uuid=uuid4(),
        customer_uuid=ACME,
        title="Acme 2026",
        catalog_uuid=None,
        starts_at=now - timedelta(days=1),
        expires_at=now + timedelta(days=1),
        license_count=3,
        revocation_cap_percent=20,
    )


def test_a_plan_is_made_with_its_licenses_and_saving_it_again_changes_nothing(plan: PlanToSave) -> None:
    assert licenses.save_plans([plan]) == Saved(created=1)
    assert licenses.count_by_status(plan.uuid) == {Status.UNASSIGNED: 3}

    assert licenses.save_plans([plan]) == Saved(unchanged=1)
    assert licenses.count_by_status(plan.uuid) == {Status.UNASSIGNED: 3}


@pytest.mark.django_db(transaction=True)
def test_two_who_save_the_same_plans_in_another_order_do_not_wait_crosswise(plan: PlanToSave) -> None:
    plans = [replace(plan, uuid=uuid4(), title=f"Plan {number}", license_count=1) for number in range(8)]
    licenses.save_plans(plans)

    def save(some: list[PlanToSave]) -> None:
        for count in range(2, 8):
            licenses.save_plans([replace(each, license_count=count) for each in some])

    at_once(lambda: save(plans), lambda: save(plans[::-1]))

    assert all(licenses.count_by_status(each.uuid) == {Status.UNASSIGNED: 7} for each in plans)


def test_licenses_are_added_and_never_taken_away(plan: PlanToSave) -> None:
    licenses.save_plans([plan])

    licenses.save_plans([replace(plan, license_count=5)])
    assert licenses.find_plans([plan.uuid])[plan.uuid].free_count == 5
    licenses.save_plans([replace(plan, license_count=1)])
    assert licenses.find_plans([plan.uuid])[plan.uuid].free_count == 5


def test_what_is_to_be_kept_is_kept(plan: PlanToSave) -> None:
    licenses.save_plans([plan])
    other = replace(
        plan,
        title="Other",
        expires_at=plan.expires_at + timedelta(days=9),
        revocation_cap_percent=None,
        license_count=9,
        keep=frozenset({"expires_at", "revocation_cap_percent", "license_count"}),
    )

    assert licenses.save_plans([other]) == Saved(changed=1)

    row = Plan.objects.get(pk=plan.uuid)
    assert row.title == "Other"
    assert row.expires_at == plan.expires_at
    assert (row.is_revocation_cap_enabled, row.revoke_max_percent) == (True, 20)
    assert (row.desired_license_count, row.unassigned_count) == (3, 3)


def test_another_customers_plan_is_not_taken_over(plan: PlanToSave) -> None:
    licenses.save_plans([plan])

    with pytest.raises(InvalidInputError, match="another customer"):
        licenses.save_plans([replace(plan, customer_uuid=GLOBEX)])
    with pytest.raises(InvalidInputError, match="no agreement"):
        licenses.save_plans([replace(plan, uuid=uuid4(), customer_uuid=NOWHERE)])


def test_an_agreement_is_made_once_and_follows_its_customers_name(acme: Organization) -> None:
    assert licenses.save_agreements([AgreementToSave(ACME, "acme", "Acme")]) == Saved(unchanged=1)
    assert licenses.save_agreements([AgreementToSave(ACME, "acme", "Acme Ltd")]) == Saved(changed=1)
    assert Agreement.objects.get(customer_uuid=ACME).customer_name == "Acme Ltd"


# Auto-apply, freeze and revoke, as far as they take or leave seats


def test_auto_apply_gives_one_activated_license_and_never_a_second(acme: Organization) -> None:
    plan = acme.plan(free=2, should_auto_apply=True)

    first = licenses.auto_apply(customer_uuid=ACME, email="bob@acme.test", lms_user_id=11)
    again = licenses.auto_apply(customer_uuid=ACME, email="new-address@acme.test", lms_user_id=11)

    assert first.is_new
    assert again.license_uuid == first.license_uuid
    assert licenses.count_by_status(plan.uuid) == {Status.ACTIVATED: 1, Status.UNASSIGNED: 1}


def test_auto_apply_without_such_a_plan_or_after_a_revocation_is_refused(acme: Organization) -> None:
    from bursar.licenses.data import NothingToApply

    with pytest.raises(NothingToApply):
        licenses.auto_apply(customer_uuid=ACME, email="bob@acme.test", lms_user_id=11)
    plan = acme.plan(free=2, should_auto_apply=True)
    licenses.auto_apply(customer_uuid=ACME, email="bob@acme.test", lms_user_id=11)
    licenses.revoke(plan_uuid=plan.uuid, addresses=["bob@acme.test"], by=10)

    with pytest.raises(NothingToApply):
        licenses.auto_apply(customer_uuid=ACME, email="bob@acme.test", lms_user_id=11)


def test_a_revoked_license_is_replaced_by_a_free_one_and_a_stranger_is_named(acme: Organization) -> None:
    plan = acme.plan(free=1)
    licenses.assign(plan_uuid=plan.uuid, addresses=["bob@acme.test"], by=10)

    revoked, unknown = licenses.revoke(
        plan_uuid=plan.uuid, addresses=["BOB@acme.test", "who@acme.test"], by=10
    )

    assert revoked.was == Status.ASSIGNED
    assert unknown.refusal is not None
    assert unknown.refusal.code == "license_not_found"
    assert licenses.count_by_status(plan.uuid) == {Status.REVOKED: 1, Status.UNASSIGNED: 1}


def test_freezing_takes_licenses_away_that_others_were_renewed_to(acme: Organization) -> None:
    old, new = acme.plan(free=1), acme.plan(free=3)
    (outcome,) = licenses.assign(plan_uuid=old.uuid, addresses=["bob@acme.test"], by=None)
    # As after the new license was purged and became free.
    free = License.objects.filter(plan=new.uuid).first()
    License.objects.filter(pk=outcome.license_uuid).update(renewed_to=free)

    assert licenses.freeze_unused(plan_uuid=new.uuid, by=None) == 3

    assert licenses.count_by_status(new.uuid) == {}
    assert License.objects.get(pk=outcome.license_uuid).renewed_to_id is None
