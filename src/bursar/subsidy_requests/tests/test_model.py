"""Whatever people do in whatever order: states, capacity and history are those of a small model."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from bursar.config.reactions import AWAITING, REACTIONS
from bursar.lib import clock
from bursar.lib.errors import DomainError
from bursar.licenses import api as licenses
from bursar.licenses.models import Hold
from bursar.licenses.models import Plan as PlanRow
from bursar.outbox import api as outbox
from bursar.outbox.models import Delivery
from bursar.outbox.relay import MAX_ATTEMPTS
from bursar.subsidy_requests import api
from bursar.subsidy_requests.data import (
    ANSWERABLE,
    OPEN,
    Approval,
    ConfigurationChange,
    Decline,
    NewRequest,
    State,
    SubsidyType,
)
from bursar.subsidy_requests.service.kinds import KINDS
from bursar.subsidy_requests.tests.coupons import Coupons
from tests.architecture.tables import undone
from tests.cast import ALICE, BOB, CS50, DANA, ERIN, OLGA, PYTHON, Member, Organization

LICENSE, COUPON = SubsidyType.LICENSE, SubsidyType.COUPON
SIZE = 2  # seats of the plan, codes of the coupon: fewer than learners
EXAMPLES = 12
STEPS = 40


@dataclass
class Request:
    """What the model knows of a request."""

    uuid: UUID
    type: SubsidyType
    learner: Member
    course: str
    state: State = State.REQUESTED
    is_removed: bool = False
    is_held: bool = False
    error_code: str | None = None
    reviewer: int | None = None
    history: list[tuple[str, int | None, str]] = field(default_factory=list)

    @property
    def asks_for(self) -> tuple[Any, ...]:
        """What a learner has one open request for."""
        return (self.type, self.learner) if self.type is LICENSE else (self.type, self.learner, self.course)

    @property
    def is_open(self) -> bool:
        return self.state in OPEN and not self.is_removed

    def becomes(self, state: State, reason: str, by: int | None) -> None:
        self.state = state
        self.history.append((reason, by, state.value))


@dataclass
class Model:
    """The rules in a few lines. What is refused is a code, and changes nothing."""

    configured: SubsidyType | None = LICENSE
    requests: list[Request] = field(default_factory=list)
    are_off: dict[SubsidyType, bool] = field(default_factory=lambda: {LICENSE: False, COUPON: False})
    holders: set[Member] = field(default_factory=set)
    codes: int = SIZE
    changes: list[tuple[SubsidyType | None, int]] = field(default_factory=list)

    def free(self, type_: SubsidyType) -> int:
        held = sum(each.is_held for each in self.requests if each.type is type_)
        return (SIZE - len(self.holders) if type_ is LICENSE else self.codes) - held

    def has_pending(self, *among: SubsidyType | None) -> bool:
        return any(each.state is State.PENDING and each.type in among for each in self.requests)

    def why_not_ask(self, wanted: Request) -> str | None:
        if self.are_off[wanted.type]:
            return "may_not_request"
        if self.configured is not wanted.type:
            return "requests_not_configured"
        is_asked = any(each.is_open and each.asks_for == wanted.asks_for for each in self.requests)
        return "already_requested" if is_asked else None

    def ask(self, wanted: Request) -> None:
        self.requests.append(wanted)
        wanted.becomes(State.REQUESTED, "requested", wanted.learner.lms_user_id)

    def withdraw(self, request: Request, by: Member) -> str | None:
        if request.is_removed or request.learner != by:
            return "request_not_found"
        if request.state is not State.REQUESTED:
            return "not_withdrawable"
        request.is_removed = True
        request.becomes(State.REQUESTED, "withdrawn", by.lms_user_id)
        return None

    def approve(self, chosen: Sequence[Request], by: Member) -> str | None:
        listed = [each for each in chosen if not each.is_removed]
        if any(each.state is State.DECLINED for each in listed):
            return "not_answerable"
        answerable = [each for each in listed if each.state in ANSWERABLE]
        if not answerable:
            return None
        type_ = answerable[0].type
        if self.are_off[type_]:
            return "plan_unavailable" if type_ is LICENSE else "coupon_unavailable"
        if self._needed(answerable) > self.free(type_):
            return "not_enough_licenses" if type_ is LICENSE else "not_enough_codes"
        asking = [each.asks_for for each in self.requests if each.is_open]
        for each in sorted(answerable, key=self.requests.index, reverse=True):
            if each.state is State.ERROR:
                if each.asks_for in asking:
                    continue  # superseded
                asking.append(each.asks_for)
            each.is_held = type_ is COUPON or each.learner not in self.holders
            each.error_code, each.reviewer = None, by.lms_user_id
            each.becomes(State.PENDING, "approved", by.lms_user_id)
        return None

    def _needed(self, answerable: Sequence[Request]) -> int:
        if answerable[0].type is COUPON:
            return len(answerable)
        held = {each.learner for each in self.requests if each.type is LICENSE and each.is_held}
        return len({each.learner for each in answerable} - self.holders - held)

    def decline(self, chosen: Sequence[Request], by: int | None, *, is_strict: bool = True) -> str | None:
        listed = [each for each in chosen if not each.is_removed]
        if is_strict and any(each.state in (State.APPROVED, State.PENDING) for each in listed):
            return "not_answerable"
        for each in listed:
            if each.state in ANSWERABLE:
                each.reviewer = by
                each.becomes(State.DECLINED, "declined", by)
        return None

    def relay(self, *, is_broken: bool = False) -> None:
        """Everything that was left to do is done; ``is_broken``: except assigning, which fails for good."""
        for was, by in self.changes:
            if was is not None and was is not self.configured:
                self.decline([each for each in self.requests if each.type is was], by, is_strict=False)
        self.changes.clear()
        failed = []
        for each in self.requests:
            if each.state is State.PENDING:
                each.error_code = "assignment_failed" if is_broken else self._why_not_assign(each)
                if each.error_code is None:
                    self._assign(each)
                    each.becomes(State.APPROVED, "fulfilled", None)
                else:
                    each.becomes(State.ERROR, "failed", None)
                    failed.append(each)
                each.is_held = False
        # They were pending when the customer's type was changed.
        self.decline([each for each in failed if each.type is not self.configured], None)

    def _why_not_assign(self, request: Request) -> str | None:
        if self.are_off[request.type]:
            return "plan_inactive" if request.type is LICENSE else "coupon_over"
        is_there = request.is_held or request.learner in self.holders
        return None if is_there else "hold_gone"

    def _assign(self, request: Request) -> None:
        if request.type is LICENSE:
            self.holders.add(request.learner)
        else:
            self.codes -= 1

    def assign_directly(self, learner: Member) -> str | None:
        """An administrator gives the learner a license without any request: a held seat is used for it."""
        if self.are_off[LICENSE]:
            return "plan_unavailable"
        if learner not in self.holders:
            own = [each for each in self.requests if each.type is LICENSE and each.learner == learner]
            if not any(each.is_held for each in own) and self.free(LICENSE) < 1:
                return "not_enough_licenses"
            for each in own:
                each.is_held = False
            self.holders.add(learner)
        return None


learners = st.sampled_from([BOB, DANA, ERIN])
administrators = st.sampled_from([ALICE, OLGA])
types = st.sampled_from([LICENSE, COUPON])


class Sequences(RuleBasedStateMachine):
    """Two administrators and three learners of one organization, with a plan and a coupon."""

    def __init__(self, acme: Organization, install_coupons: Callable[..., Coupons]) -> None:
        super().__init__()
        self._undone = undone()
        self._undone.__enter__()
        self.acme = acme
        self.model = Model()
        acme.takes_requests(of=LICENSE)
        self.plan = acme.plan(free=SIZE)
        self.coupons = install_coupons(acme, free=SIZE)
        outbox.relay()
        for learner in (BOB, DANA):
            self._ask(learner, PYTHON, LICENSE)

    def teardown(self) -> None:
        self._undone.__exit__(None, None, None)

    # What people do

    def _ask(self, learner: Member, course: str, type_: SubsidyType) -> None:
        wanted = Request(UUID(int=0), type_, learner, course)
        new = NewRequest(type_, self.acme.uuid, learner.lms_user_id, learner.email, course)
        expected = self.model.why_not_ask(wanted)
        made = []
        assert _code_of(lambda: made.append(api.ask(new, by=learner.lms_user_id))) == expected
        if expected is None:
            wanted.uuid = made[0].pk
            self.model.ask(wanted)

    @rule(
        learner=learners,
        course=st.sampled_from([PYTHON, CS50]),
        type_=st.sampled_from([None, None, None, LICENSE, COUPON]),
    )
    def ask(self, learner: Member, course: str, type_: SubsidyType | None) -> None:
        """Mostly, as the portal does, for what the organization pays with."""
        self._ask(learner, course, type_ or self.model.configured or LICENSE)

    @precondition(lambda self: self.model.requests)
    @rule(data=st.data(), by=learners)
    def withdraw(self, data: st.DataObject, by: Member) -> None:
        request = data.draw(st.sampled_from(self.model.requests), "request")
        expected = self.model.withdraw(request, by)
        withdraw = partial(api.withdraw, request.type, request.uuid, lms_user_id=by.lms_user_id)
        assert _code_of(withdraw) == expected

    def _choose(self, data: st.DataObject, states: Sequence[State] = tuple(State)) -> tuple[Request, ...]:
        first = data.draw(
            st.sampled_from([each for each in self.model.requests if each.state in states]), "first"
        )
        same = [each for each in self.model.requests if each.type is first.type and each.state in states]
        more = data.draw(st.lists(st.sampled_from(same), max_size=2), "more")
        return tuple({each.uuid: each for each in (first, *more)}.values())

    def _approve(self, chosen: tuple[Request, ...], by: Member) -> None:
        expected = self.model.approve(chosen, by)
        type_ = chosen[0].type
        container = self.plan.uuid if type_ is LICENSE else self.coupons.coupon_id
        approval = Approval(type_, self.acme.uuid, container, tuple(each.uuid for each in chosen))
        assert _code_of(lambda: api.approve(approval, by=by.lms_user_id)) == expected

    @precondition(lambda self: any(each.state in ANSWERABLE for each in self.model.requests))
    @rule(
        data=st.data(),
        by=administrators,
        among=st.sampled_from([ANSWERABLE, ANSWERABLE, tuple(State)]),
        is_relayed=st.booleans(),
    )
    def approve(self, data: st.DataObject, by: Member, among: tuple[State, ...], is_relayed: bool) -> None:
        """With or without something happening before the background gets at it."""
        self._approve(self._choose(data, among), by)
        if is_relayed:
            self._relay()

    @precondition(lambda self: any(each.state is State.ERROR for each in self.model.requests))
    @rule(data=st.data(), by=administrators)
    def retry(self, data: st.DataObject, by: Member) -> None:
        self._approve(self._choose(data, (State.ERROR,)), by)

    @precondition(lambda self: self.model.requests)
    @rule(data=st.data(), by=administrators)
    def decline(self, data: st.DataObject, by: Member) -> None:
        chosen = self._choose(data)
        expected = self.model.decline(chosen, by.lms_user_id)
        answer = Decline(chosen[0].type, self.acme.uuid, tuple(each.uuid for each in chosen))
        assert _code_of(lambda: api.decline(answer, by=by.lms_user_id)) == expected

    @rule(
        changes=st.lists(
            st.tuples(st.sampled_from([LICENSE, COUPON, None]), administrators), min_size=1, max_size=2
        )
    )
    def change_type(self, changes: list[tuple[SubsidyType | None, Member]]) -> None:
        """Perhaps there and back again before the background gets at it."""
        for type_, by in changes:
            self._change_type(type_, by)

    @precondition(lambda self: self.model.has_pending(self.model.configured))
    @rule(by=administrators, is_failing=st.booleans())
    def change_type_while_something_is_pending(self, by: Member, is_failing: bool) -> None:
        self._change_type(COUPON if self.model.configured is LICENSE else LICENSE, by)
        if is_failing:
            self._fail_at_every_try()

    def _change_type(self, type_: SubsidyType | None, by: Member) -> None:
        if type_ is not self.model.configured:
            self.model.changes.append((self.model.configured, by.lms_user_id))
            self.model.configured = type_
        change = ConfigurationChange(self.acme.uuid, {"subsidy_type": type_})
        assert api.change_configuration(change, by=by.lms_user_id).subsidy_type == type_

    @precondition(lambda self: self.model.has_pending(*SubsidyType))
    @rule(type_=types)
    def switch_off_while_something_is_pending(self, type_: SubsidyType) -> None:
        self._switch(type_, is_off=True)

    @precondition(lambda self: any(self.model.are_off.values()))
    @rule()
    def switch_on(self) -> None:
        for type_ in SubsidyType:
            self._switch(type_, is_off=False)

    def _switch(self, type_: SubsidyType, *, is_off: bool) -> None:
        """Whether the plan is active, or the coupon over."""
        self.model.are_off[type_] = is_off
        if type_ is LICENSE:
            PlanRow.objects.filter(pk=self.plan.uuid).update(is_active=not is_off)
        else:
            self.coupons.is_over = is_off

    @rule(learner=learners)
    def assign_directly(self, learner: Member) -> None:
        expected = self.model.assign_directly(learner)
        assign = partial(licenses.assign, plan_uuid=self.plan.uuid, addresses=[learner.email])
        assert _code_of(lambda: assign(by=ALICE.lms_user_id)) == expected

    @precondition(lambda self: self.model.holders)
    @rule(data=st.data())
    def revoke(self, data: st.DataObject) -> None:
        """The seat is free again; the request that it came from stays approved."""
        learner = data.draw(st.sampled_from(sorted(self.model.holders, key=lambda each: each.username)))
        self.model.holders.remove(learner)
        licenses.revoke(plan_uuid=self.plan.uuid, addresses=[learner.email], by=ALICE.lms_user_id)

    # What the background does

    @precondition(lambda self: self.model.has_pending(*SubsidyType) or self.model.changes)
    @rule()
    def relay(self) -> None:
        self._relay()

    def _relay(self) -> None:
        self.model.relay()
        outbox.relay()

    @precondition(lambda self: self.model.has_pending(*SubsidyType))
    @rule()
    def fail_at_every_try(self) -> None:
        self._fail_at_every_try()

    def _fail_at_every_try(self) -> None:
        self.model.relay(is_broken=True)
        with _assigning_is_broken(self.coupons):
            while (waiting := Delivery.objects.filter(state=Delivery.State.WAITING)).exists():
                waiting.update(attempt_count=MAX_ATTEMPTS - 1, next_attempt_at=clock.now())
                outbox.relay()

    @precondition(lambda self: outbox.count_dead())
    @rule()
    def repeat_what_failed(self) -> None:
        """It comes too late: what was waiting for it has ended."""
        self.model.relay()
        outbox.retry_dead(list(Delivery.objects.filter(state="dead").values_list("pk", flat=True)))
        outbox.relay()

    # What must always be so

    @invariant()
    def states_are_those_of_the_model(self) -> None:
        found = {}
        for type_, kind in KINDS.items():
            for row in kind.model._default_manager.all():
                found[row.pk] = (row.state, row.is_removed, row.error_code, row.reviewer_lms_user_id)
                if row.state == State.APPROVED and type_ is COUPON:
                    assert self.coupons.given[row.coupon_code][0] == row.email
        assert found == {
            each.uuid: (each.state, each.is_removed, each.error_code, each.reviewer)
            for each in self.model.requests
        }

    @invariant()
    def capacity_is_that_of_the_model(self) -> None:
        plan = licenses.find_plans([self.plan.uuid])[self.plan.uuid]
        coupon_free = len(self.coupons.codes) - len(self.coupons.held)
        assert (plan.free_count, coupon_free) == (self.model.free(LICENSE), self.model.free(COUPON))
        held = dict(Hold.objects.values_list("approval_uuid", "email"))
        for type_, approvals in ((LICENSE, set(held)), (COUPON, set(self.coupons.held))):
            pending = KINDS[type_].model._default_manager.filter(state=State.PENDING)
            own = dict(pending.values_list("uuid", "approval_uuid"))
            assert approvals == {
                own[each.uuid] for each in self.model.requests if each.type is type_ and each.is_held
            }

    @invariant()
    def history_is_that_of_the_model(self) -> None:
        found: dict[UUID, list[tuple[str, int | None, str]]] = {}
        for kind in KINDS.values():
            lines = kind.model.history.order_by("history_id")
            for pk, *line in lines.values_list("uuid", "history_change_reason", "history_user_id", "state"):
                found.setdefault(pk, []).append(tuple(line))
        assert found == {each.uuid: each.history for each in self.model.requests}


def _code_of(command: Callable[[], object]) -> str | None:
    """The code with which it is refused, if it is."""
    try:
        command()
    except DomainError as error:
        return error.code
    return None


@contextmanager
def _assigning_is_broken(coupons: Coupons) -> Iterator[None]:
    def fail(_deliveries: Sequence[Any]) -> None:
        raise ConnectionError("what pays cannot be reached")

    reactions = [*REACTIONS, coupons.reaction]
    assigning = {kind.assigned_by for kind in KINDS.values()}
    outbox.register(
        [replace(each, run=fail) if each.handler in assigning else each for each in reactions],
        awaiting=AWAITING,
    )
    try:
        yield
    finally:
        outbox.register(reactions, awaiting=AWAITING)


@pytest.mark.once  # what databases do differently, the other tests of this folder show
def test_any_sequence_ends_as_the_rules_say(
    acme: Organization, install_coupons: Callable[..., Coupons]
) -> None:
    run_state_machine_as_test(
        partial(Sequences, acme, install_coupons),
        settings=settings(
            derandomize=True,
            database=None,
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=HealthCheck,
        ),
    )
