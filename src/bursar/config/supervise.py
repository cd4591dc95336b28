"""``bursar up``: the web and the background work in one tree of processes.

The web is essential: when it dies, all ends. The others are started again, more slowly each time. Each child
leads a process group of its own and follows a lifeline, so nothing outlives the supervisor, however it ends.
"""

import fcntl
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from bursar.config.lifeline import Lifeline

log = logging.getLogger(__name__)

STOP_SECONDS = 6
"""Between asking the children to stop and killing them."""

BACK_OFF_SECONDS = (0.2, 1, 2, 5, 10, 30)
STEADY_SECONDS = 60
"""A child that lived this long starts again at once when it dies."""

_TICK_SECONDS = 0.1


class AlreadyRunningError(Exception):
    """Another ``bursar up`` holds this home."""


@contextmanager
def only_one(home: Path, address: str) -> Iterator[None]:
    """Holds the lock of this home, or raises AlreadyRunningError with who does. It ends with the process."""
    home.mkdir(parents=True, exist_ok=True)
    with (home / "up.lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "it is just starting"
            raise AlreadyRunningError(
                f"Bursar is already up in {home} ({holder}). Stop it first, or choose another BURSAR_HOME."
            ) from None
        file.truncate(0)
        file.write(f"process {os.getpid()}, {address}\n")
        file.flush()
        yield


@dataclass
class Child:
    """One process of the tree: ``bursar`` with these arguments. The end of an essential one ends all."""

    arguments: Sequence[str]
    is_essential: bool = False
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    start_at: float = 0.0
    failure_count: int = field(default=0)

    @property
    def name(self) -> str:
        return self.arguments[0]


class Supervisor:
    """Starts the children, starts fallen ones again, and stops them all together."""

    def __init__(self, children: Sequence[Child]) -> None:
        self._children = children
        self._lifeline = Lifeline()
        self._is_stopping = False

    def run(self) -> int:
        """Supervises until a signal (exit code 0) or the end of an essential child (1)."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        try:
            while not self._is_stopping:
                for child in self._children:
                    if not self._attend(child):
                        return 1
                time.sleep(_TICK_SECONDS)
            return 0
        finally:
            self._stop()

    def _on_signal(self, *_: object) -> None:
        self._is_stopping = True

    def _attend(self, child: Child) -> bool:
        """Starts the child if it is not running and its time has come; False if all must end."""
        moment = time.monotonic()
        if child.process is None:
            if moment >= child.start_at:
                self._start(child)
            return True
        code = child.process.poll()
        if code is None:
            return True
        _kill_group(child.process, signal.SIGKILL)  # what it may have left behind
        child.process = None
        if child.is_essential:
            log.error("process ended, so all ends", extra={"command": child.name, "exit_code": code})
            return False
        if moment - child.started_at > STEADY_SECONDS:
            child.failure_count = 0
        pause = BACK_OFF_SECONDS[min(child.failure_count, len(BACK_OFF_SECONDS) - 1)]
        child.failure_count += 1
        child.start_at = moment + pause
        log.error(
            "process ended and is started again",
            extra={"command": child.name, "exit_code": code, "pause_seconds": pause},
        )
        return True

    def _start(self, child: Child) -> None:
        child.started_at = time.monotonic()
        child.process = subprocess.Popen(
            [sys.executable, "-m", "bursar.config.cli", *child.arguments],
            stdin=subprocess.DEVNULL,
            env={**os.environ, **self._lifeline.environment()},
            pass_fds=[self._lifeline.descriptor],
            process_group=0,
        )

    def _stop(self) -> None:
        running = [child.process for child in self._children if child.process is not None]
        for process in running:
            process.terminate()
        until = time.monotonic() + STOP_SECONDS
        for process in running:
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=max(0.0, until - time.monotonic()))
        for process in running:
            _kill_group(process, signal.SIGKILL)
            process.wait()


def _kill_group(process: subprocess.Popen[bytes], number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
