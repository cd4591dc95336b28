"""How an approval ends in each of the cases of docs/decisions/0003-holds.md, line by line."""

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from django.db import transaction

from bursar.events.subsidy_requests import LICENSE_REQUESTS_APPROVED, LicenseRequestApproved
from bursar.identity import api as identity
from bursar.jobs import api as jobs
from bursar.lib import clock
from bursar.licenses import api as licenses
from bursar.licenses import models as license_models
from bursar.licenses.data import NotEnoughLicenses, Plan, Status
from bursar.outbox import api as outbox
from bursar.outbox import models as outbox_models
from bursar.subsidy_requests import api as subsidy_requests
from bursar.subsidy_requests.data import (
    AnswerOutcome,
    Approval,
    Decline,
    NewRequest,
    NotAnswerable,
    NotWithdrawable,
    Seat,
    State,
    SubsidyType,
)
from bursar.subsidy_requests.models import LicenseRequest
from bursar.subsidy_requests.service.kinds import LICENSES
from bursar.subsidy_requests.tests.paying import Paying, let_every_try_fail
from tests.cast import ALICE, BOB, CS50, DANA, ERIN, PYTHON, Organization

Drain = Callable[[], None]


@pytest.fixture
def requests(acme: Organization) -> dict[str, UUID]:
    """An open request of each of Acme's learners."""
    acme.takes_requests()
    learners = [BOB, DANA, ERIN]
    return dict(zip((each.username for each in learners), acme.requests_of(learners), strict=True))


def approve(plan: Plan, *request_uuids: UUID) -> list[AnswerOutcome]:
    approval = Approval(
        SubsidyType.LICENSE, plan.customer_uuid, plan.uuid, request_uuids, is_notification_wanted=True
    )
    return subsidy_requests.approve(approval, by=ALICE.lms_user_id)


def request_of(request_uuid: UUID) -> LicenseRequest:
    return LicenseRequest.objects.get(pk=request_uuid)


def test_who_holds_a_live_license_of_the_plan_is_approved_with_it(
    acme: Organization, requests: dict[str, UUID], drain: Drain
) -> None:
    plan = acme.plan(free=1)
    (held,) = licenses.assign(plan_uuid=plan.uuid, addresses=[BOB.email], by=None)

    approve(plan, requests["bob"])  # no seat is free any more, and none is needed
    drain()

    assert request_of(requests["bob"]).state == State.APPROVED
    assert request_of(requests["bob"]).license_uuid == held.license_uuid
    assert licenses.count_by_status(plan.uuid) == {Status.ASSIGNED: 1}


@pytest.mark.parametrize("is_held", [False, True])
def test_who_gets_another_address_before_the_license_is_assigned_is_approved_with_the_license_they_hold(
    acme: Organization, requests: dict[str, UUID], drain: Drain, is_held: bool
) -> None:
    plan = acme.plan(free=1)
    if is_held:  # the seat is used by hand
        approve(plan, requests["bob"])
    (held,) = licenses.assign(plan_uuid=plan.uuid, addresses=[BOB.email], by=None)
    if not is_held:  # no seat is needed
        approve(plan, requests["bob"])

    identity.change_person(lms_user_id=BOB.lms_user_id, email="robert@acme.test", is_confirmed=True, by=None)
    drain()

    assert request_of(requests["bob"]).state == State.APPROVED
    assert request_of(requests["bob"]).license_uuid == held.license_uuid


def test_a_live_license_of_another_plan_is_no_obstacle(
    acme: Organization, requests: dict[str, UUID], drain: Drain
) -> None:
    other, plan = acme.plan(free=1), acme.plan(free=1)
    licenses.assign(plan_uuid=other.uuid, addresses=[BOB.email], by=None)

    approve(plan, requests["bob"])
    drain()

    assert request_of(requests["bob"]).state == State.APPROVED
    assert request_of(requests["bob"]).plan_uuid == plan.uuid
    assert licenses.count_by_status(plan.uuid) == {Status.ASSIGNED: 1}


def test_assigning_directly_to_an_address_with_a_hold_uses_that_seat(
    acme: Organization, requests: dict[str, UUID], drain: Drain
) -> None:
    plan = acme.plan(free=1)
    approve(plan, requests["bob"])

    (assigned,) = licenses.assign(plan_uuid=plan.uuid, addresses=[BOB.email], by=ALICE.lms_user_id)
    drain()

    assert assigned.is_new
    assert request_of(requests["bob"]).state == State.APPROVED
    assert request_of(requests["bob"]).license_uuid == assigned.license_uuid
    assert not license_models.Hold.objects.exists()


def test_assigning_directly_to_someone_else_leaves_a_held_seat_alone(
    acme: Organization, requests: dict[str, UUID]
) -> None:
    plan = acme.plan(free=1)
    approve(plan, requests["bob"])

    with pytest.raises(NotEnoughLicenses) as refused:
        licenses.assign(plan_uuid=plan.uuid, addresses=["someone@acme.test"], by=ALICE.lms_user_id)

    assert refused.value.fields == {"needed": 1, "free": 0}


def test_a_freeze_leaves_held_seats_alone(
    acme: Organization, requests: dict[str, UUID], drain: Drain
) -> None:
    plan = acme.plan(free=5)
    approve(plan, requests["bob"], requests["dana"])

    assert licenses.freeze_unused(plan_uuid=plan.uuid, by=ALICE.lms_user_id) == 3
    drain()

    assert licenses.count_by_status(plan.uuid) == {Status.ASSIGNED: 2}
    assert request_of(requests["bob"]).state == request_of(requests["dana"]).state == State.APPROVED


def test_revoking_all_leaves_held_seats_alone(
    acme: Organization, requests: dict[str, UUID], drain: Drain
) -> None:
    plan = acme.plan(free=2)
    licenses.assign(plan_uuid=plan.uuid, addresses=["someone@acme.test"], by=None)
    approve(plan, requests["bob"])

    licenses.start_revoking_all(plan_uuid=plan.uuid, by=ALICE.lms_user_id)
    jobs.run()
    drain()

    assert request_of(requests["bob"]).state == State.APPROVED
    assert licenses.count_by_status(plan.uuid) == {
        Status.ASSIGNED: 1,
        Status.REVOKED: 1,
        Status.UNASSIGNED: 1,
    }


def test_auto_apply_leaves_held_seats_alone(acme: Organization, requests: dict[str, UUID]) -> None:
    plan = acme.plan(free=1, should_auto_apply=True)
    approve(plan, requests["bob"])

    with pytest.raises(NotEnoughLicenses):
        licenses.auto_apply(customer_uuid=acme.uuid, email=DANA.email, lms_user_id=DANA.lms_user_id)


@pytest.mark.parametrize(
    ("change", "code"),
    [({"is_active": False}, "plan_inactive"), ({"expires_at": timedelta(days=-1)}, "plan_expired")],
)
def test_a_plan_that_ended_meanwhile_ends_the_request_in_error_and_frees_the_seat(
    acme: Organization, requests: dict[str, UUID], drain: Drain, change: dict[str, object], code: str
) -> None:
    plan = acme.plan(free=1)
    approve(plan, requests["bob"])
    changes = {
        name: clock.now() + value if isinstance(value, timedelta) else value for name, value in change.items()
    }
    license_models.Plan.objects.filter(pk=plan.uuid).update(**changes)

    drain()

    assert request_of(requests["bob"]).state == State.ERROR
    assert request_of(requests["bob"]).error_code == code
    assert licenses.find_plans([plan.uuid])[plan.uuid].free_count == 1


def test_a_hold_that_is_gone_ends_the_request_in_error(paying: Paying, drain: Drain) -> None:
    supply = paying.supply(free=1)
    request = paying.ask(BOB)
    paying.approve(supply, request)
    paying.let_go(request)

    drain()

    assert (paying.state(request), paying.read(request).error_code) == (State.ERROR, "hold_gone")
    assert (paying.count_held(), paying.count_given()) == (0, 0)


def test_an_approval_whose_event_is_dead_ends_in_error_and_a_later_replay_does_nothing(
    paying: Paying, drain: Drain
) -> None:
    """Weaknesses W2, W15 of enterprise-access: pending for ever; and a stack trace for learners to read."""
    supply = paying.supply(free=2)
    bob, dana = requests = [paying.ask(BOB), paying.ask(DANA)]
    paying.approve(supply, *requests)
    with paying.out_of_order():
        let_every_try_fail(drain)

    assert paying.read(bob).error_code == "assignment_failed"
    assert "cannot be reached" not in (paying.read(bob).error_message or "")
    assert paying.state(dana) == State.ERROR
    assert paying.count_held() == 0

    dead = outbox_models.Delivery.objects.filter(state=outbox_models.Delivery.State.DEAD)
    assert outbox.retry_dead([row.pk for row in dead]) == 2  # split, so that one bad fact harms no other
    drain()

    assert paying.read(bob).error_code == "assignment_failed"
    assert paying.count_given() == 0


def test_a_pending_request_cannot_be_declined(
    acme: Organization, requests: dict[str, UUID], drain: Drain
) -> None:
    plan = acme.plan(free=2)
    approve(plan, requests["bob"])

    with pytest.raises(NotAnswerable):
        subsidy_requests.decline(
            Decline(SubsidyType.LICENSE, acme.uuid, (requests["bob"], requests["dana"])), by=ALICE.lms_user_id
        )
    drain()

    assert request_of(requests["bob"]).state == State.APPROVED
    assert request_of(requests["dana"]).state == State.REQUESTED


def test_a_pending_request_cannot_be_withdrawn(
    acme: Organization, requests: dict[str, UUID], drain: Drain
) -> None:
    approve(acme.plan(free=1), requests["bob"])

    with pytest.raises(NotWithdrawable):
        subsidy_requests.withdraw(SubsidyType.LICENSE, requests["bob"], lms_user_id=BOB.lms_user_id)
    drain()

    assert request_of(requests["bob"]).state == State.APPROVED


def test_a_change_of_type_leaves_a_pending_request_to_end_by_itself(
    acme: Organization, requests: dict[str, UUID], drain: Drain
) -> None:
    approve(acme.plan(free=1), requests["bob"])

    acme.takes_requests(of=SubsidyType.COUPON)
    drain()

    assert request_of(requests["bob"]).state == State.APPROVED


def test_an_error_whose_learner_has_asked_again_is_superseded(paying: Paying, drain: Drain) -> None:
    supply = paying.supply(free=3)
    first, elsewhere = paying.ask(BOB), paying.ask(DANA)
    paying.approve(supply, first)
    paying.let_go(first)
    drain()
    again = paying.ask(BOB)

    old, dana, new = paying.approve(supply, first, elsewhere, again)

    assert old.refusal is not None
    assert old.refusal.code == "superseded"
    assert dana.state == new.state == State.PENDING
    assert paying.count_held() == 2


def test_a_newer_request_for_another_course_supersedes_one_for_a_license_alone(
    paying: Paying, drain: Drain
) -> None:
    """A license is for every course, a code for one."""
    supply = paying.supply(free=3)
    first = paying.ask(BOB, PYTHON)
    paying.approve(supply, first)
    paying.let_go(first)
    drain()
    again = paying.ask(BOB, CS50)

    old, new = paying.approve(supply, first, again)

    assert new.state == State.PENDING
    assert old.state == (State.ERROR if paying.kind is LICENSES else State.PENDING)


def test_an_error_can_be_approved_again(acme: Organization, requests: dict[str, UUID], drain: Drain) -> None:
    plan = acme.plan(free=1)
    approve(plan, requests["bob"])
    licenses.release(approval_uuids=[request_of(requests["bob"]).approval_uuid])
    drain()

    approve(plan, requests["bob"])
    drain()

    assert request_of(requests["bob"]).state == State.APPROVED
    assert request_of(requests["bob"]).error_code is None


def test_revoking_the_license_leaves_the_request_approved_and_lets_the_learner_ask_again(
    acme: Organization, requests: dict[str, UUID], drain: Drain
) -> None:
    plan = acme.plan(free=1)
    approve(plan, requests["bob"])
    drain()

    licenses.revoke(plan_uuid=plan.uuid, addresses=[BOB.email], by=ALICE.lms_user_id)
    again = subsidy_requests.ask(
        NewRequest(SubsidyType.LICENSE, acme.uuid, BOB.lms_user_id, BOB.email, PYTHON), by=BOB.lms_user_id
    )

    assert request_of(requests["bob"]).state == State.APPROVED
    assert again.state == State.REQUESTED


def test_a_hold_left_by_a_crash_is_released_after_a_quarter_of_an_hour(paying: Paying) -> None:
    supply = paying.supply(free=3)
    paying.approve(supply, paying.ask(BOB))
    seat = Seat(uuid4(), DANA.email)  # held, and then the process died
    paying.subsidies.hold(container=supply, customer_uuid=paying.organization.uuid, seats=[seat])

    assert subsidy_requests.release_stale_holds() == 0
    paying.age_holds(timedelta(minutes=16))
    assert subsidy_requests.release_stale_holds() == 1

    assert paying.count_held() == 1
    assert paying.subsidies.release(approval_uuids=[seat.approval_uuid]) == 0


def test_an_approval_that_is_delivered_twice_assigns_once(paying: Paying, drain: Drain) -> None:
    """Weakness W5 of enterprise-access: a call that came through, but too late, was made again."""
    supply = paying.supply(free=2)
    request = paying.ask(BOB)
    paying.approve(supply, request)
    drain()
    outbox_models.Delivery.objects.update(state="waiting")
    drain()

    assert (paying.count_given(), paying.state(request)) == (1, State.APPROVED)
    assert paying.story(request) == ["requested", "approved", "fulfilled"]


def test_an_old_approval_of_a_request_that_was_approved_again_takes_no_seat(
    acme: Organization, requests: dict[str, UUID], drain: Drain
) -> None:
    plan = acme.plan(free=2)
    approve(plan, requests["bob"])
    drain()
    stale = LicenseRequestApproved(
        requests["bob"], uuid4(), acme.uuid, plan.uuid, DANA.lms_user_id, DANA.email
    )
    with transaction.atomic():
        outbox.record(LICENSE_REQUESTS_APPROVED, key=str(plan.uuid), facts=[stale], by=None)
    drain()

    assert licenses.count_by_status(plan.uuid) == {Status.ASSIGNED: 1, Status.UNASSIGNED: 1}
