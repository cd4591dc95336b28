"""What crosses the outbox's border."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

from bursar.events.base import EventType
from bursar.lib.errors import DomainError

FactT = TypeVar("FactT")

IDEMPOTENCY_KEY_MAX_LENGTH = 255


@dataclass(frozen=True, slots=True)
class Delivery(Generic[FactT]):
    """Facts on their way to one handler. ``id`` is what the inbox remembers.

    It may come more than once. ``by`` is the LMS user id of whoever caused it (None: the system).
    """

    id: UUID
    key: str
    facts: tuple[FactT, ...]
    recorded_at: datetime
    by: int | None


@dataclass(frozen=True)
class Reaction:
    """One line of the table "when this happens, that follows".

    ``handler`` is a stable name, for rows refer to it. ``run`` takes deliveries in order; whatever
    it raises means "not done, try again". One that ``catches_up`` is also handed what was recorded before it
    was listed here.
    """

    on: EventType[Any]
    handler: str
    run: Callable[[Sequence[Delivery[Any]]], None]
    catches_up: bool = False


class IdempotencyKeyReused(DomainError):
    """The same Idempotency-Key came with another body."""

    code = "idempotency_key_reused"


class IdempotencyKeyBusy(DomainError):
    """The first request with this Idempotency-Key is still running."""

    code = "idempotency_key_busy"


class IdempotencyKeyInvalid(DomainError):
    """The Idempotency-Key is empty or too long."""

    code = "idempotency_key_invalid"
