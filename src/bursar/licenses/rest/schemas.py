"""What the reads of licenses answer, for the description of the API. Contract: subsidies A.4."""

from typing import Any

from rest_framework import serializers

from bursar.licenses.data import Status


class MinimalPlanSerializer(serializers.Serializer[Any]):
    """A subscription plan without its numbers."""

    title = serializers.CharField()
    uuid = serializers.UUIDField()
    start_date = serializers.DateTimeField()
    expiration_date = serializers.DateTimeField()
    enterprise_customer_uuid = serializers.UUIDField()
    enterprise_catalog_uuid = serializers.UUIDField(
        allow_null=True, help_text="The plan's own, or the agreement's."
    )
    is_active = serializers.BooleanField()
    is_current = serializers.BooleanField(help_text="It has started and not expired.")
    is_revocation_cap_enabled = serializers.BooleanField()
    days_until_expiration = serializers.IntegerField(help_text="Below zero once it has expired.")
    days_until_expiration_including_renewals = serializers.IntegerField()
    is_locked_for_renewal_processing = serializers.BooleanField(
        help_text="Its renewal takes effect within twelve hours."
    )
    should_auto_apply_licenses = serializers.BooleanField(allow_null=True)
    created = serializers.DateTimeField()
    plan_type = serializers.CharField(allow_null=True)
    salesforce_opportunity_line_item = serializers.CharField(allow_null=True)


class PlanCountsSerializer(serializers.Serializer[Any]):
    """A plan's licenses by status; `total` is without revoked ones, `allocated` is assigned and activated."""

    activated = serializers.IntegerField()
    assigned = serializers.IntegerField()
    unassigned = serializers.IntegerField()
    revoked = serializers.IntegerField()
    total = serializers.IntegerField()
    allocated = serializers.IntegerField()


class PlanRevocationsSerializer(serializers.Serializer[Any]):
    """How many active licenses were revoked, and how many still may be."""

    applied = serializers.IntegerField()
    remaining = serializers.IntegerField()


class PriorRenewalSerializer(serializers.Serializer[Any]):
    """A renewal that led to the plan."""

    prior_subscription_plan_id = serializers.UUIDField()
    prior_subscription_plan_start_date = serializers.CharField(
        help_text="A space stands between day and time."
    )
    renewed_subscription_plan_id = serializers.UUIDField()
    renewed_subscription_plan_start_date = serializers.CharField()


class PlanSerializer(MinimalPlanSerializer):
    """A subscription plan with its numbers."""

    licenses = PlanCountsSerializer()
    revocations = PlanRevocationsSerializer(allow_null=True, help_text="null without a cap.")
    prior_renewals = PriorRenewalSerializer(many=True, help_text="The oldest first.")


class MinimalAgreementSerializer(serializers.Serializer[Any]):
    """A customer's agreement without its plans."""

    uuid = serializers.UUIDField()
    enterprise_customer_uuid = serializers.UUIDField()
    enterprise_customer_slug = serializers.CharField(allow_null=True)
    default_enterprise_catalog_uuid = serializers.UUIDField(allow_null=True)
    disable_expiration_notifications = serializers.BooleanField()
    net_days_until_expiration = serializers.IntegerField(
        help_text="Of the plan that lasts longest, renewals included."
    )
    subscription_for_auto_applied_licenses = serializers.UUIDField(allow_null=True)
    available_subscription_catalogs = serializers.ListField(child=serializers.UUIDField())
    enable_auto_applied_subscriptions_with_universal_link = serializers.BooleanField()
    has_custom_license_expiration_messaging_v2 = serializers.BooleanField()
    modal_header_text_v2 = serializers.CharField(allow_null=True)
    expired_subscription_modal_messaging_v2 = serializers.CharField(allow_null=True)
    button_label_in_modal_v2 = serializers.CharField(allow_null=True)
    url_for_button_in_modal_v2 = serializers.CharField(allow_null=True)


class AgreementSerializer(MinimalAgreementSerializer):
    """A customer's agreement with its plans."""

    subscriptions = PlanSerializer(many=True)


class LicenseSerializer(serializers.Serializer[Any]):
    """A license as administrators see it."""

    uuid = serializers.UUIDField()
    status = serializers.ChoiceField([each.value for each in Status])
    user_email = serializers.CharField(allow_null=True)
    activation_date = serializers.DateTimeField(allow_null=True)
    last_remind_date = serializers.DateTimeField(allow_null=True)
    subscription_plan_uuid = serializers.UUIDField()
    revoked_date = serializers.DateTimeField(allow_null=True)
    activation_key = serializers.UUIDField(allow_null=True)


class LearnerLicenseSerializer(LicenseSerializer):
    """A license as its holder sees it."""

    customer_agreement = MinimalAgreementSerializer(allow_null=True)
    subscription_plan = MinimalPlanSerializer()


class StaffLicenseSerializer(serializers.Serializer[Any]):
    """A license as support finds it by an address."""

    status = serializers.ChoiceField([each.value for each in Status])
    assigned_date = serializers.DateTimeField(allow_null=True)
    activation_date = serializers.DateTimeField(allow_null=True)
    revoked_date = serializers.DateTimeField(allow_null=True)
    last_remind_date = serializers.DateTimeField(allow_null=True)
    subscription_plan_title = serializers.CharField()
    subscription_plan_expiration_date = serializers.DateTimeField()
    activation_link = serializers.CharField(allow_null=True)


class AdminLicenseSerializer(serializers.Serializer[Any]):
    """A license as support sees it at a customer."""

    uuid = serializers.UUIDField()
    status = serializers.ChoiceField([each.value for each in Status])
    user_email = serializers.CharField(allow_null=True)
    assigned_date = serializers.DateTimeField(allow_null=True)
    activation_date = serializers.DateTimeField(allow_null=True)
    revoked_date = serializers.DateTimeField(allow_null=True)
    last_remind_date = serializers.DateTimeField(allow_null=True)
    subscription_plan_title = serializers.CharField()
    subscription_plan_expiration_date = serializers.DateTimeField()
    subscription_plan = MinimalPlanSerializer()


class SubsidySerializer(serializers.Serializer[Any]):
    """What pays for a course."""

    discount_type = serializers.CharField()
    discount_value = serializers.IntegerField()
    status = serializers.CharField()
    subsidy_id = serializers.UUIDField(help_text="The license.")
    start_date = serializers.DateTimeField()
    expiration_date = serializers.DateTimeField()
    subsidy_checksum = serializers.CharField()


class PlainPageSerializer(serializers.Serializer[Any]):
    """A page."""

    count = serializers.IntegerField()
    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)


class PlanPageSerializer(PlainPageSerializer):
    """Plans, a hundred at a time."""

    results = PlanSerializer(many=True)


class AgreementPageSerializer(PlainPageSerializer):
    """Agreements, a hundred at a time."""

    results = AgreementSerializer(many=True)


class AdminLicensePageSerializer(PlainPageSerializer):
    """Licenses of an address, a hundred at a time."""

    results = AdminLicenseSerializer(many=True)


class LicensePageSerializer(PlainPageSerializer):
    """Licenses of a plan."""

    num_pages = serializers.IntegerField()
    results = LicenseSerializer(many=True)


class LearnerLicensePageSerializer(PlainPageSerializer):
    """One's own licenses at a customer."""

    num_pages = serializers.IntegerField()
    current_page = serializers.IntegerField()
    start = serializers.IntegerField()
    results = LearnerLicenseSerializer(many=True)
    customer_agreement = MinimalAgreementSerializer(allow_null=True)
