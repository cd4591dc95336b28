"""Events of the outbox itself."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from bursar.events.base import EventType


@dataclass(frozen=True, slots=True)
class DeliveryDied:
    """A reaction failed at every try. ``facts`` are those it was to handle, as stored."""

    delivery_id: UUID
    event_type: str
    handler: str
    error: str
    facts: list[dict[str, Any]]


DELIVERIES_DIED = EventType("outbox.delivery_died", DeliveryDied, keyed_by="the dead delivery's own key")
"""Sent by the outbox; a context that waits for the reaction ends its waiting (subsidy_requests)."""
