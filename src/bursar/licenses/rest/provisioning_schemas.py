"""Bodies of the provisioning endpoints, and what they answer. Contract: subsidies A.5."""

from datetime import datetime
from typing import Any

from rest_framework import serializers

from bursar.lib.problems import check_line, check_moment
from bursar.lib.rest import UuidField
from bursar.licenses.data import CopiedStatuses
from bursar.licenses.models import Plan, Product
from bursar.licenses.rest.schemas import MinimalPlanSerializer, PlainPageSerializer

CHANGE_REASONS = (
    "new", "incorrect_user_input", "delayed_payment", "organization_requested_change", "other",
)  # fmt: skip

MOST_LICENSES = 1_000_000
"""In one plan: more are a slip of the finger."""


class LineField(serializers.CharField):
    """One line of text that every database takes."""

    def to_internal_value(self, data: Any) -> str:
        try:
            return check_line(super().to_internal_value(data))
        except ValueError as error:
            raise serializers.ValidationError(f"This {error}.") from error


class MomentField(serializers.DateTimeField):
    """A moment that every database takes."""

    def to_internal_value(self, value: Any) -> datetime:
        moment = super().to_internal_value(value)
        try:
            return check_moment(moment)
        except ValueError as error:
            raise serializers.ValidationError(f"This {error}.") from error


class _PlanKeyField(serializers.PrimaryKeyRelatedField[Plan]):
    """A plan, by its uuid."""

    def __init__(self, **options: Any) -> None:
        super().__init__(queryset=Plan.objects.all(), pk_field=UuidField(), **options)


class AgreementChangeSerializer(serializers.Serializer[Any]):
    """What may be changed of an agreement."""

    enterprise_customer_slug = serializers.SlugField(max_length=128, required=False, allow_null=True)
    default_enterprise_catalog_uuid = UuidField(required=False, allow_null=True)
    disable_expiration_notifications = serializers.BooleanField(required=False)
    disable_onboarding_notifications = serializers.BooleanField(required=False)
    enable_auto_applied_subscriptions_with_universal_link = serializers.BooleanField(required=False)
    enable_auto_scaling_of_current_plan = serializers.BooleanField(
        required=False, help_text="Current plans grow before they run out; needs the three numbers below."
    )
    auto_scaling_max_licenses = serializers.IntegerField(
        required=False, allow_null=True, min_value=1, max_value=MOST_LICENSES
    )
    auto_scaling_threshold_percentage = serializers.IntegerField(
        required=False, allow_null=True, min_value=1, max_value=100
    )
    auto_scaling_increment_percentage = serializers.IntegerField(
        required=False, allow_null=True, min_value=1, max_value=100
    )


class NewAgreementSerializer(AgreementChangeSerializer):
    """An agreement to be made. Without a slug it has the customer's."""

    enterprise_customer_uuid = UuidField()


class PlanChangeSerializer(serializers.Serializer[Any]):
    """What may be changed of a plan."""

    title = LineField(max_length=128, required=False)
    start_date = MomentField(required=False)
    expiration_date = MomentField(required=False)
    enterprise_catalog_uuid = UuidField(
        required=False, allow_null=True, help_text="The agreement's default, unless it is given."
    )
    desired_num_licenses = serializers.IntegerField(
        required=False,
        min_value=0,
        max_value=MOST_LICENSES,
        help_text="Licenses are only ever added to reach it; beyond 5,000 in the background.",
    )
    product = serializers.PrimaryKeyRelatedField(queryset=Product.objects.all(), required=False)
    salesforce_opportunity_line_item = LineField(max_length=18, required=False, allow_null=True)
    is_active = serializers.BooleanField(required=False)
    for_internal_use_only = serializers.BooleanField(required=False)
    should_auto_apply_licenses = serializers.BooleanField(
        required=False, allow_null=True, help_text="Switches it off for the agreement's other plans."
    )
    is_revocation_cap_enabled = serializers.BooleanField(required=False)
    revoke_max_percentage = serializers.IntegerField(required=False, min_value=0, max_value=100)
    can_freeze_unused_licenses = serializers.BooleanField(required=False)
    change_reason = serializers.ChoiceField(CHANGE_REASONS)


class NewPlanSerializer(PlanChangeSerializer):
    """A plan to be made."""

    customer_agreement = UuidField()
    title = LineField(max_length=128)
    start_date = MomentField()
    expiration_date = MomentField()
    desired_num_licenses = serializers.IntegerField(min_value=0, max_value=MOST_LICENSES)
    product = serializers.PrimaryKeyRelatedField(queryset=Product.objects.all())
    salesforce_opportunity_line_item = LineField(max_length=18, allow_null=True)


class RenewalChangeSerializer(serializers.Serializer[Any]):
    """What may be changed of a renewal."""

    renewed_subscription_plan = _PlanKeyField(
        required=False, allow_null=True, help_text="Without one it is made when the renewal is processed."
    )
    salesforce_opportunity_id = LineField(
        required=False, allow_null=True, min_length=18, max_length=18, help_text="The line item."
    )
    number_of_licenses = serializers.IntegerField(required=False, min_value=1, max_value=MOST_LICENSES)
    effective_date = MomentField(required=False)
    renewed_expiration_date = MomentField(required=False)
    renewed_plan_title = LineField(max_length=128, required=False, allow_null=True, allow_blank=True)
    license_types_to_copy = serializers.ChoiceField([each.value for each in CopiedStatuses], required=False)
    disable_auto_apply_licenses = serializers.BooleanField(required=False)
    exempt_from_batch_processing = serializers.BooleanField(required=False)

    def validate_renewed_plan_title(self, value: str | None) -> str | None:
        return value or None


class NewRenewalSerializer(RenewalChangeSerializer):
    """A renewal to be made."""

    prior_subscription_plan = _PlanKeyField()
    number_of_licenses = serializers.IntegerField(min_value=1, max_value=MOST_LICENSES)
    effective_date = MomentField()
    renewed_expiration_date = MomentField()


class RefusedSerializer(serializers.Serializer[Any]):
    """What has to change."""

    error = serializers.JSONField(required=False, help_text="A sentence, or sentences by field.")
    detail = serializers.CharField(
        required=False, help_text="Instead of `error`, of an address that cannot be read."
    )


class RenewalSerializer(serializers.Serializer[Any]):
    """A renewal. Only in the schema, as what is below."""

    id = serializers.IntegerField()
    created = serializers.DateTimeField()
    modified = serializers.DateTimeField()
    prior_subscription_plan = serializers.UUIDField()
    prior_subscription_plan_title = serializers.CharField()
    renewed_subscription_plan = serializers.UUIDField(allow_null=True)
    renewed_subscription_plan_title = serializers.CharField(allow_null=True)
    salesforce_opportunity_id = serializers.CharField(allow_null=True)
    number_of_licenses = serializers.IntegerField()
    effective_date = serializers.DateTimeField()
    renewed_expiration_date = serializers.DateTimeField()
    processed = serializers.BooleanField()
    processed_datetime = serializers.DateTimeField(allow_null=True)
    renewed_plan_title = serializers.CharField(allow_null=True)
    license_types_to_copy = serializers.CharField()
    disable_auto_apply_licenses = serializers.BooleanField()
    exempt_from_batch_processing = serializers.BooleanField()
    enterprise_customer_uuid = serializers.UUIDField()


class RenewalPageSerializer(PlainPageSerializer):
    """Renewals, a hundred at a time."""

    results = RenewalSerializer(many=True)


class ProvisionedPlanSerializer(MinimalPlanSerializer):
    """A plan as it was set up."""

    can_freeze_unused_licenses = serializers.BooleanField()
    customer_agreement = serializers.UUIDField()
    desired_num_licenses = serializers.IntegerField(allow_null=True)
    expiration_processed = serializers.BooleanField()
    for_internal_use_only = serializers.BooleanField()
    last_freeze_timestamp = serializers.DateTimeField(allow_null=True)
    num_revocations_applied = serializers.IntegerField()
    product = serializers.IntegerField(allow_null=True)
    revoke_max_percentage = serializers.IntegerField()
    change_reason = serializers.CharField(allow_null=True)


class ChangedPlanSerializer(ProvisionedPlanSerializer):
    """A plan after a change."""

    created = None  # type: ignore[assignment]  # left out
    is_current = None  # type: ignore[assignment]  # left out
    plan_type = None  # type: ignore[assignment]  # left out


class ProvisionedPlanPageSerializer(PlainPageSerializer):
    """Plans as they were set up, a hundred at a time."""

    results = ProvisionedPlanSerializer(many=True)


PRODUCT_REQUIRED = "An error occurred: Product is required."
"""license-manager's words."""
