"""Bulk enrollment: many people into many runs at a customer's expense, each pair for itself."""

import uuid
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeVar
from uuid import UUID

from django.db import transaction

from bursar.customers.data import (
    BULK_LIMIT,
    BulkPair,
    Customer,
    EnrollmentSource,
    PairOutcome,
    PairVerdict,
    TooManyPairs,
)
from bursar.customers.service.mails import enrolled_messages, pending_messages
from bursar.customers.service.organizations import get_active_customer
from bursar.customers.service.pairs import WaitingWish, Wish, understand
from bursar.customers.service.sponsoring import Sponsoring
from bursar.customers.service.waiting import add_pending_enrollments, enroll_waiting
from bursar.lib import sets
from bursar.lib.outcomes import Refusal
from bursar.notifications import api as notifications

WishT = TypeVar("WishT", Wish, WaitingWish)

FULL_DISCOUNT = Decimal(100)  # percent: the customer pays everything


def enroll_in_bulk(
    *,
    customer_uuid: UUID,
    pairs: Sequence[BulkPair],
    by: int | None,
    notify: bool = False,
    discount_percent: Decimal = FULL_DISCOUNT,
    linked_to: int | None = None,
) -> list[PairOutcome]:
    """Gets people into runs at the customer's expense; one outcome per pair (1 to 10,000), in order.

    Accounts are linked and enrolled in the best mode of the run; addresses that no account has
    confirmed wait until one does. A repeat changes nothing; what was revoked or left comes back.
    ``notify`` mails each learner once about all their new courses.
    Refusals: ``invalid_email``, ``unknown_user``, ``user_mismatch``, ``not_relinkable``,
    ``unknown_course_run``, ``not_in_catalog``, ``invalid_license``, ``invalid_transaction``,
    ``invalid_subsidy``, and those of ``enrollments.api.enroll``.
    Errors: TooManyPairs; CustomerNotFound also for an inactive customer, and for one to which the
    person ``linked_to`` is not linked. Nothing is written then.
    Effects: the three transactions of ``sponsoring`` for each 1,000 pairs of accounts, one for each 1,000 of
    addresses. A crash on the way is mended by the same call again.
    """
    if len(pairs) > BULK_LIMIT:
        raise TooManyPairs(f"One request may hold {BULK_LIMIT:,} pairs, this one has {len(pairs):,}.")
    customer = get_active_customer(customer_uuid, linked_to=linked_to)
    understood = understand(customer_uuid, pairs)
    request = _Request(customer, by, notify, discount_percent)
    outcomes = {index: _failed(pairs[index], refusal) for index, refusal in understood.refusals.items()}
    for wishes in _chunks(understood.wishes, learner=lambda wish: wish.person.lms_user_id):
        outcomes.update(request.enroll(wishes))
    for waiting in _chunks(understood.waiting, learner=lambda wish: wish.email):
        outcomes.update(request.make_wait(waiting))
    return [outcomes[index] for index in range(len(pairs))]


def _failed(pair: BulkPair, refusal: Refusal) -> PairOutcome:
    return PairOutcome(pair, PairVerdict.FAILED, pair.email, pair.lms_user_id, refusal=refusal)


def _chunks(wishes: Sequence[WishT], *, learner: Callable[[WishT], Hashable]) -> Iterator[list[WishT]]:
    """At most 1,000 wishes each; a learner's stay together as far as they fit, for the sake of one mail."""
    by_learner: dict[Hashable, list[WishT]] = defaultdict(list)
    for wish in wishes:
        by_learner[learner(wish)].append(wish)
    chunk: list[WishT] = []
    for group in by_learner.values():
        for part in sets.chunks(group):
            if len(chunk) + len(part) > sets.CHUNK:
                yield chunk
                chunk = []
            chunk.extend(part)
    if chunk:
        yield chunk


@dataclass(frozen=True, slots=True)
class _Request:
    """One request of bulk enrollment, a chunk at a time."""

    customer: Customer
    by: int | None
    notify: bool
    discount_percent: Decimal

    def enroll(self, wishes: Sequence[Wish]) -> dict[int, PairOutcome]:
        """Enrolls accounts."""
        sponsoring = Sponsoring(self.customer.uuid, wishes, self.by, EnrollmentSource.CUSTOMER_ADMIN)
        sponsoring.prepare()
        with transaction.atomic(durable=True):
            results = sponsoring.write()
            if self.notify:
                new = [wish for wish, result in zip(wishes, results, strict=True) if result.is_new]
                notifications.send(enrolled_messages(self.customer, new, batch=uuid.uuid4()), by=self.by)
        return {
            wish.index: PairOutcome(
                wish.pair,
                PairVerdict.ENROLLED if result.refusal is None else PairVerdict.FAILED,
                wish.person.email if wish.pair.email is None else wish.pair.email,
                wish.person.lms_user_id,
                result.is_new,
                result.fulfillment_uuid,
                result.refusal,
            )
            for wish, result in zip(wishes, results, strict=True)
        }

    def make_wait(self, wishes: Sequence[WaitingWish]) -> dict[int, PairOutcome]:
        """Makes pairs wait for their addresses."""
        with transaction.atomic(durable=True):
            begun = add_pending_enrollments(
                self.customer.uuid, wishes, discount_percent=self.discount_percent, by=self.by
            )
            new = _first_of_each(wishes, begun)
            if self.notify:
                messages = pending_messages(
                    self.customer, [wishes[i] for i in sorted(new)], batch=uuid.uuid4()
                )
                notifications.send(messages, by=self.by)
        # Somebody may have confirmed an address after we looked and before these rows could be seen.
        enroll_waiting({wish.email for wish in wishes})
        return {
            wish.index: PairOutcome(wish.pair, PairVerdict.PENDING, wish.pair.email, created=position in new)
            for position, wish in enumerate(wishes)
        }


def _first_of_each(wishes: Sequence[WaitingWish], begun: set[tuple[str, str]]) -> set[int]:
    """The positions at which a place that has begun to wait is named for the first time."""
    first: dict[tuple[str, str], int] = {}
    for position, wish in enumerate(wishes):
        first.setdefault((wish.email, wish.run.key), position)
    return {position for place, position in first.items() if place in begun}
