"""Plans and licenses in the Django admin. Seats change through the rules alone: licenses are only shown."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from simple_history.admin import SimpleHistoryAdmin

from bursar.lib.admin import ReadOnlyAdmin, ReadOnlyHistoryAdmin
from bursar.licenses import models
from bursar.licenses.service.plans import reopened


@admin.register(models.Agreement)
class AgreementAdmin(SimpleHistoryAdmin):  # type: ignore[misc]
    """What customers agreed to."""

    list_display = ("customer_name", "customer_slug", "customer_uuid")
    search_fields = ("customer_name", "customer_slug", "=customer_uuid")


@admin.register(models.PlanType)
class PlanTypeAdmin(admin.ModelAdmin[models.PlanType]):
    """Kinds of plans."""

    list_display = ("label", "description")


@admin.register(models.Product)
class ProductAdmin(admin.ModelAdmin[models.Product]):
    """What is sold."""

    list_display = ("name", "plan_type", "netsuite_id")


@admin.register(models.Plan)
class PlanAdmin(SimpleHistoryAdmin):  # type: ignore[misc]
    """Subscription plans, with how many licenses stand where."""

    list_display = (
        "title",
        "agreement",
        "starts_at",
        "expires_at",
        "is_active",
        "unassigned",
        "assigned",
        "activated",
    )
    list_filter = ("is_active",)
    search_fields = ("title", "=uuid", "=customer_uuid", "agreement__customer_name")
    list_select_related = ("agreement",)
    readonly_fields = (
        "customer_uuid",
        "unassigned",
        "assigned",
        "activated",
        "revoked",
        "revocation_count",
        "is_expiration_processed",
    )

    def save_model(self, request: HttpRequest, obj: models.Plan, form: Any, change: bool) -> None:
        for name, value in reopened(obj.expires_at).items():
            setattr(obj, name, value)
        super().save_model(request, obj, form, change)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # a plan is made with its licenses, which a form cannot do

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.display(ordering="unassigned_count")
    def unassigned(self, plan: models.Plan) -> int:
        return plan.unassigned_count

    @admin.display(ordering="assigned_count")
    def assigned(self, plan: models.Plan) -> int:
        return plan.assigned_count

    @admin.display(ordering="activated_count")
    def activated(self, plan: models.Plan) -> int:
        return plan.activated_count

    @admin.display(ordering="revoked_count")
    def revoked(self, plan: models.Plan) -> int:
        return plan.revoked_count


@admin.register(models.License)
class LicenseAdmin(ReadOnlyHistoryAdmin):
    """Who holds what, with its history."""

    list_display = ("uuid", "plan", "status", "email", "assigned_at", "activated_at", "revoked_at")
    list_filter = ("status",)
    search_fields = ("email", "=uuid", "=lms_user_id", "=activation_key")
    list_select_related = ("plan",)


@admin.register(models.Renewal)
class RenewalAdmin(ReadOnlyHistoryAdmin):
    """What takes the place of which plan. Made and changed over HTTP, where the rules are kept."""

    list_display = ("prior_plan", "renewed_plan", "license_count", "effective_at", "is_processed")
    list_filter = ("is_processed", "is_exempt_from_batch")
    search_fields = ("prior_plan__title", "renewed_plan__title", "=salesforce_opportunity_id")
    list_select_related = ("prior_plan", "renewed_plan")


@admin.register(models.Hold)
class HoldAdmin(ReadOnlyAdmin):
    """Seats that are kept for approvals under way."""

    list_display = ("approval_uuid", "plan", "email", "created_at")
    search_fields = ("email", "=approval_uuid")
    list_select_related = ("plan",)
