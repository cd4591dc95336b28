"""Rows that must exist afterwards: made where they are missing, revived where they are not as wanted."""

import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from uuid import UUID

from django.db import connection, models

from bursar.lib import sets

KeyT = TypeVar("KeyT")
Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Table(Generic[KeyT]):
    """How rows of one model are found by their unique key.

    ``columns`` begin with the primary key. ``read`` gives for each key that has a row its primary key
    and whatever ``ensure`` needs to judge it; asked to, it locks the rows in the order of their keys.
    """

    model: type[models.Model]
    columns: tuple[str, ...]
    unique: tuple[str, ...]
    read: Callable[[Collection[KeyT], bool], Mapping[KeyT, Row]]


@dataclass(frozen=True, slots=True)
class Ensured(Generic[KeyT]):
    """The primary keys of the rows that were made, those that were there, and which of these were revived."""

    created: Mapping[KeyT, UUID]
    present: Mapping[KeyT, Row]
    revived: frozenset[KeyT]

    def uuid_of(self, key: KeyT) -> UUID:
        """The primary key of a wanted row."""
        row = self.present.get(key)
        if row is None:
            return self.created[key]
        found: UUID = row[0]
        return found

    def has_changed(self, key: KeyT) -> bool:
        """Whether the row was made or revived."""
        return key in self.created or key in self.revived


def ensure(
    table: Table[KeyT],
    keys: Collection[KeyT],
    make: Callable[[KeyT], Row],
    *,
    known: Mapping[KeyT, Row] | None = None,
    revive: Callable[[KeyT, Row], Row | None] = lambda key, row: None,
    revived_columns: Sequence[str] = (),
    by: int | None,
) -> Ensured[KeyT]:
    """Makes the rows of these keys that aren't ``known``, and revives those that need it, with history.

    ``known`` are rows that were read before, without a lock; leave it out where most rows will be new.
    A row that turns out to be there, or that somebody else makes meanwhile, is judged like the known
    ones. ``revive`` gives the values of ``revived_columns`` for a row that has to change, None for one
    that is fine; it is asked again once the row is locked.
    Effects, in the caller's transaction: two statements when all is new, none when all is known and fine.
    """
    if known is None:
        # There, INSERT IGNORE locks the rows that it passes over, and two who then revive one would block
        # each other.
        known = table.read(keys, False) if connection.vendor == "mysql" and keys else {}
    missing = sorted(key for key in keys if key not in known)  # type: ignore[type-var]
    rows = [make(key) for key in missing]
    inserted = sets.insert_new(table.model, table.columns, rows, unique=table.unique)
    created = {key: row[0] for key, row in zip(missing, rows, strict=True) if row[0] in inserted}
    sets.record_history(table.model, created.values(), kind="+", by=by)
    if len(created) < len(missing):
        lost = [key for key in missing if key not in created]
        known = {**known, **table.read(lost, False)}
    stale = [key for key in keys if key in known and revive(key, known[key]) is not None]
    revived = _revive(table, stale, revive, revived_columns, by) if stale else frozenset()
    return Ensured(created, known, revived)


def foresee(
    keys: Collection[KeyT],
    *,
    known: Mapping[KeyT, Row],
    revive: Callable[[KeyT, Row], Row | None] = lambda key, row: None,
) -> Ensured[KeyT]:
    """What ``ensure`` would do, if ``known`` are all the rows that there are.

    Rows that would be made get a key that nothing will ever have.
    """
    return Ensured(
        created={key: uuid.uuid4() for key in keys if key not in known},
        present={key: known[key] for key in keys if key in known},
        revived=frozenset(key for key in keys if key in known and revive(key, known[key]) is not None),
    )


def _revive(
    table: Table[KeyT],
    stale: Collection[KeyT],
    revive: Callable[[KeyT, Row], Row | None],
    columns: Sequence[str],
    by: int | None,
) -> frozenset[KeyT]:
    updates: dict[KeyT, Row] = {}
    for key, row in table.read(stale, True).items():
        values = revive(key, row)
        if values is not None:
            updates[key] = (row[0], *values)
    sets.update(table.model, (table.columns[0], *columns), updates.values())
    sets.record_history(table.model, [row[0] for row in updates.values()], kind="~", by=by)
    return frozenset(updates)
