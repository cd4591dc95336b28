"""What operators see of jobs, and a way to try again what failed."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from bursar.jobs.models import Chunk, Job
from bursar.jobs.working import retry_failed
from bursar.lib.admin import ReadOnlyAdmin


@admin.register(Job)
class JobAdmin(ReadOnlyAdmin):
    """Long work, and where it stands."""

    list_display = ("uuid", "kind", "customer_uuid", "state", "item_count", "created_at", "finished_at")
    list_filter = ("state", "kind")
    search_fields = ("uuid", "customer_uuid")
    date_hierarchy = "created_at"


@admin.register(Chunk)
class ChunkAdmin(ReadOnlyAdmin):
    """The parts of jobs: what is done, what waits, what failed and why."""

    list_display = ("uuid", "job", "first_item", "item_count", "state", "failure_count", "last_error")
    list_filter = ("state", "job__kind")
    search_fields = ("uuid", "job__uuid")
    list_select_related = ("job",)
    actions = ("try_again",)

    def has_retry_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Trying again is the one change that a person makes here."""
        user: Any = request.user
        allowed: bool = user.has_perm("jobs.change_chunk")
        return allowed

    @admin.action(description=gettext_lazy("Try failed chunks again"), permissions=["retry"])
    def try_again(self, request: HttpRequest, chosen: QuerySet[Chunk]) -> None:
        """Gives the failed ones among the chosen all their tries again."""
        count = retry_failed(list(chosen.values_list("pk", flat=True)))
        if not count:
            self.message_user(request, _("Only failed chunks can be tried again."), messages.WARNING)
            return
        text = ngettext("%(count)s chunk is tried again.", "%(count)s chunks are tried again.", count)
        self.message_user(request, text % {"count": count}, messages.SUCCESS)
