"""Lists of hundreds of thousands of rows: nobody leafs through them, so nobody has to count them."""

from typing import Any

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.utils.functional import cached_property

COUNTED = 10_000
"""Rows that a list counts, and the last that it shows: whoever looks for one searches."""


class ShortPaginator(Paginator[Any]):
    """Pages of the first 10,000 rows. Counting stops there, so it costs the same however many there are."""

    @cached_property
    def count(self) -> int:
        rows: QuerySet[Any] = self.object_list  # type: ignore[assignment]
        # In their order, which an index has: without it a database may choose to read them all.
        return rows.values("pk")[:COUNTED].count()
