"""What is wrong with a document somebody wrote: every fault with its path and its reason, in plain words."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from pydantic import ValidationError

Path = tuple[str | int, ...]


def path_text(path: Path) -> str:
    """A path as people write it: ``customers[0].plans[1].licenses``."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def list_problems(error: ValidationError, *, below: Path = ()) -> list[tuple[Path, str]]:
    """Every fault that pydantic found, as (path, reason), in the order of the document's model."""
    return [((*below, *fault["loc"]), _reason(fault)) for fault in error.errors(include_url=False)]


def check_storable(text: str) -> str:
    """The text itself. Raises ValueError if a database would refuse it: NUL and other control characters."""
    if any(ord(character) < 32 and character not in "\n\r\t" for character in text):
        raise ValueError("contains a control character")
    if any(0xD800 <= ord(character) <= 0xDFFF for character in text):
        raise ValueError("contains half a character (a lone surrogate)")
    return text


def check_line(text: str) -> str:
    """The text itself. Raises ValueError if it isn't one line that a database takes."""
    if any(character in text for character in "\n\r\t\x7f\u2028\u2029"):
        raise ValueError("must be one line, without tabs")
    return check_storable(text)


def check_moment(moment: datetime) -> datetime:
    """The moment itself. Raises ValueError unless every database and time zone can hold it."""
    if not 1900 <= moment.year <= 9000:
        raise ValueError("is not a time between the years 1900 and 9000")
    return moment


def _reason(fault: Mapping[str, Any]) -> str:
    context = fault.get("ctx", {})
    if fault["type"] == "value_error":
        return str(context["error"])
    reason = _REASONS.get(fault["type"])
    return reason(context) if reason else str(fault["msg"])


def _fixed(reason: str) -> Callable[[Mapping[str, Any]], str]:
    return lambda context: reason


_WHOLE_NUMBER = _fixed("must be a whole number")
_BOOLEAN = _fixed("must be true or false")

_REASONS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "missing": _fixed("is required"),
    "extra_forbidden": _fixed("is not a known key"),
    "greater_than_equal": lambda context: f"must be at least {context['ge']}",
    "less_than_equal": lambda context: f"must be at most {context['le']}",
    "int_type": _WHOLE_NUMBER,
    "int_from_float": _WHOLE_NUMBER,
    "int_parsing": _WHOLE_NUMBER,
    "int_parsing_size": _WHOLE_NUMBER,
    "bool_type": _BOOLEAN,
    "bool_parsing": _BOOLEAN,
    "string_type": _fixed("must be text; a number or a date as text needs quotes"),
    "string_too_short": _fixed("must not be empty"),
    "string_too_long": lambda context: f"must have at most {context['max_length']} characters",
    "list_type": _fixed("must be a list"),
    "tuple_type": _fixed("must be a list"),
    "dict_type": _fixed("must be a mapping (key: value)"),
    "model_type": _fixed("must be a mapping (key: value)"),
    "model_attributes_type": _fixed("must be a mapping (key: value)"),
    "uuid_type": _fixed("is not a valid uuid"),
    "uuid_parsing": _fixed("is not a valid uuid"),
    "literal_error": lambda context: f"must be {context['expected']}",
    "datetime_type": _fixed("is not a time"),
    "datetime_parsing": _fixed("is not a time"),
    "datetime_from_date_parsing": _fixed("is not a time"),
    "timezone_aware": _fixed("has no time zone"),
    "decimal_type": _fixed("is not a number"),
    "decimal_parsing": _fixed("is not a number"),
    "decimal_max_places": lambda context: f"must have at most {context['decimal_places']} decimal places",
    "finite_number": _fixed("is not a number"),
}
