"""Rows that many tests begin with: made once by the code that makes them, then put in as they are."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.apps import apps
from django.db import connection

from bursar.lib import clock
from tests.architecture.tables import undone

_Row = tuple[Any, ...]


@dataclass(frozen=True)
class RowsMade:
    """What somebody has written, and when: a statement for each table, and the values of its rows."""

    at: datetime
    inserts: list[tuple[str, list[Any]]]

    def put_in(self) -> None:
        """Writes the same rows again, keys included. Databases never give those out twice."""
        with connection.constraint_checks_disabled(), connection.cursor() as cursor:
            for statement, values in self.inserts:
                cursor.execute(statement, values)


def rows_made_by(make: Callable[[], None]) -> RowsMade:
    """What ``make`` writes into tables that it finds without those rows; nothing of it stays."""
    columns = {
        model._meta.db_table: [each.column for each in model._meta.concrete_fields if not each.generated]
        for model in apps.get_models(include_auto_created=True)
        if model._meta.managed
    }
    with undone():
        before = {table: set(_read(table, names)) for table, names in columns.items()}
        at = clock.now()
        make()
        made = {
            table: [row for row in _read(table, names) if row not in before[table]]
            for table, names in columns.items()
        }
    return RowsMade(at, [_insert(table, columns[table], rows) for table, rows in made.items() if rows])


def _read(table: str, columns: Iterable[str]) -> list[_Row]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {_quoted(columns)} FROM {_quoted([table])}")
        return list(map(tuple, cursor.fetchall()))


def _insert(table: str, columns: list[str], rows: list[_Row]) -> tuple[str, list[Any]]:
    row = f"({', '.join(['%s'] * len(columns))})"
    statement = f"INSERT INTO {_quoted([table])} ({_quoted(columns)}) VALUES {', '.join([row] * len(rows))}"
    return statement, [value for each in rows for value in each]


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(map(connection.ops.quote_name, names))
