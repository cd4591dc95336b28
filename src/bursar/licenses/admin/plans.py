"""Plans for support: how many licenses stand where, and what can be done with them."""

from types import MappingProxyType
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import re_path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext, gettext_lazy

from bursar.jobs import api as jobs
from bursar.jobs.data import Job
from bursar.lib.admin import RuledAdmin, RuledForm
from bursar.lib.errors import DomainError
from bursar.lib.spreadsheets import stream_csv
from bursar.licenses import models
from bursar.licenses.admin.plan_pages import PLAN_PAGES, PlanPage
from bursar.licenses.data import Status
from bursar.licenses.service import provisioning, reads, revocation, seats

_JOBS_SHOWN = 10
_CSV_COLUMNS = (
    "email", "status", "uuid", "lms_user_id", "activation_key", "assigned_at", "activated_at", "reminded_at",
    "revoked_at",
)  # fmt: skip


class PlanModelForm(RuledForm):
    """A plan as staff may change it. How many licenses it has is not for a form of the row."""

    change_reason = forms.CharField(
        label=gettext_lazy("Reason, for the history"), max_length=100, required=False
    )

    class Meta:
        labels = MappingProxyType({"desired_license_count": gettext_lazy("Licenses")})
        help_texts = MappingProxyType(
            {
                "catalog_uuid": gettext_lazy("Empty: the agreement's own."),
                "should_auto_apply": gettext_lazy(
                    "Gives a license to whoever comes without one. Of an agreement's plans one does: this "
                    "one takes it over."
                ),
                "revoke_max_percent": gettext_lazy("Of the plan's licenses, while the cap is enabled."),
                "can_freeze_unused_licenses": gettext_lazy("Allows “Freeze unused”."),
                "salesforce_opportunity_line_item": gettext_lazy("18 characters, beginning with 00k."),
            }
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "desired_license_count" in self.fields:  # of a new plan
            self.fields["desired_license_count"].required = True


@admin.register(models.Plan)
class PlanAdmin(RuledAdmin):
    """Subscription plans. Those that were made are never deleted."""

    form = PlanModelForm
    change_form_template = "admin/licenses/plan/change_form.html"
    list_display = (
        "title",
        "agreement",
        "expires_at",
        "is_active",
        "unassigned",
        "assigned",
        "activated",
    )
    list_filter = ("is_active", "is_for_internal_use_only", "should_auto_apply", "product")
    search_fields = (
        "title",
        "=uuid",
        "=customer_uuid",
        "agreement__customer_name",
        "=agreement__customer_slug",
    )
    search_help_text = gettext_lazy("A title, a customer's name or slug, or the uuid of either.")
    list_select_related = ("agreement",)
    date_hierarchy = "expires_at"
    autocomplete_fields = ("agreement", "product")
    _setting_up = (
        "title", "starts_at", "expires_at", "is_active", "catalog_uuid", "should_auto_apply",
        "is_revocation_cap_enabled", "revoke_max_percent", "can_freeze_unused_licenses",
        "is_for_internal_use_only", "product", "salesforce_opportunity_line_item",
    )  # fmt: skip
    _figures = ("licenses", "free", "revocations", "wanted", "renewal", "renewed_from", "frozen_at")
    _rest = ("uuid", "customer_uuid", "is_expiration_processed", "unlinked_at", "created_at", "modified_at")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            fields = ("agreement", *self._setting_up, "desired_license_count", "change_reason")
            return ((None, {"fields": fields}),)
        shown = ("agreement", *self._setting_up, *self._reason(request, obj))
        return (
            (gettext_lazy("Licenses"), {"fields": self._figures}),
            (gettext_lazy("Plan"), {"fields": shown}),
            (gettext_lazy("For programs"), {"fields": self._rest, "classes": ("collapse",)}),
        )

    def _reason(self, request: HttpRequest, obj: Any) -> tuple[str, ...]:
        return ("change_reason",) if self.has_change_permission(request, obj) else ()

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return () if obj is None else ("agreement", *self._figures, *self._rest)

    def get_autocomplete_fields(self, request: HttpRequest) -> Any:
        return self.autocomplete_fields

    # Saving

    def save_model(self, request: HttpRequest, obj: models.Plan, form: Any, change: bool) -> None:
        names = form.changed_data if change else form.cleaned_data
        wanted = {
            name: form.cleaned_data[name] for name in names if name not in ("agreement", "change_reason")
        }
        by = getattr(request.user, "lms_user_id", None)
        reason = form.cleaned_data["change_reason"] or None
        if change:
            provisioning.change_plan(plan_uuid=obj.pk, changes=wanted, by=by, reason=reason)
        else:
            agreement = form.cleaned_data["agreement"]
            obj.pk = provisioning.make_plan(agreement_uuid=agreement.pk, values=wanted, by=by, reason=reason)
        obj.refresh_from_db()

    # Showing

    @admin.display(description=gettext_lazy("licenses"))
    def licenses(self, plan: models.Plan) -> SafeString:
        lists = reverse("admin:licenses_license_changelist")
        rows = [(lists, plan.pk, each.value, getattr(plan, f"{each}_count"), each.value) for each in Status]
        return format_html_join(", ", '<a href="{}?plan={}&amp;status__exact={}">{} {}</a>', rows)

    @admin.display(ordering="unassigned_count")
    def unassigned(self, plan: models.Plan) -> int:
        return plan.unassigned_count

    @admin.display(ordering="assigned_count")
    def assigned(self, plan: models.Plan) -> int:
        return plan.assigned_count

    @admin.display(ordering="activated_count")
    def activated(self, plan: models.Plan) -> int:
        return plan.activated_count

    @admin.display(description=gettext_lazy("free"))
    def free(self, plan: models.Plan) -> int:
        return seats.free_count(plan)

    @admin.display(description=gettext_lazy("revocations"))
    def revocations(self, plan: models.Plan) -> str:
        remaining = revocation.revocations_remaining(plan)
        if remaining is None:
            return gettext("%(used)s used, no cap") % {"used": plan.revocation_count}
        return gettext("%(used)s used, %(left)s left") % {"used": plan.revocation_count, "left": remaining}

    @admin.display(description=gettext_lazy("wanted number of licenses"))
    def wanted(self, plan: models.Plan) -> int | str:
        return "-" if plan.desired_license_count is None else plan.desired_license_count

    @admin.display(description=gettext_lazy("renewal"))
    def renewal(self, plan: models.Plan) -> SafeString | str:
        return _renewal_link(models.Renewal.objects.filter(prior_plan=plan).first())

    @admin.display(description=gettext_lazy("renewal of"))
    def renewed_from(self, plan: models.Plan) -> SafeString | str:
        return _renewal_link(models.Renewal.objects.filter(renewed_plan=plan).first())

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], add: bool = False, change: bool = False,
        form_url: str = "", obj: Any = None,
    ) -> HttpResponse:  # fmt: skip
        if obj is not None:
            context |= {
                "pages": PLAN_PAGES,
                "can_act": self.has_change_permission(request, obj),
                "can_see_licenses": _has_permission(request, "licenses.view_license"),
                "jobs": _list_jobs(obj) if _has_permission(request, "jobs.view_job") else None,
            }
        response: HttpResponse = super().render_change_form(request, context, add, change, form_url, obj)
        return response

    # Pages

    def get_urls(self) -> Any:
        view = self.admin_site.admin_view
        own = [
            re_path(
                r"^(?P<plan_uuid>[0-9a-f-]{36})/licenses.csv$", view(self.csv_view), name="licenses_plan_csv"
            )
        ]
        slugs = "|".join(page.slug for page in PLAN_PAGES)
        pattern = rf"^(?P<plan_uuid>[0-9a-f-]{{36}})/(?P<slug>{slugs})/$"
        own.append(re_path(pattern, view(self.page_view), name="licenses_plan_page"))
        return [*own, *super().get_urls()]

    def page_view(self, request: HttpRequest, plan_uuid: str, slug: str) -> HttpResponse:
        """Shows a page, what would happen, and does it if that is what was shown."""
        page = next(each for each in PLAN_PAGES if each.slug == slug)
        plan = self._get_plan(request, plan_uuid)
        if not self.has_change_permission(request, plan):
            raise PermissionDenied
        is_posted = request.method == "POST"
        form = page.form(request.POST if is_posted else None, request.FILES if is_posted else None, plan=plan)
        context: dict[str, Any] = {}
        if is_posted and form.is_valid():
            try:
                checked = form.fingerprint()
                asks_to_do = request.POST.get("step") == "do"
                if asks_to_do and request.POST.get("checked") == checked:
                    return self._carry_out(request, plan, page, form.cleaned_data)
                rehearsal = page.rehearse(plan, form.cleaned_data)
                context = {"rehearsal": rehearsal, "checked": checked, "is_changed": asks_to_do}
            except DomainError as error:
                form.add_error(None, error.message)
        context |= {
            **self.admin_site.each_context(request),
            "title": page.title,
            "subtitle": str(plan),
            "opts": self.opts,
            "plan": plan,
            "page": page,
            "form": form,
        }
        return TemplateResponse(request, "admin/licenses/plan/page.html", context)

    def _carry_out(
        self, request: HttpRequest, plan: models.Plan, page: PlanPage, values: dict[str, Any]
    ) -> HttpResponse:
        user: Any = request.user
        done = page.carry_out(plan, values, by=getattr(user, "lms_user_id", None))
        one = models.Plan.objects.filter(pk=plan.pk)
        LogEntry.objects.log_actions(user.pk, one, CHANGE, change_message=str(page.title), single_object=True)
        messages.success(request, done)
        return redirect("admin:licenses_plan_change", plan.pk)

    def csv_view(self, request: HttpRequest, plan_uuid: str) -> StreamingHttpResponse:
        """All licenses of the plan that were ever given out, as CSV, however many they are."""
        plan = self._get_plan(request, plan_uuid)
        if not _has_permission(request, "licenses.view_license"):
            raise PermissionDenied
        rows = reads.stream_licenses(plan.pk, _CSV_COLUMNS)
        headers = {"Content-Disposition": f'attachment; filename="licenses-{plan.pk}.csv"'}
        return StreamingHttpResponse(
            stream_csv(_CSV_COLUMNS, rows), content_type="text/csv; charset=utf-8", headers=headers
        )

    def _get_plan(self, request: HttpRequest, plan_uuid: str) -> models.Plan:
        if not self.has_view_or_change_permission(request):
            raise PermissionDenied
        try:
            return models.Plan.objects.get(pk=UUID(plan_uuid))
        except (ValueError, models.Plan.DoesNotExist):
            raise Http404 from None


def _list_jobs(plan: models.Plan) -> list[tuple[Job, str]]:
    """The newest jobs that name the plan, each with its outcomes."""
    plan_uuid = str(plan.pk)
    listed = jobs.list_jobs_with(
        customer_uuid=plan.customer_uuid,
        parameters={"plan_uuid": plan_uuid, "to_plan_uuid": plan_uuid},
        limit=_JOBS_SHOWN,
    )
    counts = [", ".join(f"{outcome}: {count}" for outcome, count in job.counts.items()) for job in listed]
    return list(zip(listed, counts, strict=True))


def _renewal_link(renewal: models.Renewal | None) -> SafeString | str:
    if renewal is None:
        return "-"
    address = reverse("admin:licenses_renewal_change", args=[renewal.pk])
    return format_html('<a href="{}">{:%Y-%m-%d}</a>', address, renewal.effective_at)


def _has_permission(request: HttpRequest, name: str) -> bool:
    user: Any = request.user
    allowed: bool = user.has_perm(name)
    return allowed
