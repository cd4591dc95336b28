"""Pages of very many licenses, at whatever place, without counting or sorting them."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import QuerySet

from bursar.licenses import models


@dataclass(frozen=True, slots=True)
class Stretch:
    """Licenses in an order that an index has, and how many they are."""

    rows: QuerySet[models.License]
    count: int

    def reverse(self) -> "Stretch":
        """The same from the other end."""
        return Stretch(self.rows.reverse(), self.count)

    def read(self, start: int, stop: int) -> list[models.License]:
        """Those from ``start`` to before ``stop``, read from whichever end is nearer. One query."""
        if start <= self.count - stop:
            return list(self.rows[start:stop])
        return list(self.rows.reverse()[self.count - stop : self.count - start])[::-1]


class Stretches:
    """Stretches one after the other, to be paged like a queryset. A query for each that a page touches."""

    ordered = True  # Django's paginator asks

    def __init__(self, stretches: Iterable[Stretch]) -> None:
        self._stretches = [each for each in stretches if each.count > 0]

    def reverse(self) -> "Stretches":
        """The same from the other end."""
        return Stretches(each.reverse() for each in reversed(self._stretches))

    def count(self) -> int:
        """How many there are. No query."""
        return sum(each.count for each in self._stretches)

    def __getitem__(self, place: slice) -> list[models.License]:
        rows: list[models.License] = []
        begin = 0
        for each in self._stretches:
            start, stop = max(place.start - begin, 0), min(place.stop - begin, each.count)
            if start < stop:
                rows += each.read(start, stop)
            begin += each.count
        return rows
