"""Set-based writes: one statement for any number of rows, on SQLite, PostgreSQL and MariaDB/MySQL.

A set of tuples travels to the database as one parameter per column (PostgreSQL: arrays)
or one parameter in all (JSON elsewhere) and is a relation there, named ``wanted``. So
1 row and 1,000 rows are the same statement, which is what keeps bulk work constant in
queries. Model instances cost five times as much (``bulk_create`` splits on SQLite, too).

Callers sort rows by their key first, so that two writers never wait for each other
crosswise, and stay at or below ``CHUNK`` rows.
"""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar
from uuid import UUID

import orjson
from django.core.exceptions import FieldDoesNotExist
from django.db import connections, models, router
from django.db.backends.base.base import BaseDatabaseWrapper

from bursar.lib import clock

CHUNK = 1000
"""Rows in one statement: beyond it the time per row no longer falls, and locks last longer."""

Row = tuple[Any, ...]
_T = TypeVar("_T")


def chunks(items: Sequence[_T], size: int = CHUNK) -> Iterator[Sequence[_T]]:
    """The items in order, in slices of at most ``size``."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


def grouped(items: Iterable[_T], key: Callable[[_T], Hashable]) -> Iterator[list[_T]]:
    """The items in slices of at most ``CHUNK``; those with the same key stay together as far as they fit."""
    groups: dict[Hashable, list[_T]] = defaultdict(list)
    for item in items:
        groups[key(item)].append(item)
    chunk: list[_T] = []
    for group in groups.values():
        for part in chunks(group):
            if len(chunk) + len(part) > CHUNK:
                yield chunk
                chunk = []
            chunk.extend(part)
    if chunk:
        yield chunk


def insert(model: type[models.Model], columns: Sequence[str], rows: Iterable[Row]) -> int:
    """Inserts all rows and returns how many. A duplicate key raises IntegrityError."""
    listed = list(rows)
    if not listed:
        return 0
    database = _Database(model)
    names = database.columns(columns)
    relation, parameters = database.relation(columns, listed)
    database.execute(
        f"INSERT INTO {database.table} ({names}) SELECT {names} FROM {relation} WHERE 1 = 1", parameters
    )
    return len(listed)


def insert_new(
    model: type[models.Model], columns: Sequence[str], rows: Iterable[Row], *, unique: Sequence[str]
) -> set[Any]:
    """Inserts the rows whose ``unique`` columns are not taken yet; returns the primary keys inserted.

    The first column is the primary key and is made by the caller. Whatever hangs on a row
    is written for the returned keys only: a row that another process inserted first is
    not among them, so nothing is written twice.
    """
    listed = list(rows)
    if not listed:
        return set()
    database = _Database(model)
    names = database.columns(columns)
    listed.sort(key=database.order_of(columns, unique))
    relation, parameters = database.relation(columns, listed)
    select = f"SELECT {names} FROM {relation} WHERE 1 = 1"
    key = database.columns(columns[:1])
    if database.vendor == "mysql":
        # Every value was checked by the caller; IGNORE passes over duplicate keys only.
        statement = f"INSERT IGNORE INTO {database.table} ({names}) {select}"
        if not database.is_mariadb:
            # MySQL has no RETURNING: our keys that are there afterwards are ours.
            database.execute(statement, parameters)
            written = model._base_manager.filter(pk__in=[row[0] for row in listed])
            return set(written.values_list("pk", flat=True))
        statement += f" RETURNING {key}"
    else:
        statement = (
            f"INSERT INTO {database.table} ({names}) {select}"
            f" ON CONFLICT ({database.columns(unique)}) DO NOTHING RETURNING {key}"
        )
    returned = database.fetch(statement, parameters)
    if len(returned) == len(listed):  # as nearly always: then no key has to be read
        return {row[0] for row in listed}
    convert = database.reader(columns[0])
    return {convert(row[0]) for row in returned}


def update(model: type[models.Model], columns: Sequence[str], rows: Iterable[Row]) -> int:
    """Writes ``rows`` over existing rows and returns how many rows were given.

    The first column is the primary key and finds the row, the others are written. The caller holds
    the lock that makes this safe.
    """
    listed = list(rows)
    _write_over(model, columns, listed, lambda old, new: new)
    return len(listed)


def rewrite_history(model: type[models.Model], columns: Sequence[str], rows: Iterable[Row]) -> None:
    """Writes ``rows`` over everything that the history says of them, in one statement.

    For what must not stay on record. The first column is the primary key of the model; what was null
    in the history stays null.
    """
    history = model.history.model  # type: ignore[attr-defined]
    _write_over(
        history, columns, list(rows), lambda old, new: f"CASE WHEN {old} IS NULL THEN NULL ELSE {new} END"
    )


def _write_over(
    model: type[models.Model],
    columns: Sequence[str],
    rows: Sequence[Row],
    value: Callable[[str, str], str],
) -> None:
    if not rows:
        return
    database = _Database(model)
    table = database.table
    relation, parameters = database.relation(columns, rows)
    key, *assigned = (database.columns([column]) for column in columns)
    match = f"{table}.{key} = wanted.{key}"
    values = [(name, value(f"{table}.{name}", f"wanted.{name}")) for name in assigned]
    if database.vendor == "mysql":
        changes = ", ".join(f"{table}.{name} = {written}" for name, written in values)
        # STRAIGHT: for each wanted row look ours up by its key; the other way round reads the whole table.
        # FORCE: even if it has three rows; whoever reads all of them waits for everybody who changes one.
        primary = model._meta.pk
        by_key = "FORCE INDEX (PRIMARY)" if primary and primary.name == columns[0] else ""
        statement = f"UPDATE {relation} STRAIGHT_JOIN {table} {by_key} ON {match} SET {changes}"
    else:
        changes = ", ".join(f"{name} = {written}" for name, written in values)
        statement = f"UPDATE {table} SET {changes} FROM {relation} WHERE {match}"
    database.execute(statement, parameters)


def record_history(
    model: type[models.Model],
    keys: Iterable[Any],
    *,
    kind: str,
    by: int | None,
    reason: str | None = None,
    at: datetime | None = None,
) -> None:
    """Copies the rows as they are now into the model's history table, in one statement.

    ``kind`` is ``"+"`` created, ``"~"`` changed or ``"-"`` deleted; ``by`` is the LMS user id of
    the person who did it (None: the system). Call it after the write, in its transaction.
    """
    listed = list(keys)
    if not listed:
        return
    database = _Database(model)
    history = model.history.model  # type: ignore[attr-defined]
    tracked = [field.name for field in model._meta.concrete_fields if _is_tracked(history, field.name)]
    copied = database.columns(tracked)
    primary = model._meta.pk
    if primary is None:  # pragma: no cover - every model has one
        raise TypeError(f"{model} has no primary key")
    relation, parameters = database.relation([primary.name], [(key,) for key in listed])
    find = database.columns([primary.name])
    moment = database.writer_for("datetime")(at or clock.now())
    join = "STRAIGHT_JOIN" if database.vendor == "mysql" else "JOIN"
    qualified = ", ".join(f"{database.table}.{name}" for name in copied.split(", "))
    database.execute(
        f"INSERT INTO {database.quote(history._meta.db_table)}"
        f" ({copied}, history_date, history_type, history_user_id, history_change_reason)"
        f" SELECT {qualified}, %s, %s, %s, %s FROM {relation}"
        f" {join} {database.table} ON {database.table}.{find} = wanted.{find}",
        [moment, kind, by, reason, *parameters],
    )


def _is_tracked(history: type[models.Model], name: str) -> bool:
    try:
        history._meta.get_field(name)
    except FieldDoesNotExist:
        return False
    return True


class _Database:
    """How one model's database spells a set of tuples."""

    def __init__(self, model: type[models.Model]) -> None:
        self._fields = model._meta
        self.connection: BaseDatabaseWrapper = connections[router.db_for_write(model)]
        self.vendor = self.connection.vendor
        self.is_mariadb = bool(getattr(self.connection, "mysql_is_mariadb", False))
        self.quote: Callable[[str], str] = self.connection.ops.quote_name
        self.table = self.quote(model._meta.db_table)

    def columns(self, names: Sequence[str]) -> str:
        return ", ".join(self._quoted(name) for name in names)

    def _quoted(self, name: str) -> str:
        column = self._field(name).column
        if column is None:
            raise TypeError(f"{name} is not stored")
        return self.quote(column)

    def execute(self, statement: str, parameters: Sequence[Any]) -> None:
        with self.connection.cursor() as cursor:
            cursor.execute(statement, parameters)

    def fetch(self, statement: str, parameters: Sequence[Any]) -> list[Row]:
        with self.connection.cursor() as cursor:
            cursor.execute(statement, parameters)
            return list(cursor.fetchall())

    def reader(self, name: str) -> Callable[[Any], Any]:
        if self._kind(name) == "uuid":
            return lambda value: value if isinstance(value, UUID) else UUID(str(value))
        return lambda value: value

    def order_of(self, names: Sequence[str], unique: Sequence[str]) -> Callable[[Row], Any]:
        """How the database orders rows of these columns by the ``unique`` ones.

        Two who insert the same rows must take them in the order of the index. On MariaDB the second waits for
        a row and for the gap before it; the first would deadlock if it went back into that gap.
        """
        columns = [self._field(name).column for name in names]
        places = [
            (columns.index(column), self._kind(name))
            for name in unique
            if (column := self._field(name).column) in columns  # a generated one is not written
        ]
        if self.is_mariadb and self.connection.features.has_native_uuid_field:
            return lambda row: [_mariadb_order(row[i]) if kind == "uuid" else row[i] for i, kind in places]
        return lambda row: [row[i] for i, _ in places]

    def relation(self, names: Sequence[str], rows: Sequence[Row]) -> tuple[str, list[Any]]:
        """The rows as something to select from, named ``wanted``, with its parameters."""
        kinds = [self._kind(name) for name in names]
        quoted = [self._quoted(name) for name in names]
        if self.vendor == "postgresql":
            return self._arrays(kinds, quoted, rows)
        writers = [self.writer_for(kind) for kind in kinds]
        body = orjson.dumps(
            [
                [None if value is None else write(value) for write, value in zip(writers, row, strict=True)]
                for row in rows
            ]
        ).decode()
        if self.vendor == "sqlite":
            selected = ", ".join(f"json_extract(value, '$[{i}]') AS {name}" for i, name in enumerate(quoted))
            return f"(SELECT {selected} FROM json_each(%s)) AS wanted", [body]
        typed = ", ".join(
            f"{name} {self._json_table_type(column)} PATH '$[{i}]'"
            for i, (name, column) in enumerate(zip(quoted, names, strict=True))
        )
        return f"JSON_TABLE(%s, '$[*]' COLUMNS({typed})) AS wanted", [body]

    def _arrays(self, kinds: list[str], quoted: list[str], rows: Sequence[Row]) -> tuple[str, list[Any]]:
        arrays = ", ".join(f"%s::{_POSTGRES_TYPES[kind]}[]" for kind in kinds)
        columns = zip(*rows, strict=True)
        values = [_array(kind, column) for kind, column in zip(kinds, columns, strict=True)]
        return f"unnest({arrays}) AS wanted ({', '.join(quoted)})", values

    def writer_for(self, kind: str) -> Callable[[Any], Any]:
        """How a value of this kind is spelled on this database, outside PostgreSQL inside JSON."""
        if self.vendor == "postgresql":
            return lambda value: value
        native_uuid = self.connection.features.has_native_uuid_field
        writers: dict[str, Callable[[Any], Any]] = {
            "uuid": str if native_uuid else (lambda value: value.hex),
            "datetime": _naive_utc,
            "bool": int,
            "json": lambda value: orjson.dumps(value).decode(),
            "decimal": str,
        }
        return writers.get(kind, lambda value: value)

    def _json_table_type(self, name: str) -> str:
        field, kind = self._field(name), self._kind(name)
        if kind == "text":
            length = f"VARCHAR({field.max_length})" if field.max_length else "LONGTEXT"
            return f"{length} CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
        if kind == "decimal":
            return f"DECIMAL({field.max_digits}, {field.decimal_places})"  # type: ignore[attr-defined]
        return {
            "uuid": "CHAR(36)",
            "int": "BIGINT",
            "bool": "TINYINT",
            "datetime": "DATETIME(6)",
            "json": "LONGTEXT",
        }[kind]

    def _field(self, name: str) -> "models.Field[Any, Any]":
        if name == "pk" and self._fields.pk is not None:
            return self._fields.pk
        field = self._fields.get_field(name)
        if not isinstance(field, models.Field):
            raise TypeError(f"{name} is not a column")
        return field

    def _kind(self, name: str) -> str:
        field = self._field(name)
        # A foreign key is written as the key that it refers to.
        column = field.target_field if isinstance(field, models.ForeignKey) else field
        kind = _KINDS.get(column.get_internal_type())
        if kind is None:
            raise TypeError(f"{name}: sets cannot write a {column.get_internal_type()} yet")
        return kind


_KINDS = {
    "UUIDField": "uuid",
    "CharField": "text",
    "TextField": "text",
    "EmailField": "text",
    "SlugField": "text",
    "URLField": "text",
    "AutoField": "int",
    "BigAutoField": "int",
    "BigIntegerField": "int",
    "IntegerField": "int",
    "PositiveIntegerField": "int",
    "PositiveSmallIntegerField": "int",
    "PositiveBigIntegerField": "int",
    "SmallIntegerField": "int",
    "BooleanField": "bool",
    "DateTimeField": "datetime",
    "JSONField": "json",
    "DecimalField": "decimal",
}

_POSTGRES_TYPES = {
    "uuid": "uuid",
    "text": "text",
    "int": "bigint",
    "bool": "boolean",
    "datetime": "timestamptz",
    "json": "jsonb",
    "decimal": "numeric",
}


def _array(kind: str, values: Sequence[Any]) -> str:
    """A column as PostgreSQL spells an array; psycopg takes 7 (texts) to 40 times as long for a list.

    JSON spells arrays alike but for the braces, and escapes in another way: so texts are escaped here.
    """
    if kind == "json":
        values = [None if value is None else orjson.dumps(value).decode() for value in values]
    if kind in ("json", "text"):
        body = ",".join(["NULL" if value is None else _quoted(value) for value in values])
    else:
        body = orjson.dumps(values, default=str).decode()[1:-1]
    return f"{{{body}}}"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _mariadb_order(value: Any) -> bytes:
    """MariaDB compares UUIDs by their parts from the last to the first (its type stores them like that)."""
    octets = (value if isinstance(value, UUID) else UUID(str(value))).bytes
    return octets[10:] + octets[8:10] + octets[6:8] + octets[4:6] + octets[:4]


def _naive_utc(value: datetime) -> str:
    return value.astimezone(UTC).replace(tzinfo=None).isoformat(sep=" ", timespec="microseconds")
