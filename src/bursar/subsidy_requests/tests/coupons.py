"""A stand-in for the context that will hold coupons: one coupon, in memory, behind the same protocol."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from threading import Lock
from typing import Any
from uuid import UUID

from django.db import transaction

from bursar.events.coupons import (
    CODE_ASSIGNMENTS_REFUSED,
    CODES_ASSIGNED,
    CodeAssigned,
    CodeAssignmentRefused,
)
from bursar.events.subsidy_requests import COUPON_CODE_REQUESTS_APPROVED, CouponCodeRequestApproved
from bursar.lib import clock
from bursar.lib.errors import DomainError, NotFoundError
from bursar.outbox import api as outbox
from bursar.outbox.data import Delivery, Reaction
from bursar.subsidy_requests.data import Assigned, Change, Container, Seat, Supply
from bursar.subsidy_requests.service.kinds import COUPON_CODES


class CouponNotFound(NotFoundError):
    """There is no such coupon, or it is another customer's."""

    code = "coupon_not_found"


class CouponUnavailable(DomainError):
    """The coupon is over."""

    code = "coupon_unavailable"


class NotEnoughCodes(DomainError):
    """Fewer codes are free than are needed."""

    code = "not_enough_codes"


class Coupons:
    """One coupon of one customer. A code is for one approval; nobody shares one."""

    def __init__(self, customer_uuid: UUID, *, free: int, coupon_id: int = 7) -> None:
        self.customer_uuid = customer_uuid
        self.coupon_id = coupon_id
        self.is_over = False
        self.codes = [f"CODE{number}" for number in range(free)]
        self.held: dict[UUID, datetime] = {}
        self.given: dict[str, tuple[str, datetime]] = {}
        self._lock = Lock()

    @property
    def reaction(self) -> Reaction:
        """How codes come to approved requests."""
        return Reaction(COUPON_CODE_REQUESTS_APPROVED, COUPON_CODES.assigned_by, self.fulfil_approvals)

    def has_supply(self, *, customer_uuid: UUID) -> bool:
        return bool(self.list_supplies(customer_uuid=customer_uuid))

    def list_supplies(self, *, customer_uuid: UUID) -> list[Supply]:
        if customer_uuid != self.customer_uuid or self.is_over:
            return []
        return [Supply(self.coupon_id, "Spring", self._free_count())]

    def _free_count(self) -> int:
        return len(self.codes) - len(self.held)

    def check_seats(self, *, container: Container, customer_uuid: UUID, emails: Collection[str]) -> None:
        self._check(container, customer_uuid, len(emails))

    def _check(self, container: Container, customer_uuid: UUID, needed: int) -> None:
        if (container, customer_uuid) != (self.coupon_id, self.customer_uuid):
            raise CouponNotFound("There is no such coupon.")
        if self.is_over:
            raise CouponUnavailable("The coupon is over.")
        if needed > self._free_count():
            raise NotEnoughCodes(f"{needed} codes are needed, but only {self._free_count()} are free.")

    def hold(self, *, container: Container, customer_uuid: UUID, seats: Sequence[Seat]) -> None:
        with self._lock:
            new = [seat.approval_uuid for seat in seats if seat.approval_uuid not in self.held]
            self._check(container, customer_uuid, len(new))
            self.held |= dict.fromkeys(new, clock.now())

    def release(self, *, approval_uuids: Collection[UUID]) -> int:
        return len([self.held.pop(each) for each in approval_uuids if each in self.held])

    def list_stale_holds(self, *, older_than: timedelta) -> list[UUID]:
        oldest = sorted(
            (since, each) for each, since in self.held.items() if since < clock.now() - older_than
        )
        return [each for _since, each in oldest[:1000]]

    def tell_next_steps(self, assigned: Collection[Assigned]) -> Mapping[Assigned, Mapping[str, Any]]:
        return {each: {"code": each} for each in assigned}

    def tell_story(self, assigned: Assigned, *, held_at: datetime | None) -> list[Change]:
        _email, at = self.given[str(assigned)]
        return [Change(at, "assigned", None)]

    @transaction.atomic
    def fulfil_approvals(self, deliveries: Sequence[Delivery[CouponCodeRequestApproved]]) -> None:
        """Gives each approval that has something kept back a code, and refuses the others."""
        for delivery in outbox.accept(COUPON_CODES.assigned_by, deliveries):
            assigned, refused = [], []
            for fact in delivery.facts:
                is_held = self.held.pop(fact.approval_uuid, None) is not None
                if is_held and not self.is_over:
                    code = self.codes.pop(0)
                    self.given[code] = (fact.email, clock.now())
                    assigned.append(
                        CodeAssigned(
                            fact.coupon_id,
                            code,
                            fact.customer_uuid,
                            fact.email,
                            fact.request_uuid,
                            fact.approval_uuid,
                        )
                    )
                else:
                    refused.append(
                        CodeAssignmentRefused(
                            fact.request_uuid,
                            fact.approval_uuid,
                            fact.coupon_id,
                            fact.customer_uuid,
                            fact.email,
                            "coupon_over" if self.is_over else "hold_gone",
                            "The coupon is over." if self.is_over else "Nothing is kept back any more.",
                        )
                    )
            key = str(self.coupon_id)
            outbox.record(CODES_ASSIGNED, key=key, facts=assigned, by=delivery.by)
            outbox.record(CODE_ASSIGNMENTS_REFUSED, key=key, facts=refused, by=delivery.by)
