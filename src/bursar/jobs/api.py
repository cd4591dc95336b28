"""The door of jobs: begin long work, see how far it is, stop it, read what became of it.

Contexts above name the kinds of jobs that they do; ``config/jobs.py`` lists them.
"""

from datetime import timedelta

from bursar.jobs import models
from bursar.jobs.data import ENDED, JobState
from bursar.jobs.ending import without_free_texts
from bursar.jobs.reading import (
    count_failed,
    find_job,
    get_job,
    list_jobs_with,
    read_results,
    results_address,
)
from bursar.jobs.registry import register
from bursar.jobs.starting import cancel, on_new_work, start
from bursar.jobs.working import retry_failed, run
from bursar.lib import clock

KEPT = timedelta(days=90)

__all__ = [
    "cancel",
    "count_failed",
    "find_job",
    "get_job",
    "list_jobs_with",
    "on_new_work",
    "purge",
    "read_results",
    "register",
    "results_address",
    "retry_failed",
    "run",
    "start",
]


def purge() -> None:
    """Deletes the items and results of jobs that ended 90 days ago. The jobs stay, with their counts.

    Effects: three statements, and one for each job of which something failed.
    """
    moment = clock.now()
    old = models.Job.objects.filter(state__in=ENDED, finished_at__lt=moment - KEPT, purged_at=None)
    rows = list(old)
    uuids = [row.pk for row in rows]
    models.Chunk.objects.filter(job__in=uuids).delete()
    for row in rows:
        if row.state == JobState.FAILED:
            models.Job.objects.filter(pk=row.pk).update(parameters=without_free_texts(row))
    models.Job.objects.filter(pk__in=uuids).update(purged_at=moment)
