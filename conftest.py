"""Chooses the database of a test run and gives the run a home of its own, before any settings are read.

``--database=postgres`` or ``mariadb`` runs the same tests there (``tests/servers.py`` says which server);
without it a ``DATABASE_URL`` in the environment counts, and otherwise SQLite in a temporary file.
"""

import os
import shutil
import sys
import tempfile
from pathlib import Path

import coverage
import pytest

from tests import servers

pytest_plugins = ["tests.services"]

_ABOUT_BURSAR = ("BURSAR_", "DATABASE_URL", "EMAIL_URL", "PORT")
_KEPT = ("BURSAR_TEST_", "BURSAR_REQUIRE_SERVICES")
_home: Path | None = None

_INHERITED = "COVERAGE_PROCESS_CONFIG"
"""By this variable child processes count coverage, too."""
_config_of_coverage = os.environ.get(_INHERITED, "")
_coverage = coverage.Coverage.current()
_is_counting = True


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    parser.addoption(
        "--database",
        choices=("sqlite", *servers.DATABASES),
        help="the database that the tests run on (default: DATABASE_URL, or SQLite)",
    )
    # Now rather than later: the next conftest.py down may already import models.
    config = pluginmanager.get_plugin("pytestconfig")
    chosen = parser.parse_known_args(config.invocation_params.args).database
    if "PYTEST_XDIST_WORKER" in os.environ:
        _use_home(Path(os.environ["BURSAR_HOME"]) / os.environ["PYTEST_XDIST_WORKER"])
    else:
        _start_run(chosen)
    _set_django_up()
    pluginmanager.import_plugin("tests.cast")  # not earlier: it imports models
    pluginmanager.import_plugin("tests.lms")


def _start_run(chosen: str | None) -> None:
    global _home
    url = os.environ.get("DATABASE_URL", "")
    for name in list(os.environ):
        if name.startswith(_ABOUT_BURSAR) and not name.startswith(_KEPT):
            del os.environ[name]
    if chosen in servers.DATABASES:
        server = servers.DATABASES[chosen]
        problem = server.problem()
        if problem and servers.are_required():
            raise pytest.UsageError(f"{server.label} is required for this run: {problem}")
        if problem:
            print(f"SKIPPED the whole run on {server.label}: {problem}")  # noqa: T201
            sys.exit(0)
        url = server.url_of(f"bursar_{os.getpid()}")
    elif chosen == "sqlite":
        url = ""
    if url:
        os.environ["DATABASE_URL"] = url
    _home = Path(tempfile.mkdtemp(prefix="bursar-test-"))
    _use_home(_home)


def _use_home(home: Path) -> None:
    home.mkdir(exist_ok=True)
    os.environ["BURSAR_HOME"] = str(home)


def _set_django_up() -> None:
    import django
    from django.conf import settings

    if settings.configured:
        raise pytest.UsageError("unset DJANGO_SETTINGS_MODULE: with it the settings are read too early")
    os.environ["DJANGO_SETTINGS_MODULE"] = "bursar.config.settings"
    django.setup()
    # The processes of `-n 2` inherit the environment and must choose their home before they read settings.
    del os.environ["DJANGO_SETTINGS_MODULE"]


def pytest_report_header() -> str:
    from django.db import connection

    return f"database: {connection.vendor} ({connection.settings_dict['NAME']})"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """On the other databases, leaves out what has nothing to do with the database."""
    if config.getoption("--database") not in servers.DATABASES:
        return
    once = [item for item in items if item.get_closest_marker("once")]
    config.hook.pytest_deselected(items=once)
    items[:] = [item for item in items if not item.get_closest_marker("once")]


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> None:
    """Counts no coverage while tests run that are marked so, nor in the processes that they start."""
    global _is_counting
    wanted = item.get_closest_marker("uncounted") is None
    if _coverage is None or wanted == _is_counting:
        return
    _is_counting = wanted
    if wanted:
        os.environ[_INHERITED] = _config_of_coverage
        _coverage.start()
    else:
        _coverage.stop()
        os.environ.pop(_INHERITED, None)


def pytest_unconfigure() -> None:
    if _home is not None:
        shutil.rmtree(_home, ignore_errors=True)
