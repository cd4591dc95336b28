"""``make test``: every test on every database that is found, then the coverage.

What is covered is counted on SQLite alone: counting takes a third of the time, and what only another database
runs are a few lines of ``lib/sets``.
``python -m tests.everything`` exits 1 if a run failed or if less is covered than pyproject.toml demands.
"""

import os
import subprocess
import sys
import time

from tests import servers


def main() -> int:
    """Runs everything, says what was left out, and returns the exit code."""
    subprocess.run([sys.executable, "-m", "coverage", "erase"], check=True)
    failed = []
    for database in ("sqlite", *servers.DATABASES):
        _say(f"tests on {database}")
        if (
            database in servers.DATABASES
            and servers.DATABASES[database].problem()
            and not servers.are_required()
        ):
            print("SKIPPED: the last lines say why")  # noqa: T201
            continue
        started = time.monotonic()
        code = _pytest(database)
        outcome = "passed" if code == 0 else f"FAILED (exit code {code})"
        _say(f"{database}: {outcome} after {time.monotonic() - started:.0f} s")
        if code != 0:
            failed.append(database)
    _say("coverage, on SQLite")
    subprocess.run([sys.executable, "-m", "coverage", "combine", "--quiet"], check=False)
    if subprocess.run([sys.executable, "-m", "coverage", "report"], check=False).returncode != 0:
        failed.append("coverage")
    _say("servers")
    servers.main()
    _say(f"FAILED: {', '.join(failed)}" if failed else "all passed")
    return 1 if failed else 0


def _pytest(database: str) -> int:
    counting = ["-m", "coverage", "run"] if database == "sqlite" else []
    processes = os.environ.get("BURSAR_TEST_PROCESSES", "2")
    command = [sys.executable, *counting, "-m", "pytest", "-q", "-n", processes, f"--database={database}"]
    return subprocess.run(command, check=False).returncode


def _say(text: str) -> None:
    print(f"\n== {text}", flush=True)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
