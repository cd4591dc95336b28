"""Many processes that do something at the same moment, each with a database connection of its own.

A ``Crowd`` is one more process beside those of an installation. It loads Django once; for each ``at_once``
it forks as many processes as there are calls, which wait for each other and then begin together. What
they can be told to do stands in ``tests/faults/actions.py`` and ``bulk_actions.py``.
"""

import json
import multiprocessing
import os
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
ACTIONS = ("tests.faults.actions", "tests.faults.bulk_actions")
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
    for module in ACTIONS:
        import_module(module)  # once, before the forks
    for line in sys.stdin:
        print(json.dumps(_at_once(json.loads(line)), default=str), flush=True)  # noqa: T201


def _at_once(calls: Sequence[Call]) -> list[Any]:
    """Plain processes with a pipe each: a pool may hang when it is taken down (its workers share a lock)."""
    fork = multiprocessing.get_context("fork")
    barrier = fork.Barrier(len(calls))
    members = []
    for call in calls:
        ours, theirs = fork.Pipe(duplex=False)
        process = fork.Process(target=_make, args=(call, barrier, theirs))
        process.start()
        theirs.close()
        members.append((process, ours))
    answers = []
    for process, ours in members:
        try:
            answers.append(ours.recv())
        except EOFError:
            answers.append({"broke": f"process {process.pid} ended with {process.exitcode}"})
        process.join()
    return answers


def _make(call: Call, barrier: Barrier, answer: Connection) -> None:
    from django.db import connection

    os.dup2(2, 1)  # the crowd's pipe is not ours: whoever waits for the crowd must see it end
    name, values = call
    try:
        connection.ensure_connection()
        barrier.wait(timeout=30)
        answer.send({"gave": _find(name)(**values)})
    except Exception:
        answer.send({"broke": f"{name}: {traceback.format_exc()}"})
    finally:
        connection.close()


def _find(action: str) -> Callable[..., Any]:
    found = [getattr(sys.modules[module], action, None) for module in ACTIONS]
    return next(each for each in found if each is not None)


if __name__ == "__main__":
    os.environ["DJANGO_SETTINGS_MODULE"] = "bursar.config.settings"
    _main()
