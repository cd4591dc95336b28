"""How chunks and jobs end."""

import logging
from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

import orjson
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils.translation import gettext as _

from bursar.jobs import models
from bursar.jobs.data import CANCELLED, ENDED, FAILED, UNAVAILABLE, JobState, Result
from bursar.jobs.reading import get_job
from bursar.jobs.registry import find_kind
from bursar.lib import clock, sets

log = logging.getLogger(__name__)

State = models.Chunk.State


def count(results: Sequence[Result]) -> str:
    """How many results have which outcome, as it is stored."""
    return orjson.dumps(Counter(str(result["outcome"]) for result in results)).decode()


def write_undone(chunks: "QuerySet[models.Chunk]", kind_name: str, state: str, *, error: str = "") -> None:
    """Ends chunks whose items were not done, in the caller's transaction; each gets a result."""
    kind = find_kind(kind_name)
    if state == State.CANCELLED:
        says = {"outcome": CANCELLED, "code": CANCELLED, "message": _("The job was cancelled before.")}
    else:
        text = _(
            "It could not be done at any try. Whoever runs this site can see why, and have it tried again."
        )
        says = {"outcome": FAILED, "code": UNAVAILABLE, "message": text}
    moment = clock.now()
    rows = []
    for pk, items in chunks.order_by("first_item").select_for_update().values_list("pk", "items"):
        results = [{**(kind.describe(item) if kind else {}), **says} for item in orjson.loads(items)]
        written = orjson.dumps(results).decode()
        rows.append((pk, state, written, count(results), error, None, None, moment))
    for part in sets.chunks(sorted(rows, key=lambda row: row[0])):
        sets.update(
            models.Chunk,
            ("uuid", "state", "results", "counts", "last_error", "claim", "claimed_until", "finished_at"),
            part,
        )


def end_jobs(job_uuids: Collection[UUID]) -> None:
    """Ends those of the jobs that have nothing left to do, each exactly once.

    Call it after the commit that ended a chunk: of two workers that end the last two at once, one sees it.
    A job whose kind cannot hear of the end stays open, and is tried again by the next worker that looks; no
    other job waits for it.
    Effects: one statement if none has ended.
    """
    left = models.Chunk.objects.filter(job=OuterRef("pk"), state=State.WAITING)
    open_states = (JobState.WAITING, JobState.RUNNING)
    over = models.Job.objects.filter(~Exists(left), pk__in=job_uuids, state__in=open_states)
    for job_uuid in over.order_by("pk").values_list("pk", flat=True):
        try:
            _end(job_uuid)
        except Exception:
            log.exception("a job could not be ended", extra={"job": str(job_uuid)})


@transaction.atomic
def _end(job_uuid: UUID) -> None:
    row = models.Job.objects.select_for_update().get(pk=job_uuid)
    if row.state in ENDED:
        return
    chunks = models.Chunk.objects.filter(job=row).order_by("first_item")
    counts: Counter[str] = Counter()
    states = set()
    for state, counted in chunks.values_list("state", "counts"):
        states.add(state)
        counts.update(orjson.loads(counted))
    if State.CANCELLED in states:
        row.state = JobState.CANCELLED
    else:
        row.state = JobState.FAILED if State.FAILED in states else JobState.DONE
    row.counts = dict(counts)
    row.finished_at = clock.now()
    kind = find_kind(row.kind)
    if row.state != JobState.FAILED:
        row.parameters = without_free_texts(row)
    row.save(update_fields=["state", "counts", "finished_at", "parameters"])
    if kind is not None:
        kind.on_end(get_job(job_uuid))


def without_free_texts(row: models.Job) -> dict[str, Any]:
    """The job's parameters, but for those in which somebody may be named."""
    kind = find_kind(row.kind)
    return {name: value for name, value in row.parameters.items() if not kind or name not in kind.free_texts}
