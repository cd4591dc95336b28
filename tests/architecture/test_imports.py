"""The contracts of ``.importlinter`` hold, and would be broken by what they forbid."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.once]

ROOT = Path(__file__).parents[2]


def lint(root: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            sys.executable,
            "-c",
            "from importlinter.cli import lint_imports_command as lint; lint()",
            "--no-cache",
        ],
        cwd=root,
        env={"PYTHONPATH": f"{root / 'src'}:{root}", "PATH": "/usr/bin:/bin", "COLUMNS": "300"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def copy(tmp_path):
    """A copy of the project in which a test may plant what must not be."""
    leave_out = shutil.ignore_patterns("__pycache__", "migrations", "templates", "static", "tests")
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=leave_out)
    shutil.copytree(ROOT / "tests" / "architecture", tmp_path / "tests" / "architecture")
    (tmp_path / "tests" / "__init__.py").touch()
    shutil.copy(ROOT / ".importlinter", tmp_path)
    return tmp_path


def test_the_project_keeps_its_contracts():
    result = lint(ROOT)

    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    ("file", "line", "complaint"),
    [
        ("catalog/api.py", "from bursar.licenses import api as above", "Imports go downwards only BROKEN"),
        ("licenses/data.py", "import bursar.subsidy_requests.data", "Imports go downwards only BROKEN"),
        ("lib/clock.py", "from bursar.events import base", "Imports go downwards only BROKEN"),
        ("licenses/api.py", "from bursar.catalog import models", "ends at a door BROKEN"),
        ("licenses/api.py", "import bursar.catalog.service", "ends at a door BROKEN"),
        (
            "licenses/api.py",
            "def f():\n    from bursar.catalog.models import Course",
            "ends at a door BROKEN",
        ),
        ("licenses/data.py", "from django.db import models", "knows no Django BROKEN"),
        ("events/base.py", "import celery", "knows no Django BROKEN"),
        ("surprise/__init__.py", "", "Imports go downwards only BROKEN"),
    ],
)
def test_what_is_forbidden_is_caught(copy, file, line, complaint):
    planted = copy / "src" / "bursar" / file
    planted.parent.mkdir(exist_ok=True)
    with planted.open("a") as source:
        source.write(f"\n{line}\n")

    result = lint(copy)

    assert result.returncode == 1, result.stdout + result.stderr
    assert complaint in result.stdout


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("licenses/api.py", "from bursar.catalog import api as below"),
        ("licenses/api.py", "from bursar.catalog.data import Course as below"),
        ("licenses/service/__init__.py", "from bursar.lib.emails import normalize"),
        ("config/urls.py", "from bursar.licenses import models"),
    ],
)
def test_what_is_allowed_passes(copy, file, line):
    with (copy / "src" / "bursar" / file).open("a") as source:
        source.write(f"\n{line}\n")

    result = lint(copy)

    assert result.returncode == 0, result.stdout + result.stderr
