"""Reading jobs and their results."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from functools import reduce
from operator import or_
from uuid import UUID

import orjson
from django.conf import settings
from django.core import signing
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from bursar.jobs import models
from bursar.jobs.data import Job, JobNotFound, JobState, Result, ResultsGone

State = models.Chunk.State

_SALT = "bursar.jobs.results"
_SIGNED_FOR = 300  # seconds: long enough for a browser to follow the link that a page was given


def find_job(job_uuid: UUID) -> Job | None:
    """The job, or None. Two queries."""
    return next(iter(to_jobs(models.Job.objects.filter(pk=job_uuid))), None)


def get_job(job_uuid: UUID) -> Job:
    """The job. Errors: JobNotFound."""
    job = find_job(job_uuid)
    if job is None:
        raise JobNotFound(_("There is no such job."))
    return job


def list_jobs_with(*, customer_uuid: UUID, parameters: Mapping[str, str], limit: int) -> list[Job]:
    """The customer's newest jobs that have one of these parameters. Two queries."""
    named = reduce(or_, (Q(**{f"parameters__{name}": value}) for name, value in parameters.items()))
    rows = models.Job.objects.filter(named, customer_uuid=customer_uuid).order_by("-created_at", "uuid")
    return to_jobs(rows[:limit])


def select_jobs(
    *, customers_of: dict[str, Collection[UUID] | None], kinds: Collection[str], others: bool
) -> "QuerySet[models.Job]":
    """Jobs that somebody may see: of these kinds, each at the customers given for it (None: at all).

    ``others``: also those of kinds that the code no longer has. The newest first.
    """
    rows = models.Job.objects.none()
    for kind in kinds:
        customers = customers_of[kind]
        mine = models.Job.objects.filter(kind=kind)
        rows |= mine if customers is None else mine.filter(customer_uuid__in=customers)
    if others:
        rows |= models.Job.objects.exclude(kind__in=kinds)
    return rows.order_by("-created_at", "uuid")


def to_jobs(rows: Iterable[models.Job]) -> list[Job]:
    """Jobs with how far they are, in their order. One query for the chunks of all."""
    listed = list(rows)
    counts: dict[UUID, Counter[str]] = defaultdict(Counter)
    errors: dict[UUID, list[str]] = defaultdict(list)
    open_jobs = [row.pk for row in listed if row.counts is None or row.state == JobState.FAILED]
    chunks = models.Chunk.objects.filter(job__in=open_jobs).order_by("job_id", "first_item")
    columns = chunks.values_list("job_id", "counts", "last_error")
    for job_uuid, counted, error in columns if open_jobs else ():
        if counted:
            counts[job_uuid].update(orjson.loads(counted))
        if error:
            errors[job_uuid].append(error)
    return [
        Job(
            uuid=row.pk,
            kind=row.kind,
            customer_uuid=row.customer_uuid,
            state=JobState(row.state),
            parameters=row.parameters,
            item_count=row.item_count,
            counts=counts[row.pk] if row.counts is None else row.counts,
            errors=tuple(errors[row.pk]),
            created_by=row.created_by,
            created_at=row.created_at,
            started_at=row.started_at,
            finished_at=row.finished_at,
            cancelled_by=row.cancelled_by,
            cancelled_at=row.cancelled_at,
            are_results_kept=row.purged_at is None,
        )
        for row in listed
    ]


def read_results(job_uuid: UUID) -> list[Result]:
    """What became of the items so far, in the order of the request. Errors: ResultsGone.

    That is the order of the items, or of the ``row`` that the results name.
    """
    if models.Job.objects.filter(pk=job_uuid, purged_at__isnull=False).exists():
        raise ResultsGone(_("The results of this job are no longer kept."))
    ended = models.Chunk.objects.filter(job=job_uuid).exclude(state=State.WAITING).order_by("first_item")
    results = [
        result for written in ended.values_list("results", flat=True) for result in orjson.loads(written)
    ]
    return sorted(results, key=lambda result: result["row"]) if results and "row" in results[0] else results


def results_address(job_uuid: UUID) -> str:
    """Where a browser gets the results as CSV without a sign-in, for five minutes.

    For portals on another host, which hand it to the browser of somebody who may see them.
    """
    signature = signing.TimestampSigner(salt=_SALT).sign(str(job_uuid)).partition(":")[2]
    return f"{settings.PUBLIC_URL}/api/jobs/v1/jobs/{job_uuid}/results.csv?signature={signature}"


def is_signed(job_uuid: UUID, signature: str) -> bool:
    """Whether this signature lets its bearer read the results of the job now."""
    try:
        signing.TimestampSigner(salt=_SALT).unsign(f"{job_uuid}:{signature}", max_age=_SIGNED_FOR)
    except signing.BadSignature:
        return False
    return True


def count_failed() -> int:
    """How many chunks failed at every try and wait for an operator."""
    return models.Chunk.objects.filter(state=State.FAILED).count()
