"""Customers in the Django admin, for support: who is linked, what waits, what failed and why."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from simple_history.admin import SimpleHistoryAdmin

from bursar.customers import models
from bursar.customers.data import SWITCHES
from bursar.customers.service import waiting
from bursar.customers.service.organizations import problem_of_slug
from bursar.lib.admin import ReadOnlyHistoryAdmin


class CustomerForm(forms.ModelForm):  # type: ignore[type-arg]
    """A customer whose pages can be reached under its slug."""

    def clean_features(self) -> list[str]:
        names = self.cleaned_data["features"]
        unknown = sorted(set(names) - set(SWITCHES)) if isinstance(names, list) else [names]
        if unknown:
            known = ", ".join(SWITCHES)
            raise forms.ValidationError(
                _("%(names)s: a list of these is wanted: %(known)s") % {"names": unknown, "known": known}
            )
        return list(names)

    def clean_slug(self) -> str:
        slug: str = self.cleaned_data["slug"]
        problem = problem_of_slug(slug)
        if problem:
            raise forms.ValidationError(problem)
        return slug


@admin.register(models.Customer)
class CustomerAdmin(SimpleHistoryAdmin):  # type: ignore[misc]
    """Customers; what hangs on them is never deleted."""

    form = CustomerForm
    list_display = ("name", "slug", "uuid", "is_active", "enable_learner_portal", "enable_universal_link")
    list_filter = ("is_active", "enable_universal_link")
    search_fields = ("name", "slug", "=uuid")
    readonly_fields = ("uuid", "created_at", "modified_at")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(models.LearnerLink)
class LearnerLinkAdmin(ReadOnlyHistoryAdmin):
    """Who learns where. Support may allow a learner back who was removed for good."""

    list_display = ("lms_user_id", "customer", "is_linked", "is_relinkable", "is_active", "modified_at")
    list_filter = ("is_linked", "is_relinkable")
    list_select_related = ("customer",)
    search_fields = ("=lms_user_id", "=uuid", "=customer__slug", "=customer__uuid")
    readonly_fields = (
        "uuid", "customer", "lms_user_id", "is_linked", "is_active", "invite_key_uuid", "created_at",
        "modified_at",
    )  # fmt: skip

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        allowed: bool = SimpleHistoryAdmin.has_change_permission(self, request, obj)
        return allowed


@admin.register(models.InviteKey)
class InviteKeyAdmin(ReadOnlyHistoryAdmin):
    """Links with which people join a customer."""

    list_display = ("uuid", "customer", "is_active", "usage_count", "usage_limit", "expires_at", "created_at")
    list_filter = ("is_active",)
    list_select_related = ("customer",)
    search_fields = ("=uuid", "=customer__slug", "=customer__uuid")


@admin.register(models.PendingLearner)
class PendingLearnerAdmin(ReadOnlyHistoryAdmin):
    """Addresses that wait to be confirmed, or have been."""

    list_display = ("email", "customer", "state", "becomes_admin", "lms_user_id", "last_error", "modified_at")
    list_filter = ("state",)
    list_select_related = ("customer",)
    search_fields = ("email", "=customer__slug", "=customer__uuid")


@admin.register(models.PendingEnrollment)
class PendingEnrollmentAdmin(ReadOnlyHistoryAdmin):
    """Places that wait for an address; failed ones may be tried again."""

    list_display = (
        "learner",
        "run_key",
        "mode",
        "state",
        "attempt_count",
        "last_error",
        "created_at",
        "done_at",
    )
    list_filter = ("state", "subsidy_kind")
    list_select_related = ("learner",)
    search_fields = ("learner__email", "=run_key", "=subsidy_uuid", "=uuid")
    actions = ("try_again",)

    @admin.action(description=gettext_lazy("Try the failed ones again"))
    def try_again(self, request: HttpRequest, rows: "QuerySet[models.PendingEnrollment]") -> None:
        uuids = list(rows.values_list("uuid", flat=True))
        count = waiting.retry_failed(uuids, by=getattr(request.user, "lms_user_id", None))
        text = ngettext("%(count)d enrollment waits again.", "%(count)d enrollments wait again.", count)
        self.message_user(request, text % {"count": count}, messages.SUCCESS)


@admin.register(models.SponsoredEnrollment)
class SponsoredEnrollmentAdmin(ReadOnlyHistoryAdmin):
    """Places that customers pay for."""

    list_display = ("link", "run_key", "source", "is_unenrolled", "is_saved_for_later", "created_at")
    list_filter = ("source", "is_unenrolled")
    list_select_related = ("link",)
    search_fields = ("=link__lms_user_id", "=run_key", "=uuid")


@admin.register(models.Fulfillment)
class FulfillmentAdmin(ReadOnlyHistoryAdmin):
    """What pays for sponsored enrollments."""

    list_display = ("uuid", "kind", "subsidy_uuid", "sponsored_enrollment", "is_revoked", "created_at")
    list_filter = ("kind", "is_revoked")
    list_select_related = ("sponsored_enrollment",)
    search_fields = ("=uuid", "=subsidy_uuid", "=sponsored_enrollment__link__lms_user_id")
