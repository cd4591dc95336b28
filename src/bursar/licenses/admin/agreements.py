"""Agreements, how their mails are worded, and what is sold."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from bursar.lib.admin import ReadOnlyAdmin, ReadOnlyHistoryAdmin, RuledAdmin
from bursar.licenses import models
from bursar.licenses.service.agreements import change_agreement, make_agreement


class WordingInline(admin.TabularInline[models.Wording, models.Agreement]):
    """How mails of one kind begin and end, unless a request says it itself."""

    model = models.Wording
    extra = 0


@admin.register(models.Agreement)
class AgreementAdmin(RuledAdmin):
    """What customers agreed to. The customer cannot be another one later."""

    list_display = ("customer_name", "customer_slug", "customer_uuid", "plans", "enable_auto_scaling")
    search_fields = ("customer_name", "customer_slug", "=customer_uuid", "=uuid")
    inlines = (WordingInline,)
    readonly_fields = ("uuid", "plans", "created_at", "modified_at")
    fieldsets = (
        (None, {"fields": ("uuid", "customer_uuid", "customer_name", "customer_slug", "plans")}),
        (
            _("Plans"),
            {
                "fields": (
                    "default_catalog_uuid",
                    "enable_auto_apply_with_universal_link",
                    "purge_after_days",
                    "disable_onboarding_notifications",
                    "disable_expiration_notifications",
                )
            },
        ),
        (
            _("Growing by itself"),
            {
                "fields": (
                    "enable_auto_scaling",
                    "auto_scaling_threshold_percent",
                    "auto_scaling_increment_percent",
                    "auto_scaling_max_licenses",
                )
            },
        ),
        (
            _("What learners read when a plan has expired"),
            {
                "fields": (
                    "has_custom_expiration_messaging",
                    "expiration_modal_header",
                    "expiration_modal_text",
                    "expiration_button_label",
                    "expiration_button_url",
                )
            },
        ),
        (_("Times"), {"fields": ("created_at", "modified_at")}),
    )

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        # Plans carry the customer, too.
        return (*self.readonly_fields, "customer_uuid") if obj else self.readonly_fields

    def save_model(self, request: HttpRequest, obj: models.Agreement, form: Any, change: bool) -> None:
        names = form.changed_data if change else form.cleaned_data
        wanted = {name: form.cleaned_data[name] for name in names}
        by = getattr(request.user, "lms_user_id", None)
        if change:
            change_agreement(agreement_uuid=obj.pk, changes=wanted, by=by)
        else:
            given = {name: value for name, value in wanted.items() if value is not None}
            obj.pk = make_agreement(values=given, by=by)
        obj.refresh_from_db()

    @admin.display(description=_("plans"))
    def plans(self, agreement: models.Agreement) -> SafeString:
        address = f"{reverse('admin:licenses_plan_changelist')}?agreement__exact={agreement.pk}"
        return format_html('<a href="{}">{}</a>', address, _("Its plans"))


@admin.register(models.PlanType)
class PlanTypeAdmin(admin.ModelAdmin[models.PlanType]):
    """Kinds of plans."""

    list_display = ("label", "description", "is_paid_subscription", "internal_use_only")
    search_fields = ("label", "description")


@admin.register(models.Product)
class ProductAdmin(admin.ModelAdmin[models.Product]):
    """What is sold."""

    list_display = ("name", "plan_type", "netsuite_id", "salesforce_product_id")
    list_filter = ("plan_type",)
    list_select_related = ("plan_type",)
    search_fields = ("name", "description", "=netsuite_id", "salesforce_product_id")


@admin.register(models.Renewal)
class RenewalAdmin(ReadOnlyHistoryAdmin):
    """What takes a plan's place. Renewals are made and changed over the API, whose rules they follow."""

    list_display = (
        "prior_plan", "renewed_plan", "license_count", "effective_at", "renewed_expires_at", "is_processed",
        "is_exempt_from_batch",
    )  # fmt: skip
    list_filter = ("is_processed", "is_exempt_from_batch")
    list_select_related = ("prior_plan", "renewed_plan")
    search_fields = (
        "prior_plan__title",
        "=prior_plan__uuid",
        "=renewed_plan__uuid",
        "=prior_plan__customer_uuid",
        "=salesforce_opportunity_id",
    )
    date_hierarchy = "effective_at"


@admin.register(models.LicenseSource)
class LicenseSourceAdmin(ReadOnlyAdmin):
    """Which order in the customer's own system a license came from."""

    list_display = ("license", "source_type", "source_id", "created_at")
    search_fields = ("=license__uuid", "=source_id")
    list_select_related = ("license",)
