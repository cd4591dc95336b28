"""Wakes workers up after a commit: a task is published by a thread, so that no request waits for a broker.

A nudge may be lost, for the beat wakes the same task up a few seconds later anyway. Many nudges at once
become one. While the broker is away, it is asked every few seconds and no more.
"""

import logging
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from kombu.connection import Connection

log = logging.getLogger(__name__)

TIMEOUT = 1
"""Seconds that connecting and each exchange with the broker may take."""

PAUSE_AFTER_FAILURE = 5
"""Seconds: meanwhile the beat does the same."""

PACE = 0.02
"""Seconds from one nudge to the next: a busy process cannot flood the broker."""

_EXPIRES = 30
"""Seconds after which a worker need not bother: the beat has woken it up since."""

# Redis reads the first two, RabbitMQ the next two.
_OPTIONS = {
    "socket_timeout": TIMEOUT,
    "socket_connect_timeout": TIMEOUT,
    "read_timeout": TIMEOUT,
    "write_timeout": TIMEOUT,
    "max_retries": 0,
}


class Nudger:
    """Publishes tasks by name, from a thread that starts with the first of them."""

    def __init__(self, connect: Callable[[], Connection]) -> None:
        self._connect = connect
        self._begin()
        os.register_at_fork(after_in_child=self._begin)

    def _begin(self) -> None:
        # A fork has no thread, and its copy of the lock may be held for ever.
        self._wanted: set[str] = set()
        self._changed = threading.Condition()
        self._has_thread = False

    def nudge(self, task: str) -> None:
        """Has the task published soon, and returns at once. Never raises."""
        with self._changed:
            self._wanted.add(task)
            self._changed.notify()
            if not self._has_thread:
                with suppress(RuntimeError):  # no thread to be had now; the next nudge tries again
                    threading.Thread(target=self._publish_forever, name="nudges", daemon=True).start()
                    self._has_thread = True

    def _publish_forever(self) -> None:
        connection: Connection | None = None
        while True:
            tasks = self._take()
            try:
                connection = connection or self._connect()
                for task in tasks:
                    _publish(connection, task)
                time.sleep(PACE)
            except Exception as error:
                log.warning("no broker, so the beat alone wakes workers up", extra={"error": repr(error)})
                connection = None  # its sockets are closed when it is collected
                time.sleep(PAUSE_AFTER_FAILURE)

    def _take(self) -> list[str]:
        with self._changed:
            self._changed.wait_for(lambda: self._wanted)
            tasks = sorted(self._wanted)
            self._wanted.clear()
        return tasks


def connect() -> Connection:
    """A connection to the broker for publishing only: with short timeouts and no second try."""
    from bursar.config.celery import app

    connection: Connection = app.connection_for_write(connect_timeout=TIMEOUT, transport_options=_OPTIONS)
    return connection


def _publish(connection: Connection, task: str) -> None:
    from bursar.config.celery import app

    app.send_task(task, connection=connection, retry=False, ignore_result=True, expires=_EXPIRES)


_nudger = Nudger(connect)
nudge = _nudger.nudge
