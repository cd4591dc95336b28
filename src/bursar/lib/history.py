"""Who changed what, when: a history table beside each table that people act on."""

from typing import Any

from django.db import models
from django.http import HttpRequest
from simple_history.models import HistoricalRecords


def tracked(**options: Any) -> HistoricalRecords:
    """A history whose author is an LMS user id, so that no key crosses into identity's tables.

    Set-based writes record it with ``lib.sets.record_history``; a plain ``save`` in a web request
    (the Django admin) records it by itself.
    """
    return HistoricalRecords(
        history_id_field=models.BigAutoField(primary_key=True),
        history_user_id_field=models.BigIntegerField(null=True, blank=True),
        history_user_getter=_author,
        history_user_setter=_set_author,
        get_user=_author_of_request,
        **options,
    )


def _author_of_request(request: HttpRequest | None = None, **_: Any) -> int | None:
    return getattr(getattr(request, "user", None), "lms_user_id", None)


def _author(row: Any) -> int | None:
    author: int | None = row.history_user_id
    return author


def _set_author(row: Any, author: Any) -> None:
    # Commands name an LMS user id; the admin of simple_history names the account itself.
    row.history_user_id = getattr(author, "lms_user_id", author)
