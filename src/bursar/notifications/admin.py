"""Mails in the Django admin: what was sent, what failed and why, and sending it again."""

from collections.abc import Callable
from typing import Any, cast

from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, gettext_lazy, ngettext

from bursar.notifications import api
from bursar.notifications.models import Message
from bursar.notifications.rendering import render


@admin.register(Message)
class MessageAdmin(admin.ModelAdmin[Message]):
    """Messages are written by Bursar and only read here."""

    list_display = ("created_at", "state", "template", "email", "about", "attempt_count", "sent_at")
    list_filter = ("state", "template", "created_at", "customer_uuid")
    search_fields = ("email", "about", "=uuid", "=lms_user_id", "subject")
    date_hierarchy = "created_at"
    actions = ("retry_failed", "send_again")
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Message | None = None) -> bool:
        return False

    def get_fields(self, request: HttpRequest, obj: Message | None = None) -> list[Any]:
        return [*(field.name for field in Message._meta.fields), "preview"]

    def get_readonly_fields(self, request: HttpRequest, obj: Message | None = None) -> list[Any]:
        return self.get_fields(request, obj)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        nothing_to_save = {"show_save": False, "show_save_and_continue": False}
        return super().changeform_view(request, object_id, form_url, (extra_context or {}) | nothing_to_save)

    @admin.display(description=gettext_lazy("the mail as its templates make it now"))
    def preview(self, row: Message) -> SafeString:
        try:
            rendered = render(row)
        except Exception as error:  # whatever a broken template raises is what the operator came to see
            return format_html("<pre>{}: {}</pre>", type(error).__name__, error)
        return format_html(
            '<p><strong>{}</strong></p><iframe sandbox title="{}" srcdoc="{}"'
            ' style="width:100%;height:30em;border:1px solid #ccc"></iframe><pre>{}</pre>',
            rendered.subject,
            gettext("HTML part"),
            rendered.html,
            rendered.text,
        )

    @admin.action(description=gettext_lazy("Try failed messages again"), permissions=["change"])
    def retry_failed(self, request: HttpRequest, chosen: QuerySet[Message]) -> None:
        self._apply(request, chosen, api.retry_failed, "tried again")

    @admin.action(
        description=gettext_lazy("Send messages again that were sent before"), permissions=["change"]
    )
    def send_again(self, request: HttpRequest, chosen: QuerySet[Message]) -> None:
        self._apply(request, chosen, api.resend, "sent again")

    def _apply(
        self, request: HttpRequest, chosen: QuerySet[Message], command: Callable[..., int], done: str
    ) -> None:
        user: Any = request.user
        count = command(list(chosen.values_list("pk", flat=True)), by=user.lms_user_id)
        LogEntry.objects.log_actions(
            user_id=user.pk,
            queryset=cast(QuerySet[Model], chosen),
            action_flag=CHANGE,
            change_message=done,
        )
        said = ngettext("%(count)d message waits to be sent.", "%(count)d messages wait to be sent.", count)
        messages.success(request, said % {"count": count})
