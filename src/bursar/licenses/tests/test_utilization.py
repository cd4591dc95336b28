"""Administrators are told how much of a plan is given out that learners take licenses from."""

from collections.abc import Callable

from bursar.customers import api as customers
from bursar.customers import models as customer_models
from bursar.licenses import api as licenses
from bursar.licenses.data import Plan, Sweep
from bursar.notifications.models import Message
from bursar.notifications.rendering import render
from tests.cast import ACME, ALICE, BOB, CAROL, Organization
from tests.statements import counted

Later = Callable[[int], None]


def give_out(plan: Plan, *numbers: int) -> None:
    addresses = [f"p{number}@acme.test" for number in numbers]
    licenses.assign(plan_uuid=plan.uuid, addresses=addresses, by=None)


def told(*, of_months: bool = False) -> list[tuple[str, str]]:
    """Who was told what, in order."""
    rows = [each for each in Message.objects.all() if (":month:" in each.about) == of_months]
    return [(each.email, render(each).subject) for each in sorted(rows, key=lambda row: row.created_at)]


def test_administrators_are_told_once_when_three_quarters_and_when_all_are_given_out(
    acme: Organization, globex: Organization
) -> None:
    plan = acme.plan(free=4, title="Learn", should_auto_apply=True)
    give_out(acme.plan(free=1), 1)  # of which nobody takes licenses by themselves
    globex.plan(free=4, should_auto_apply=True)

    give_out(plan, 1, 2)
    licenses.send_utilization_notices()
    assert told() == []
    for number in (3, 4):
        give_out(plan, number)
        assert licenses.send_utilization_notices() == Sweep(1, 1)
        assert licenses.send_utilization_notices() == Sweep()

    assert told() == [
        (ALICE.email, "Acme: most licenses of “Learn” are given out"),
        (ALICE.email, "Acme: all licenses of “Learn” are given out"),
    ]


def test_every_thirty_days_all_administrators_read_how_a_plan_is_used(
    acme: Organization, later: Later
) -> None:
    customers.make_admins(customer_uuid=ACME, emails=[BOB.email], by=None)
    acme.plan(free=4, title="Learn", should_auto_apply=True)  # it has run for 200 days

    assert licenses.send_utilization_notices() == Sweep(1, 2)
    assert licenses.send_utilization_notices() == Sweep()
    later(9)
    assert licenses.send_utilization_notices() == Sweep()
    later(11)
    assert licenses.send_utilization_notices() == Sweep(1, 2)

    assert told() == []
    assert sorted(told(of_months=True)) == [
        (each.email, "Acme: how “Learn” is used") for each in (ALICE, ALICE, BOB, BOB)
    ]


def test_of_plans_that_cannot_be_used_nobody_is_told(acme: Organization, globex: Organization) -> None:
    acme.plan(free=1, days_left=-1, should_auto_apply=True)
    acme.plan(free=1, is_active=False, should_auto_apply=True)
    acme.plan(free=1, should_auto_apply=False)
    globex.plan(free=1, should_auto_apply=True)
    customer_models.Customer.objects.filter(uuid=globex.uuid).update(is_active=False)

    assert licenses.send_utilization_notices() == Sweep()
    assert not Message.objects.filter(email__in=[ALICE.email, CAROL.email]).exists()


def test_one_plan_and_thirty_take_the_same_number_of_statements(acme: Organization) -> None:
    counts = []
    for count in (1, 30):
        for _ in range(count):
            acme.plan(free=1, should_auto_apply=True)
        with counted() as statements:
            assert licenses.send_utilization_notices() == Sweep(count, count)
        counts.append(statements.count)

    assert counts[0] == counts[1]
