"""CSV for people who open it in a spreadsheet."""

import csv
import io
from collections.abc import Iterable, Sequence

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What makes a spreadsheet take a cell for a formula (OWASP, CSV injection)."""


def write_csv(headers: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """The table as CSV. A cell that a spreadsheet would run gets an apostrophe before it; None is empty."""
    written = io.StringIO()
    writer = csv.writer(written)
    writer.writerow([_harmless(header) for header in headers])
    writer.writerows([_harmless(cell) for cell in row] for row in rows)
    return written.getvalue()


def _harmless(cell: object) -> str:
    text = "" if cell is None else str(cell)
    return f"'{text}" if text.startswith(_FORMULA) else text
