"""A reaction that is built later than its events is handed the earlier ones, too."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

import pytest
from django.db import transaction

from bursar.config.reactions import AWAITING, REACTIONS
from bursar.events.base import EventType
from bursar.lib import clock
from bursar.outbox import api as outbox
from bursar.outbox import models
from bursar.outbox.data import Delivery, Reaction
from tests.statements import counted

pytestmark = pytest.mark.django_db(transaction=True)


@dataclass(frozen=True, slots=True)
class Sold:
    number: int


SOLD = EventType("test.sold", Sold, keyed_by="test")
HANDLER = "test.order"


@pytest.fixture
def orders() -> Iterator[list[int]]:
    """What was ordered: nobody reacts until ``build`` is called."""
    outbox.register([], awaiting=[SOLD])
    yield []
    outbox.register(REACTIONS, awaiting=AWAITING)


def sell(*numbers: int) -> None:
    with transaction.atomic():
        outbox.record(SOLD, key="shop", facts=[Sold(number) for number in numbers], by=None)


def build(orders: list[int], *, catches_up: bool = True) -> None:
    def order(deliveries: Sequence[Delivery[Sold]]) -> None:
        with transaction.atomic():
            orders.extend(fact.number for each in outbox.accept(HANDLER, deliveries) for fact in each.facts)

    outbox.register([Reaction(SOLD, HANDLER, order, catches_up=catches_up)])


def test_what_was_recorded_before_is_handed_over_once_and_in_order(orders: list[int]) -> None:
    sell(1, 2)
    sell(3)
    build(orders)
    sell(4)

    assert outbox.catch_up() == 2
    assert outbox.catch_up() == 0
    outbox.relay()

    assert orders == [1, 2, 3, 4]


def test_two_who_catch_up_at_once_make_one_delivery(orders: list[int]) -> None:
    sell(1)
    build(orders)
    outbox.catch_up()
    made = models.Delivery.objects.get().pk
    models.Delivery.objects.all().delete()

    outbox.catch_up()

    assert models.Delivery.objects.get().pk == made  # so a second row of it is impossible


def test_a_reaction_that_does_not_catch_up_begins_with_the_next_event(orders: list[int]) -> None:
    sell(1)
    build(orders, catches_up=False)
    sell(2)

    outbox.catch_up()
    outbox.relay()

    assert orders == [2]


def test_events_are_kept_for_a_reaction_that_is_not_built_yet(orders: list[int]) -> None:
    sell(1)
    models.Event.objects.update(recorded_at=clock.now() - timedelta(days=400))
    outbox.purge()
    build(orders)

    outbox.catch_up()
    outbox.relay()

    assert orders == [1]
    outbox.purge()
    assert not models.Event.objects.exists()


def test_a_purge_before_the_first_catching_up_loses_nothing(orders: list[int]) -> None:
    sell(1)
    models.Event.objects.update(recorded_at=clock.now() - timedelta(days=400))
    build(orders)

    outbox.purge()
    outbox.relay()

    assert orders == [1]


def test_two_hundred_events_cost_the_statements_of_one(orders: list[int]) -> None:
    counts = []
    for count in (1, 200):
        models.Event.objects.all().delete()
        outbox.register([], awaiting=[SOLD])
        for number in range(count):
            sell(number)
        build(orders)
        with counted() as statements:
            outbox.catch_up()
        counts.append(statements.count)
    assert counts[0] == counts[1] == 2
