"""Renewing plans."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from bursar.catalog.data import AUDIT
from bursar.customers import api as customers
from bursar.customers.data import BulkPair
from bursar.customers.models import Fulfillment, PendingEnrollment
from bursar.enrollments import api as enrollments
from bursar.lib import clock
from bursar.licenses import api as licenses
from bursar.licenses import models
from bursar.licenses.data import LIVE, CopiedStatuses, Plan, RenewalImpossible, Seat, Status
from bursar.licenses.service.provisioning import change_plan
from bursar.outbox import api as outbox
from bursar.outbox.models import Event
from tests.cast import ALICE, BOB, CS50_RUN, DANA, ERIN, PYTHON_RUN, Organization
from tests.statements import counted
from tests.threads import at_once


def renewal_of(plan: Plan, *, count: int = 5, **fields: Any) -> models.Renewal:
    """A renewal that is due."""
    wanted = {
        "license_count": count,
        "effective_at": clock.now() + timedelta(hours=2),
        "renewed_expires_at": clock.now() + timedelta(days=365),
    }
    return models.Renewal.objects.create(prior_plan_id=plan.uuid, **{**wanted, **fields})


def give(plan: Plan, *emails: str) -> list[UUID]:
    outcomes = licenses.assign(plan_uuid=plan.uuid, addresses=emails, by=None)
    return [each.license_uuid for each in outcomes if each.license_uuid]


def process(renewal: models.Renewal) -> models.Plan:
    """The plan that took the prior one's place."""
    assert licenses.process_renewal(renewal_id=renewal.pk, by=ALICE.lms_user_id).is_new
    renewal.refresh_from_db()
    assert renewal.renewed_plan is not None
    return renewal.renewed_plan


def live_of(plan_uuid: UUID) -> dict[str | None, models.License]:
    return {each.email: each for each in models.License.objects.filter(plan=plan_uuid, status__in=LIVE)}


def counts_on(plan_uuid: UUID) -> dict[Status, int]:
    plan = models.Plan.objects.get(pk=plan_uuid)
    counts = {status: getattr(plan, f"{status}_count") for status in Status}
    return {status: count for status, count in counts.items() if count}


def test_licenses_go_along_as_they_are_and_the_plan_before_keeps_its_own(acme: Organization) -> None:
    plan = acme.plan(free=4, title="Acme 2026", should_auto_apply=True)
    mine, _danas, _erins = give(plan, BOB.email, DANA.email, ERIN.email)
    licenses.activate_for(plan_uuid=plan.uuid, holders={BOB.email: BOB.lms_user_id}, by=None)
    licenses.revoke(plan_uuid=plan.uuid, addresses=[ERIN.email], by=None)
    renewal = renewal_of(plan, count=5)

    renewed = process(renewal)

    before, after = live_of(plan.uuid), live_of(renewed.pk)
    assert renewed.title == f"Acme 2026 - Renewal {renewal.effective_at.year}"
    assert (renewed.is_active, renewed.starts_at) == (True, renewal.effective_at)
    assert after.keys() == {BOB.email, DANA.email}
    for email, old in before.items():
        new = after[email]
        assert old.renewed_to_id == new.pk
        assert (new.status, new.lms_user_id) == (old.status, old.lms_user_id)
        assert new.activation_key == old.activation_key
        assert new.assigned_at == renewal.processed_at
    assert after[BOB.email].activated_at == renewed.starts_at
    assert after[DANA.email].activated_at is None
    assert licenses.count_by_status(renewed.pk) == counts_on(renewed.pk)
    assert counts_on(renewed.pk) == {Status.UNASSIGNED: 3, Status.ASSIGNED: 1, Status.ACTIVATED: 1}
    assert licenses.count_by_status(plan.uuid) == counts_on(plan.uuid)
    flags = models.Plan.objects.order_by("starts_at").values_list("should_auto_apply", flat=True)
    assert list(flags) == [True, True]  # until the renewed plan begins the prior one goes on
    story = licenses.tell_story(after[BOB.email].pk)
    assert [(each.by, each.status, each.reason) for each in story] == [(10, Status.ACTIVATED, "renewed")]
    assert licenses.tell_story(mine)[-1].reason == "renewed"
    events = Event.objects.filter(type="license.renewed", key=str(renewed.pk))
    told = {fact["prior_license_uuid"] for event in events for fact in event.facts}
    assert told == {str(each.pk) for each in before.values()}


def test_a_processed_renewal_does_nothing_again(acme: Organization) -> None:
    plan = acme.plan(free=1)
    give(plan, BOB.email)
    renewal = renewal_of(plan)
    renewed = process(renewal)

    again = licenses.process_renewal(renewal_id=renewal.pk, by=None)

    assert (again.is_new, again.license_count) == (False, 0)
    assert counts_on(renewed.pk) == {Status.UNASSIGNED: 4, Status.ASSIGNED: 1}


def test_free_licenses_of_a_plan_that_is_there_are_used_first(acme: Organization) -> None:
    plan, next_plan = acme.plan(free=3, should_auto_apply=True), acme.plan(free=2)
    give(plan, BOB.email, DANA.email, ERIN.email)
    free = set(models.License.objects.filter(plan=next_plan.uuid).values_list("pk", flat=True))

    process(renewal_of(plan, count=4, renewed_plan_id=next_plan.uuid, disable_auto_apply=True))

    used = {each.pk for each in live_of(next_plan.uuid).values()}
    assert free < used
    assert counts_on(next_plan.uuid) == {Status.UNASSIGNED: 1, Status.ASSIGNED: 3}
    assert licenses.count_by_status(next_plan.uuid) == counts_on(next_plan.uuid)
    assert models.Plan.objects.get(pk=plan.uuid).should_auto_apply


@pytest.mark.parametrize(
    ("statuses", "kept"), [(CopiedStatuses.ACTIVATED, {BOB.email}), (CopiedStatuses.NONE, set())]
)
def test_a_renewal_may_leave_licenses_behind(
    acme: Organization, statuses: CopiedStatuses, kept: set[str]
) -> None:
    plan = acme.plan(free=2)
    give(plan, BOB.email, DANA.email)
    licenses.activate_for(plan_uuid=plan.uuid, holders={BOB.email: BOB.lms_user_id}, by=None)

    renewed = process(renewal_of(plan, count=1, copied_statuses=statuses))

    assert live_of(renewed.pk).keys() == kept
    left = models.License.objects.filter(plan=plan.uuid, renewed_to=None).values_list("email", flat=True)
    assert set(left) == {BOB.email, DANA.email} - kept


def _ask_for_too_few(acme: Organization, plan: Plan, other: Plan) -> dict[str, Any]:
    return {"count": 1}


def _use_the_other(acme: Organization, plan: Plan, other: Plan) -> dict[str, Any]:
    give(other, ERIN.email)
    return {"renewed_plan_id": other.uuid}


def _have_more(acme: Organization, plan: Plan, other: Plan) -> dict[str, Any]:
    return {"count": 2, "renewed_plan_id": other.uuid}


def _freeze(acme: Organization, plan: Plan, other: Plan) -> dict[str, Any]:
    licenses.freeze_unused(plan_uuid=other.uuid, by=None)
    return {"renewed_plan_id": other.uuid}


def _hold(acme: Organization, plan: Plan, other: Plan) -> dict[str, Any]:
    seats = [Seat(UUID(int=number), f"{number}@acme.test") for number in range(2)]
    licenses.hold(plan_uuid=other.uuid, customer_uuid=acme.uuid, seats=seats)
    return {"count": 3, "renewed_plan_id": other.uuid}


def _take_the_title(acme: Organization, plan: Plan, other: Plan) -> dict[str, Any]:
    return {"renewed_plan_title": other.title}


@pytest.mark.parametrize(
    "prepare", [_ask_for_too_few, _use_the_other, _have_more, _freeze, _hold, _take_the_title]
)
def test_what_cannot_be_renewed_is_refused_and_stays(acme: Organization, prepare: Any) -> None:
    plan, other = acme.plan(free=2), acme.plan(free=3)
    give(plan, BOB.email, DANA.email)
    renewal = renewal_of(plan, **prepare(acme, plan, other))
    before = (counts_on(plan.uuid), counts_on(other.uuid), models.Plan.objects.count())

    with pytest.raises(RenewalImpossible):
        licenses.process_renewal(renewal_id=renewal.pk, by=None)

    assert (counts_on(plan.uuid), counts_on(other.uuid), models.Plan.objects.count()) == before
    assert not models.License.objects.exclude(renewed_to=None).exists()
    renewal.refresh_from_db()
    assert not renewal.is_processed


def test_two_hundred_licenses_take_no_more_statements_than_one(acme: Organization) -> None:
    def statements(count: int) -> int:
        plan = acme.plan(free=count, title=f"{count} licenses")
        give(plan, *(f"{number}@acme.test" for number in range(count)))
        renewal = renewal_of(plan, count=count + 1)
        with counted() as asked:
            process(renewal)
        return asked.count

    assert statements(200) == statements(1)


def test_more_than_one_chunk_is_renewed(acme: Organization) -> None:
    plan = acme.plan(free=2_003)
    for half in (range(1_500), range(1_500, 2_003)):
        give(plan, *(f"{number}@acme.test" for number in half))

    renewed = process(renewal_of(plan, count=2_003))

    assert counts_on(renewed.pk) == licenses.count_by_status(renewed.pk) == {Status.ASSIGNED: 2_003}
    assert models.License.objects.filter(plan=plan.uuid, renewed_to=None).count() == 0


def test_what_is_due_is_renewed_however_late_and_one_failure_stops_no_other(acme: Organization) -> None:
    """Weakness E13 of license-manager: a renewal whose hour went by was never processed."""
    late, soon, far, exempt, impossible = (acme.plan(free=1, title=title) for title in "abcde")
    give(impossible, BOB.email)
    now = clock.now()
    renewal_of(late, effective_at=now - timedelta(days=90))
    renewal_of(soon, effective_at=now + timedelta(hours=11))
    renewal_of(far, effective_at=now + timedelta(hours=13))
    renewal_of(exempt, is_exempt_from_batch=True)
    renewal_of(impossible, count=1, effective_at=now - timedelta(days=91), renewed_plan_title="a")

    first, again = licenses.process_due_renewals(), licenses.process_due_renewals()

    assert [(each.prior_title, each.refusal and each.refusal.code) for each in first] == [
        ("e", "renewal_impossible"),
        ("a", None),
        ("b", None),
    ]
    assert [each.prior_title for each in again] == ["e"]
    assert licenses.count_overdue_renewals() == 1


def pay(email: str, license_uuid: UUID, run_key: str = PYTHON_RUN) -> None:
    customers.enroll_in_bulk(
        customer_uuid=models.License.objects.get(pk=license_uuid).plan.customer_uuid,
        pairs=[BulkPair(run_key, email, license_uuid=str(license_uuid))],
        by=None,
    )


def place_of_bob() -> tuple[str, bool]:
    place = enrollments.find_enrollments([(BOB.lms_user_id, PYTHON_RUN)])[BOB.lms_user_id, PYTHON_RUN]
    return place.mode, place.is_active


def test_the_renewed_license_pays_so_that_taking_it_back_ends_what_it_pays_for(acme: Organization) -> None:
    plan = acme.plan(free=2)
    mine, waiting = give(plan, BOB.email, "new@acme.test")
    pay(BOB.email, mine)
    pay("new@acme.test", waiting)

    renewed = process(renewal_of(plan))
    licenses.revoke(plan_uuid=renewed.pk, addresses=["new@acme.test"], by=None)
    outbox.relay()

    new = live_of(renewed.pk)[BOB.email].pk
    paid = Fulfillment.objects.get()
    assert (paid.subsidy_uuid, paid.is_revoked) == (new, False)
    assert paid.history.latest("history_id").history_change_reason == "renewed"
    assert place_of_bob() == ("verified", True)
    # Taken back before the events were relayed: the order is kept.
    assert PendingEnrollment.objects.get().state == "failed"

    licenses.revoke(plan_uuid=renewed.pk, addresses=[BOB.email], by=None)
    outbox.relay()
    assert place_of_bob() == (AUDIT, True)
    assert Fulfillment.objects.get().is_revoked


def test_whoever_loses_a_license_before_the_renewed_plan_begins_loses_both(
    acme: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = acme.plan(free=2, revocation_cap_percent=100)
    (bobs, _danas) = give(plan, BOB.email, DANA.email)
    licenses.activate_for(plan_uuid=plan.uuid, holders={BOB.email: BOB.lms_user_id}, by=None)
    pay(BOB.email, bobs)
    renewed = process(renewal_of(plan))
    outbox.relay()

    licenses.revoke(plan_uuid=plan.uuid, addresses=[BOB.email], by=ALICE.lms_user_id)
    outbox.relay()
    outbox.relay()

    assert live_of(renewed.pk).keys() == {DANA.email}
    assert place_of_bob() == (AUDIT, True)
    assert models.Plan.objects.get(pk=renewed.pk).revocation_count == 0
    began = renewed.starts_at + timedelta(hours=1)
    monkeypatch.setattr(clock, "now", lambda: began)
    licenses.revoke(plan_uuid=plan.uuid, addresses=[DANA.email], by=ALICE.lms_user_id)
    outbox.relay()
    assert live_of(renewed.pk).keys() == {DANA.email}  # who tidies an old plan up means that plan


def test_what_comes_late_goes_along_when_the_plan_is_over(
    acme: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = acme.plan(free=4, days_left=1, should_auto_apply=True)
    give(plan, DANA.email)
    renewed = process(renewal_of(plan, count=3, effective_at=plan.expires_at))
    licenses.activate_for(plan_uuid=plan.uuid, holders={DANA.email: DANA.lms_user_id}, by=None)
    (bobs,) = give(plan, BOB.email)
    licenses.auto_apply(customer_uuid=acme.uuid, email=ERIN.email, lms_user_id=ERIN.lms_user_id)
    give(plan, "one.too.many@acme.test")
    pay(BOB.email, bobs)
    over = plan.expires_at + timedelta(minutes=10)
    monkeypatch.setattr(clock, "now", lambda: over)

    licenses.expire_plans()
    outbox.relay()
    licenses.expire_plans()

    assert {email: each.status for email, each in live_of(renewed.pk).items()} == {
        DANA.email: Status.ACTIVATED,
        BOB.email: Status.ASSIGNED,
        ERIN.email: Status.ACTIVATED,
    }
    assert licenses.count_by_status(renewed.pk) == counts_on(renewed.pk)
    paid = Fulfillment.objects.get()
    assert (paid.subsidy_uuid, paid.is_revoked) == (live_of(renewed.pk)[BOB.email].pk, False)
    told = [fact["email"] for event in Event.objects.filter(type="license.expired") for fact in event.facts]
    assert told == ["one.too.many@acme.test"]
    again = licenses.auto_apply(customer_uuid=acme.uuid, email=ERIN.email, lms_user_id=ERIN.lms_user_id)
    assert again.license_uuid == live_of(renewed.pk)[ERIN.email].pk


def test_what_the_old_license_came_to_pay_for_is_passed_on_when_its_plan_is_over(
    acme: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = acme.plan(free=1, days_left=1)
    (mine,) = give(plan, BOB.email)
    renewed = process(renewal_of(plan, effective_at=plan.expires_at))
    outbox.relay()
    pay(BOB.email, mine)

    over = plan.expires_at + timedelta(hours=1)
    monkeypatch.setattr(clock, "now", lambda: over)
    licenses.expire_plans()
    outbox.relay()

    assert place_of_bob() == ("verified", True)
    licenses.revoke(plan_uuid=renewed.pk, addresses=[BOB.email], by=None)
    outbox.relay()
    assert place_of_bob() == (AUDIT, True)


@pytest.mark.parametrize("loss", ["revoked", "given to somebody else"])
def test_a_renewed_license_that_its_holder_lost_pays_for_nothing_when_the_plan_before_is_over(
    acme: Organization, monkeypatch: pytest.MonkeyPatch, loss: str
) -> None:
    start = clock.now()
    plan = acme.plan(free=1, days_left=200)
    (mine,) = give(plan, BOB.email)
    renewed = process(renewal_of(plan, count=1))
    licenses.activate_for(plan_uuid=plan.uuid, holders={BOB.email: BOB.lms_user_id}, by=None)
    outbox.relay()
    pay(BOB.email, mine)
    if loss == "revoked":
        licenses.revoke(plan_uuid=renewed.pk, addresses=[BOB.email], by=None)
    else:
        monkeypatch.setattr(clock, "now", lambda: start + timedelta(days=100))
        licenses.purge_personal_data()
        licenses.assign(plan_uuid=renewed.pk, addresses=[DANA.email], by=None)

    monkeypatch.setattr(clock, "now", lambda: start + timedelta(days=201))
    licenses.expire_plans()
    outbox.relay()

    paid = Fulfillment.objects.get()
    assert (paid.subsidy_uuid, paid.is_revoked) == (mine, True)
    assert place_of_bob() == (AUDIT, True)
    assert licenses.check_counts(mend=False) == []


@pytest.mark.django_db(transaction=True)
def test_who_takes_a_license_and_who_changes_the_plan_never_wait_for_each_other_crosswise(
    acme: Organization,
) -> None:
    plan = acme.plan(free=40, should_auto_apply=True)
    people = acme.learners(40)

    def take() -> None:
        for each in people:
            licenses.auto_apply(customer_uuid=acme.uuid, email=each.email, lms_user_id=each.lms_user_id)

    def change() -> None:
        for number in range(40):
            change_plan(plan_uuid=plan.uuid, changes={"title": f"Number {number}"}, by=None, reason=None)

    at_once(take, change)

    assert counts_on(plan.uuid) == {Status.ACTIVATED: 40}


@pytest.mark.django_db(transaction=True)
def test_a_renewal_that_two_process_at_once_is_processed_once(acme: Organization) -> None:
    plan = acme.plan(free=40)
    give(plan, *(f"{number}@acme.test" for number in range(30)))
    renewal = renewal_of(plan, count=40)

    def renew() -> bool:
        return licenses.process_renewal(renewal_id=renewal.pk, by=None).is_new

    def assign_more() -> int:
        return len(give(plan, *(f"{number}@acme.test" for number in range(30, 40))))

    first, second, more = at_once(renew, renew, assign_more)

    assert sorted([first, second]) == [False, True]
    assert more == 10
    renewal.refresh_from_db()
    copied = counts_on(renewal.renewed_plan_id)
    assert copied == licenses.count_by_status(renewal.renewed_plan_id)
    assert copied[Status.ASSIGNED] in (30, 40)
    assert models.License.objects.exclude(renewed_to=None).count() == copied[Status.ASSIGNED]


def test_what_the_renewed_license_pays_for_already_is_paid_for_once(acme: Organization) -> None:
    plan = acme.plan(free=2)
    mine, waiting = give(plan, BOB.email, "new@acme.test")
    renewed = process(renewal_of(plan))
    after = live_of(renewed.pk)
    for email, old in ((BOB.email, mine), ("new@acme.test", waiting)):
        pay(email, old)
        pay(email, old, CS50_RUN)
        pay(email, after[email].pk)

    outbox.relay()

    paying = Fulfillment.objects.filter(is_revoked=False)
    assert set(paying.values_list("subsidy_uuid", flat=True)) == {after[BOB.email].pk}
    assert paying.count() == 2
    waits = PendingEnrollment.objects.filter(state="waiting")
    assert set(waits.values_list("subsidy_uuid", flat=True)) == {after["new@acme.test"].pk}
    assert waits.count() == 2
