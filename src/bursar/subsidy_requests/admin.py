"""Requests in the Django admin: to be read. They are answered through the rules, over HTTP."""

from django.contrib import admin
from simple_history.admin import SimpleHistoryAdmin

from bursar.lib.admin import ReadOnlyAdmin
from bursar.subsidy_requests import models


@admin.register(models.LicenseRequest)
class LicenseRequestAdmin(ReadOnlyAdmin, SimpleHistoryAdmin):  # type: ignore[misc]
    """What learners asked for and what became of it, with its history."""

    list_display = (
        "created_at",
        "email",
        "course_title",
        "state",
        "error_code",
        "customer_uuid",
        "reviewed_at",
    )
    list_filter = ("state", "error_code")
    search_fields = ("email", "course_key", "=uuid", "=customer_uuid", "=license_uuid", "=approval_uuid")
    date_hierarchy = "created_at"


@admin.register(models.Configuration)
class ConfigurationAdmin(SimpleHistoryAdmin):  # type: ignore[misc]
    """What customers have configured."""

    list_display = ("customer_uuid", "is_enabled", "subsidy_type", "digest", "changed_by", "modified_at")
    list_filter = ("is_enabled", "subsidy_type")
    search_fields = ("=customer_uuid",)
    readonly_fields = ("changed_by", "digest_sent_at")
