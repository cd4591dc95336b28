"""Fixtures for real servers and real processes (a pytest plugin, loaded by the root ``conftest.py``)."""

import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NoReturn

import pytest

from tests import servers
from tests.processes import Installation, free_port, wait_until


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """An empty PostgreSQL database for this session."""
    _need(servers.POSTGRES)
    with servers.own_database(servers.POSTGRES) as url:
        yield url


@pytest.fixture(scope="session")
def mariadb_url() -> Iterator[str]:
    """An empty MariaDB database for this session."""
    _need(servers.MARIADB)
    with servers.own_database(servers.MARIADB) as url:
        yield url


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """A Redis database that is empty at first."""
    _need(servers.REDIS)
    with servers.own_redis_database() as url:
        yield url


@pytest.fixture(scope="session")
def rabbitmq_url() -> Iterator[str]:
    """A RabbitMQ virtual host."""
    _need(servers.RABBITMQ)
    with servers.own_virtual_host() as url:
        yield url


class OwnRedis:
    """A Redis server of a test's own, which it may hold still, kill and start again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = free_port()
        self.url = f"redis://127.0.0.1:{self._port}/0"
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(
            ["redis-server", "--port", str(self._port), "--bind", "127.0.0.1", "--save", ""],
            cwd=self._folder,
            stdout=subprocess.DEVNULL,
        )
        wait_until(lambda: _listens(self._port), "Redis listening", seconds=20)

    def hold(self) -> None:
        """Has it accept connections and answer nothing."""
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[OwnRedis]:
    """A Redis server that nobody else uses."""
    if shutil.which("redis-server") is None:
        _leave_out("there is no redis-server on this machine")
    server = OwnRedis(tmp_path)
    yield server
    server.kill()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def new_database() -> Iterator[Callable[[str], str]]:
    """Makes new databases: ``new_database("postgres")`` gives a URL; "" for SQLite, which needs none."""
    with ExitStack() as stack:

        def make(name: str) -> str:
            if name == "sqlite":
                return ""
            _need(servers.DATABASES[name])
            return stack.enter_context(servers.own_database(servers.DATABASES[name]))

        yield make


@pytest.fixture(scope="session")
def migrated_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of an installation on SQLite with nothing in its tables, to be copied."""
    installation = Installation(tmp_path_factory.mktemp("migrated"))
    done = installation.run("migrate")
    assert done.returncode == 0, done.stderr
    return installation.home


@pytest.fixture
def install(
    tmp_path: Path, new_database: Callable[[str], str], request: pytest.FixtureRequest
) -> Iterator[Callable[..., Installation]]:
    """Makes installations: ``install("postgres", BURSAR_BROKER_URL=...)``, each with a database of its own.

    ``is_migrated=True`` saves the time that an empty SQLite database takes to become Bursar's.
    Whatever they start is ended after the test; if that failed, its report has their logs.
    """
    made: list[Installation] = []

    def make(database: str = "sqlite", *, is_migrated: bool = False, **settings: str) -> Installation:
        home = tmp_path / f"home{len(made)}"
        if is_migrated:
            shutil.copytree(request.getfixturevalue("migrated_home"), home)
        else:
            home.mkdir()
        if url := new_database(database):
            settings = {"DATABASE_URL": url, **settings}
        made.append(Installation(home, settings))
        return made[-1]

    yield make
    for installation in made:
        installation.end_all()
        request.node.add_report_section("teardown", "bursar", installation.logs())


def _need(server: servers.Server) -> None:
    if problem := server.problem():
        _leave_out(f"{server.label}: {problem}")


def _leave_out(reason: str) -> NoReturn:
    if servers.are_required():
        pytest.fail(f"required for this run: {reason}", pytrace=False)
    pytest.skip(reason)


@pytest.fixture
def drain(db: None) -> Callable[[], None]:
    """Runs the background work in this process until nothing is left to do (back-offs are not waited for)."""

    def run() -> None:
        from bursar.notifications import api as notifications
        from bursar.outbox import api as outbox

        outbox.relay()
        notifications.deliver()

    return run
