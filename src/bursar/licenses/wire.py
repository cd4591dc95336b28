"""Licenses as license-manager spells them (contract: subsidies A.4). Key order as clients see it."""

import base64
import hmac
import math
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings

from bursar.licenses import models
from bursar.licenses.service.links import activation_link
from bursar.licenses.service.reads import AgreementFrame, Renewals
from bursar.licenses.service.revocation import revocations_remaining

ORDERINGS = {
    "user_email": "email",
    "status": "status",
    "activation_date": "activated_at",
    "last_remind_date": "reminded_at",
}
"""By what a list of licenses can be ordered, with our columns."""

_LOCKED_BEFORE_RENEWAL = timedelta(hours=12)
"""license-manager's batch of renewals takes those that become effective within this time."""


def days_until(moment: datetime, now: datetime) -> int:
    """Whole days, rounded down: negative once it is past."""
    return math.floor((moment - now).total_seconds() / 86_400)


# Licenses


def license_(row: models.License) -> dict[str, Any]:
    """A license as administrators see it."""
    return {
        "uuid": row.pk,
        "status": row.status,
        "user_email": row.email,
        "activation_date": row.activated_at,
        "last_remind_date": row.reminded_at,
        "subscription_plan_uuid": row.plan_id,
        "revoked_date": row.revoked_at,
        "activation_key": row.activation_key,
    }


def learner_license(
    row: models.License, agreement: dict[str, Any] | None, renewals: Renewals, now: datetime
) -> dict[str, Any]:
    """A license as its holder sees it, with its plan and agreement."""
    return {
        **license_(row),
        "customer_agreement": agreement,
        "subscription_plan": minimal_plan(row.plan, renewals, now),
    }


def staff_license(row: models.License) -> dict[str, Any]:
    """A license as support looks it up by its holder's address."""
    return {
        "status": row.status,
        "assigned_date": row.assigned_at,
        "activation_date": row.activated_at,
        "revoked_date": row.revoked_at,
        "last_remind_date": row.reminded_at,
        "subscription_plan_title": row.plan.title,
        "subscription_plan_expiration_date": row.plan.expires_at,
        "activation_link": activation_link(row.plan.agreement.customer_slug, row.activation_key),
    }


def admin_license(row: models.License, renewals: Renewals, now: datetime) -> dict[str, Any]:
    """A license as support sees it at one customer, with its plan."""
    return {
        "uuid": row.pk,
        "status": row.status,
        "user_email": row.email,
        "assigned_date": row.assigned_at,
        "activation_date": row.activated_at,
        "revoked_date": row.revoked_at,
        "last_remind_date": row.reminded_at,
        "subscription_plan_title": row.plan.title,
        "subscription_plan_expiration_date": row.plan.expires_at,
        "subscription_plan": minimal_plan(row.plan, renewals, now),
    }


def subsidy(row: models.License, *, lms_user_id: int, course_key: str) -> dict[str, Any]:
    """What pays for a course, with the checksum by which other services know that it is ours."""
    signed = f"{lms_user_id}:{course_key}:{row.pk}".encode()
    digest = hmac.digest(settings.SUBSIDY_CHECKSUM_SECRET.encode(), signed, "sha256")
    return {
        "discount_type": "percentage",
        "discount_value": 100,
        "status": row.status,
        "subsidy_id": row.pk,
        "start_date": row.plan.starts_at,
        "expiration_date": row.plan.expires_at,
        "subsidy_checksum": base64.b64encode(digest).decode(),
    }


CSV_HEADERS = ("activation_date", "activation_link", "last_remind_date", "status", "user_email")
CSV_COLUMNS = ("activated_at", "activation_key", "reminded_at", "status", "email")
"""What ``csv_row`` needs of a license, in order."""


def csv_row(
    customer_slug: str | None,
    activated_at: Any,
    activation_key: Any,
    reminded_at: Any,
    status: Any,
    email: Any,
) -> tuple[object, ...]:
    """A license as a line of the table for spreadsheets; ``CSV_HEADERS`` stand above it."""
    link = activation_link(customer_slug, activation_key)
    return (_moment(activated_at), link, _moment(reminded_at), status, email)


def _moment(moment: datetime | None) -> str | None:
    return moment.isoformat().replace("+00:00", "Z") if moment else None


# Plans


def minimal_plan(plan: models.Plan, renewals: Renewals, now: datetime) -> dict[str, Any]:
    """A plan without its numbers. Needs ``agreement`` and ``product__plan_type`` selected."""
    return {
        "title": plan.title,
        "uuid": plan.pk,
        "start_date": plan.starts_at,
        "expiration_date": plan.expires_at,
        "enterprise_customer_uuid": plan.customer_uuid,
        "enterprise_catalog_uuid": plan.catalog_uuid or plan.agreement.default_catalog_uuid,
        "is_active": plan.is_active,
        "is_current": plan.starts_at <= now <= plan.expires_at,
        "is_revocation_cap_enabled": plan.is_revocation_cap_enabled,
        "days_until_expiration": days_until(plan.expires_at, now),
        "days_until_expiration_including_renewals": _days_with_renewals(plan, renewals, now),
        "is_locked_for_renewal_processing": _is_locked(plan, renewals, now),
        "should_auto_apply_licenses": plan.should_auto_apply,
        "created": plan.created_at,
        "plan_type": plan.product.plan_type.label if plan.product else None,
        "salesforce_opportunity_line_item": plan.salesforce_opportunity_line_item,
    }


def full_plan(plan: models.Plan, renewals: Renewals, now: datetime) -> dict[str, Any]:
    """A plan with its numbers and the plans that it renewed."""
    return {
        **minimal_plan(plan, renewals, now),
        "licenses": _counts(plan),
        "revocations": _revocations(plan),
        "prior_renewals": [
            {
                "prior_subscription_plan_id": link.prior_uuid,
                # With a space in it, not as JSON's other moments: the peer takes it for a uuid (A.1).
                "prior_subscription_plan_start_date": str(link.prior_starts_at),
                "renewed_subscription_plan_id": link.renewed_uuid,
                "renewed_subscription_plan_start_date": str(link.renewed_starts_at),
            }
            for link in renewals.before(plan.pk)
        ],
    }


def _days_with_renewals(plan: models.Plan, renewals: Renewals, now: datetime) -> int:
    ends = (link.renewed_expires_at for link in renewals.after(plan.pk))
    return days_until(max([plan.expires_at, *ends]), now)


def _is_locked(plan: models.Plan, renewals: Renewals, now: datetime) -> bool:
    link = renewals.next_of(plan.pk)
    if link is None or link.is_processed:
        return False
    return now <= link.effective_at <= now + _LOCKED_BEFORE_RENEWAL


def _counts(plan: models.Plan) -> dict[str, int]:
    allocated = plan.activated_count + plan.assigned_count
    return {
        "activated": plan.activated_count,
        "assigned": plan.assigned_count,
        "unassigned": plan.unassigned_count,
        "revoked": plan.revoked_count,
        "total": allocated + plan.unassigned_count,
        "allocated": allocated,
    }


def _revocations(plan: models.Plan) -> dict[str, int] | None:
    remaining = revocations_remaining(plan)
    return None if remaining is None else {"applied": plan.revocation_count, "remaining": remaining}


# Agreements


def minimal_agreement(frame: AgreementFrame, now: datetime) -> dict[str, Any]:
    """An agreement without its plans, but with what is derived from all of them."""
    agreement = frame.agreement
    active = [plan for plan in frame.plans if plan.is_active]
    current = [plan for plan in active if plan.starts_at <= now <= plan.expires_at]
    auto_applied = max(
        (plan for plan in current if plan.should_auto_apply), key=lambda plan: plan.starts_at, default=None
    )
    days = (_days_with_renewals(plan, frame.renewals, now) for plan in frame.plans)
    return {
        "uuid": agreement.pk,
        "enterprise_customer_uuid": agreement.customer_uuid,
        "enterprise_customer_slug": agreement.customer_slug,
        "default_enterprise_catalog_uuid": agreement.default_catalog_uuid,
        "disable_expiration_notifications": agreement.disable_expiration_notifications,
        "net_days_until_expiration": max([0, *days]),
        "subscription_for_auto_applied_licenses": auto_applied.pk if auto_applied else None,
        "available_subscription_catalogs": _catalogs(agreement, active, now),
        "enable_auto_applied_subscriptions_with_universal_link": (
            agreement.enable_auto_apply_with_universal_link
        ),
        "has_custom_license_expiration_messaging_v2": agreement.has_custom_expiration_messaging,
        "modal_header_text_v2": agreement.expiration_modal_header,
        "expired_subscription_modal_messaging_v2": agreement.expiration_modal_text,
        "button_label_in_modal_v2": agreement.expiration_button_label,
        "url_for_button_in_modal_v2": agreement.expiration_button_url,
    }


def full_agreement(frame: AgreementFrame, now: datetime, *, active_plans_only: bool) -> dict[str, Any]:
    """An agreement with its plans."""
    plans = [plan for plan in frame.plans if plan.is_active or not active_plans_only]
    return {
        **minimal_agreement(frame, now),
        "subscriptions": [full_plan(plan, frame.renewals, now) for plan in plans],
    }


def _catalogs(agreement: models.Agreement, active: Iterable[models.Plan], now: datetime) -> list[str]:
    catalogs = {
        plan.catalog_uuid or agreement.default_catalog_uuid
        for plan in active
        if days_until(plan.expires_at, now) > 0
    }
    return sorted(str(catalog) for catalog in catalogs if catalog)
