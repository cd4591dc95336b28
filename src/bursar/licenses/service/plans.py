"""Agreements and plans: saving and reading. There are few of them, so plain model instances do."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import models as db
from django.db import transaction
from django.utils.translation import gettext as _

from bursar.lib import clock
from bursar.lib.errors import InvalidInputError
from bursar.lib.outcomes import Saved
from bursar.lib.saving import save_row
from bursar.licenses import models
from bursar.licenses.data import (
    AgreementToSave,
    License,
    LicenseChange,
    LicenseNotFound,
    LicenseRevoked,
    Plan,
    PlanToSave,
    Status,
)
from bursar.licenses.service import revocation
from bursar.licenses.service.agreements import lock_agreements, lock_plans


@transaction.atomic(durable=True)
def save_agreements(agreements: Sequence[AgreementToSave]) -> Saved:
    """Makes or changes the agreement of each customer."""
    saved = Saved()
    for each in agreements:
        row = models.Agreement.objects.filter(customer_uuid=each.customer_uuid).first()
        wanted: dict[str, Any] = {"customer_slug": each.slug, "customer_name": each.name}
        if row is None and each.uuid is not None:
            wanted["uuid"] = each.uuid
        row = row or models.Agreement(customer_uuid=each.customer_uuid)
        saved += save_row(row, wanted, keep=each.keep)
    return saved


@transaction.atomic(durable=True)
def save_plans(plans: Sequence[PlanToSave]) -> Saved:
    """Makes or changes plans, under the agreement of their customer, and adds licenses up to their number.

    Errors: InvalidInputError when a plan belongs to another customer or a customer has no agreement.
    Effects: locks the agreements, then the plans, each in the order of their keys.
    """
    agreements = {
        each.customer_uuid: each for each in lock_agreements({plan.customer_uuid for plan in plans})
    }
    lock_plans([plan.uuid for plan in plans])
    return sum((_save_plan(each, agreements.get(each.customer_uuid)) for each in plans), Saved())


def _save_plan(plan: PlanToSave, agreement: models.Agreement | None) -> Saved:
    if agreement is None:
        raise InvalidInputError(_("The customer of plan “%(plan)s” has no agreement.") % {"plan": plan.title})
    row = models.Plan.objects.select_for_update().filter(pk=plan.uuid).first()
    if row is not None and row.customer_uuid != plan.customer_uuid:
        raise InvalidInputError(_("Plan %(uuid)s belongs to another customer.") % {"uuid": plan.uuid})
    wanted = {
        "title": plan.title,
        "starts_at": plan.starts_at,
        "expires_at": plan.expires_at,
        "catalog_uuid": plan.catalog_uuid,
        "is_active": plan.is_active,
        "should_auto_apply": plan.should_auto_apply,
        "is_revocation_cap_enabled": plan.revocation_cap_percent is not None,
        "desired_license_count": plan.license_count,
    }
    if plan.revocation_cap_percent is not None:
        wanted["revoke_max_percent"] = plan.revocation_cap_percent
    if row is None or "expires_at" not in plan.keep:
        wanted |= reopened(plan.expires_at)
    row = row or models.Plan(uuid=plan.uuid, agreement=agreement, customer_uuid=plan.customer_uuid)
    kept = {column for name in plan.keep for column in _COLUMNS_OF.get(name, (name,))}
    saved = save_row(row, wanted, keep=frozenset(kept))
    missing = plan.license_count - (row.unassigned_count + row.assigned_count + row.activated_count)
    if missing > 0 and "license_count" not in plan.keep:
        revocation.add_licenses(row, missing, by=None, at=clock.now())
    return saved


def reopened(expires_at: datetime) -> dict[str, Any]:
    """What else a plan's row gets with this end: if that is to come, the plan will expire (again) then."""
    return {"is_expiration_processed": False, "unlinked_at": None} if expires_at >= clock.now() else {}


_COLUMNS_OF = {
    "revocation_cap_percent": ("is_revocation_cap_enabled", "revoke_max_percent"),
    "license_count": ("desired_license_count",),
}
"""Fields of a plan to save that are spelled otherwise in the table."""


def find_plans(uuids: Collection[UUID]) -> dict[UUID, Plan]:
    """The plans with these uuids. Two queries, whatever their number."""
    return {plan.uuid: plan for plan in _plans(models.Plan.objects.filter(pk__in=uuids))}


def list_usable_plans(*, customer_uuid: UUID) -> list[Plan]:
    """The customer's plans that are active, started and not expired, those with nothing left included."""
    return _plans(_usable(customer_uuid))


def has_usable_plan(*, customer_uuid: UUID) -> bool:
    """Whether ``list_usable_plans`` would list any. One query."""
    return _usable(customer_uuid).exists()


def _usable(customer_uuid: UUID) -> "db.QuerySet[models.Plan]":
    moment = clock.now()
    return models.Plan.objects.filter(
        customer_uuid=customer_uuid, is_active=True, starts_at__lte=moment, expires_at__gte=moment
    )


def _plans(rows: "db.QuerySet[models.Plan]") -> list[Plan]:
    listed = list(rows)
    held = dict(
        models.Hold.objects.filter(plan__in=listed)
        .values_list("plan_id")
        .annotate(addresses=db.Count("email", distinct=True))
    )
    return [
        Plan(
            each.pk,
            each.customer_uuid,
            each.title,
            each.catalog_uuid,
            each.starts_at,
            each.expires_at,
            each.is_active,
            free_count=each.unassigned_count - held.get(each.pk, 0),
        )
        for each in listed
    ]


def find_licenses(uuids: Collection[UUID]) -> dict[UUID, License]:
    """The licenses with these uuids. One query."""
    return {
        row.pk: License(
            uuid=row.pk,
            plan_uuid=row.plan_id,
            status=Status(row.status),
            email=row.email,
            lms_user_id=row.lms_user_id,
            activation_key=row.activation_key,
            assigned_at=row.assigned_at,
            activated_at=row.activated_at,
            revoked_at=row.revoked_at,
        )
        for row in models.License.objects.filter(pk__in=uuids)
    }


def get_own_license(*, activation_key: UUID, email: str) -> tuple[License, Plan]:
    """The license with this key that belongs to this address, with its plan.

    Errors: LicenseNotFound, also when the plan is not active and current; LicenseRevoked.
    """
    moment = clock.now()
    found = (
        models.License.objects.filter(
            activation_key=activation_key,
            email=email,
            plan__is_active=True,
            plan__starts_at__lte=moment,
            plan__expires_at__gte=moment,
        )
        .order_by("-assigned_at")
        .values_list("pk", "plan_id")
        .first()
    )
    if found is None:
        raise no_license_of_yours()
    license_uuid, plan_uuid = found
    own = find_licenses([license_uuid])[license_uuid]
    check_not_revoked(own.status)
    return own, find_plans([plan_uuid])[plan_uuid]


def no_license_of_yours() -> LicenseNotFound:
    """What is said to who has no license with a key."""
    return LicenseNotFound(_("No license of a current plan has this activation key and your address."))


def check_not_revoked(status: str) -> None:
    """Raises LicenseRevoked for a license that was taken back."""
    if status == Status.REVOKED:
        raise LicenseRevoked(_("This license was revoked and cannot be activated."))


def find_holders(*, plan_uuid: UUID, emails: Collection[str]) -> set[str]:
    """Which of these addresses ever had a license of the plan, live or revoked."""
    had = models.License.objects.filter(plan=plan_uuid, email__in=emails)
    return {email for email in had.values_list("email", flat=True) if email is not None}


def tell_story(license_uuid: UUID, *, held_at: datetime | None = None) -> list[LicenseChange]:
    """Everything that became of a license, oldest first.

    ``held_at``: only what became of it in the hands of who held it then, until it was free again. The
    next holder's story is nobody else's.
    """
    rows = models.License.history.filter(uuid=license_uuid).order_by("history_date", "history_id")
    columns = ("history_date", "history_user_id", "status", "email", "plan_id", "history_change_reason")
    story = [
        LicenseChange(at, by, Status(status), email, plan_uuid, reason)
        for at, by, status, email, plan_uuid, reason in rows.values_list(*columns)
    ]
    if held_at is None:
        return story
    freed = [index for index, each in enumerate(story) if each.status == Status.UNASSIGNED]
    start = max((index + 1 for index in freed if story[index].at <= held_at), default=0)
    end = min((index + 1 for index in freed if story[index].at > held_at), default=len(story))
    return story[start:end]


def count_by_status(plan_uuid: UUID) -> dict[Status, int]:
    """The plan's counts, counted from its licenses: what the counts on its row must agree with."""
    rows = models.License.objects.filter(plan=plan_uuid).values_list("status").annotate(count=db.Count("pk"))
    return {Status(status): count for status, count in rows.order_by()}
