"""Requests in the Django admin: to be read. They are answered through the rules, over HTTP."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy

from bursar.lib.admin import ReadOnlyHistoryAdmin, RuledAdmin, RuledForm
from bursar.subsidy_requests import models
from bursar.subsidy_requests.data import ConfigurationChange, ConfigurationToSave, Digest, SubsidyType
from bursar.subsidy_requests.service.configuration import change_configuration, create_configuration


class SubsidyRequestAdmin(ReadOnlyHistoryAdmin):
    """What learners asked for and what became of it, with its history."""

    list_display = (
        "created_at",
        "email",
        "course_title",
        "state",
        "is_removed",
        "error_code",
        "customer_uuid",
        "reviewed_at",
    )
    list_filter = ("state", "error_code", "is_removed")
    date_hierarchy = "created_at"
    _keys = ("email", "course_key", "=uuid", "=customer_uuid", "=approval_uuid")


@admin.register(models.LicenseRequest)
class LicenseRequestAdmin(SubsidyRequestAdmin):
    """Requests for licenses."""

    search_fields = (*SubsidyRequestAdmin._keys, "=license_uuid", "=plan_uuid")


@admin.register(models.CouponCodeRequest)
class CouponCodeRequestAdmin(SubsidyRequestAdmin):
    """Requests for coupon codes."""

    search_fields = (*SubsidyRequestAdmin._keys, "=coupon_code", "=coupon_id")


class ConfigurationForm(RuledForm):
    """A configuration as staff may change it."""

    class Meta:
        labels = MappingProxyType(
            {
                "is_enabled": gettext_lazy("Takes requests"),
                "subsidy_type": gettext_lazy("Paid with"),
                "digest": gettext_lazy("Administrators are told of new requests"),
            }
        )
        help_texts = MappingProxyType(
            {
                "subsidy_type": gettext_lazy(
                    "With another type, what waits for the old one is declined; the learners get no mail."
                )
            }
        )


@admin.register(models.Configuration)
class ConfigurationAdmin(RuledAdmin):
    """What customers have configured. It is switched off rather than deleted."""

    form = ConfigurationForm
    list_display = ("customer_uuid", "is_enabled", "subsidy_type", "digest", "changed_by", "modified_at")
    list_filter = ("is_enabled", "subsidy_type", "digest")
    search_fields = ("=customer_uuid",)
    readonly_fields = ("changed_by", "digest_sent_at", "created_at", "modified_at")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.readonly_fields if obj is None else ("customer_uuid", *self.readonly_fields)

    def save_model(self, request: HttpRequest, obj: models.Configuration, form: Any, change: bool) -> None:
        by = getattr(request.user, "lms_user_id", None)
        values = _values(form.cleaned_data)
        if change:
            changed = {name: value for name, value in values.items() if name in form.changed_data}
            change_configuration(ConfigurationChange(obj.pk, changed), by=by)
        else:
            obj.pk = create_configuration(ConfigurationToSave(obj.pk, **values), by=by).pk
        obj.refresh_from_db()


def _values(cleaned: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "is_enabled": cleaned["is_enabled"],
        "subsidy_type": SubsidyType(cleaned["subsidy_type"]) if cleaned["subsidy_type"] else None,
        "digest": Digest(cleaned["digest"]),
    }
