"""Doing jobs: whoever is free claims a chunk, does it, and writes down what became of it."""

import logging
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import orjson
from django.db import transaction
from django.db.models import F

from bursar.jobs import models
from bursar.jobs.data import JobKind, JobState, Result, Work
from bursar.jobs.ending import count, end_jobs, write_undone
from bursar.jobs.registry import find_kind, list_kinds
from bursar.jobs.starting import CHUNK_COLUMNS, chunk_row
from bursar.lib import clock, sets

log = logging.getLogger(__name__)

CLAIM = timedelta(seconds=25)
"""How long a killed worker holds its chunk up. One that is alive needs about a second for it."""

RUN_SECONDS = 300
"""How long one call goes on: less than Celery's limit, which would count as a failure of the chunk."""

MAX_FAILURES = 8
MAX_CLAIMS = 50
"""A chunk that takes every worker down with it has to end some day; deployments end many that are fine."""

BACK_OFF_SECONDS = (1, 5, 15, 60, 180, 600, 1800)
SPLIT_AFTER = 2
PARTS = 10
_LAST_ERROR_LENGTH = 2000  # characters: the cause, not the whole trace

State = models.Chunk.State


def run() -> int:
    """Does chunks until none is due, for five minutes at most, and returns how many were done.

    Any number of processes may do so at once. Effects: three statements for each chunk (two to claim it, one
    to write its results); some for each job, to begin it and to see whether it has ended; no transaction is
    open while a kind does its work. A crash means that a chunk is done again.
    """
    done = 0
    jobs: dict[UUID, models.Job] = {}
    _sweep()
    until = time.monotonic() + RUN_SECONDS
    last: UUID | None = None
    while time.monotonic() < until and (chunk := _claim()) is not None:
        if last is not None and last != chunk.job_uuid:
            end_jobs([last])
        last = chunk.job_uuid
        job = jobs.get(last) or _begin(last)
        jobs[last] = job
        done += _do(chunk, job)
    if last is not None:
        end_jobs([last])
    return done


@dataclass(frozen=True, slots=True)
class _Claimed:
    uuid: UUID
    job_uuid: UUID
    first_item: int
    items: str
    claim_count: int
    failure_count: int
    token: UUID


def _sweep() -> None:
    """Ends what nobody else will: chunks of cancelled jobs, and jobs whose worker died at the very end."""
    unfinished = models.Job.objects.filter(state__in=(JobState.WAITING, JobState.RUNNING))
    open_jobs = list(unfinished.values_list("pk", "kind", "cancelled_at"))
    if not open_jobs:
        return
    moment = clock.now()
    for job_uuid, kind, cancelled_at in open_jobs:
        if cancelled_at is not None:
            with transaction.atomic():
                left = models.Chunk.objects.filter(
                    models.Chunk.free(moment), job=job_uuid, state=State.WAITING
                )
                write_undone(left, kind, State.CANCELLED)
    end_jobs([job_uuid for job_uuid, *_ in open_jobs])


def _claim() -> _Claimed | None:
    """Takes the first chunk that is due and on which nobody works, of the oldest job, if there is one."""
    while True:
        moment = clock.now()
        due = models.Chunk.objects.filter(
            models.Chunk.free(moment),
            state=State.WAITING,
            next_attempt_at__lte=moment,
            job__cancelled_at=None,  # the others are for the sweep
            job__kind__in=[kind.name for kind in list_kinds()],
        ).order_by("job__created_at", "job_id", "first_item")
        row = due.values_list("pk", "job_id", "first_item", "items", "claim_count", "failure_count").first()
        if row is None:
            return None
        token = uuid.uuid4()
        # Whoever is first gets it: the others change no row.
        mine = models.Chunk.objects.filter(models.Chunk.free(moment), pk=row[0], state=State.WAITING).update(
            claim=token, claimed_until=moment + CLAIM, claim_count=F("claim_count") + 1
        )
        if mine:
            return _Claimed(*row, token)


def _begin(job_uuid: UUID) -> models.Job:
    models.Job.objects.filter(pk=job_uuid, state=JobState.WAITING).update(
        state=JobState.RUNNING, started_at=clock.now()
    )
    return models.Job.objects.get(pk=job_uuid)


def _do(chunk: _Claimed, job: models.Job) -> bool:
    kind = find_kind(job.kind)
    if kind is None:  # pragma: no cover - only chunks of known kinds are claimed
        return False
    try:
        if chunk.claim_count >= MAX_CLAIMS:
            raise RuntimeError(f"its worker has ended {chunk.claim_count} times before it was done")
        items = orjson.loads(chunk.items)
        work = Work(job.pk, job.customer_uuid, job.created_by, job.parameters, items)
        results = kind.run(work)
        if len(results) != len(items):
            raise RuntimeError(f"{kind.name} gave {len(results)} results for {len(items)} items")
        is_written = _write(chunk, results)
    except Exception as error:
        log.warning(
            "chunk failed",
            extra={"job": str(job.pk), "kind": kind.name, "item": chunk.first_item},
            exc_info=error,
        )
        _fail(chunk, kind, error)
        return False
    return is_written


def _write(chunk: _Claimed, results: Sequence[Result]) -> bool:
    """Writes the results down, unless the claim ran out meanwhile and somebody else has begun."""
    written = models.Chunk.objects.filter(pk=chunk.uuid, claim=chunk.token, state=State.WAITING).update(
        state=State.DONE,
        results=orjson.dumps(results).decode(),
        counts=count(results),
        claim=None,
        claimed_until=None,
        last_error="",
        finished_at=clock.now(),
    )
    return bool(written)


def _fail(chunk: _Claimed, kind: JobKind, error: Exception) -> None:
    """Has the chunk tried again later, in smaller ones after the second failure; gives up after the last."""
    failures = chunk.failure_count + 1
    text = f"{type(error).__name__}: {error}"[:_LAST_ERROR_LENGTH]
    mine = models.Chunk.objects.filter(pk=chunk.uuid, claim=chunk.token, state=State.WAITING)
    with transaction.atomic():
        if failures >= MAX_FAILURES or chunk.claim_count >= MAX_CLAIMS:
            write_undone(mine, kind.name, State.FAILED, error=text)
        else:
            due_at = clock.now() + timedelta(seconds=BACK_OFF_SECONDS[failures - 1])
            kept = mine.update(
                claim=None,
                claimed_until=None,
                failure_count=failures,
                next_attempt_at=due_at,
                last_error=text,
            )
            if kept and failures == SPLIT_AFTER:
                _split(chunk)


def _split(chunk: _Claimed) -> None:
    """Replaces a chunk by up to ten smaller ones, so that one bad item harms fewer others.

    These begin with no failure, so that they can be split again, down to single items.
    """
    items = orjson.loads(chunk.items)
    if len(items) == 1:
        return
    size = -(-len(items) // PARTS)
    moment = clock.now()
    rows = [
        chunk_row(
            uuid.uuid4(), chunk.job_uuid, chunk.first_item + start, items[start : start + size], moment,
            failure_count=0,
        )
        for start in range(0, len(items), size)
    ]  # fmt: skip
    models.Chunk.objects.filter(pk=chunk.uuid).delete()
    sets.insert(models.Chunk, CHUNK_COLUMNS, rows)


def retry_failed(chunk_uuids: Sequence[UUID]) -> int:
    """Gives failed chunks all their tries again, opens their jobs again, and counts them. For operators."""
    with transaction.atomic():
        failed = models.Chunk.objects.filter(
            pk__in=chunk_uuids,
            state=State.FAILED,
            job__in=models.Job.objects.filter(cancelled_at=None),  # the sweep would cancel them at once
        ).order_by("pk")
        rows = list(failed.select_for_update().values_list("pk", "job_id"))
        models.Chunk.objects.filter(pk__in=[pk for pk, _ in rows]).update(
            state=State.WAITING,
            results="",
            counts="",
            claim_count=0,
            failure_count=0,
            next_attempt_at=clock.now(),
            finished_at=None,
        )
        models.Job.objects.filter(pk__in={job_uuid for _, job_uuid in rows}).update(
            state=JobState.RUNNING, finished_at=None, counts=None
        )
    return len(rows)
