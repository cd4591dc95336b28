"""Real processes of Bursar, for the tests of commands and faults."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

START_SECONDS = 60
"""A loaded machine takes a while to load Django three times."""

BURSAR = [sys.executable, "-m", "bursar.config.cli"]


def free_port() -> int:
    """A port that nobody listens at. Somebody might at once, but hardly ever does."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until(condition: Callable[[], object], what: str, *, seconds: float = START_SECONDS) -> None:
    """Waits until the condition holds; fails with ``what`` after so many seconds."""
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            raise AssertionError(f"after {seconds} s: not {what}")
        time.sleep(0.05)


def answer_of(url: str, *, timeout: float = 5) -> tuple[int, str]:
    """Status and body of a GET; 0 and the reason when nobody answers."""
    try:
        with urllib.request.urlopen(url, timeout=timeout) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError as error:
        return 0, str(error)


@dataclass
class Running:
    """A process that was started, with all its children."""

    process: subprocess.Popen[bytes]
    log: Path
    url: str

    @property
    def pid(self) -> int:
        return self.process.pid

    def children(self, command: str = "") -> list[psutil.Process]:
        """All processes below this one; those whose command line has ``command`` in it as a word."""
        with suppress(psutil.NoSuchProcess):
            below = psutil.Process(self.pid).children(recursive=True)
            return [child for child in below if not command or command in _command_line(child)]
        return []

    def is_ready(self) -> bool:
        return answer_of(f"{self.url}/readyz")[0] == 200

    def wait_until_ready(self) -> None:
        wait_until(self._is_ready_or_dead, "ready")
        assert self.process.poll() is None, f"it ended with {self.process.returncode}:\n{self.output()}"

    def _is_ready_or_dead(self) -> bool:
        return self.process.poll() is not None or self.is_ready()

    def output(self) -> str:
        """What the process and its children have printed and logged so far."""
        return self.log.read_text(errors="replace")

    def stop(self, number: int = signal.SIGTERM, *, seconds: float = 15) -> int:
        """Sends the signal, waits for the end and returns the exit code."""
        self.process.send_signal(number)
        return self.process.wait(timeout=seconds)


def _command_line(process: psutil.Process) -> list[str]:
    with suppress(psutil.Error):
        return process.cmdline()
    return []


@dataclass
class Installation:
    """A Bursar with a home, a database and a port of its own. ``settings`` are environment variables."""

    home: Path
    settings: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    started: list[Running] = field(default_factory=list)

    def environment(self, changes: Mapping[str, str] | None = None) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(_NOT_INHERITED)}
        inherited.pop("PYTHONDONTWRITEBYTECODE", None)  # compiled, it starts sooner
        own = {"BURSAR_HOME": str(self.home), "PORT": str(self.port)}
        return {**inherited, **own, **self.settings, **(changes or {})}

    def run(self, *arguments: str, seconds: float = 120, **changes: str) -> subprocess.CompletedProcess[str]:
        """Runs one command to its end: ``run("token", "bob@acme.test", EMAIL_URL="...")``."""
        return subprocess.run(
            [*BURSAR, *arguments],
            env=self.environment(changes),
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )

    def start(self, *arguments: str, **changes: str) -> Running:
        """Starts a command that goes on: ``start("up")``. The fixture ends it."""
        log = self.home / f"{arguments[0]}-{len(self.started)}.log"
        with log.open("wb") as file:
            process = subprocess.Popen(
                [*BURSAR, *arguments],
                env=self.environment(changes),
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        running = Running(process, log, f"http://127.0.0.1:{self.port}")
        self.started.append(running)
        return running

    def up(self, *arguments: str, **changes: str) -> Running:
        """Starts ``bursar up`` and waits until it serves."""
        running = self.start("up", *arguments, **changes)
        running.wait_until_ready()
        return running

    def end_all(self) -> None:
        """Ends whatever still runs, by the ids of the processes that were started here."""
        for running in self.started:
            below = running.children()
            if running.process.poll() is None:
                running.process.kill()
                running.process.wait()
            for child in below:
                with suppress(psutil.Error):
                    child.kill()

    def logs(self) -> str:
        """All output of all that was started, for the report of a failure."""
        return "\n".join(f"--- {running.log.name}\n{running.output()}" for running in self.started)


_NOT_INHERITED = ("BURSAR_", "DATABASE_URL", "EMAIL_URL", "PORT", "_BURSAR")
