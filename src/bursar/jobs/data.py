"""What crosses the border of jobs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from bursar.lib.errors import DomainError, NotFoundError

Item = Any
"""One thing to be done: plain JSON, and as little of it as will do."""

Result = dict[str, Any]
"""What became of an item: plain JSON. Results are counted by ``outcome``; all else belongs to the kind."""

CANCELLED = "cancelled"
"""The outcome of items that were not begun when their job was cancelled."""

FAILED = "failed"
"""The outcome of items that could not be done at any try; a kind may use it for its own refusals, too."""

UNAVAILABLE = "unavailable"
"""The code that goes with it."""


class JobState(StrEnum):
    """Where a job stands."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    """It has ended, and some of its items failed at every try."""
    CANCELLED = "cancelled"


ENDED = (JobState.DONE, JobState.FAILED, JobState.CANCELLED)


@dataclass(frozen=True, slots=True)
class Work:
    """One chunk of a job, for whoever does it."""

    job_uuid: UUID
    customer_uuid: UUID
    by: int | None
    parameters: Mapping[str, Any]
    items: Sequence[Item]


@dataclass(frozen=True, slots=True)
class Job:
    """Long work in chunks. ``counts`` has how many items came to which outcome so far.

    ``errors`` are those of chunks that failed, or that wait for another try.
    """

    uuid: UUID
    kind: str
    customer_uuid: UUID
    state: JobState
    parameters: Mapping[str, Any]
    item_count: int
    counts: Mapping[str, int]
    errors: Sequence[str]
    created_by: int | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    cancelled_by: int | None
    cancelled_at: datetime | None
    are_results_kept: bool

    @property
    def done_count(self) -> int:
        """How many items have a result."""
        return sum(self.counts.values())

    @property
    def progress_percent(self) -> int:
        """How much is done, rounded down: 100 means all."""
        return 100 * self.done_count // self.item_count

    @property
    def has_ended(self) -> bool:
        """Whether nothing is left to do."""
        return self.state in ENDED

    @property
    def is_cancellable(self) -> bool:
        """Whether somebody may still stop it."""
        return not self.has_ended and self.cancelled_at is None


@dataclass(frozen=True)
class JobKind:
    """How jobs of one kind are done; one line of ``config/jobs.py``.

    ``name`` is stable: rows carry it. ``run`` gives one result per item, in order; it opens its own
    transactions and is safe to repeat, for after a crash the chunk runs again. ``describe`` gives what a
    result says of its item, for items that were never done. Where results have a ``row``, they are shown in
    that order. ``roles`` are those that may look, cancel and download, for the job's customer.
    ``csv_columns`` are pairs of a key of the results and a header. ``on_end`` is called in the transaction
    that ends the job: once, unless an operator tries again what failed. ``free_texts`` are parameters that
    somebody wrote and that may name people: they go with the end of the job, or with its results if some
    of it failed and may be tried again.
    """

    name: str
    title: Callable[[], str]
    run: Callable[[Work], Sequence[Result]]
    describe: Callable[[Item], Result]
    roles: tuple[str, ...]
    csv_columns: tuple[tuple[str, str], ...]
    on_end: Callable[[Job], None] = lambda job: None
    free_texts: tuple[str, ...] = ()


class JobNotFound(NotFoundError):
    """There is no such job, or it is not the caller's: both look the same."""

    code = "job_not_found"


class JobEnded(DomainError):
    """The job has ended: there is nothing to be cancelled."""

    code = "job_ended"


class ResultsGone(DomainError):
    """The job's results are no longer kept."""

    code = "results_gone"
