"""Reading an uploaded CSV of people: ``email``, or ``email,course_run_key``."""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext as _
from rest_framework.exceptions import ValidationError

from bursar.customers.data import BULK_LIMIT
from bursar.lib import emails
from bursar.lib.outcomes import Refusal
from bursar.licenses.data import BulkRow

EMAIL_HEADERS = frozenset({"email", "e-mail", "emails", "email address", "email_address", "user_email"})
_RUN_HEADERS = frozenset(
    {"course_run_key", "course run key", "course key", "course_key", "course run", "course"}
)


_RUN_KEY_MAX_LENGTH = 255
_MOST_ROWS = 10 * BULK_LIMIT  # repeats and bad rows included


@dataclass(frozen=True, slots=True)
class _Columns:
    """Where addresses and run keys stand."""

    email: int = 0
    run: int = 1


def read_rows(upload: UploadedFile[Any], run_keys: Sequence[str]) -> list[BulkRow]:
    """The rows of the file, numbered as a spreadsheet does: the first line is 1. Blank lines are passed over.

    UTF-8 with or without a byte order mark, commas or semicolons, with a header or without. A row without a
    run of its own is for each of ``run_keys``. A row that cannot be used has a refusal. A file that cannot be
    read raises a 400 that says what to mend.
    """
    text = _decode(upload)
    rows: list[BulkRow] = []
    columns: _Columns | None = None
    for number, cells in _records(text):
        if columns is None:
            columns = _find_columns(cells)
            if columns is not None:
                continue
            columns = _Columns()
        rows += _read_row(number, cells, columns, run_keys)
        if len(rows) > _MOST_ROWS:
            raise _unreadable(
                _("The file has more than %(limit)s pairs of a person and a run. Split it.")
                % {"limit": _MOST_ROWS}
            )
    if not rows:
        raise _unreadable(_("The file has no rows. Put an e-mail address at the beginning of each line."))
    return rows


def _decode(upload: UploadedFile[Any]) -> str:
    contents = b"".join(upload.chunks())
    try:
        text = contents.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _unreadable(
            _("The file is not in UTF-8 (byte %(number)s). Save it as CSV UTF-8.")
            % {"number": error.start + 1}
        ) from error
    if "\0" in text:
        raise _unreadable(_("The file is no CSV: it has NUL characters. Save it as CSV UTF-8."))
    return text


def _records(text: str) -> Iterator[tuple[int, list[str]]]:
    first = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = ";" if first.count(";") > first.count(",") else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
    try:
        for number, record in enumerate(reader, start=1):
            cells = [cell.strip() for cell in record]
            if any(cells):
                yield number, cells
    except csv.Error as error:
        text = _("Line %(line)s cannot be read: %(error)s.") % {"line": reader.line_num, "error": error}
        raise _unreadable(text) from error


def _find_columns(cells: Sequence[str]) -> _Columns | None:
    """Where the columns are, if this line is a header."""
    names = [cell.lower() for cell in cells]
    email = next((place for place, name in enumerate(names) if name in EMAIL_HEADERS), None)
    if email is None:
        return None
    run = next((place for place, name in enumerate(names) if name in _RUN_HEADERS), len(names))
    return _Columns(email, run)


def _read_row(
    number: int, cells: Sequence[str], columns: _Columns, run_keys: Sequence[str]
) -> Iterator[BulkRow]:
    email = cells[columns.email] if columns.email < len(cells) else ""
    own_run = cells[columns.run] if columns.run < len(cells) else ""
    refusal = _check_row(email, own_run, run_keys)
    if refusal is not None:
        yield BulkRow(number, email, own_run, refusal)
        return
    for run_key in [own_run] if own_run else run_keys:
        yield BulkRow(number, email, run_key)


def _check_row(email: str, run_key: str, run_keys: Sequence[str]) -> Refusal | None:
    if not email:
        return Refusal("missing_email", _("There is no e-mail address."))
    if not emails.is_valid(emails.normalize(email)):
        return Refusal("invalid_email", _("%(address)s is not an e-mail address.") % {"address": email})
    if len(run_key) > _RUN_KEY_MAX_LENGTH:
        return Refusal("unknown_course_run", _("The key of the course run is too long."))
    if not run_key and not run_keys:
        return Refusal(
            "missing_course_run", _("There is no course run: name it in the row, or for all rows.")
        )
    return None


def _unreadable(text: str) -> ValidationError:
    return ValidationError({"csv": [text]})
