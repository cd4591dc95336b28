"""How a fact becomes JSON and comes back."""

import dataclasses
import json
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Generic, TypeVar
from uuid import UUID

import orjson

FactT = TypeVar("FactT")


@dataclass(frozen=True)
class EventType(Generic[FactT]):
    """One kind of event.

    ``name`` is stable: rows in the outbox carry it. ``fact`` is a frozen dataclass of text, numbers,
    booleans, UUIDs, moments and None. ``keyed_by`` says in words what events are kept in order by.
    """

    name: str
    fact: type[FactT]
    keyed_by: str

    def load(self, stored: Mapping[str, Any]) -> FactT:
        """The fact again. Unknown keys are ignored and missing ones default, so old rows stay readable."""
        readers = _readers(self.fact)  # type: ignore[arg-type]
        return self.fact(**{name: readers[name](value) for name, value in stored.items() if name in readers})


class FactEncoder(json.JSONEncoder):
    """Has a JSONField take facts as they are, a thousand in a millisecond (UUIDs and moments as text)."""

    def encode(self, o: Any) -> str:
        return orjson.dumps(o).decode()


@cache
def _readers(fact: type[Any]) -> dict[str, Callable[[Any], Any]]:
    hints = typing.get_type_hints(fact)
    return {field.name: _reader(hints[field.name]) for field in dataclasses.fields(fact)}


def _reader(hint: Any) -> Callable[[Any], Any]:
    members = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    if UUID in members:
        return lambda value: None if value is None else UUID(value)
    if datetime in members:
        return lambda value: None if value is None else datetime.fromisoformat(value)
    return lambda value: value
