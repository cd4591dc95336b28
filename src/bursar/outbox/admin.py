"""What operators see of the outbox: events, what became of them, and a way to try dead ones again."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from bursar.lib.admin import ReadOnlyAdmin
from bursar.outbox import relay
from bursar.outbox.models import Delivery, Event


@admin.register(Event)
class EventAdmin(ReadOnlyAdmin):
    """What happened."""

    list_display = ("id", "type", "key", "recorded_at", "recorded_by")
    list_filter = ("type",)
    search_fields = ("key", "uuid")
    date_hierarchy = "recorded_at"


@admin.register(Delivery)
class DeliveryAdmin(ReadOnlyAdmin):
    """What is on its way to whom, and what failed."""

    list_display = ("uuid", "handler", "key", "state", "attempt_count", "next_attempt_at", "last_error")
    list_filter = ("state", "handler")
    search_fields = ("key", "uuid", "event__uuid")
    actions = ("try_again",)

    def has_retry_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Trying again is the one change that a person makes here."""
        user: Any = request.user
        allowed: bool = user.has_perm("outbox.change_delivery")
        return allowed

    @admin.action(description=gettext_lazy("Try dead deliveries again"), permissions=["retry"])
    def try_again(self, request: HttpRequest, chosen: QuerySet[Delivery]) -> None:
        """Gives the dead ones among the chosen all their tries again."""
        count = relay.retry_dead(list(chosen.values_list("pk", flat=True)))
        if not count:
            self.message_user(request, _("Only dead deliveries can be tried again."), messages.WARNING)
            return
        text = ngettext("%(count)s delivery is tried again.", "%(count)s deliveries are tried again.", count)
        self.message_user(request, text % {"count": count}, messages.SUCCESS)
