"""Beginning a job, and stopping it."""

import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

import orjson
from django.db import transaction
from django.utils.translation import gettext as _

from bursar.jobs import models
from bursar.jobs.data import ENDED, Item, Job, JobEnded, JobNotFound
from bursar.jobs.ending import end_jobs, write_undone
from bursar.jobs.reading import get_job
from bursar.jobs.registry import find_kind
from bursar.lib import clock, sets

_nudges: list[Callable[[], None]] = []


def on_new_work(nudge: Callable[[], None]) -> None:
    """Has ``nudge`` called after each commit that began a job. It must not raise and not block."""
    _nudges[:] = [nudge]


def start(
    *,
    kind: str,
    customer_uuid: UUID,
    parameters: Mapping[str, Any],
    chunks: Sequence[Sequence[Item]],
    by: int | None,
) -> UUID:
    """Begins a job of these chunks (each of 1 to 1,000 items), to be done in the background; gives its uuid.

    Effects: two statements, in the caller's transaction or one of its own; after the commit workers wake up.
    """
    if find_kind(kind) is None:
        raise ValueError(f"{kind} is no kind of job")
    if not chunks or not all(1 <= len(chunk) <= sets.CHUNK for chunk in chunks):
        raise ValueError(f"a chunk has 1 to {sets.CHUNK} items, and a job at least one chunk")
    moment = clock.now()
    job_uuid = uuid.uuid4()
    rows = []
    first = 0
    for chunk in chunks:
        rows.append(chunk_row(uuid.uuid4(), job_uuid, first, chunk, moment, failure_count=0))
        first += len(chunk)
    with transaction.atomic():
        models.Job.objects.create(
            uuid=job_uuid,
            kind=kind,
            customer_uuid=customer_uuid,
            parameters=dict(parameters),
            item_count=first,
            created_by=by,
            created_at=moment,
        )
        for part in sets.chunks(rows):
            sets.insert(models.Chunk, CHUNK_COLUMNS, part)
        transaction.on_commit(_nudge)
    return job_uuid


def _nudge() -> None:
    for nudge in _nudges:
        nudge()


def cancel(*, job_uuid: UUID, by: int | None) -> Job:
    """Stops a job: what has not begun is not done any more, what is being done ends. Safe to repeat.

    Errors: JobNotFound; JobEnded when all is done already.
    """
    moment = clock.now()
    with transaction.atomic():
        row = models.Job.objects.select_for_update().filter(pk=job_uuid).first()
        if row is None:
            raise JobNotFound(_("There is no such job."))
        if row.cancelled_at is None:
            if row.state in ENDED:
                raise JobEnded(_("The job has ended already; nothing is left to be cancelled."))
            row.cancelled_at, row.cancelled_by = moment, by
            row.save(update_fields=["cancelled_at", "cancelled_by"])
        waiting = models.Chunk.objects.filter(
            models.Chunk.free(moment), job=row, state=models.Chunk.State.WAITING
        )
        write_undone(waiting, row.kind, models.Chunk.State.CANCELLED)
    end_jobs([job_uuid])
    return get_job(job_uuid)


def chunk_row(
    pk: UUID, job_uuid: UUID, first: int, items: Sequence[Item], due_at: object, *, failure_count: int
) -> tuple[Any, ...]:
    """A chunk that waits, as ``CHUNK_COLUMNS`` has it."""
    written = orjson.dumps(items).decode()
    state = models.Chunk.State.WAITING.value
    return (pk, job_uuid, first, len(items), written, "", "", state, 0, failure_count, due_at, "")


CHUNK_COLUMNS = (
    "uuid", "job", "first_item", "item_count", "items", "results", "counts", "state", "claim_count",
    "failure_count", "next_attempt_at", "last_error",
)  # fmt: skip
