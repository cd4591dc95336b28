"""The licenses of one plan, as its administrators read them: 400,000 of them as quickly as 400.

No license is counted where the counts on the plan's row answer, and no page is sorted: it is read from an
index, from the place where the counts say that its status begins.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Count, Q, QuerySet

from bursar.licenses import models
from bursar.licenses.data import LIVE, Status
from bursar.licenses.service.reads.stretches import Stretch, Stretches

_NOT_PURGED = Q(email__isnull=False) | Q(status=Status.UNASSIGNED)

_WITH_ADDRESSES = frozenset({*LIVE, Status.REVOKED})

_CSV_CHUNK = 2000  # licenses held in memory at a time


@dataclass(frozen=True, slots=True)
class WantedLicenses:
    """Which licenses are wanted, and in which order (columns, with - in front for descending)."""

    statuses: frozenset[Status] = frozenset(Status)
    search: str = ""
    """Part of an address, in lower case, as they are stored."""
    ignore_null_emails: bool = False
    """Leaves out revoked licenses whose address was purged; seats that nobody has yet stay."""
    ordering: tuple[str, ...] = ()

    def narrow(self, licenses: QuerySet[models.License]) -> QuerySet[models.License]:
        """Those among the licenses that are wanted, not ordered."""
        if self.search:
            licenses = licenses.filter(email__contains=self.search)
        elif self.ignore_null_emails:
            licenses = licenses.filter(_NOT_PURGED)
        if self.statuses >= (_WITH_ADDRESSES if self.search else frozenset(Status)):
            return licenses
        return licenses.filter(status__in=sorted(self.statuses))


def find_license(plan_uuid: UUID, license_uuid: UUID) -> models.License | None:
    """The license, if it is of this plan."""
    return models.License.objects.filter(pk=license_uuid, plan=plan_uuid).first()


def count_licenses(plan: models.Plan, wanted: WantedLicenses) -> list[tuple[str, int]]:
    """How many of the plan's licenses have each status, the most first; absent statuses are left out.

    At most one query, and without a search one that reads next to nothing, however large the plan is.
    """
    if wanted.search:
        licenses = wanted.narrow(models.License.objects.filter(plan=plan))
        counts = dict(licenses.order_by().values_list("status").annotate(count=Count("pk")))
    else:
        counts = {status.value: count for status, count in _known_counts(plan, wanted).items() if count}
    return sorted(counts.items(), key=lambda row: (-row[1], row[0]))


def list_licenses(plan: models.Plan, wanted: WantedLicenses) -> Stretches:
    """The plan's licenses that are wanted, to be paged: by status and address, unless ordered otherwise.

    A page takes at most five queries, and usually two.
    """
    licenses = wanted.narrow(models.License.objects.filter(plan=plan))
    order = wanted.ordering or ("status",)
    if wanted.search:
        rows = licenses.order_by(*order, "email", "pk")
        return Stretches([Stretch(rows, rows.count())])
    is_descending = order[0].startswith("-")
    match order:
        case ("status",) | ("-status",):
            return Stretches(_by_status(plan, wanted), is_descending=is_descending)
        case ("email",) | ("-email",):
            return Stretches(_by_address(plan, wanted), is_descending=is_descending)
    count = sum(_known_counts(plan, wanted).values())
    return Stretches([Stretch(licenses.order_by(*order, "email", "pk"), count)])


def stream_licenses(plan_uuid: UUID, columns: Sequence[str]) -> Iterator[list[tuple[object, ...]]]:
    """These columns of everything that was ever given out, by status, in chunks of at most 2,000.

    What changes meanwhile may be in it as it was or as it is. A query for each chunk.
    """
    licenses = models.License.objects.filter(plan=plan_uuid)
    for status in sorted(_WITH_ADDRESSES):
        of_status = licenses.filter(status=status)
        yield from _in_chunks(of_status.filter(email__isnull=True), ("pk",), columns)
        yield from _in_chunks(of_status.filter(email__isnull=False), ("email", "pk"), columns)


def _in_chunks(
    licenses: QuerySet[models.License], order: tuple[str, ...], columns: Sequence[str]
) -> Iterator[list[tuple[object, ...]]]:
    """Columns of the licenses in this order, which ends with the key; each chunk goes on from the last."""
    rest = licenses.order_by(*order)
    while True:
        rows = list(rest.values_list(*order, *columns)[:_CSV_CHUNK])
        if rows:
            yield [row[len(order) :] for row in rows]
        if len(rows) < _CSV_CHUNK:
            return
        last = dict(zip(order, rows[-1], strict=False))
        rest = licenses.order_by(*order)
        if "email" in last:
            passed = Q(email=last["email"], pk__lte=last["pk"])
            rest = rest.filter(email__gte=last["email"]).exclude(passed)
        else:
            rest = rest.filter(pk__gt=last["pk"])


# Where pages begin


def _by_status(plan: models.Plan, wanted: WantedLicenses) -> list[Stretch]:
    """By status, address and uuid, as an index has them: a stretch for each status."""
    licenses = models.License.objects.filter(plan=plan)
    if wanted.ignore_null_emails:
        licenses = licenses.filter(_NOT_PURGED)
    rows = licenses.order_by("status", "email", "pk")
    counts = _known_counts(plan, wanted)
    in_use = [status for status in sorted(Status) if getattr(plan, f"{status}_count")]
    return [
        Stretch(rows, counts[status], (status, status), place)
        for place, status in enumerate(in_use)
        if status in counts
    ]


def _by_address(plan: models.Plan, wanted: WantedLicenses) -> list[Stretch]:
    """By address, status and uuid, as an index has them; those without an address come first, as on MySQL."""
    counts = _known_counts(plan, wanted)
    licenses = models.License.objects.filter(plan=plan)
    of_one_status = licenses.order_by("status", "email", "pk")
    free = counts.pop(Status.UNASSIGNED, 0)
    stretches = [Stretch(of_one_status.filter(status=Status.UNASSIGNED), free)]
    if counts.get(Status.REVOKED) and not wanted.ignore_null_emails:
        purged = _count_purged(plan)
        counts[Status.REVOKED] -= purged
        stretches.append(Stretch(of_one_status.filter(status=Status.REVOKED, email__isnull=True), purged))
    # With one status the other index has less to pass over.
    holders = of_one_status if len(counts) == 1 else licenses.order_by("email", "status", "pk")
    holders = holders.filter(email__isnull=False, status__in=sorted(counts))
    return [*stretches, Stretch(holders, sum(counts.values()))]


def _known_counts(plan: models.Plan, wanted: WantedLicenses) -> dict[Status, int]:
    """The counts by status of what is wanted, a search apart. At most one query, for the purged ones."""
    counts = {status: int(getattr(plan, f"{status}_count")) for status in wanted.statuses}
    if wanted.ignore_null_emails and counts.get(Status.REVOKED):
        counts[Status.REVOKED] -= _count_purged(plan)
    return counts


def _count_purged(plan: models.Plan) -> int:
    """How many revoked licenses have no address any more."""
    purged = models.License.objects.filter(plan=plan, status=Status.REVOKED, email__isnull=True)
    return purged.count()
