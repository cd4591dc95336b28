"""Counting statements as docs/decisions says: without BEGIN, COMMIT and SAVEPOINT; an executemany is one."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from django.db import connection
from django.test.utils import CaptureQueriesContext

_NOT_COUNTED = ("BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE")


@dataclass
class Statements:
    """What the database was asked."""

    listed: list[str] = field(default_factory=list)

    @property
    def count(self) -> int:
        return len(self.listed)


@contextmanager
def counted() -> Iterator[Statements]:
    """The statements of the block."""
    statements = Statements()
    with CaptureQueriesContext(connection) as captured:
        yield statements
    statements.listed = [
        query["sql"] for query in captured.captured_queries if not query["sql"].startswith(_NOT_COUNTED)
    ]
