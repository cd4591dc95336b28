"""Bulk enrollment: many people into many runs at a customer's expense, each pair for itself."""

import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from django.db import transaction

from bursar.catalog.data import CustomerCatalog, Run
from bursar.customers.data import (
    BULK_LIMIT,
    BulkPair,
    Customer,
    EnrollmentSource,
    PairOutcome,
    PairVerdict,
    TooManyPairs,
)
from bursar.customers.service.linking import Links, foresee_links
from bursar.customers.service.mails import enrolled_messages, pending_messages
from bursar.customers.service.organizations import get_active_customer
from bursar.customers.service.pairs import WaitingWish, Wish, understand
from bursar.customers.service.settled import find_settled
from bursar.customers.service.sponsoring import Sponsored, Sponsoring, link_for
from bursar.customers.service.waiting import (
    add_pending_enrollments,
    enroll_waiting,
    foresee_pending_enrollments,
)
from bursar.lib import sets
from bursar.lib.outcomes import Refusal
from bursar.notifications import api as notifications

FULL_DISCOUNT = Decimal(100)  # percent: the customer pays everything


def enroll_in_bulk(
    *,
    customer_uuid: UUID,
    pairs: Sequence[BulkPair],
    by: int | None,
    notify: bool = False,
    discount_percent: Decimal = FULL_DISCOUNT,
    linked_to: int | None = None,
    runs: Mapping[str, Run] | None = None,
    catalogs: Collection[CustomerCatalog] | None = None,
) -> list[PairOutcome]:
    """Gets people into runs at the customer's expense; one outcome per pair (1 to 10,000), in order.

    Accounts are linked and enrolled in the best mode of the run; addresses that no account has
    confirmed wait until one does. A repeat changes nothing; what was revoked or left comes back.
    ``notify`` mails each learner once about all their new courses. ``runs`` (those of the pairs) and
    ``catalogs`` (the customer's) are what the caller has just looked up, if it has.
    Refusals: ``invalid_email``, ``unknown_user``, ``user_mismatch``, ``not_relinkable``,
    ``unknown_course_run``, ``not_in_catalog``, ``invalid_license``, ``invalid_transaction``,
    ``invalid_subsidy``, and those of ``enrollments.api.enroll``.
    Errors: TooManyPairs; CustomerNotFound also for an inactive customer, and for one to which the
    person ``linked_to`` is not linked. Nothing is written then.
    Effects: the three transactions of ``sponsoring`` for each 1,000 pairs of accounts, one for each 1,000 of
    addresses. A crash on the way is mended by the same call again.
    """
    _check_count(pairs)
    customer = get_active_customer(customer_uuid, linked_to=linked_to)
    understood = understand(
        customer_uuid, pairs, discount_percent=discount_percent, runs=runs, catalogs=catalogs
    )
    request = _Request(customer, by, notify, discount_percent)
    outcomes = {index: _failed(pairs[index], refusal) for index, refusal in understood.refusals.items()}
    outcomes.update(request.enroll_accounts(understood.wishes))
    for waiting in sets.grouped(understood.waiting, lambda wish: wish.email):
        outcomes.update(request.make_wait(waiting))
    return [outcomes[index] for index in range(len(pairs))]


def rehearse_in_bulk(
    *,
    customer_uuid: UUID,
    pairs: Sequence[BulkPair],
    linked_to: int | None = None,
    runs: Mapping[str, Run] | None = None,
    catalogs: Collection[CustomerCatalog] | None = None,
) -> list[PairOutcome]:
    """What ``enroll_in_bulk`` would do with these pairs now: the same outcomes, and nothing is written.

    A fulfillment that would be made has no uuid yet. Errors as there.
    Effects: reads only; a constant number of statements for each 1,000 people.
    """
    _check_count(pairs)
    get_active_customer(customer_uuid, linked_to=linked_to)
    understood = understand(
        customer_uuid, pairs, discount_percent=FULL_DISCOUNT, runs=runs, catalogs=catalogs
    )
    outcomes = {index: _failed(pairs[index], refusal) for index, refusal in understood.refusals.items()}
    # In the order in which they would be done: it decides who gets the last places of a run.
    wishes = [wish for chunk in _chunks_of_accounts(understood.wishes) for wish in chunk]
    links = foresee_links(customer_uuid, {wish.person.lms_user_id for wish in wishes})
    foreseen = Sponsoring(customer_uuid, wishes, links, EnrollmentSource.CUSTOMER_ADMIN).rehearse()
    outcomes.update(_results(wishes, foreseen))
    begun = foresee_pending_enrollments(customer_uuid, understood.waiting)
    outcomes.update(_pending(understood.waiting, begun))
    return [outcomes[index] for index in range(len(pairs))]


def _check_count(pairs: Sequence[BulkPair]) -> None:
    if len(pairs) > BULK_LIMIT:
        raise TooManyPairs(f"One request may hold {BULK_LIMIT:,} pairs, this one has {len(pairs):,}.")


def _failed(pair: BulkPair, refusal: Refusal) -> PairOutcome:
    return PairOutcome(pair, PairVerdict.FAILED, pair.email, pair.lms_user_id, refusal=refusal)


def _chunks_of_accounts(wishes: Sequence[Wish]) -> Iterator[list[Wish]]:
    """A learner's wishes stay together, for the sake of one mail."""
    return sets.grouped(wishes, lambda wish: wish.key[0])


@dataclass(frozen=True, slots=True)
class _Request:
    """One request of bulk enrollment, a chunk at a time."""

    customer: Customer
    by: int | None
    notify: bool
    discount_percent: Decimal

    def enroll_accounts(self, wishes: Sequence[Wish]) -> dict[int, PairOutcome]:
        """Enrolls accounts, and passes over those for whom nothing is left to do."""
        links = link_for(self.customer.uuid, {wish.key[0] for wish in wishes}, by=self.by)
        old = links.uuids.keys() - links.fresh
        before = [wish for wish in wishes if wish.key[0] in old]
        settled = find_settled(before, links)
        outcomes = {
            wish.index: _enrolled(wish, settled.granted[wish.index])
            for wish in before
            if wish.index in settled.granted
        }
        for chunk in _chunks_of_accounts([wish for wish in wishes if wish.index not in outcomes]):
            outcomes.update(self._enroll_chunk(chunk, links, is_first=settled.is_first))
        return outcomes

    def _enroll_chunk(
        self, wishes: Sequence[Wish], links: Links, *, is_first: bool
    ) -> dict[int, PairOutcome]:
        sponsoring = Sponsoring(self.customer.uuid, wishes, links, EnrollmentSource.CUSTOMER_ADMIN, self.by)
        sponsoring.prepare(is_first=is_first)
        with transaction.atomic(durable=True):
            results = sponsoring.write()
            if self.notify:
                new = [wish for wish, result in zip(wishes, results, strict=True) if result.is_new]
                notifications.send(enrolled_messages(self.customer, new, batch=uuid.uuid4()), by=self.by)
        return _results(wishes, results)

    def make_wait(self, wishes: Sequence[WaitingWish]) -> dict[int, PairOutcome]:
        """Makes pairs wait for their addresses."""
        with transaction.atomic(durable=True):
            begun = add_pending_enrollments(
                self.customer.uuid, wishes, discount_percent=self.discount_percent, by=self.by
            )
            if self.notify:
                new = [wishes[position] for position in sorted(_first_of_each(wishes, begun))]
                notifications.send(pending_messages(self.customer, new, batch=uuid.uuid4()), by=self.by)
        # Somebody may have confirmed an address after we looked and before these rows could be seen.
        enroll_waiting({wish.email for wish in wishes})
        return _pending(wishes, begun)


def _results(wishes: Sequence[Wish], results: Sequence[Sponsored]) -> dict[int, PairOutcome]:
    """The outcomes of accounts by their places in the request."""
    return {
        wish.index: (
            _enrolled(wish, result.fulfillment_uuid, created=result.is_new)
            if result.refusal is None
            else _failed(wish.pair, result.refusal)._replace(email=_address(wish), lms_user_id=wish.key[0])
        )
        for wish, result in zip(wishes, results, strict=True)
    }


def _enrolled(wish: Wish, fulfillment_uuid: UUID | None, *, created: bool = False) -> PairOutcome:
    return PairOutcome(
        wish.pair, PairVerdict.ENROLLED, _address(wish), wish.key[0], created, fulfillment_uuid
    )


def _address(wish: Wish) -> str:
    return wish.person.email if wish.pair.email is None else wish.pair.email


def _pending(wishes: Sequence[WaitingWish], begun: set[tuple[str, str]]) -> dict[int, PairOutcome]:
    """The outcomes of addresses by their places in the request."""
    new = _first_of_each(wishes, begun)
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
