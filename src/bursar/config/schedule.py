"""What runs by the clock: the one table for Celery beat and for the background process of ``bursar up``.

Each line wakes a task up; the rows in the database say what there is to do, so a missed or doubled
beat does no harm.
"""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True)
class Beat:
    """``task`` is the dotted path of a Celery task. ``embedded_every`` is its pace without a broker."""

    task: str
    every: timedelta
    embedded_every: timedelta


# At scale a commit nudges these three at once and the beat sweeps up; embedded, the beat is all there is.
RELAY = Beat("bursar.outbox.tasks.relay", timedelta(seconds=5), timedelta(milliseconds=200))
DELIVER = Beat("bursar.notifications.tasks.deliver", timedelta(seconds=10), timedelta(milliseconds=500))
WORK = Beat("bursar.jobs.tasks.run", timedelta(seconds=5), timedelta(milliseconds=300))

SCHEDULE: tuple[Beat, ...] = (
    RELAY,
    DELIVER,
    WORK,
    Beat("bursar.subsidy_requests.tasks.release_stale_holds", timedelta(minutes=5), timedelta(minutes=5)),
    Beat("bursar.subsidy_requests.tasks.send_digests", timedelta(minutes=1), timedelta(seconds=10)),
    Beat("bursar.outbox.tasks.catch_up", timedelta(minutes=5), timedelta(minutes=5)),
    Beat("bursar.outbox.tasks.scrub", timedelta(minutes=5), timedelta(minutes=5)),
    Beat("bursar.licenses.tasks.expire_plans", timedelta(minutes=10), timedelta(minutes=10)),
    # What is due by the day comes more often: a process that is started anew each night would never do it.
    Beat("bursar.licenses.tasks.purge_personal_data", timedelta(hours=6), timedelta(hours=6)),
    Beat("bursar.licenses.tasks.unlink_expired_learners", timedelta(hours=6), timedelta(hours=6)),
    Beat("bursar.licenses.tasks.send_utilization_notices", timedelta(hours=6), timedelta(hours=6)),
    Beat("bursar.licenses.tasks.process_due_renewals", timedelta(hours=1), timedelta(hours=1)),
    Beat("bursar.licenses.tasks.scale_plans", timedelta(hours=1), timedelta(hours=1)),
    Beat("bursar.jobs.tasks.purge", timedelta(hours=6), timedelta(hours=6)),
    Beat("bursar.outbox.tasks.purge", timedelta(hours=6), timedelta(hours=6)),
)
