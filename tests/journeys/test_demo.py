"""The script that shows the main job."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.processes import Installation, free_port

pytestmark = [pytest.mark.slow, pytest.mark.once]

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "demo" / "main_job.sh"

needs_setup = pytest.mark.skipif(
    not (ROOT / ".venv/bin/bursar").exists(), reason="`make setup` was not typed"
)


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(SCRIPT), *arguments],
        env=Installation(ROOT, environment).environment(),
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )


@needs_setup
def test_the_demo_does_the_six_steps_whatever_the_environment_says_and_leaves_nothing(tmp_path: Path) -> None:
    done = run(TMPDIR=str(tmp_path), DATABASE_URL="postgres://nobody@127.0.0.1:1/nothing")

    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.rstrip().endswith("All six steps went as promised.")
    assert [line[:2] for line in done.stdout.splitlines() if line[1:2] == "."] == [
        f"{n}." for n in range(1, 7)
    ]
    assert list(tmp_path.iterdir()) == []


@needs_setup
def test_the_demo_shows_a_running_bursar_and_says_when_that_is_no_longer_fresh(
    install: Callable[..., Installation],
) -> None:
    installation = install()
    installation.run("migrate")
    installation.run("load", str(ROOT / "demo" / "acme.yaml"))
    up = installation.up()

    first = run("--against", up.url, "--home", str(installation.home))
    second = run("--against", up.url, "--home", str(installation.home))

    assert first.returncode == 0, first.stdout + first.stderr
    assert second.returncode == 1
    assert "NOT AS PROMISED: not exactly Bob and Dana wait" in second.stderr


@needs_setup
def test_the_demo_fails_when_nobody_answers(tmp_path: Path) -> None:
    done = run("--against", f"http://127.0.0.1:{free_port()}", "--home", str(tmp_path))

    assert done.returncode == 1
    assert "nobody answers" in done.stderr
