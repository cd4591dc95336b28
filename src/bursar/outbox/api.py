"""The door of the outbox: record events, accept deliveries once, hold a lease, repeat a POST safely."""

from datetime import timedelta

from bursar.lib import clock
from bursar.outbox import models
from bursar.outbox.idempotency import idempotent
from bursar.outbox.leases import HeldLease, lease
from bursar.outbox.recording import (
    accept,
    catch_up,
    find_fresh,
    list_awaiting,
    on_new_deliveries,
    record,
    register,
)
from bursar.outbox.relay import retry_dead
from bursar.outbox.relay import run as relay
from bursar.outbox.scrubbing import scrub

KEPT = timedelta(days=30)

__all__ = [
    "HeldLease",
    "accept",
    "catch_up",
    "count_dead",
    "find_fresh",
    "idempotent",
    "lease",
    "on_new_deliveries",
    "purge",
    "record",
    "register",
    "relay",
    "retry_dead",
    "scrub",
]


def count_dead() -> int:
    """How many deliveries have failed at every try and wait for an operator."""
    return models.Delivery.objects.filter(state=models.Delivery.State.DEAD).count()


def purge() -> None:
    """Deletes what is older than 30 days and done with: events, inbox entries, idempotency keys.

    An event with a delivery that waits or is dead stays, and so does one whose reaction is not built yet.
    """
    catch_up()  # first: what a reaction has just been built for is not done with
    before = clock.now() - KEPT
    open_states = (models.Delivery.State.WAITING, models.Delivery.State.DEAD)
    unfinished = models.Delivery.objects.filter(state__in=open_states).values("event_id")
    old = models.Event.objects.filter(recorded_at__lt=before).exclude(type__in=list_awaiting())
    old.exclude(pk__in=unfinished).delete()
    models.InboxEntry.objects.filter(accepted_at__lt=before).delete()
    models.IdempotencyRecord.objects.filter(created_at__lt=clock.now() - timedelta(hours=24)).delete()
