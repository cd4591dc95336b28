"""Learners are unlinked long after their plan is over, if the operator wants that."""

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest
import pytest_django

from bursar.customers import api as customers
from bursar.customers import models as customer_models
from bursar.licenses import api as licenses
from bursar.licenses import models
from bursar.licenses.data import Plan, Sweep
from tests.cast import ACME, BOB, DANA, ERIN, Organization
from tests.statements import counted

Later = Callable[[int], None]


@pytest.fixture(autouse=True)
def after(settings: pytest_django.Settings) -> None:
    settings.UNLINK_EXPIRED_LEARNERS_AFTER = timedelta(days=90)


@pytest.fixture
def over(acme: Organization) -> Plan:
    """Bob, Dana and Erin have licenses of it; it ends in ten days."""
    plan = acme.plan(free=3, days_left=10)
    assign(plan.uuid, BOB.email, DANA.email, ERIN.email)
    return plan


def assign(plan_uuid: UUID, *emails: str) -> None:
    licenses.assign(plan_uuid=plan_uuid, addresses=emails, by=None)


def linked() -> set[str]:
    return {
        each.username
        for each in (BOB, DANA, ERIN)
        if customers.is_linked(customer_uuid=ACME, lms_user_id=each.lms_user_id)
    }


def test_who_holds_no_other_license_is_unlinked_once_and_may_come_back(
    acme: Organization, over: Plan, later: Later
) -> None:
    assign(acme.plan(free=1, days_left=300).uuid, DANA.email)
    other = acme.plan(free=1, days_left=300)
    assign(other.uuid, "erin@home.test")  # hers by now
    licenses.activate_for(plan_uuid=other.uuid, holders={"erin@home.test": ERIN.lms_user_id}, by=None)
    licenses.activate_for(plan_uuid=over.uuid, holders={ERIN.email: ERIN.lms_user_id}, by=None)

    later(99)
    licenses.expire_plans()
    assert licenses.unlink_expired_learners() == Sweep()
    later(101)
    assert licenses.unlink_expired_learners() == Sweep(1, 1)
    assert linked() == {"dana", "erin"}

    customers.link_learners(customer_uuid=ACME, emails=[BOB.email], by=None)
    assert licenses.unlink_expired_learners() == Sweep()
    assert linked() == {"bob", "dana", "erin"}


def test_after_a_crash_the_next_run_does_it(over: Plan, later: Later) -> None:
    later(101)
    licenses.expire_plans()
    licenses.unlink_expired_learners()
    models.Plan.objects.filter(pk=over.uuid).update(unlinked_at=None)  # as if it had ended just before

    assert licenses.unlink_expired_learners() == Sweep(1, 0)
    assert models.Plan.objects.get(pk=over.uuid).unlinked_at is not None


def test_a_plan_that_was_renewed_or_prolonged_unlinks_nobody(
    acme: Organization, over: Plan, later: Later
) -> None:
    renewed = acme.plan(free=1, days_left=20)
    assign(renewed.uuid, "new@acme.test")
    models.License.objects.filter(plan=over.uuid, email=BOB.email).update(
        renewed_to=models.License.objects.get(plan=renewed.uuid)
    )
    models.Plan.objects.filter(pk=over.uuid).exclude(pk=renewed.uuid).update(is_expiration_processed=False)

    later(101)
    assert licenses.unlink_expired_learners() == Sweep()
    licenses.expire_plans()
    licenses.unlink_expired_learners()
    assert linked() == {"bob"}


def test_without_the_setting_nobody_is_unlinked(
    over: Plan, later: Later, settings: pytest_django.Settings
) -> None:
    settings.UNLINK_EXPIRED_LEARNERS_AFTER = None
    later(1000)
    licenses.expire_plans()

    assert licenses.unlink_expired_learners() == Sweep()
    assert linked() == {"bob", "dana", "erin"}


def test_a_customer_that_is_switched_off_is_passed_over(over: Plan, later: Later) -> None:
    customer_models.Customer.objects.filter(uuid=ACME).update(is_active=False)
    later(101)
    licenses.expire_plans()

    assert licenses.unlink_expired_learners() == Sweep(1, 0)
    assert linked() == {"bob", "dana", "erin"}


def test_one_learner_and_two_hundred_take_the_same_number_of_statements(
    acme: Organization, later: Later
) -> None:
    learners = acme.learners(201)
    for group, days_left in ((learners[:1], 10), (learners[1:], 20)):
        plan = acme.plan(free=len(group), days_left=days_left)
        assign(plan.uuid, *[each.email for each in group])
    counts = []
    for days, count in ((101, 1), (111, 200)):
        later(days)
        licenses.expire_plans()
        with counted() as statements:
            assert licenses.unlink_expired_learners() == Sweep(1, count)
        counts.append(statements.count)

    assert counts[0] == counts[1]
