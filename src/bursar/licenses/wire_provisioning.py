"""What license-manager's provisioning reads and writes. Contract: subsidies A.2 and A.5."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from bursar.licenses import models, wire
from bursar.licenses.service.reads import Renewals

AGREEMENT_COLUMNS = {
    "enterprise_customer_uuid": "customer_uuid",
    "enterprise_customer_slug": "customer_slug",
    "default_enterprise_catalog_uuid": "default_catalog_uuid",
    "disable_expiration_notifications": "disable_expiration_notifications",
    "disable_onboarding_notifications": "disable_onboarding_notifications",
    "enable_auto_applied_subscriptions_with_universal_link": "enable_auto_apply_with_universal_link",
    "enable_auto_scaling_of_current_plan": "enable_auto_scaling",
    "auto_scaling_max_licenses": "auto_scaling_max_licenses",
    "auto_scaling_threshold_percentage": "auto_scaling_threshold_percent",
    "auto_scaling_increment_percentage": "auto_scaling_increment_percent",
}
"""What may be written of an agreement."""

PLAN_COLUMNS = {
    "title": "title",
    "start_date": "starts_at",
    "expiration_date": "expires_at",
    "enterprise_catalog_uuid": "catalog_uuid",
    "is_active": "is_active",
    "for_internal_use_only": "is_for_internal_use_only",
    "should_auto_apply_licenses": "should_auto_apply",
    "is_revocation_cap_enabled": "is_revocation_cap_enabled",
    "revoke_max_percentage": "revoke_max_percent",
    "can_freeze_unused_licenses": "can_freeze_unused_licenses",
    "salesforce_opportunity_line_item": "salesforce_opportunity_line_item",
    "desired_num_licenses": "desired_license_count",
    "product": "product",
}
"""What may be written of a plan."""

RENEWAL_COLUMNS = {
    "prior_subscription_plan": "prior_plan",
    "renewed_subscription_plan": "renewed_plan",
    "salesforce_opportunity_id": "salesforce_opportunity_id",
    "number_of_licenses": "license_count",
    "effective_date": "effective_at",
    "renewed_expiration_date": "renewed_expires_at",
    "renewed_plan_title": "renewed_plan_title",
    "license_types_to_copy": "copied_statuses",
    "disable_auto_apply_licenses": "disable_auto_apply",
    "exempt_from_batch_processing": "is_exempt_from_batch",
}
"""What may be written of a renewal."""


def to_columns(sent: Mapping[str, Any], columns: Mapping[str, str]) -> dict[str, Any]:
    """What was sent, by the names of our columns."""
    return {columns[name]: value for name, value in sent.items() if name in columns}


def to_errors(errors: Mapping[str, str], columns: Mapping[str, str]) -> dict[str, list[str]]:
    """What is wrong with our columns, by the names of the wire."""
    names = {column: name for name, column in columns.items()}
    told = {names.get(column, "non_field_errors"): [text] for column, text in errors.items()}
    if told.pop("title", None):  # nothing else can be wrong with one that was readable
        told["non_field_errors"] = [_TITLE_TAKEN]
    return told


_TITLE_TAKEN = "The fields title, customer_agreement must make a unique set."
"""license-manager's words."""


def made_plan(plan: models.Plan, renewals: Renewals, now: datetime) -> dict[str, Any]:
    """A plan as it was set up, with the ``reason`` of its last change."""
    return {**wire.minimal_plan(plan, renewals, now), **_as_set_up(plan)}


def changed_plan(plan: models.Plan, renewals: Renewals, now: datetime) -> dict[str, Any]:
    """The same after a change: license-manager leaves some of it out then."""
    shape = made_plan(plan, renewals, now)
    return {name: value for name, value in shape.items() if name not in _NOT_AFTER_CHANGE}


_NOT_AFTER_CHANGE = ("created", "plan_type", "is_current")


def _as_set_up(plan: models.Plan) -> dict[str, Any]:
    return {
        "can_freeze_unused_licenses": plan.can_freeze_unused_licenses,
        "customer_agreement": plan.agreement_id,
        "desired_num_licenses": plan.desired_license_count,
        "expiration_processed": plan.is_expiration_processed,
        "for_internal_use_only": plan.is_for_internal_use_only,
        "last_freeze_timestamp": plan.frozen_at,
        "num_revocations_applied": plan.revocation_count,
        "product": plan.product_id,
        "revoke_max_percentage": plan.revoke_max_percent,
        "change_reason": plan.reason,  # type: ignore[attr-defined]  # annotated
    }


def renewal(renewal_: models.Renewal) -> dict[str, Any]:
    """A renewal. Needs both plans selected."""
    renewed = renewal_.renewed_plan
    return {
        "id": renewal_.pk,
        "created": renewal_.created_at,
        "modified": renewal_.modified_at,
        "prior_subscription_plan": renewal_.prior_plan_id,
        "prior_subscription_plan_title": renewal_.prior_plan.title,
        "renewed_subscription_plan": renewal_.renewed_plan_id,
        "renewed_subscription_plan_title": renewed.title if renewed else None,
        "salesforce_opportunity_id": renewal_.salesforce_opportunity_id,
        "number_of_licenses": renewal_.license_count,
        "effective_date": renewal_.effective_at,
        "renewed_expiration_date": renewal_.renewed_expires_at,
        "processed": renewal_.is_processed,
        "processed_datetime": renewal_.processed_at,
        "renewed_plan_title": renewal_.renewed_plan_title,
        "license_types_to_copy": renewal_.copied_statuses,
        "disable_auto_apply_licenses": renewal_.disable_auto_apply,
        "exempt_from_batch_processing": renewal_.is_exempt_from_batch,
        "enterprise_customer_uuid": renewal_.prior_plan.customer_uuid,
    }
