"""Enrollments in the Django admin: to look at, for other contexts must hear of every change."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from simple_history.admin import SimpleHistoryAdmin

from bursar.enrollments.models import Enrollment


@admin.register(Enrollment)
class EnrollmentAdmin(SimpleHistoryAdmin):  # type: ignore[misc]
    """Who is in which run, with the history."""

    list_display = ("lms_user_id", "run_key", "mode", "is_active", "customer_uuid", "created_at")
    list_filter = ("mode", "is_active")
    search_fields = ("=uuid", "=lms_user_id", "=run_key")
    ordering = ("-created_at",)
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
