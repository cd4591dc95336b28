"""The two ways to pay for requests, as tests arrange them: what is told of one is told of the other."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, ClassVar
from uuid import UUID

from bursar.config.reactions import AWAITING, REACTIONS
from bursar.lib import clock
from bursar.licenses import models as license_models
from bursar.outbox import api as outbox
from bursar.outbox import models as outbox_models
from bursar.outbox.data import Delivery, Reaction
from bursar.subsidy_requests import api as subsidy_requests
from bursar.subsidy_requests.data import (
    AnswerOutcome,
    Approval,
    Container,
    Decline,
    NewRequest,
    State,
    Subsidies,
)
from bursar.subsidy_requests.models import SubsidyRequest
from bursar.subsidy_requests.service import subsidies
from bursar.subsidy_requests.service.kinds import COUPON_CODES, LICENSES, Kind
from bursar.subsidy_requests.tests.coupons import Coupons
from tests.cast import ALICE, PYTHON, Member, Organization

Install = Callable[..., Coupons]


@dataclass
class Paying(ABC):
    """One kind of requests of an organization, and what pays for them."""

    organization: Organization
    install_coupons: Install
    kind: ClassVar[Kind]
    prefix: ClassVar[str]
    """Of the paths."""
    container_name: ClassVar[str]
    """What a plan or coupon is called on the wire."""

    def __post_init__(self) -> None:
        self.organization.takes_requests(of=self.kind.subsidy_type)

    @abstractmethod
    def supply(self, *, free: int) -> Container:
        """A plan or coupon with this much to give."""

    @abstractmethod
    def end(self, container: Container) -> None:
        """It gives nothing out any more."""

    @abstractmethod
    def count_held(self) -> int:
        """How much is kept back."""

    @abstractmethod
    def count_given(self) -> int:
        """How much somebody has."""

    @abstractmethod
    def age_holds(self, age: timedelta) -> None:
        """Whatever is kept back has been for so long."""

    @property
    def subsidies(self) -> Subsidies:
        return subsidies.get_subsidies(self.kind.subsidy_type)

    @property
    def reactions(self) -> Sequence[Reaction]:
        return REACTIONS

    def ask(self, learner: Member, course: str = PYTHON) -> UUID:
        """The learner's request."""
        made = subsidy_requests.ask(
            NewRequest(
                self.kind.subsidy_type, self.organization.uuid, learner.lms_user_id, learner.email, course
            ),
            by=learner.lms_user_id,
        )
        return made.pk

    def approve(
        self, container: Container, *requests: UUID, by: int | None = ALICE.lms_user_id
    ) -> list[AnswerOutcome]:
        wanted = Approval(
            self.kind.subsidy_type, self.organization.uuid, container, requests, is_notification_wanted=True
        )
        return subsidy_requests.approve(wanted, by=by)

    def decline(
        self, *requests: UUID, by: int | None = ALICE.lms_user_id, **more: Any
    ) -> list[AnswerOutcome]:
        answer = Decline(self.kind.subsidy_type, self.organization.uuid, requests, **more)
        return subsidy_requests.decline(answer, by=by)

    def withdraw(self, request: UUID, learner: Member) -> None:
        subsidy_requests.withdraw(self.kind.subsidy_type, request, lms_user_id=learner.lms_user_id)

    def read(self, request: UUID) -> SubsidyRequest:
        return self.kind.model._default_manager.get(pk=request)

    def state(self, request: UUID) -> State:
        return State(self.read(request).state)

    def let_go(self, *requests: UUID) -> None:
        """What is kept back for their approvals is free again."""
        self.subsidies.release(approval_uuids=[self.read(each).approval_uuid for each in requests])

    def story(self, request: UUID) -> list[str]:
        """What happened to it, oldest first."""
        history = self.kind.model.history.filter(uuid=request).order_by("history_id")
        return list(history.values_list("history_change_reason", flat=True))

    @contextmanager
    def out_of_order(self) -> Iterator[None]:
        """The reaction that assigns fails at every try, as if its database were gone."""

        def fail(_deliveries: Sequence[Delivery[Any]]) -> None:
            raise ConnectionError("it cannot be reached")

        broken = [
            replace(each, run=fail) if each.handler == self.kind.assigned_by else each
            for each in self.reactions
        ]
        outbox.register(broken, awaiting=AWAITING)
        try:
            yield
        finally:
            outbox.register(self.reactions, awaiting=AWAITING)


class PayingLicenses(Paying):
    """Subscription plans."""

    kind = LICENSES
    prefix = "/api/v1/license-requests/"
    container_name = "subscription_plan_uuid"

    def supply(self, *, free: int) -> Container:
        return self.organization.plan(free=free).uuid

    def end(self, container: Container) -> None:
        license_models.Plan.objects.filter(pk=container).update(is_active=False)

    def count_held(self) -> int:
        return license_models.Hold.objects.count()

    def count_given(self) -> int:
        return license_models.License.objects.exclude(status="unassigned").count()

    def age_holds(self, age: timedelta) -> None:
        license_models.Hold.objects.update(created_at=clock.now() - age)


class PayingCodes(Paying):
    """The stand-in for coupons."""

    kind = COUPON_CODES
    prefix = "/api/v1/coupon-code-requests/"
    container_name = "coupon_id"

    def __post_init__(self) -> None:
        super().__post_init__()
        self.coupons = self.install_coupons(self.organization, free=0)

    def supply(self, *, free: int) -> Container:
        self.coupons.codes = [f"CODE{number}" for number in range(free)]
        return self.coupons.coupon_id

    def end(self, container: Container) -> None:
        self.coupons.is_over = True

    def count_held(self) -> int:
        return len(self.coupons.held)

    def count_given(self) -> int:
        return len(self.coupons.given)

    def age_holds(self, age: timedelta) -> None:
        self.coupons.held = dict.fromkeys(self.coupons.held, clock.now() - age)

    @property
    def reactions(self) -> Sequence[Reaction]:
        return [*REACTIONS, self.coupons.reaction]


def let_every_try_fail(drain: Callable[[], None]) -> None:
    """Does the background work until what fails is dead."""
    for _try in range(20):
        outbox_models.Delivery.objects.filter(state="waiting").update(next_attempt_at=clock.now())
        drain()
