"""Pages of very many licenses, at whatever place, without counting or sorting them."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from uuid import UUID

from django.db.models import QuerySet

from bursar.licenses import models


@dataclass(frozen=True, slots=True)
class Stretch:
    """Licenses in an order that an index has, and how many they are.

    With ``statuses`` (from, to) they are only those. ``place`` is theirs among all statuses in use: what is
    at two neighbouring places can be read together.
    """

    rows: QuerySet[models.License]
    count: int
    statuses: tuple[str, str] | None = None
    place: int = 0

    def joined(self, other: "Stretch") -> "Stretch | None":
        """Both as one, if no license stands between them."""
        if self.statuses is None or other.statuses is None or other.place != self.place + 1:
            return None
        statuses = (self.statuses[0], other.statuses[1])
        return replace(self, count=self.count + other.count, statuses=statuses, place=other.place)

    def keys(self, start: int, stop: int) -> list[UUID]:
        """The keys from ``start`` to before ``stop``, read from whichever end is nearer. One query.

        What is passed over is in the index, as long as nothing but keys is asked for.
        """
        keys = self.rows.values_list("pk", flat=True)
        if self.statuses is not None:
            first, last = self.statuses
            # Most databases sort everything for "status IN (...)", but not for a range.
            between = {"status__gte": first, "status__lte": last}
            keys = keys.filter(status=first) if first == last else keys.filter(**between)
        if start <= self.count - stop:
            return list(keys[start:stop])
        return list(keys.reverse()[self.count - stop : self.count - start])[::-1]


class Stretches:
    """Stretches one after the other, to be paged like a queryset.

    A page takes a query for each stretch that it touches, less those that are read together, and one more.
    """

    ordered = True  # Django's paginator asks

    def __init__(self, stretches: Iterable[Stretch], *, is_descending: bool = False) -> None:
        self._stretches = [each for each in stretches if each.count > 0]
        self._is_descending = is_descending

    def count(self) -> int:
        """How many there are. No query."""
        return sum(each.count for each in self._stretches)

    def __getitem__(self, place: slice) -> list[models.License]:
        start, stop = place.start, min(place.stop, self.count())
        if self._is_descending:
            keys = self._keys(self.count() - stop, self.count() - start)[::-1]
        else:
            keys = self._keys(start, stop)
        found = models.License.objects.in_bulk(keys)
        return [found[key] for key in keys if key in found]

    def _keys(self, start: int, stop: int) -> list[UUID]:
        touched: list[tuple[int, Stretch]] = []
        begin = 0
        for each in self._stretches:
            if begin < stop and begin + each.count > start:
                joined = touched[-1][1].joined(each) if touched else None
                if joined is None:
                    touched.append((begin, each))
                else:
                    touched[-1] = (touched[-1][0], joined)
            begin += each.count
        keys: list[UUID] = []
        for begin, each in touched:
            keys += each.keys(max(start - begin, 0), min(stop - begin, each.count))
        return keys
