"""The relay: hands deliveries to their handlers, at least once, in order per handler and key."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from bursar.events.outbox import DELIVERIES_DIED, DeliveryDied
from bursar.lib import clock
from bursar.outbox import models, recording
from bursar.outbox.data import Delivery
from bursar.outbox.leases import HeldLease, lease

log = logging.getLogger(__name__)

LEASE = "relay"
LEASE_SECONDS = 15  # how long a killed relay holds the others up
BATCH = 200
MAX_ATTEMPTS = 8
SPLIT_AFTER = 2
BACK_OFF_SECONDS = (1, 5, 15, 60, 180, 600, 1800)  # three quarters of an hour in all, then dead

State = models.Delivery.State


@dataclass(frozen=True)
class _Task:
    row: models.Delivery
    delivery: Delivery[Any]


def run() -> int:
    """Delivers until nothing is due, if no other relay is at work; returns how many deliveries were done.

    Effects: one transaction per handler call is the handler's own; rows are marked afterwards, so
    a crash in between means that a delivery comes again.
    """
    done = 0
    while _due().exists():
        with lease(LEASE, seconds=LEASE_SECONDS) as held:
            if held is None:
                return done
            while (count := _deliver_batch(held)) is not None:
                done += count
        # Whoever recorded an event while we held the lease found it taken and went away: look again.
    return done


def _due() -> QuerySet[models.Delivery]:
    moment = clock.now()
    waiting = models.Delivery.objects.filter(state=State.WAITING)
    held_back_by = waiting.filter(
        handler=OuterRef("handler"),
        key=OuterRef("key"),
        event_id__lt=OuterRef("event_id"),
        next_attempt_at__gt=moment,
    )
    return waiting.filter(~Exists(held_back_by), next_attempt_at__lte=moment).order_by(
        "event_id", "fact_index"
    )


def _deliver_batch(held: HeldLease) -> int | None:
    """Delivers what is due, at most ``BATCH`` rows; None when there was nothing."""
    if not held.renew():
        return None
    tasks = [_load(row) for row in _due().select_related("event")[:BATCH]]
    if not tasks:
        return None
    done = 0
    stuck: dict[Key, int] = {}
    # Of a handler's own, one after the other as they happened, whatever their types.
    for _, group in groupby(sorted(tasks, key=_handler_of), key=_reaction_of):
        done += _deliver_to_handler(list(group), held, stuck)
        if not held.renew():
            break
    return done


Key = tuple[str, str]
"""A handler, and the key by which its deliveries keep their order."""


def _handler_of(task: _Task) -> str:
    return task.row.handler


def _reaction_of(task: _Task) -> tuple[str, str]:
    return task.row.handler, task.row.event.type


def _load(row: models.Delivery) -> _Task:
    event = row.event
    reaction = recording.find_reaction(event.type, row.handler)
    stored = event.facts if row.fact_index is None else [event.facts[row.fact_index]]
    facts = tuple(reaction.on.load(fact) for fact in stored) if reaction else ()
    return _Task(row, Delivery(row.uuid, row.key, facts, event.recorded_at, event.recorded_by))


def _deliver_to_handler(listed: Sequence[_Task], held: HeldLease, stuck: dict[Key, int]) -> int:
    """Tries all at once; if that fails, one after the other, each key until its first failure.

    ``stuck`` has the event at which a key is held up, for what comes after in the same batch, too.
    """
    tasks = [task for task in listed if not _is_stuck(task, stuck)]
    if not tasks:
        return 0
    error = _try(tasks)
    if error is None:
        return len(tasks)
    if len(tasks) == 1:
        _fail(tasks[0], error)
        stuck.setdefault(_key_of(tasks[0]), tasks[0].row.event_id)
        return 0
    done = 0
    for task in tasks:
        if _is_stuck(task, stuck):
            continue
        if not held.renew():
            break
        error = _try([task])
        if error is None:
            done += 1
            continue
        _fail(task, error)
        stuck.setdefault(_key_of(task), task.row.event_id)
    return done


def _is_stuck(task: _Task, stuck: dict[Key, int]) -> bool:
    """Whether something before it has failed; facts of that same event go on."""
    return task.row.event_id > stuck.get(_key_of(task), task.row.event_id)


def _key_of(task: _Task) -> Key:
    return task.row.handler, task.row.key


def _try(tasks: Sequence[_Task]) -> Exception | None:
    first = tasks[0].row
    reaction = recording.find_reaction(first.event.type, first.handler)
    try:
        if reaction is None:
            raise LookupError(f"no reaction named {first.handler} to {first.event.type}")
        reaction.run([task.delivery for task in tasks])
    except Exception as error:
        log.warning(
            "delivery failed",
            extra={"handler": first.handler, "event_type": first.event.type, "count": len(tasks)},
            exc_info=error,
        )
        return error
    models.Delivery.objects.filter(pk__in=[task.row.pk for task in tasks]).update(
        state=State.DONE, finished_at=clock.now(), last_error=""
    )
    return None


def _fail(task: _Task, error: Exception) -> None:
    row = task.row
    row.attempt_count += 1
    row.last_error = f"{type(error).__name__}: {error}"[:2000]
    with transaction.atomic():
        if row.fact_index is None and len(task.delivery.facts) > 1 and row.attempt_count >= SPLIT_AFTER:
            row.state = State.SPLIT
            recording.split(row, len(task.delivery.facts))
        elif row.attempt_count >= MAX_ATTEMPTS:
            _bury(task)
        else:
            pause = BACK_OFF_SECONDS[min(row.attempt_count, len(BACK_OFF_SECONDS)) - 1]
            row.next_attempt_at = clock.now() + timedelta(seconds=pause)
        row.save()


def _bury(task: _Task) -> None:
    row = task.row
    row.state = State.DEAD
    row.finished_at = clock.now()
    log.error(
        "delivery dead", extra={"handler": row.handler, "delivery": str(row.uuid), "error": row.last_error}
    )
    stored = row.event.facts if row.fact_index is None else [row.event.facts[row.fact_index]]
    died = DeliveryDied(row.uuid, row.event.type, row.handler, row.last_error, stored)
    recording.record(DELIVERIES_DIED, key=row.key, facts=[died], by=None)


def retry_dead(uuids: Sequence[Any]) -> int:
    """Makes dead deliveries wait again, with all their tries; returns how many."""
    return models.Delivery.objects.filter(pk__in=uuids, state=State.DEAD).update(
        state=State.WAITING, attempt_count=0, next_attempt_at=clock.now(), finished_at=None
    )
