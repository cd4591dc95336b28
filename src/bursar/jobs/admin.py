"""What operators see of jobs, and a way to try again what failed."""

from typing import Any, cast

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from bursar.jobs.models import Chunk, Job
from bursar.jobs.reading import get_job, results_address
from bursar.jobs.registry import find_kind
from bursar.jobs.working import retry_failed
from bursar.lib.admin import ReadOnlyAdmin


@admin.register(Job)
class JobAdmin(ReadOnlyAdmin):
    """Long work, and where it stands."""

    list_display = ("uuid", "kind", "customer_uuid", "state", "item_count", "created_at", "finished_at")
    list_filter = ("state", "kind")
    search_fields = ("uuid", "customer_uuid")
    date_hierarchy = "created_at"

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        shown = [field.name for field in Job._meta.fields if field.name != "counts"]
        may_see_results = cast(Any, request.user).has_perm("jobs.view_chunk")
        return ["what", "progress", "outcomes", *(["results"] if may_see_results else []), *shown]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.get_fields(request, obj)

    @admin.display(description=gettext_lazy("what it does"))
    def what(self, row: Job) -> str:
        kind = find_kind(row.kind)
        return kind.title() if kind else row.kind

    @admin.display(description=gettext_lazy("progress"))
    def progress(self, row: Job) -> str:
        job = get_job(row.pk)
        said = {"percent": job.progress_percent, "done": job.done_count, "all": job.item_count}
        return _("%(percent)s %%: %(done)s of %(all)s") % said

    @admin.display(description=gettext_lazy("outcomes"))
    def outcomes(self, row: Job) -> str:
        counts = sorted(get_job(row.pk).counts.items())
        return ", ".join(f"{outcome}: {count}" for outcome, count in counts) or "-"

    @admin.display(description=gettext_lazy("results"))
    def results(self, row: Job) -> SafeString | str:
        if row.purged_at is not None:
            return _("They are no longer kept.")
        chunks = reverse("admin:jobs_chunk_changelist") + f"?job__exact={row.pk}"
        links = [(results_address(row.pk), _("as CSV")), (chunks, _("its chunks"))]
        return format_html_join(", ", '<a href="{}">{}</a>', links)


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
