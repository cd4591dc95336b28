"""The background work without a broker: calls the tasks of ``config/schedule.py`` at their pace.

Each line of the schedule has a thread of its own, so that a mail server that hangs delays no approval.
"""

import logging
import threading
from collections.abc import Callable, Sequence

from django.db import close_old_connections
from django.utils.module_loading import import_string

from bursar.config.schedule import SCHEDULE, Beat

log = logging.getLogger(__name__)

STOP_SECONDS = 4
"""How long tasks that are at work may take to end once the process is to stop."""

PAUSE_AFTER_FAILURE = 2
"""Seconds: a database that is away is not asked (and complained about) five times a second."""


class Background:
    """Threads that call tasks until they are stopped."""

    def __init__(self, schedule: Sequence[Beat] = SCHEDULE) -> None:
        self._stopping = threading.Event()
        # Imported here, one after the other: threads that import at the same time get in each other's way.
        tasks = [(beat, import_string(beat.task)) for beat in schedule]
        self._threads = [
            threading.Thread(target=self._repeat, args=each, name=each[0].task, daemon=True) for each in tasks
        ]

    def start(self) -> None:
        """Starts all tasks and returns."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Lets running tasks end, for ``STOP_SECONDS`` in all. What is cut off then is done again later."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(timeout=STOP_SECONDS)

    def _repeat(self, beat: Beat, task: Callable[[], object]) -> None:
        pace = beat.embedded_every.total_seconds()
        pause = pace
        while not self._stopping.wait(pause):
            pause = pace if _run(beat.task, task) else max(pace, PAUSE_AFTER_FAILURE)


def _run(name: str, task: Callable[[], object]) -> bool:
    """Runs a task once; False if it failed. That is logged only, for the rows say what is still to do."""
    close_old_connections()
    try:
        task()
    except Exception:
        log.exception("task failed", extra={"task": name})
        return False
    finally:
        close_old_connections()
    return True
