"""The database's schema: brought up to date by one process at a time, and checked before work starts."""

import fcntl
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

log = logging.getLogger(__name__)

WAIT_SECONDS = 600
"""How long a replica waits for another one's migrations."""

_POSTGRES_LOCK = 0x62757273  # "burs": a number that nobody else in this database uses


class SchemaError(Exception):
    """The schema is not what this version needs, or cannot be made so now."""


def migrate() -> int:
    """Applies what is missing and returns how many migrations that were.

    Several processes may call it at once: one works, the others wait and find nothing to do.
    """
    with _only_one():
        missing = count_unapplied()
        if missing:
            call_command("migrate", interactive=False, verbosity=0)
    return missing


def count_unapplied() -> int:
    """How many migrations this version has that the database has not."""
    executor = MigrationExecutor(connection)
    return len(executor.migration_plan(executor.loader.graph.leaf_nodes()))


def check_migrated() -> None:
    """Raises SchemaError when migrations are missing, and says what to type."""
    if missing := count_unapplied():
        raise SchemaError(f"{missing} migrations are missing in the database. Type `bursar migrate` first.")


@contextmanager
def _only_one() -> Iterator[None]:
    locks = {"postgresql": _postgres_lock, "mysql": _mysql_lock, "sqlite": _file_lock}
    with locks[connection.vendor]():
        yield


@contextmanager
def _postgres_lock() -> Iterator[None]:
    _wait_for(lambda: _ask("SELECT pg_try_advisory_lock(%s)", _POSTGRES_LOCK))
    try:
        yield
    finally:
        _ask("SELECT pg_advisory_unlock(%s)", _POSTGRES_LOCK)


@contextmanager
def _mysql_lock() -> Iterator[None]:
    name = f"bursar-migrate-{connection.settings_dict['NAME']}"[:64]  # these locks are the whole server's
    _wait_for(lambda: _ask("SELECT GET_LOCK(%s, 0)", name) == 1)
    try:
        yield
    finally:
        _ask("SELECT RELEASE_LOCK(%s)", name)


@contextmanager
def _file_lock() -> Iterator[None]:
    settings.BURSAR_HOME.mkdir(parents=True, exist_ok=True)
    with (settings.BURSAR_HOME / "migrate.lock").open("w") as file:

        def take() -> bool:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            return True

        _wait_for(take)
        yield  # closing the file gives the lock back


def _ask(statement: str, parameter: int | str) -> object:
    with connection.cursor() as cursor:
        cursor.execute(statement, [parameter])
        row = cursor.fetchone()
    return row[0] if row else None


def _wait_for(take: Callable[[], object]) -> None:
    until = time.monotonic() + WAIT_SECONDS
    said = False
    while not take():
        if not said:
            log.warning("waiting for another process that migrates")
            said = True
        if time.monotonic() > until:
            raise SchemaError(f"another process has been migrating for more than {WAIT_SECONDS} seconds")
        time.sleep(0.2)
