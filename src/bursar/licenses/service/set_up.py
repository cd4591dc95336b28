"""Reading what was set up: plans with the reason of their last change, renewals with their plans."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db.models import OuterRef, QuerySet, Subquery

from bursar.licenses import models


def select_plans(*, customer_uuid: UUID | None = None) -> QuerySet[models.Plan]:
    """The active plans, of one customer or of all, the newest first."""
    plans = _with_reasons().filter(is_active=True)
    if customer_uuid is not None:
        plans = plans.filter(customer_uuid=customer_uuid)
    return plans.order_by("-starts_at", "pk")


def find_plan(plan_uuid: UUID) -> models.Plan | None:
    """One plan, active or not. One query."""
    return _with_reasons().filter(pk=plan_uuid).first()


def find_renewal(renewal_id: int) -> models.Renewal | None:
    """One renewal. One query."""
    return _renewals().filter(pk=renewal_id).first()


def select_renewals(wanted: Mapping[str, Any]) -> QuerySet[models.Renewal]:
    """The renewals with these values of columns, in the order in which they were made."""
    return _renewals().filter(**wanted).order_by("pk")


def _renewals() -> QuerySet[models.Renewal]:
    return models.Renewal.objects.select_related("prior_plan", "renewed_plan")


def _with_reasons() -> QuerySet[models.Plan]:
    """``reason`` is why a plan was changed the last time."""
    history = models.Plan.history.filter(uuid=OuterRef("pk")).order_by("-history_date", "-history_id")
    return models.Plan.objects.select_related("agreement", "product__plan_type").annotate(
        reason=Subquery(history.values("history_change_reason")[:1])
    )
