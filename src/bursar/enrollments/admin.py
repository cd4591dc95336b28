"""Enrollments in the Django admin.

Places are to look at, for other contexts must hear of every change. Cohorts and roles in courses have no
other door than this one, so they are made here, and addresses that may come in can be, too.
"""

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.translation import gettext
from simple_history.admin import SimpleHistoryAdmin

from bursar.catalog import api as catalog
from bursar.enrollments import models
from bursar.identity import api as identity
from bursar.lib import clock, emails
from bursar.lib.admin import ReadOnlyHistoryAdmin

if TYPE_CHECKING:
    ModelForm = forms.ModelForm[Any]
else:
    ModelForm = forms.ModelForm


@admin.register(models.Enrollment)
class EnrollmentAdmin(ReadOnlyHistoryAdmin):
    """Who is in which run, with the history."""

    list_display = ("lms_user_id", "run_key", "mode", "is_active", "customer_uuid", "created_at")
    list_filter = ("mode", "is_active")
    search_fields = ("=uuid", "=lms_user_id", "=run_key")
    ordering = ("-created_at",)


@admin.register(models.ManualEnrollmentAudit)
class ManualEnrollmentAuditAdmin(ReadOnlyHistoryAdmin):
    """What staff did by hand, and why."""

    list_display = ("enrolled_email", "run_key", "state_transition", "enrolled_by", "recorded_at")
    list_filter = ("state_transition",)
    search_fields = ("=enrolled_email", "=run_key", "=enrollment_uuid")


@admin.register(models.EmailOptIn)
class EmailOptInAdmin(ReadOnlyHistoryAdmin):
    """Who wants mail from which organization."""

    list_display = ("lms_user_id", "org", "is_in", "modified_at")
    list_filter = ("is_in",)
    search_fields = ("=lms_user_id", "=org")


class RunForm(ModelForm):
    """A form that names a course run, and perhaps a person."""

    def clean_run_key(self) -> str:
        run_key = str(self.cleaned_data["run_key"]).strip()
        if run_key and not (catalog.is_run_key(run_key) and catalog.find_runs([run_key])):
            raise ValidationError(gettext("There is no such course run in the catalog."))
        return run_key

    def clean_lms_user_id(self) -> int:
        lms_user_id = int(self.cleaned_data["lms_user_id"])
        if lms_user_id not in identity.find_people_by_lms_user_id([lms_user_id]):
            raise ValidationError(gettext("There is no person with this LMS user id."))
        return lms_user_id


@admin.register(models.Cohort)
class CohortAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Groups of the people in a run; who is in them is said when people are enrolled."""

    form = RunForm
    list_display = ("name", "run_key")
    search_fields = ("name", "=run_key")
    fields = ("run_key", "name")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return () if obj is None else ("run_key",)


@admin.register(models.CohortMember)
class CohortMemberAdmin(ReadOnlyHistoryAdmin):
    """Who is in which cohort."""

    list_display = ("lms_user_id", "cohort", "run_key")
    list_select_related = ("cohort",)
    search_fields = ("=lms_user_id", "=run_key", "=cohort__name")


class CourseRoleForm(RunForm):
    """A role in one run, or in all runs of an organization."""

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        run_key, org = cleaned.get("run_key"), cleaned.get("org")
        if run_key and org and catalog.org_of_run(run_key) != org:
            raise ValidationError({"org": gettext("This is not the organization of the course run.")})
        return cleaned


@admin.register(models.CourseRole)
class CourseRoleAdmin(SimpleHistoryAdmin):  # type: ignore[misc]
    """Roles are given and taken away, never edited; the history keeps both."""

    form = CourseRoleForm
    list_display = ("lms_user_id", "role", "org", "run_key")
    list_filter = ("role",)
    search_fields = ("=lms_user_id", "=org", "=run_key")
    fields = ("lms_user_id", "role", "org", "run_key")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class AllowanceForm(RunForm):
    """An address that may come into a run."""

    def clean_email(self) -> str:
        address = emails.normalize(str(self.cleaned_data["email"]))
        if not emails.is_valid(address):
            raise ValidationError(gettext("Enter an e-mail address that can receive mail."))
        return address

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        cohort, run_key = cleaned.get("cohort"), cleaned.get("run_key")
        if cohort is not None and run_key and cohort.run_key != run_key:
            raise ValidationError({"cohort": gettext("This is a cohort of another course run.")})
        return cleaned


@admin.register(models.EnrollmentAllowed)
class EnrollmentAllowedAdmin(SimpleHistoryAdmin):  # type: ignore[misc]
    """Addresses that may come into runs that are closed to others."""

    form = AllowanceForm
    list_display = ("email", "run_key", "auto_enroll", "lms_user_id", "created_at")
    list_filter = ("auto_enroll", ("lms_user_id", admin.EmptyFieldListFilter))
    search_fields = ("=email", "=run_key", "=lms_user_id")
    fields = ("email", "run_key", "auto_enroll", "cohort", "lms_user_id", "created_at")
    readonly_fields = ("lms_user_id", "created_at")
    raw_id_fields = ("cohort",)

    def save_model(
        self, request: HttpRequest, obj: models.EnrollmentAllowed, form: Any, change: bool
    ) -> None:
        if not change:
            obj.created_at = clock.now()
        super().save_model(request, obj, form, change)
