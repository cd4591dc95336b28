"""The scripts that show what Bursar does."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.processes import Installation, free_port

pytestmark = [pytest.mark.slow, pytest.mark.once, pytest.mark.uncounted]

ROOT = Path(__file__).parents[2]
MAIN_JOB = ROOT / "demo" / "main_job.sh"
BULK = ROOT / "demo" / "bulk.sh"
LICENSES = ROOT / "demo" / "licenses.sh"

needs_setup = pytest.mark.skipif(
    not (ROOT / ".venv/bin/bursar").exists(), reason="`make setup` was not typed"
)


def run(script: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(script), *arguments],
        env=Installation(ROOT, environment).environment(),
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )


def steps(shown: str) -> list[int]:
    return [int(line[0]) for line in shown.splitlines() if line[1:3] == ". "]


@needs_setup
def test_the_demo_does_the_six_steps_whatever_the_environment_says_and_leaves_nothing(tmp_path: Path) -> None:
    done = run(MAIN_JOB, TMPDIR=str(tmp_path), DATABASE_URL="postgres://nobody@127.0.0.1:1/nothing")

    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.rstrip().endswith("All six steps went as promised.")
    assert steps(done.stdout) == [1, 2, 3, 4, 5, 6]
    assert list(tmp_path.iterdir()) == []


@needs_setup
def test_the_demo_shows_a_running_bursar_and_says_when_that_is_no_longer_fresh(
    install: Callable[..., Installation],
) -> None:
    installation = install()
    installation.run("migrate")
    installation.run("load", str(ROOT / "demo" / "acme.yaml"))
    up = installation.up()

    first = run(MAIN_JOB, "--against", up.url, "--home", str(installation.home))
    second = run(MAIN_JOB, "--against", up.url, "--home", str(installation.home))

    assert first.returncode == 0, first.stdout + first.stderr
    assert second.returncode == 1
    assert "NOT AS PROMISED: not exactly Bob and Dana wait" in second.stderr


@needs_setup
def test_the_demo_fails_when_nobody_answers(tmp_path: Path) -> None:
    done = run(MAIN_JOB, "--against", f"http://127.0.0.1:{free_port()}", "--home", str(tmp_path))

    assert done.returncode == 1
    assert "nobody answers" in done.stderr


@needs_setup
@pytest.mark.parametrize(("script", "count", "word"), [(BULK, 7, "seven"), (LICENSES, 6, "six")])
def test_the_other_demos_do_their_steps_and_leave_nothing(
    tmp_path: Path, script: Path, count: int, word: str
) -> None:
    done = run(script, TMPDIR=str(tmp_path), DATABASE_URL="postgres://nobody@127.0.0.1:1/nothing")

    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.rstrip().endswith(f"All {word} steps went as promised.")
    assert steps(done.stdout) == list(range(1, count + 1))
    assert list(tmp_path.iterdir()) == []
