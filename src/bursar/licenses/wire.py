"""Licenses as license-manager spells them (contract: subsidies A.4). Key order as clients see it."""

import math
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from bursar.licenses import models


def days_until(moment: datetime, now: datetime) -> int:
    """Whole days, rounded down: negative once it is past."""
    return math.floor((moment - now).total_seconds() / 86_400)


def learner_license(
    license_: models.License, agreement: dict[str, Any] | None, now: datetime
) -> dict[str, Any]:
    """A license as its holder sees it, with its plan and agreement."""
    return {
        "uuid": license_.pk,
        "status": license_.status,
        "user_email": license_.email,
        "activation_date": license_.activated_at,
        "last_remind_date": license_.reminded_at,
        "subscription_plan_uuid": license_.plan_id,
        "revoked_date": license_.revoked_at,
        "activation_key": license_.activation_key,
        "customer_agreement": agreement,
        "subscription_plan": minimal_plan(license_.plan, now),
    }


def minimal_plan(plan: models.Plan, now: datetime) -> dict[str, Any]:
    """A plan without its numbers. Needs ``agreement`` and ``product__plan_type`` selected."""
    days = days_until(plan.expires_at, now)
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
        "days_until_expiration": days,
        "days_until_expiration_including_renewals": days,
        "is_locked_for_renewal_processing": False,
        "should_auto_apply_licenses": plan.should_auto_apply,
        "created": plan.created_at,
        "plan_type": plan.product.plan_type.label if plan.product else None,
        "salesforce_opportunity_line_item": plan.salesforce_opportunity_line_item,
    }


def minimal_agreement(
    agreement: models.Agreement, plans: Sequence[models.Plan], now: datetime
) -> dict[str, Any]:
    """An agreement without its plans; ``plans`` are all of them, for what is derived from them."""
    active = [plan for plan in plans if plan.is_active]
    current = [plan for plan in active if plan.starts_at <= now <= plan.expires_at]
    auto_applied = max(
        (plan for plan in current if plan.should_auto_apply), key=lambda plan: plan.starts_at, default=None
    )
    return {
        "uuid": agreement.pk,
        "enterprise_customer_uuid": agreement.customer_uuid,
        "enterprise_customer_slug": agreement.customer_slug,
        "default_enterprise_catalog_uuid": agreement.default_catalog_uuid,
        "disable_expiration_notifications": agreement.disable_expiration_notifications,
        "net_days_until_expiration": max([0, *(days_until(plan.expires_at, now) for plan in plans)]),
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


def _catalogs(agreement: models.Agreement, active: Iterable[models.Plan], now: datetime) -> list[str]:
    catalogs = {
        plan.catalog_uuid or agreement.default_catalog_uuid
        for plan in active
        if days_until(plan.expires_at, now) > 0
    }
    return sorted(str(catalog) for catalog in catalogs if catalog)
