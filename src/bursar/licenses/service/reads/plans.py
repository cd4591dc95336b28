"""Agreements and plans, as they are read."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db.models import QuerySet

from bursar.lib import clock
from bursar.licenses import models
from bursar.licenses.service.reads.renewals import Renewals, find_renewals


@dataclass(frozen=True, slots=True)
class AgreementFrame:
    """An agreement with all its plans, the newest first, and their renewals: what values are derived from."""

    agreement: models.Agreement
    plans: Sequence[models.Plan]
    renewals: Renewals


def find_plan(plan_uuid: UUID) -> models.Plan | None:
    """The plan's row, or None."""
    return models.Plan.objects.filter(pk=plan_uuid).first()


def find_full_plan(plan_uuid: UUID) -> models.Plan | None:
    """The plan's row with its agreement and its type, or None. One query."""
    return _with_names().filter(pk=plan_uuid).first()


def select_plans(customers: Collection[UUID] | None, *, active_only: bool) -> QuerySet[models.Plan]:
    """The plans of these customers (None: of all), the one that started last first."""
    plans = _with_names()
    if customers is not None:
        plans = plans.filter(customer_uuid__in=customers)
    if active_only:
        plans = plans.filter(is_active=True)
    return plans.order_by("-starts_at", "pk")


def select_current_plan(customer_uuid: UUID) -> QuerySet[models.Plan]:
    """Of the customer's plans that are active, started and not expired the one made last, or nothing."""
    moment = clock.now()
    plans = _with_names().filter(customer_uuid=customer_uuid, is_active=True)
    current = plans.filter(starts_at__lte=moment, expires_at__gte=moment)
    return current.order_by("-created_at", "pk")[:1]


def has_agreement(customer_uuid: UUID) -> bool:
    """Whether the customer has an agreement."""
    return models.Agreement.objects.filter(customer_uuid=customer_uuid).exists()


def find_agreement(agreement_uuid: UUID) -> models.Agreement | None:
    """The agreement's row, or None."""
    return models.Agreement.objects.filter(pk=agreement_uuid).first()


def select_agreements(customers: Collection[UUID] | None) -> QuerySet[models.Agreement]:
    """The agreements of these customers (None: of all), by uuid."""
    agreements = models.Agreement.objects.order_by("pk")
    return agreements if customers is None else agreements.filter(customer_uuid__in=customers)


def find_frame(customer_uuid: UUID) -> AgreementFrame | None:
    """The customer's agreement with what belongs to it, or None. Three queries."""
    agreement = models.Agreement.objects.filter(customer_uuid=customer_uuid).first()
    return find_frames([agreement])[0] if agreement else None


def find_frames(agreements: Iterable[models.Agreement]) -> list[AgreementFrame]:
    """The agreements with what belongs to them, in order. Two queries, whatever their number."""
    by_uuid = {agreement.pk: agreement for agreement in agreements}
    plans: dict[UUID, list[models.Plan]] = defaultdict(list)
    rows = models.Plan.objects.filter(agreement__in=by_uuid).select_related("product__plan_type")
    for plan in rows.order_by("-starts_at", "pk") if by_uuid else ():
        plan.agreement = by_uuid[plan.agreement_id]
        plans[plan.agreement_id].append(plan)
    renewals = find_renewals(by_uuid)
    return [AgreementFrame(each, plans[each.pk], renewals) for each in by_uuid.values()]


def _with_names() -> QuerySet[models.Plan]:
    return models.Plan.objects.select_related("agreement", "product__plan_type")
