"""CSV for people who open it in a spreadsheet."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What makes a spreadsheet take a cell for a formula (OWASP, CSV injection)."""


def write_csv(headers: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """The table as CSV. A cell that a spreadsheet would run gets an apostrophe before it; None is empty."""
    return "".join(stream_csv(headers, [rows]))


def stream_csv(headers: Sequence[str], chunks: Iterable[Iterable[Sequence[object]]]) -> Iterator[str]:
    """The same piece by piece, for tables that are too large to be held: one piece for each chunk of rows."""
    yield _lines([headers])
    for rows in chunks:
        yield _lines(rows)


def _lines(rows: Iterable[Sequence[object]]) -> str:
    written = io.StringIO()
    csv.writer(written).writerows([_harmless(cell) for cell in row] for row in rows)
    return written.getvalue()


def _harmless(cell: object) -> str:
    text = "" if cell is None else str(cell)
    return f"'{text}" if text.startswith(_FORMULA) else text
