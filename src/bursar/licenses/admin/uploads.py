"""Files that staff upload: read line by line, for they may have hundreds of thousands."""

import csv
import itertools
from collections.abc import Iterator
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext as _

from bursar.lib.errors import InvalidInputError
from bursar.licenses.data import FileLine
from bursar.licenses.rest.csv_upload import EMAIL_HEADERS


def read_addresses(upload: UploadedFile[Any]) -> Iterator[FileLine]:
    """The addresses of the file with their lines; blank lines are passed over.

    UTF-8 with or without a byte order mark, commas or semicolons; the first column, or the one whose header
    says that it has addresses. A file that cannot be read raises InvalidInputError, which says what to mend.
    """
    column: int | None = None
    for number, cells in _read_records(upload):
        if column is None:
            names = [cell.lower() for cell in cells]
            column = next((place for place, name in enumerate(names) if name in EMAIL_HEADERS), None)
            if column is not None:
                continue
            column = 0
        yield number, cells[column] if column < len(cells) else ""


def _read_records(upload: UploadedFile[Any]) -> Iterator[tuple[int, list[str]]]:
    lines = _decode(upload)
    beginning = []
    for line in lines:
        beginning.append(line)
        if line.strip():
            break
    delimiter = ";" if "".join(beginning).count(";") > "".join(beginning).count(",") else ","
    reader = csv.reader(itertools.chain(beginning, lines), delimiter=delimiter, skipinitialspace=True)
    try:
        for record in reader:
            cells = [cell.strip() for cell in record]
            if any(cells):
                yield reader.line_num, cells
    except csv.Error as error:
        text = _("Line %(line)s cannot be read: %(error)s.") % {"line": reader.line_num, "error": error}
        raise InvalidInputError(text) from error


def _decode(upload: UploadedFile[Any]) -> Iterator[str]:
    """The lines of the file, one after the other."""
    for number, line in enumerate(upload, start=1):
        try:
            text = line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            text = _("Line %(line)s is not in UTF-8. Save the file as CSV UTF-8.") % {"line": number}
            raise InvalidInputError(text) from error
        if "\0" in text:
            raise InvalidInputError(_("The file is no CSV: it has NUL characters. Save it as CSV UTF-8."))
        yield text


def read_text(upload: UploadedFile[Any]) -> str:
    """All of the file. Errors: InvalidInputError."""
    upload.seek(0)
    try:
        return bytes(upload.read()).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidInputError(_("The file is not in UTF-8. Save it as CSV UTF-8.")) from error
