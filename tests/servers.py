"""The real servers that tests may use: where they are, whether they let us in, and rooms of our own in them.

Tests never touch what they did not make: they use databases, Redis databases and virtual hosts of their own.
Each server is named by a variable; the defaults are what a development machine has.
"""

import getpass
import os
import secrets
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

TIMEOUT = 3  # seconds to wait for a server that should be on this machine


def are_required() -> bool:
    """Whether a server that cannot be logged in to is a failure (CI) and not a skip (a laptop)."""
    return os.environ.get("BURSAR_REQUIRE_SERVICES", "") not in ("", "0")


@dataclass(frozen=True)
class Server:
    """A server that tests may use. ``log_in`` raises whatever its client raises."""

    label: str
    variable: str
    default: str
    log_in: Callable[[str], Any]

    @property
    def url(self) -> str:
        return os.environ.get(self.variable) or self.default

    def url_of(self, name: str) -> str:
        """The URL of the database (or virtual host) of this name on the server."""
        return urlunsplit(urlsplit(self.url)._replace(path=f"/{name}"))

    def problem(self) -> str | None:
        """Why the server cannot be used, in one line, or None when it can."""
        return _problem(self, self.url)


@cache
def _problem(server: Server, url: str) -> str | None:
    try:
        server.log_in(url).close()
    except ImportError as error:
        return f"its driver is not installed ({error})"
    except Exception as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        return f"no login at {_without_password(url)} ({reason}); {server.variable} names another"
    return None


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.replace(f":{parts.password}@", ":...@")))


def _postgres(url: str) -> Any:
    import psycopg

    url = url.replace("postgres://", "postgresql://", 1)
    return psycopg.connect(url, connect_timeout=TIMEOUT, autocommit=True)


def _mariadb(url: str) -> Any:
    import MySQLdb

    parts = urlsplit(url)
    return MySQLdb.connect(
        host=parts.hostname or "127.0.0.1",
        port=parts.port or 3306,
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        connect_timeout=TIMEOUT,
        autocommit=True,
    )


def _redis(url: str) -> Any:
    import redis

    client = redis.Redis.from_url(url, socket_connect_timeout=TIMEOUT, socket_timeout=TIMEOUT)
    client.ping()
    return client


def _rabbitmq(url: str) -> Any:
    import kombu

    connection = kombu.Connection(url, connect_timeout=TIMEOUT)
    connection.ensure_connection(max_retries=1, timeout=TIMEOUT)
    return connection


POSTGRES = Server(
    "PostgreSQL",
    "BURSAR_TEST_POSTGRES_URL",
    f"postgres://{getpass.getuser()}@127.0.0.1:5432/postgres",
    _postgres,
)
MARIADB = Server("MariaDB", "BURSAR_TEST_MARIADB_URL", "mysql://root@127.0.0.1:3306/", _mariadb)
REDIS = Server("Redis", "BURSAR_TEST_REDIS_URL", "redis://127.0.0.1:6379/0", _redis)
RABBITMQ = Server("RabbitMQ", "BURSAR_TEST_RABBITMQ_URL", "amqp://guest:guest@127.0.0.1:5672//", _rabbitmq)

DATABASES = {"postgres": POSTGRES, "mariadb": MARIADB}
ALL = (POSTGRES, MARIADB, REDIS, RABBITMQ)


@contextmanager
def own_database(server: Server) -> Iterator[str]:
    """The URL of a new, empty database, dropped afterwards with whoever is still connected to it."""
    name = f"bursar_test_{secrets.token_hex(6)}"
    _administer(server, f"CREATE DATABASE {name}")
    try:
        yield server.url_of(name)
    finally:
        _administer(server, f"DROP DATABASE {name}" + (" WITH (FORCE)" if server is POSTGRES else ""))


def _administer(server: Server, statement: str) -> None:
    connection = server.log_in(server.url)
    try:
        connection.cursor().execute(statement)
    finally:
        connection.close()


@contextmanager
def own_redis_database() -> Iterator[str]:
    """The URL of a Redis database that was empty; what was put into it is deleted afterwards."""
    for number in range(1, 16):
        url = REDIS.url_of(str(number))
        client = _redis(url)
        # Another run may look for an empty database at this moment: the claim is atomic and ends by itself.
        if client.dbsize() == 0 and client.set("bursar-test-claim", "1", nx=True, ex=600):
            break
        client.close()
    else:
        raise RuntimeError(f"no empty database on {REDIS.url}")
    try:
        yield url
    finally:
        for key in client.scan_iter():
            client.delete(key)
        client.close()


@contextmanager
def own_virtual_host() -> Iterator[str]:
    """The URL of a new RabbitMQ virtual host, deleted afterwards."""
    name = f"bursar-test-{secrets.token_hex(6)}"
    user = urlsplit(RABBITMQ.url).username or "guest"
    _rabbitmqctl("add_vhost", name)
    try:
        _rabbitmqctl("set_permissions", "-p", name, user, ".*", ".*", ".*")
        yield RABBITMQ.url_of(name)
    finally:
        with suppress(subprocess.SubprocessError):
            _rabbitmqctl("delete_vhost", name)


def _rabbitmqctl(*arguments: str) -> None:
    command = shutil.which("rabbitmqctl") or "/usr/sbin/rabbitmqctl"
    subprocess.run([command, "-q", *arguments], check=True, capture_output=True, timeout=60)


def main() -> None:
    """Prints a line for each server: whether tests can use it."""
    for server in ALL:
        problem = server.problem()
        print(f"{'SKIPPED' if problem else 'tested on':10} {server.label}{': ' + problem if problem else ''}")  # noqa: T201


if __name__ == "__main__":
    main()
