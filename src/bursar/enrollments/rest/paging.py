"""Pages of the list of all enrollments: a cursor names the row after which, or before which, one begins."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import Q
from django.utils.translation import gettext as _
from rest_framework.request import Request
from rest_framework.utils.urls import replace_query_param

from bursar.enrollments.rest.errors import Refused

PAGE_SIZE = 100


class Cursor(NamedTuple):
    """A row, and whether the page is what comes before it in the list.

    Bulk work gives a thousand places one moment, so within a moment the uuid decides. The framework's own
    cursors count such rows, and lose some on the way back.
    """

    created_at: datetime
    uuid: UUID
    is_back: bool

    @classmethod
    def of(cls, row: dict[str, Any], *, is_back: bool) -> "Cursor":
        return cls(row["created_at"], row["uuid"], is_back)

    @classmethod
    def parse(cls, text: str) -> "Cursor":
        """Raises ValueError for what ``str`` did not write."""
        direction, moment, uuid = urlsafe_b64decode(text).decode().split(" ")
        created_at = datetime.fromisoformat(moment)
        cursor = cls(created_at, UUID(uuid), direction == "before")
        if created_at.utcoffset() != timedelta(0) or str(cursor) != text:
            raise ValueError(text)
        return cursor

    def __str__(self) -> str:
        direction = "before" if self.is_back else "after"
        text = f"{direction} {self.created_at.astimezone(UTC).isoformat()} {self.uuid}"
        return urlsafe_b64encode(text.encode()).decode()

    def condition(self) -> Q:
        """What the rows of the page have to be like."""
        if self.is_back:
            later = Q(created_at__gt=self.created_at) | Q(uuid__gt=self.uuid)
            return Q(created_at__gte=self.created_at) & later
        earlier = Q(created_at__lt=self.created_at) | Q(uuid__lt=self.uuid)
        return Q(created_at__lte=self.created_at) & earlier


class Page(NamedTuple):
    """Some rows, the newest first, and where the neighbouring pages begin."""

    rows: list[dict[str, Any]]
    next: Cursor | None
    previous: Cursor | None

    def link(self, request: Request, cursor: Cursor | None) -> str | None:
        """The address of a neighbouring page, with all that the request filters by."""
        if cursor is None:
            return None
        return replace_query_param(request.build_absolute_uri(), "cursor", str(cursor))


def read_page(rows: Any, text: str) -> Page:
    """The page at which the cursor points; the first one without. Raises Refused. One query.

    ``rows`` are a QuerySet of dictionaries with ``created_at`` and ``uuid``.
    """
    cursor = _parse(text) if text else None
    is_back = cursor is not None and cursor.is_back
    order = ("created_at", "uuid") if is_back else ("-created_at", "-uuid")
    wanted = rows.filter(cursor.condition()) if cursor else rows
    found = list(wanted.order_by(*order)[: PAGE_SIZE + 1])
    has_more, listed = len(found) > PAGE_SIZE, found[:PAGE_SIZE]
    if is_back:
        listed.reverse()
    if not listed:
        return Page([], None, None)
    has_next, has_previous = (True, has_more) if is_back else (has_more, cursor is not None)
    return Page(
        listed,
        Cursor.of(listed[-1], is_back=False) if has_next else None,
        Cursor.of(listed[0], is_back=True) if has_previous else None,
    )


def _parse(text: str) -> Cursor:
    try:
        return Cursor.parse(text)
    except ValueError as error:
        reason = {"developer_message": _("This is no cursor that was given out here.")}
        raise Refused(400, {"field_errors": {"cursor": reason}}) from error
