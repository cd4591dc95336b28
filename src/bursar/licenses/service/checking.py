"""Whether the counts on plans agree with their licenses."""

from uuid import UUID

from django.db import transaction
from django.db.models import Count, F, Q

from bursar.lib import sets
from bursar.licenses import models
from bursar.licenses.data import CountDifference, Status
from bursar.licenses.service import plans, seats


def check_counts(*, mend: bool) -> list[CountDifference]:
    """The counts on plans that are not what their licenses say, by plan; with ``mend`` they are set right.

    Effects: one query over all licenses, in one moment, so that what is under way is no difference. Mending
    locks each plan that differs and counts again, in a transaction of its own.
    """
    counts = {status: f"counted_{status}" for status in Status}
    differs = Q()
    for status, name in counts.items():
        differs |= ~Q(**{name: F(f"{status}_count")})
    rows = (
        models.Plan.objects.annotate(
            **{name: Count("licenses", filter=Q(licenses__status=status)) for status, name in counts.items()}
        )
        .filter(differs)
        .order_by("pk")
        .values("pk", *counts.values(), *[f"{status}_count" for status in Status])
    )
    found = [
        CountDifference(row["pk"], status, row[f"{status}_count"], row[name])
        for row in rows
        for status, name in counts.items()
        if row[f"{status}_count"] != row[name]
    ]
    if mend:
        for plan_uuid in dict.fromkeys(each.plan_uuid for each in found):
            _mend(plan_uuid)
    return found


@transaction.atomic(durable=True)
def _mend(plan_uuid: UUID) -> None:
    plan = seats.lock_plan(plan_uuid)
    counted = plans.count_by_status(plan_uuid)
    values = {f"{status}_count": counted.get(status, 0) for status in Status}
    models.Plan.objects.filter(pk=plan.pk).update(**values)
    sets.record_history(models.Plan, [plan.pk], kind="~", by=None, reason="counts mended")
