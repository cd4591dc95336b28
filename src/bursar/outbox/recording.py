"""Recording events, and remembering which deliveries were handled."""

import logging
import uuid
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Exists, OuterRef

from bursar.events.base import EventType
from bursar.lib import clock, sets
from bursar.outbox import models
from bursar.outbox.data import Delivery, Reaction

log = logging.getLogger(__name__)

FactT = TypeVar("FactT")

_reactions: dict[str, list[Reaction]] = {}
_event_types: dict[str, EventType[Any]] = {}
_awaiting: list[str] = []
_nudges: list[Callable[[], None]] = []


def register(reactions: Iterable[Reaction], *, awaiting: Iterable[EventType[Any]] = ()) -> None:
    """Takes over the table of reactions. Called once, when the process starts.

    ``awaiting`` are types whose reaction is not built yet: their events are kept until it catches up.
    """
    _reactions.clear()
    _event_types.clear()
    _awaiting[:] = [each.name for each in awaiting]
    seen: set[str] = set()
    for reaction in reactions:
        name = f"{reaction.on.name}/{reaction.handler}"
        if name in seen:
            raise ValueError(f"{name} is listed twice among the reactions")
        seen.add(name)
        _event_types[reaction.on.name] = reaction.on
        _reactions.setdefault(reaction.on.name, []).append(reaction)


def find_reaction(event_type: str, handler: str) -> Reaction | None:
    """The reaction of this name, or None when the code no longer has it."""
    return next((each for each in _reactions.get(event_type, ()) if each.handler == handler), None)


def list_awaiting() -> list[str]:
    """The names of the event types whose reaction is not built yet."""
    return list(_awaiting)


def catch_up() -> int:
    """Makes the deliveries for reactions that came later than their events, and returns how many.

    Safe to repeat, also by two at once: a delivery made here is named after its event and handler.
    Effects: one query for each reaction that catches up; a transaction for each 1,000 deliveries.
    """
    count = 0
    late = [each for listed in _reactions.values() for each in listed if each.catches_up]
    for reaction in late:
        mine = models.Delivery.objects.filter(event_id=OuterRef("pk"), handler=reaction.handler)
        events = models.Event.objects.filter(~Exists(mine), type=reaction.on.name).order_by("id")
        for chunk in sets.chunks(list(events.values_list("uuid", "id", "key"))):
            rows = sorted(
                _delivery_row(uuid.uuid5(event_uuid, reaction.handler), event_id, reaction.handler, key)
                for event_uuid, event_id, key in chunk
            )
            with transaction.atomic(durable=True):
                count += len(sets.insert_new(models.Delivery, _DELIVERY_COLUMNS, rows, unique=("uuid",)))
                transaction.on_commit(_nudge)
    return count


def on_new_deliveries(nudge: Callable[[], None]) -> None:
    """Has ``nudge`` called after each commit that recorded events. It must not raise and not block."""
    _nudges[:] = [nudge]


def record(event_type: EventType[FactT], *, key: str, facts: Sequence[FactT], by: int | None) -> None:
    """Records that something happened, as part of the caller's transaction.

    Facts keep their order; none is fine and writes nothing. More than 1,000 become several events.
    Effects: two statements per 1,000 facts; after the commit the relay is woken.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("an event is recorded in the transaction that makes it true")
    moment = clock.now()
    for chunk in sets.chunks(facts):
        event = models.Event.objects.create(
            type=event_type.name,
            key=key,
            facts=chunk,
            recorded_at=moment,
            recorded_by=by,
        )
        sets.insert(
            models.Delivery,
            _DELIVERY_COLUMNS,
            [
                _delivery_row(uuid.uuid4(), event.pk, reaction.handler, key)
                for reaction in _reactions.get(event_type.name, ())
            ],
        )
    if facts and _reactions.get(event_type.name):
        transaction.on_commit(_nudge)


def _delivery_row(pk: UUID, event_id: int, handler: str, key: str) -> tuple[Any, ...]:
    return (pk, event_id, handler, key, None, models.Delivery.State.WAITING, 0, clock.now(), "")


def _nudge() -> None:
    for nudge in _nudges:
        nudge()


def accept(handler: str, deliveries: Sequence[Delivery[FactT]]) -> list[Delivery[FactT]]:
    """Those of the deliveries that the handler has not handled yet; from now on it has.

    Call it inside the transaction of the effect: both become true together, or neither.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("a delivery is accepted in the transaction of its effect")
    moment = clock.now()
    rows = sorted((uuid.uuid4(), delivery.id, handler, moment) for delivery in deliveries)
    inserted = sets.insert_new(
        models.InboxEntry,
        ("uuid", "delivery_uuid", "handler", "accepted_at"),
        rows,
        unique=("delivery_uuid", "handler"),
    )
    fresh = {row[1] for row in rows if row[0] in inserted}
    return [delivery for delivery in deliveries if delivery.id in fresh]


def find_fresh(handler: str, deliveries: Sequence[Delivery[FactT]]) -> list[Delivery[FactT]]:
    """Those of the deliveries that the handler has not accepted yet. One query.

    For effects that cannot share a transaction with ``accept``: look first, accept afterwards.
    """
    taken = models.InboxEntry.objects.filter(
        handler=handler, delivery_uuid__in=[each.id for each in deliveries]
    )
    accepted = set(taken.values_list("delivery_uuid", flat=True))
    return [delivery for delivery in deliveries if delivery.id not in accepted]


def split(row: models.Delivery, fact_count: int) -> None:
    """Replaces a delivery of many facts by one delivery for each fact."""
    sets.insert(
        models.Delivery,
        _DELIVERY_COLUMNS,
        [
            (
                uuid.uuid5(row.uuid, str(index)),
                row.event_id,
                row.handler,
                row.key,
                index,
                models.Delivery.State.WAITING,
                row.attempt_count,
                clock.now(),
                row.last_error,
            )
            for index in range(fact_count)
        ],
    )


_DELIVERY_COLUMNS = (
    "uuid",
    "event",
    "handler",
    "key",
    "fact_index",
    "state",
    "attempt_count",
    "next_attempt_at",
    "last_error",
)
