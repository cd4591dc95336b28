"""Plans that grow by themselves before they run out. Contract: subsidies A.2 and A.3."""

import logging
from uuid import UUID

from django.db import transaction

from bursar.lib import clock
from bursar.lib.outcomes import Refusal
from bursar.lib.saving import save_row
from bursar.licenses import models
from bursar.licenses.data import ScalingOutcome
from bursar.licenses.service import provisioning, seats

log = logging.getLogger(__name__)

_REASON = "auto-scaled"


def scale_plans() -> list[ScalingOutcome]:
    """Adds licenses to current plans that run out, where their agreement wants that; an outcome for each.

    One that fails is logged and comes again next time; it stops no other.
    """
    moment = clock.now()
    plans = models.Plan.objects.filter(
        agreement__enable_auto_scaling=True,
        is_active=True,
        starts_at__lte=moment,
        expires_at__gte=moment,
        frozen_at=None,
    )
    listed = list(plans.order_by("pk").values_list("pk", "title"))
    outcomes = [_try(plan_uuid, title) for plan_uuid, title in listed]
    return [each for each in outcomes if each is not None]


def _try(plan_uuid: UUID, title: str) -> ScalingOutcome | None:
    try:
        return _scale(plan_uuid)
    except Exception as error:  # whatever it is, the others run out as well
        log.exception("plan not scaled", extra={"plan": str(plan_uuid)})
        return ScalingOutcome(plan_uuid, title, refusal=Refusal("failed", repr(error)))


@transaction.atomic(durable=True)
def _scale(plan_uuid: UUID) -> ScalingOutcome | None:
    """Adds what the plan needs; None if it needs nothing, or may have no more."""
    plan = seats.lock_plan(plan_uuid)
    size = provisioning.count_licenses(plan)
    under_way = provisioning.count_missing(plan)
    added = _increment(plan.agreement, size + under_way, seats.free_count(plan) + under_way)
    if not added:
        return None
    wanted = size + under_way + added
    save_row(plan, {"desired_license_count": wanted}, reason=_REASON)
    provisioning.provision(plan, by=None)
    return ScalingOutcome(plan.pk, plan.title, added, wanted)


def _increment(agreement: models.Agreement, size: int, free: int) -> int:
    """By how many licenses a plan of this size grows when this many are free."""
    threshold, percent = agreement.auto_scaling_threshold_percent, agreement.auto_scaling_increment_percent
    limit = agreement.auto_scaling_max_licenses
    if threshold is None or percent is None or limit is None or 100 * free >= (100 - threshold) * size:
        return 0
    return max(min(-(-size * percent // 100), limit - size), 0)
