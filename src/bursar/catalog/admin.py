"""The catalog in the Django admin."""

from django.contrib import admin
from simple_history.admin import SimpleHistoryAdmin

from bursar.catalog import models


class CoursePartnerInline(admin.TabularInline):  # type: ignore[type-arg]
    model = models.CoursePartner
    extra = 0


class ModeInline(admin.TabularInline):  # type: ignore[type-arg]
    model = models.Mode
    extra = 0


@admin.register(models.Partner)
class PartnerAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("key", "name", "uuid")
    search_fields = ("key", "name")


@admin.register(models.Course)
class CourseAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("key", "title", "level", "advertised_run_key")
    list_filter = ("level",)
    search_fields = ("key", "title")
    inlines = (CoursePartnerInline,)


@admin.register(models.Run)
class RunAdmin(SimpleHistoryAdmin):  # type: ignore[misc]
    list_display = ("key", "title", "start", "end", "is_enrollable", "invitation_only")
    list_filter = ("is_enrollable", "invitation_only", "pacing")
    search_fields = ("key", "title")
    autocomplete_fields = ("course",)
    inlines = (ModeInline,)


@admin.register(models.CustomerCatalog)
class CustomerCatalogAdmin(SimpleHistoryAdmin):  # type: ignore[misc]
    list_display = ("title", "customer_uuid", "contains_everything", "uuid")
    list_filter = ("contains_everything",)
    search_fields = ("title", "uuid", "customer_uuid")
