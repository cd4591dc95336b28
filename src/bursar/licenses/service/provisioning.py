"""Setting up plans and giving them their licenses. Contract: subsidies A.3 and A.5, provisioning."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from bursar.jobs import api as jobs
from bursar.jobs.data import Item, Result, Work
from bursar.lib import clock, sets
from bursar.lib.saving import save_row
from bursar.licenses import models
from bursar.licenses.data import FieldsRefused, PlanNotFound
from bursar.licenses.service import revocation, seats
from bursar.licenses.service.agreements import check_catalog, lock_agreement, lock_plans
from bursar.licenses.service.plans import reopened

PROVISIONING = "licenses.provisioning"
"""The kind of its jobs."""

AT_ONCE = 5_000
"""Licenses that are added while the caller waits: about a second. More are a job's work."""

_BATCH = sets.CHUNK
_BATCHES_IN_CHUNK = 5  # a few seconds: well below the time that a job's chunk may take

LINE_ITEM_LENGTH = 18
LINE_ITEM_PREFIX = "00k"


@transaction.atomic(durable=True)
def make_plan(*, agreement_uuid: UUID, values: Mapping[str, Any], by: int | None, reason: str | None) -> UUID:
    """Makes a plan with its licenses; gives its uuid. ``values`` are columns of the table.

    A plan that hands out licenses by itself takes that over from the agreement's others.

    Errors: AgreementNotFound, FieldsRefused.
    Effects: locks the agreement; three statements per 1,000 licenses, beyond ``AT_ONCE`` a job.
    """
    agreement = lock_agreement(agreement_uuid)
    plan = models.Plan(agreement=agreement, customer_uuid=agreement.customer_uuid)
    _check(plan, values)
    if values.get("should_auto_apply"):
        stop_auto_apply(lock_plans(find_auto_applied(agreement)).values(), by=by, reason=reason)
    _save(plan, values, by=by, reason=reason)
    provision(plan, by=by)
    return plan.pk


@transaction.atomic(durable=True)
def change_plan(*, plan_uuid: UUID, changes: Mapping[str, Any], by: int | None, reason: str | None) -> None:
    """Gives columns of the plan other values, and adds licenses if it is to have more.

    Licenses are never taken away here. An expiry that is moved into the future is one that is still to come.

    Errors: PlanNotFound, FieldsRefused.
    Effects: locks the agreement and its plans concerned; three statements per 1,000 licenses, or a job.
    """
    agreement_uuid = models.Plan.objects.filter(pk=plan_uuid).values_list("agreement_id", flat=True).first()
    if agreement_uuid is None:
        raise PlanNotFound(_("There is no such subscription plan."))
    agreement = lock_agreement(agreement_uuid)
    flagged = find_auto_applied(agreement) if changes.get("should_auto_apply") else set()
    plans = lock_plans({plan_uuid} | flagged)
    plan = plans.pop(plan_uuid)
    _check(plan, changes)
    stop_auto_apply(plans.values(), by=by, reason=reason)
    again = reopened(changes["expires_at"]) if "expires_at" in changes else {}
    _save(plan, {**changes, **again}, by=by, reason=reason)
    provision(plan, by=by)


def provision(plan: models.Plan, *, by: int | None) -> None:
    """Adds licenses up to the number that the plan is to have, or begins a job that does.

    The caller has locked the plan.
    """
    missing = count_missing(plan)
    if missing <= AT_ONCE:
        revocation.add_licenses(plan, missing, by=by, at=clock.now())
        return
    batches = [[number, len(batch)] for number, batch in enumerate(sets.chunks(range(missing), _BATCH), 1)]
    jobs.start(
        kind=PROVISIONING,
        customer_uuid=plan.customer_uuid,
        parameters={"plan_uuid": str(plan.pk)},
        chunks=list(sets.chunks(batches, _BATCHES_IN_CHUNK)),
        by=by,
    )


def count_licenses(plan: models.Plan) -> int:
    """The size of the plan: a revoked license has been replaced by a free one."""
    return plan.unassigned_count + plan.assigned_count + plan.activated_count


def count_missing(plan: models.Plan) -> int:
    """How many licenses the plan still has to get: none once its unused ones were frozen."""
    if plan.frozen_at is not None:
        return 0
    return max((plan.desired_license_count or 0) - count_licenses(plan), 0)


def provision_batches(work: Work) -> list[Result]:
    """What the kind does with one chunk. What counts is what is missing now, so a repeat adds nothing."""
    plan_uuid = UUID(work.parameters["plan_uuid"])
    return [
        {**describe_batch(item), "outcome": "added", "count": _add_batch(plan_uuid, item[1], by=work.by)}
        for item in work.items
    ]


def describe_batch(item: Item) -> Result:
    """What a result says of its batch."""
    return {"row": item[0], "count": item[1]}


@transaction.atomic(durable=True)
def _add_batch(plan_uuid: UUID, count: int, *, by: int | None) -> int:
    plan = seats.lock_plan(plan_uuid)
    added = min(count, count_missing(plan))
    revocation.add_licenses(plan, added, by=by, at=clock.now())
    return added


def find_auto_applied(agreement: models.Agreement) -> set[UUID]:
    """The agreement's plans that hand out licenses by themselves: one, and after a renewal its successor."""
    flagged = models.Plan.objects.filter(agreement=agreement, should_auto_apply=True)
    return set(flagged.values_list("pk", flat=True))


def stop_auto_apply(plans: Iterable[models.Plan], *, by: int | None, reason: str | None) -> None:
    """Has these plans, which the caller has locked, hand out licenses by themselves no more."""
    for plan in plans:
        save_row(plan, {"should_auto_apply": False}, by=by, reason=reason)


def _save(plan: models.Plan, values: Mapping[str, Any], *, by: int | None, reason: str | None) -> None:
    try:
        with transaction.atomic():
            save_row(plan, values, by=by, reason=reason)
    except IntegrityError as error:  # a world file that was loaded at this moment has the same title
        raise FieldsRefused({"title": _title_taken()}) from error


def _title_taken() -> str:
    return _("Another plan of the agreement has this title.")


def _check(plan: models.Plan, values: Mapping[str, Any]) -> None:
    """Raises FieldsRefused unless the plan may get these values. The caller holds the agreement's lock."""
    errors = _list_errors(plan, values)
    if errors:
        raise FieldsRefused(errors)
    if values.get("catalog_uuid") != plan.catalog_uuid:
        check_catalog(values.get("catalog_uuid"), plan.customer_uuid, column="catalog_uuid")


def _list_errors(plan: models.Plan, values: Mapping[str, Any]) -> dict[str, str]:
    errors: dict[str, str] = {}
    starts_at: datetime = values.get("starts_at", plan.starts_at)
    expires_at: datetime = values.get("expires_at", plan.expires_at)
    if expires_at <= starts_at:
        errors["expires_at"] = _("A plan must expire after it starts.")
    if not _is_line_item(values.get("salesforce_opportunity_line_item")):
        errors["salesforce_opportunity_line_item"] = _(
            "A line item has %(length)s characters and begins with %(prefix)s."
        ) % {"length": LINE_ITEM_LENGTH, "prefix": LINE_ITEM_PREFIX}
    wanted = values.get("desired_license_count")
    is_frozen = plan.frozen_at is not None and wanted != plan.desired_license_count
    if is_frozen and wanted is not None and wanted > count_licenses(plan):
        errors["desired_license_count"] = _(
            "The unused licenses of this plan were frozen: it gets no more. Make another plan."
        )
    title = values.get("title", plan.title)
    others = models.Plan.objects.filter(agreement=plan.agreement_id, title=title).exclude(pk=plan.pk)
    if title != plan.title and others.exists():
        errors["title"] = _title_taken()
    return errors


def _is_line_item(text: str | None) -> bool:
    return text is None or (len(text) == LINE_ITEM_LENGTH and text.startswith(LINE_ITEM_PREFIX))
