"""The one way to lock requests that are chosen by something else than their keys."""

from typing import Any

from django.db.models import QuerySet

from bursar.lib import sets
from bursar.subsidy_requests import models
from bursar.subsidy_requests.service.kinds import Kind


def lock_chosen(
    kind: Kind, chosen: "QuerySet[Any]", *, limit: int | None = None
) -> list[models.SubsidyRequest]:
    """These requests (the first ones, if there is a limit), locked, in the order of their keys.

    Some may have changed in the moment before the lock: the caller looks whether they still fit.
    Effects: two queries, and one more for each further 1,000 requests. The keys are read first, since MariaDB
    locks in the order of the index that leads to the rows, and would deadlock with whoever goes by the keys.
    """
    keys = list(chosen.order_by("pk").values_list("pk", flat=True)[:limit])
    rows = kind.model._default_manager.select_for_update().order_by("pk")
    return [row for chunk in sets.chunks(keys) for row in rows.filter(pk__in=chunk)]
