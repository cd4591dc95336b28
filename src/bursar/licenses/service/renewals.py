"""Renewals before they are processed: making, changing, taking away. Contract: subsidies A.2 and A.5."""

from collections.abc import Mapping
from enum import Enum
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from bursar.lib.saving import save_row
from bursar.licenses import models
from bursar.licenses.data import FieldsRefused, RenewalNotFound, RenewalProcessed
from bursar.licenses.service.agreements import lock_agreement


class Made(Enum):
    """What became of a renewal that was asked for."""

    NEW = "new"
    THERE = "there"
    CONFLICT = "conflict"
    """One of the two plans is in another renewal."""


@transaction.atomic(durable=True)
def make_renewal(*, values: Mapping[str, Any], by: int | None) -> tuple[int, Made]:
    """Makes a renewal, unless one of its plans is in one; gives the id of the one that there is now.

    ``values`` are columns of the table; ``renewed_plan`` None: it is made when the renewal is processed.

    Errors: FieldsRefused.
    Effects: locks the agreement.
    """
    prior: models.Plan = values["prior_plan"]
    plan: models.Plan | None = values.get("renewed_plan")
    lock_agreement(prior.agreement_id)
    found = Q(prior_plan=prior) if plan is None else Q(prior_plan=prior) | Q(renewed_plan=plan)
    there = models.Renewal.objects.filter(found).order_by("pk").first()
    if there is not None:
        is_same = there.prior_plan_id == prior.pk and there.renewed_plan_id == (plan and plan.pk)
        return there.pk, Made.THERE if is_same else Made.CONFLICT
    renewal = models.Renewal(prior_plan=prior)
    _check(renewal, values)
    save_row(renewal, values, by=by)
    return renewal.pk, Made.NEW


@transaction.atomic(durable=True)
def change_renewal(*, renewal_id: int, changes: Mapping[str, Any], by: int | None) -> None:
    """Gives columns of a renewal other values.

    Errors: RenewalNotFound, RenewalProcessed, FieldsRefused.
    Effects: locks the agreement and the renewal.
    """
    renewal = lock_renewal(renewal_id)
    _check_open(renewal)
    _check(renewal, changes)
    save_row(renewal, changes, by=by)


@transaction.atomic(durable=True)
def delete_renewal(*, renewal_id: int, by: int | None) -> None:
    """Takes a renewal away that is not processed yet. The history keeps it.

    Errors: RenewalNotFound, RenewalProcessed.
    Effects: locks the agreement and the renewal.
    """
    renewal = lock_renewal(renewal_id)
    _check_open(renewal)
    renewal._history_user = by  # type: ignore[attr-defined]
    renewal.delete()


def lock_renewal(renewal_id: int) -> models.Renewal:
    """The renewal with its prior plan, locked until the transaction ends, and its agreement before it.

    Errors: RenewalNotFound.
    """
    rows = models.Renewal.objects.filter(pk=renewal_id)
    agreement_uuid = rows.values_list("prior_plan__agreement_id", flat=True).first()
    if agreement_uuid is not None:
        lock_agreement(agreement_uuid)
    renewal = rows.select_for_update().first()
    if renewal is None:
        raise RenewalNotFound(_("There is no such renewal."))
    return renewal


def _check_open(renewal: models.Renewal) -> None:
    if renewal.is_processed:
        raise RenewalProcessed(_("This renewal is processed: it stays as it is."))


def _check(renewal: models.Renewal, values: Mapping[str, Any]) -> None:
    """Raises FieldsRefused unless the renewal may get these values. The caller holds the agreement's lock."""
    errors: dict[str, str] = {}
    prior = renewal.prior_plan
    effective_at = values.get("effective_at", renewal.effective_at)
    if effective_at < prior.starts_at:
        errors["effective_at"] = _("A renewal cannot be effective before its prior plan starts.")
    if values.get("renewed_expires_at", renewal.renewed_expires_at) <= effective_at:
        errors["renewed_expires_at"] = _("The renewed plan must expire after the renewal is effective.")
    plan: models.Plan | None = values.get("renewed_plan")
    if plan is not None and plan.pk != renewal.renewed_plan_id and (reason := _refuse_plan(prior, plan)):
        errors["renewed_plan"] = reason
    if errors:
        raise FieldsRefused(errors)


def _refuse_plan(prior: models.Plan, plan: models.Plan) -> str | None:
    """Why the plan cannot take the prior one's place, or None."""
    if plan.agreement_id != prior.agreement_id:
        return _("The renewed plan must be of the same agreement as the prior plan.")
    if models.Renewal.objects.filter(renewed_plan=plan).exists():
        return _("This plan takes the place of another one already.")
    renewed_by: dict[UUID, UUID | None] = dict(
        models.Renewal.objects.filter(prior_plan__agreement=prior.agreement_id).values_list(
            "prior_plan_id", "renewed_plan_id"
        )
    )
    later: UUID | None = plan.pk
    while later is not None:
        if later == prior.pk:
            return _("A plan cannot take its own place, nor that of a plan which takes its place.")
        later = renewed_by.get(later)
    return None
