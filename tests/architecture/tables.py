"""What is in the database, so that a test can say what a call has changed."""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.apps import apps
from django.db import connection, transaction

Rows = Counter[tuple[str, ...]]
"""All rows of all our tables: the table's name, then every column as text."""

_WRITES = re.compile(r"\s*(INSERT|UPDATE|DELETE|REPLACE|TRUNCATE)", re.IGNORECASE)
_UUID = re.compile(r"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}", re.IGNORECASE)
_CSRF = re.compile(r"\b[A-Za-z0-9]{64}\b")
_SIGNED = re.compile(r"[\w-]+:[\w-]{6}:[\w-]{43}")
_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)?")


def read_rows() -> Rows:
    """Every row of every table of ours, history included."""
    rows: Rows = Counter()
    for model in apps.get_models():
        if model.__module__.startswith("bursar."):
            columns = [each.attname for each in model._meta.concrete_fields]
            label = model._meta.label
            rows.update((label, *map(str, row)) for row in model._base_manager.values_list(*columns))
    return rows


@contextmanager
def undone() -> Iterator[None]:
    """Takes back whatever the block writes. Durable transactions work inside, as they do in a test."""
    block = transaction.atomic()
    block._from_testcase = True  # type: ignore[attr-defined]
    with block:
        yield
        transaction.set_rollback(True)


@contextmanager
def watched() -> Iterator[Callable[[], bool]]:
    """Says whether the block has written anything so far, without reading the tables."""
    has_written = False

    def look(execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: Any) -> Any:
        nonlocal has_written
        has_written = has_written or bool(_WRITES.match(str(sql)))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(look):
        yield lambda: has_written


def names(row: tuple[str, ...], texts: frozenset[str] | set[str]) -> bool:
    """Whether one of the columns has one of these texts in it; uuids in any spelling."""
    joined = " ".join(row)
    joined += joined.replace("-", "")
    return any(text in joined or text.replace("-", "") in joined for text in texts)


def without_chance(text: str) -> str:
    """The text without uuids, times, signatures and CSRF tokens, which differ each time."""
    for pattern, name in ((_UUID, "(uuid)"), (_TIME, "(time)"), (_SIGNED, "(signed)"), (_CSRF, "(csrf)")):
        text = pattern.sub(name, text)
    return text
