"""Plans that are over: each expires once, and what its licenses paid for ends."""

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from bursar.customers import api as customers
from bursar.customers.data import BulkPair
from bursar.enrollments import api as enrollments
from bursar.events.licenses import LICENSES_EXPIRED, LicenseExpired
from bursar.jobs import api as jobs
from bursar.lib import clock
from bursar.licenses import api as licenses
from bursar.licenses import models
from bursar.licenses.data import Plan, PlanToSave, Sweep
from bursar.licenses.service.sweeping import sweep
from bursar.outbox import api as outbox
from bursar.outbox.models import Delivery, Event
from tests.cast import ACME, ALICE, BOB, DANA, PYTHON_RUN, Organization
from tests.statements import counted

Later = Callable[[int], None]


def assign(plan_uuid: UUID, *emails: str) -> list[UUID]:
    outcomes = licenses.assign(plan_uuid=plan_uuid, addresses=emails, by=None)
    return [each.license_uuid for each in outcomes if each.license_uuid]


def extend(plan: Plan, *, days: int) -> None:
    wanted = PlanToSave(
        plan.uuid, ACME, plan.title, None, plan.starts_at, clock.now() + timedelta(days=days), license_count=1
    )
    licenses.save_plans([wanted])


def expired() -> list[LicenseExpired]:
    events = Event.objects.filter(type=LICENSES_EXPIRED.name).order_by("id")
    return [LICENSES_EXPIRED.load(fact) for event in events for fact in event.facts]


def enroll(*licensed: tuple[str, UUID]) -> None:
    pairs = [BulkPair(PYTHON_RUN, email, license_uuid=str(license_uuid)) for email, license_uuid in licensed]
    customers.enroll_in_bulk(customer_uuid=ACME, pairs=pairs, by=ALICE.lms_user_id)
    outbox.relay()


def modes() -> list[str]:
    places = [(each.lms_user_id, PYTHON_RUN) for each in (BOB, DANA)]
    found = enrollments.find_enrollments(places)
    return [found[place].mode for place in places]


def test_a_plan_expires_once_and_not_a_moment_early_however_late_it_is_noticed(
    acme: Organization, later: Later
) -> None:
    """Weakness E13 of license-manager: what was over for more than a day was never expired."""
    plan = acme.plan(free=4, days_left=10)
    mine, danas, renewed, revoked = assign(plan.uuid, BOB.email, DANA.email, "new@acme.test", "ex@acme.test")
    licenses.activate_for(plan_uuid=plan.uuid, holders={DANA.email: DANA.lms_user_id}, by=None)
    licenses.revoke(plan_uuid=plan.uuid, addresses=["ex@acme.test"], by=None)
    (next_license,) = assign(acme.plan(free=1, days_left=300).uuid, "new@acme.test")
    models.License.objects.filter(pk=renewed).update(renewed_to=next_license)

    later(9)
    assert licenses.expire_plans() == Sweep()
    later(40)
    assert licenses.expire_plans() == Sweep(1, 2)
    assert licenses.expire_plans() == Sweep()

    assert {(each.license_uuid, each.email, each.lms_user_id, each.status) for each in expired()} == {
        (mine, BOB.email, None, "assigned"),
        (danas, DANA.email, DANA.lms_user_id, "activated"),
    }
    assert revoked not in {each.license_uuid for each in expired()}
    changes = models.Plan.history.filter(uuid=plan.uuid).values_list("is_expiration_processed", flat=True)
    assert list(changes.order_by("history_id")) == [False, True]


def test_a_plan_that_is_prolonged_after_it_expired_expires_again(acme: Organization, later: Later) -> None:
    plan = acme.plan(free=1, days_left=10)
    assign(plan.uuid, BOB.email)
    later(11)
    licenses.expire_plans()

    extend(plan, days=5)
    assert not models.Plan.objects.get(pk=plan.uuid).is_expiration_processed
    assert licenses.expire_plans() == Sweep()
    later(17)

    assert licenses.expire_plans() == Sweep(1, 1)
    assert len(expired()) == 2


def test_a_plan_that_somebody_else_prolonged_is_opened_again_by_the_clock(
    acme: Organization, later: Later
) -> None:
    plan = acme.plan(free=1, days_left=10)
    later(11)
    licenses.expire_plans()
    models.Plan.objects.filter(pk=plan.uuid).update(expires_at=clock.now() + timedelta(days=5))

    assert licenses.expire_plans() == Sweep()

    assert not models.Plan.objects.get(pk=plan.uuid).is_expiration_processed


def test_a_plan_that_is_to_be_renewed_waits_for_its_renewal_and_an_operator_is_told(
    acme: Organization, later: Later, caplog: pytest.LogCaptureFixture
) -> None:
    plan = acme.plan(free=1, days_left=10)
    assign(plan.uuid, BOB.email)
    renewal = models.Renewal.objects.create(
        prior_plan_id=plan.uuid,
        license_count=1,
        effective_at=plan.expires_at,
        renewed_expires_at=plan.expires_at + timedelta(days=100),
    )

    later(11)
    assert licenses.expire_plans() == Sweep()
    assert not caplog.messages
    later(12)
    assert licenses.expire_plans() == Sweep()
    assert caplog.messages == ["an expired plan waits for its renewal"]

    models.Renewal.objects.filter(pk=renewal.pk).update(is_processed=True)
    assert licenses.expire_plans() == Sweep(1, 1)


def test_what_expired_licenses_paid_for_ends(acme: Organization, later: Later) -> None:
    over, running = acme.plan(free=1, days_left=10), acme.plan(free=1)
    (mine,) = assign(over.uuid, BOB.email)
    (danas,) = assign(running.uuid, DANA.email)
    enroll((BOB.email, mine), (DANA.email, danas))
    assert modes() == ["verified", "verified"]

    later(11)
    licenses.expire_plans()
    outbox.relay()

    assert modes() == ["audit", "verified"]


def test_what_is_moved_to_a_plan_that_has_expired_expires_as_well(acme: Organization, later: Later) -> None:
    over, running = acme.plan(free=0, days_left=10), acme.plan(free=2)
    mine, danas = assign(running.uuid, BOB.email, DANA.email)
    enroll((BOB.email, mine), (DANA.email, danas))
    later(11)
    licenses.expire_plans()

    wanted = {"plan_uuid": running.uuid, "to_plan_uuid": over.uuid}
    licenses.start_transferring(**wanted, names=[str(mine)], by=None)
    jobs.run()
    swept = [licenses.expire_plans() for _ in range(2)]
    outbox.relay()

    assert swept == [Sweep(1, 1), Sweep()]
    assert modes() == ["audit", "verified"]


def test_a_late_delivery_takes_nothing_from_a_plan_that_was_prolonged(
    acme: Organization, later: Later
) -> None:
    plan = acme.plan(free=2, days_left=10)
    mine, danas = assign(plan.uuid, BOB.email, DANA.email)
    enroll((BOB.email, mine), (DANA.email, danas))
    later(11)
    licenses.expire_plans()
    extend(plan, days=30)

    outbox.relay()

    assert modes() == ["verified", "verified"]
    assert not Delivery.objects.exclude(state="done").exists()


def test_a_plan_that_fails_holds_up_no_other_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    failing, fine, done = uuid4(), uuid4(), uuid4()

    def handle(plan_uuid: UUID) -> int | None:
        if plan_uuid == failing:
            raise ConnectionError("the database is away")
        return 3 if plan_uuid == fine else None

    assert sweep("expire_plans", [failing, fine, done], handle) == Sweep(1, 3, (failing,))
    assert [(each.levelname, each.getMessage()) for each in caplog.records] == [("ERROR", "plan failed")]


def test_one_license_and_two_hundred_expire_with_the_same_number_of_statements(
    acme: Organization, later: Later
) -> None:
    counts = []
    for days_left, free in ((10, 1), (20, 200)):
        plan = acme.plan(free=free, days_left=days_left)
        assign(plan.uuid, *[f"p{number}@acme.test" for number in range(free)])
    for day, free in ((11, 1), (21, 200)):
        later(day)
        with counted() as statements:
            assert licenses.expire_plans() == Sweep(1, free)
        counts.append(statements.count)

    assert counts[0] == counts[1]
