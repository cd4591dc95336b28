"""What becomes of plans when they are over. Contract: subsidies A.3 and E13."""

import logging
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet

from bursar.customers import api as customers
from bursar.events.licenses import LICENSES_EXPIRED, LicenseExpired
from bursar.lib import clock, sets
from bursar.licenses import models
from bursar.licenses.data import LIVE, Sweep
from bursar.licenses.service import late_renewals, plans, renewing, seats
from bursar.licenses.service.sweeping import sweep
from bursar.outbox import api as outbox
from bursar.outbox.data import Delivery

log = logging.getLogger(__name__)

END_EXPIRED = "licenses.end_expired"

_PATIENCE = timedelta(days=1)
"""How long a plan may wait for its renewal before somebody is told: renewals run every hour."""


def expire_plans() -> Sweep:
    """Expires every plan that is over and was not expired yet, however long ago that was.

    A plan that is to be renewed waits until it is: its licenses go along then, and don't expire. A plan that
    was moved to a later end after it had expired will expire again.
    Effects: two queries; for each plan a transaction, with an event for each 1,000 licenses.
    """
    moment = clock.now()
    over = Q(is_expiration_processed=False, expires_at__lt=moment)
    waits = Q(renewal__isnull=False, renewal__is_processed=False)
    runs_again = Q(is_expiration_processed=True, expires_at__gte=moment)
    due = models.Plan.objects.filter((over & ~waits) | runs_again).order_by("expires_at", "pk")
    stuck = models.Plan.objects.filter(over & waits, renewal__effective_at__lt=moment - _PATIENCE)
    for plan_uuid in stuck.values_list("pk", flat=True):
        log.warning("an expired plan waits for its renewal", extra={"plan": str(plan_uuid)})
    return sweep("expire_plans", list(due.values_list("pk", flat=True)), _pass_on_and_expire)


def _pass_on_and_expire(plan_uuid: UUID) -> int | None:
    """First what is another context's: after a crash in between it is done again."""
    late_renewals.catch_up_renewal(plan_uuid)
    renewing.pass_on_payments(plan_uuid)
    return _expire(plan_uuid)


@transaction.atomic(durable=True)
def _expire(plan_uuid: UUID) -> int | None:
    """How many licenses expired; None if the plan was only opened again, or another run was first."""
    plan = seats.lock_plan(plan_uuid)
    if plan.expires_at >= clock.now():
        _write(plan, plans.reopened(plan.expires_at), reason="open again")
        return None
    waits = models.Renewal.objects.filter(prior_plan=plan, is_processed=False).exists()
    if waits or plan.is_expiration_processed:
        return None
    live = models.License.objects.filter(~renewing.GOES_ON, plan=plan, status__in=LIVE)
    count = 0
    for rows in _in_chunks(live):
        facts = [
            LicenseExpired(pk, plan.pk, plan.customer_uuid, email or "", lms_user_id, status)
            for pk, email, lms_user_id, status in rows
        ]
        outbox.record(LICENSES_EXPIRED, key=str(plan.pk), facts=facts, by=None)
        count += len(facts)
    _write(plan, {"is_expiration_processed": True}, reason="expired")
    return count


def _in_chunks(licenses: "QuerySet[models.License]") -> Iterator[list[tuple[Any, ...]]]:
    """The licenses by their keys, 1,000 at a time: of a large plan never all in memory."""
    columns = licenses.order_by("pk").values_list("pk", "email", "lms_user_id", "status")
    rows = list(columns[: sets.CHUNK])
    while rows:
        yield rows
        rows = list(columns.filter(pk__gt=rows[-1][0])[: sets.CHUNK])


def _write(plan: models.Plan, values: dict[str, object], *, reason: str) -> None:
    models.Plan.objects.filter(pk=plan.pk).update(**values, modified_at=clock.now())
    sets.record_history(models.Plan, [plan.pk], kind="~", by=None, reason=reason)


def end_expired(deliveries: Sequence[Delivery[LicenseExpired]]) -> None:
    """Reaction: ends what expired licenses paid for.

    Its effect is in other contexts, so no single transaction holds it. It needs no inbox: what has ended ends
    once. Licenses whose plan was moved to a later end meanwhile, or that were renewed after all, are left
    alone, so that a late delivery takes nothing from anybody.
    Effects: a query for each event, and those of ``customers.api.end_sponsorships``.
    """
    for delivery in deliveries:
        over = models.License.objects.filter(
            ~renewing.GOES_ON,
            pk__in=[fact.license_uuid for fact in delivery.facts],
            plan__expires_at__lt=clock.now(),
        )
        customers.end_sponsorships(list(over.values_list("pk", flat=True)), by=delivery.by)
