"""Crowds on databases of their own."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests import servers
from tests.faults.crowd import Crowd
from tests.processes import Installation


@pytest.fixture(scope="module", params=["sqlite", "postgres", "mariadb"])
def crowd(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crowd]:
    """A crowd on an empty database that nobody else uses; the tests of a module share it."""
    with ExitStack() as stack:
        settings = {}
        if server := servers.DATABASES.get(request.param):
            problem = server.problem()
            if problem and servers.are_required():
                pytest.fail(f"{server.label} is required for this run: {problem}", pytrace=False)
            if problem:
                pytest.skip(f"{server.label}: {problem}")
            settings = {"DATABASE_URL": stack.enter_context(servers.own_database(server))}
        home = tmp_path_factory.mktemp("crowd")
        made = stack.enter_context(Crowd(Installation(home, settings).environment()))
        made.call("migrate")
        yield made
