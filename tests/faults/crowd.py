"""Many processes that do something at the same moment, each with a database connection of its own.

A ``Crowd`` is one more process beside those of an installation. It loads Django once; for each ``at_once``
it forks as many processes as there are calls, which wait for each other and then begin together. What
they can be told to do stands in ``tests/faults/actions.py``.
"""

import json
import multiprocessing
import subprocess
import sys
import threading
import traceback
from collections.abc import Mapping, Sequence
from importlib import import_module
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
ACTIONS = "tests.faults.actions"
SECONDS = 120
"""How long the calls of one ``at_once`` may take before the crowd counts as stuck."""

Call = tuple[str, dict[str, Any]]
"""The name of an action and its keyword arguments, all of it plain JSON."""


class Crowd:
    """The test's end. Use it in a ``with`` block, which ends all processes."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.crowd"],
            cwd=ROOT,
            env={**environment, "PYTHONPATH": f"{ROOT}:{ROOT / 'src'}"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> "Crowd":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def call(self, action: str, **values: Any) -> Any:
        """Does one thing in one process and returns what it gives."""
        return self.at_once([(action, values)])[0]

    def at_once(self, calls: Sequence[Call]) -> list[Any]:
        """Makes all the calls at the same moment, each in its own process; one answer per call, in order."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        watchdog = threading.Timer(SECONDS, self._process.kill)
        watchdog.start()
        try:
            self._process.stdin.write(json.dumps(calls) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        finally:
            watchdog.cancel()
        assert line, f"the crowd ended, or took longer than {SECONDS} s"
        answers = json.loads(line)
        broken = [answer["broke"] for answer in answers if "broke" in answer]
        assert not broken, "\n".join(broken)
        return [answer["gave"] for answer in answers]


# The other end


def _main() -> None:
    import django

    django.setup()
    import_module(ACTIONS)  # once, before the forks
    for line in sys.stdin:
        print(json.dumps(_at_once(json.loads(line)), default=str), flush=True)  # noqa: T201


def _at_once(calls: Sequence[Call]) -> list[Any]:
    fork = multiprocessing.get_context("fork")
    with fork.Pool(len(calls), _enter, [fork.Barrier(len(calls))]) as pool:
        return pool.map(_make, calls, chunksize=1)


def _enter(barrier: Barrier) -> None:
    global _barrier
    _barrier = barrier


def _make(call: Call) -> dict[str, Any]:
    from django.db import connection

    name, values = call
    try:
        connection.ensure_connection()
        _barrier.wait(timeout=30)
        return {"gave": getattr(sys.modules[ACTIONS], name)(**values)}
    except Exception:
        return {"broke": f"{name}: {traceback.format_exc()}"}
    finally:
        connection.close()


if __name__ == "__main__":
    import os

    os.environ["DJANGO_SETTINGS_MODULE"] = "bursar.config.settings"
    _main()
