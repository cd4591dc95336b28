"""What benchmarks share: a database of their own on each server that is found, and a line for each figure."""

import gc
import os
import signal
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import django
from django.core.management import call_command

_HERE = Path(__file__).parents[1]
if str(_HERE) in sys.path:
    sys.path.remove(str(_HERE))  # or libraries would take a benchmark for the library of its name
sys.path.append(str(_HERE.parent))  # the repository, for its tests

from tests import servers

_TIMEOUT = 600  # seconds for one database: then it hangs
_CHOSEN = "BURSAR_BENCH_DATABASE"


def choose_database() -> str:
    """Has the benchmark run once on each database; returns the name of the one that it runs on now.

    Call it before anything is imported that reads settings. The first process only starts the others and
    ends here, with exit code 1 if one of them did. Those return from here, in a home of their own and with
    an empty schema.
    """
    if _CHOSEN not in os.environ:
        # So that the databases are dropped when somebody ends us.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
        outcomes = [_run_on(name) for name in ("sqlite", *servers.DATABASES)]
        sys.exit(0 if all(outcomes) else 1)
    os.environ["DJANGO_SETTINGS_MODULE"] = "bursar.config.settings"
    django.setup()
    call_command("migrate", verbosity=0)
    return os.environ[_CHOSEN]


def _run_on(name: str) -> bool:
    server = servers.DATABASES.get(name)
    problem = server.problem() if server else None
    if server and problem:
        print(f"SKIPPED on {server.label}: {problem}", flush=True)
        return not servers.are_required()
    with TemporaryDirectory(prefix="bursar-bench-") as home, _own_database(server) as database:
        ours = ("BURSAR_", "DATABASE_URL", "EMAIL_URL", "PORT")
        environment = {key: value for key, value in os.environ.items() if not key.startswith(ours)}
        environment |= {_CHOSEN: name, "BURSAR_HOME": home, "DATABASE_URL": database}
        ended = subprocess.run([sys.executable, *sys.argv], env=environment, check=False, timeout=_TIMEOUT)
    return ended.returncode == 0


@contextmanager
def _own_database(server: servers.Server | None) -> Iterator[str]:
    """Its URL; for SQLite an empty one, which means a file in the home."""
    if server is None:
        yield ""
        return
    with servers.own_database(server) as url:
        yield url


@dataclass
class Figures:
    """Prints a line for each figure: on which database, name, value, goal, ok or short."""

    of: str
    short: list[str] = field(default_factory=list)

    def add(
        self,
        name: str,
        value: float,
        unit: str = "",
        *,
        at_most: float | None = None,
        at_least: float | None = None,
    ) -> None:
        goal = verdict = ""
        for sign, limit in (("<=", at_most), (">=", at_least)):
            if limit is not None:
                goal, verdict = f"{sign} {limit:g}{unit}", "ok"
        if (at_most is not None and value > at_most) or (at_least is not None and value < at_least):
            verdict = "short"
            self.short.append(name)
        shown = f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.3g}"
        print(f"{self.of:10}{name:40}{shown + unit:>12}  {goal:>9}  {verdict}".rstrip(), flush=True)

    def exit_code(self) -> int:
        return 1 if self.short else 0


def seconds(act: Callable[[], object]) -> float:
    """How long it takes, with no garbage of others to collect."""
    gc.collect()
    started = time.perf_counter()
    act()
    return time.perf_counter() - started


def peak_megabytes(act: Callable[[], object]) -> float:
    """The most memory that Python holds meanwhile beyond what it held before. Much slower than otherwise."""
    gc.collect()
    tracemalloc.start()
    act()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 1e6
