"""Licenses for support: found by who holds them, with all that became of them, and what can be done."""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple
from uuid import UUID

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from bursar.identity import api as identity
from bursar.lib import emails
from bursar.lib.admin import ReadOnlyAdmin, ReadOnlyHistoryAdmin
from bursar.lib.errors import DomainError
from bursar.licenses import api, models
from bursar.licenses.admin.paging import ShortPaginator
from bursar.licenses.data import LIVE, Notice, Status
from bursar.licenses.service import links
from bursar.notifications import api as notifications
from bursar.notifications.data import Message, MessageState

_AT_ONCE = 1_000  # licenses that one action changes: what a transaction does in a second


class PlanFilter(admin.SimpleListFilter):
    """Says of which plan the list is; a plan's page leads there."""

    title = gettext_lazy("plan")
    parameter_name = "plan"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        named = request.GET.get("plan", "")
        key = _parse(named)
        plan = models.Plan.objects.filter(pk=key).first() if key else None
        return [(named, plan.title if plan else _("unknown"))] if named else []

    def queryset(self, request: HttpRequest, queryset: QuerySet[models.License]) -> QuerySet[models.License]:
        value = self.value()
        if not value:
            return queryset
        chosen = _parse(value)
        return queryset.filter(plan=chosen) if chosen else queryset.none()


@admin.register(models.License)
class LicenseAdmin(ReadOnlyHistoryAdmin):
    """Who holds what. Rows are not edited: they are revoked, or their holders are reminded."""

    change_form_template = "admin/licenses/license/change_form.html"
    list_display = ("email", "status", "plan", "assigned_at", "activated_at")
    list_filter = (PlanFilter, "status")
    list_select_related = ("plan",)
    # As an index has them, which is why nothing else can be chosen.
    ordering = ("plan_id", "status", "email", "uuid")
    sortable_by = ()
    show_facets = admin.ShowFacets.NEVER  # they would count everything
    search_fields = ("email",)
    search_help_text = gettext_lazy(
        "An e-mail address, or a part of one; a license's uuid or activation key; an LMS user id."
    )
    paginator = ShortPaginator
    actions = ("revoke", "remind", "send_mails_again")
    fieldsets = (
        (None, {"fields": ("uuid", "status", "email", "lms_user_id", "plan_link", "customer_uuid")}),
        (
            gettext_lazy("Activation"),
            {"fields": ("activation_key", "activation_link", "is_auto_applied")},
        ),
        (
            gettext_lazy("Times"),
            {"fields": ("assigned_at", "reminded_at", "activated_at", "revoked_at", "created_at")},
        ),
        (gettext_lazy("Where it came from"), {"fields": ("order", "renewed_from_link", "renewed_to_link")}),
    )

    # Finding

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[models.License], search_term: str
    ) -> tuple[QuerySet[models.License], bool]:
        term = emails.normalize(search_term)
        if not term:
            return queryset, False
        if key := _parse(term):
            return queryset.filter(pk=key) | queryset.filter(activation_key=key), False
        if term.isdecimal() and len(term) < len(str(2**63)):
            return queryset.filter(lms_user_id=int(term)), False
        exact = queryset.filter(email=term)
        if "@" in term and exact.exists():
            return exact, False
        return queryset.filter(email__contains=term), False

    # One license

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return [name for _title, options in self.fieldsets for name in options["fields"]]

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], add: bool = False, change: bool = False,
        form_url: str = "", obj: Any = None,
    ) -> HttpResponse:  # fmt: skip
        if obj is not None:
            context |= _tell(obj.pk)
            context["can_act"] = self.has_act_permission(request)
            context["can_see_mails"] = _has_permission(request, "notifications.view_message")
        response: HttpResponse = super().render_change_form(request, context, add, change, form_url, obj)
        return response

    @admin.display(description=gettext_lazy("plan"))
    def plan_link(self, row: models.License) -> SafeString:
        address = reverse("admin:licenses_plan_change", args=[row.plan_id])
        return format_html('<a href="{}">{}</a>', address, row.plan)

    @admin.display(description=gettext_lazy("customer"))
    def customer_uuid(self, row: models.License) -> UUID:
        return row.plan.customer_uuid

    @admin.display(description=gettext_lazy("activation link"))
    def activation_link(self, row: models.License) -> str:
        if row.status != Status.ASSIGNED or row.activation_key is None:
            return "-"
        return links.activation_link(row.plan.agreement.customer_slug, row.activation_key) or "-"

    @admin.display(description=gettext_lazy("order"))
    def order(self, row: models.License) -> str:
        return str(models.LicenseSource.objects.filter(license=row).first() or "-")

    @admin.display(description=gettext_lazy("renewed from"))
    def renewed_from_link(self, row: models.License) -> SafeString | str:
        return _link(models.License.objects.filter(renewed_to=row).first())

    @admin.display(description=gettext_lazy("renewed to"))
    def renewed_to_link(self, row: models.License) -> SafeString | str:
        return _link(row.renewed_to)

    # What can be done

    def has_act_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Rows are not edited here; that a person may change them means that they may act."""
        return _has_permission(request, "licenses.change_license")

    @admin.action(description=gettext_lazy("Revoke"), permissions=["act"])
    def revoke(self, request: HttpRequest, chosen: QuerySet[models.License]) -> HttpResponse | None:
        """Takes live licenses back, once it is confirmed."""
        live = self._choose(request, chosen, LIVE)
        if not live:
            return _back(request)
        if "confirmed" not in request.POST:
            context = {
                **self.admin_site.each_context(request),
                "title": _("Revoke these licenses?"),
                "opts": self.opts,
                "licenses": live,
            }
            return TemplateResponse(request, "admin/licenses/license/revoke.html", context)
        count = self._for_each_plan(request, live, lambda plan_uuid, addresses, by: sum(
            each.refusal is None for each in api.revoke(plan_uuid=plan_uuid, addresses=addresses, by=by)
        ))  # fmt: skip
        said = ngettext("%(count)d license is revoked.", "%(count)d licenses are revoked.", count)
        self._say(request, said, count)
        return _back(request)

    @admin.action(description=gettext_lazy("Remind the holder to activate it"), permissions=["act"])
    def remind(self, request: HttpRequest, chosen: QuerySet[models.License]) -> HttpResponse | None:
        """Mails those who have not activated their license."""
        assigned = self._choose(request, chosen, [Status.ASSIGNED])
        count = self._for_each_plan(request, assigned, lambda plan_uuid, addresses, by: api.remind(
            plan_uuid=plan_uuid, addresses=addresses, notice=Notice(), by=by
        ))  # fmt: skip
        said = ngettext("%(count)d person is reminded.", "%(count)d people are reminded.", count)
        self._say(request, said, count)
        return _back(request)

    @admin.action(description=gettext_lazy("Send the last mail again"), permissions=["act"])
    def send_mails_again(self, request: HttpRequest, chosen: QuerySet[models.License]) -> HttpResponse | None:
        """Sends what each holder was sent last about the license, or what could not be sent."""
        wanted = {each.uuid for each in self._choose(request, chosen, LIVE)}
        last: dict[UUID, Message] = {}
        addresses = [email for email in chosen.values_list("email", flat=True)[:_AT_ONCE] if email]
        for message in notifications.find_messages_to(addresses, about="license:"):
            license_uuid = UUID(message.about.split(":")[1])
            if license_uuid in wanted:
                last.setdefault(license_uuid, message)
        by = _lms_user_id(request)
        sent = [each.uuid for each in last.values() if each.state is MessageState.SENT]
        failed = [each.uuid for each in last.values() if each.state is MessageState.FAILED]
        count = notifications.resend(sent, by=by) + notifications.retry_failed(failed, by=by)
        said = ngettext("%(count)d mail is sent again.", "%(count)d mails are sent again.", count)
        self._say(request, said, count)
        if wanted and not count:
            text = _(
                "There is no mail about this license that has been sent, or that failed. Remind instead."
            )
            self.message_user(request, text, messages.WARNING)
        return _back(request)

    def _choose(
        self, request: HttpRequest, chosen: QuerySet[models.License], statuses: Iterable[str]
    ) -> list["Chosen"]:
        """Those among the chosen with one of the statuses; says so if that is none, or too many."""
        rows = chosen.filter(status__in=list(statuses)).order_by("email", "pk")
        columns = rows.values_list("pk", "plan_id", "plan__title", "email", "status")
        listed = [Chosen(*row) for row in columns[: _AT_ONCE + 1]]
        if len(listed) > _AT_ONCE:
            text = _("Choose at most %(limit)s licenses at once.") % {"limit": _AT_ONCE}
            self.message_user(request, text, messages.ERROR)
            return []
        if not listed:
            text = _("None of the chosen licenses is %(statuses)s.") % {"statuses": ", ".join(statuses)}
            self.message_user(request, text, messages.WARNING)
        return listed

    def _for_each_plan(
        self,
        request: HttpRequest,
        chosen: Iterable["Chosen"],
        command: Callable[[UUID, list[str], int | None], int],
    ) -> int:
        """What the command says in sum; a plan whose rules refuse it is told, and the others go on."""
        by_plan: dict[UUID, list[Chosen]] = {}
        for each in chosen:
            by_plan.setdefault(each.plan_uuid, []).append(each)
        count = 0
        for plan_uuid, licenses in by_plan.items():
            try:
                count += command(plan_uuid, [each.email or "" for each in licenses], _lms_user_id(request))
            except DomainError as error:
                self.message_user(request, f"{licenses[0].plan_title}: {error.message}", messages.ERROR)
        return count

    def _say(self, request: HttpRequest, said: str, count: int) -> None:
        if count:
            self.message_user(request, said % {"count": count}, messages.SUCCESS)


class Chosen(NamedTuple):
    """A license that an action is for."""

    uuid: UUID
    plan_uuid: UUID
    plan_title: str
    email: str | None
    status: str


@admin.register(models.Hold)
class HoldAdmin(ReadOnlyAdmin):
    """Seats that are kept for approvals under way."""

    list_display = ("approval_uuid", "plan", "email", "created_at")
    search_fields = ("email", "=approval_uuid", "=plan__uuid")
    list_select_related = ("plan",)


def _tell(license_uuid: UUID) -> dict[str, Any]:
    """Its story with the names of who did it, and its mails. Four queries."""
    story = api.tell_story(license_uuid)
    people = identity.find_people_by_lms_user_id({each.by for each in story if each.by is not None})
    told = []
    for each in story:
        person = people.get(each.by) if each.by is not None else None
        told.append({"change": each, "by": person.username if person else each.by})
    addresses = {each.email for each in story if each.email}
    return {
        "story": told,
        "mails": notifications.find_messages_to(addresses, about=f"license:{license_uuid}:"),
    }


def _link(row: models.License | None) -> SafeString | str:
    if row is None:
        return "-"
    return format_html('<a href="{}">{}</a>', reverse("admin:licenses_license_change", args=[row.pk]), row)


def _has_permission(request: HttpRequest, name: str) -> bool:
    user: Any = request.user
    allowed: bool = user.has_perm(name)
    return allowed


def _lms_user_id(request: HttpRequest) -> int | None:
    return getattr(request.user, "lms_user_id", None)


def _back(request: HttpRequest) -> HttpResponse | None:
    """To the license's page, if that is where the action was asked for; else to the list."""
    key = _parse(request.POST.get("_selected_action", "")) if "from_page" in request.POST else None
    return redirect("admin:licenses_license_change", key) if key else None


def _parse(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
