"""What several tests of enrollments need."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings
from rest_framework.test import APIClient

from bursar.enrollments.tests import posts
from bursar.enrollments.tests.scenes import RUN, make_run
from tests.countries import write_country_database


@pytest.fixture
def country_database(tmp_path: Path, settings: Settings) -> Path:
    """The countries of ``tests/countries.py`` are known."""
    path = write_country_database(tmp_path)
    settings.GEOIP_DATABASE = str(path)
    return path


@pytest.fixture
def server(cast: None, settings: Settings) -> APIClient:
    """A server that has the shared key and no account."""
    settings.EDX_API_KEY = "a key that servers share"
    client = APIClient()
    client.credentials(HTTP_X_EDX_API_KEY=settings.EDX_API_KEY)
    return client


@pytest.fixture
def run(cast: None) -> None:
    """A run that is open to all, in audit and verified."""
    make_run()


_AUDITED = (
    "course_id",
    "requested_mode",
    "actual_mode",
    "requested_activation",
    "actual_activation",
    "user_id",
)


@pytest.fixture
def audited(caplog: pytest.LogCaptureFixture) -> Callable[[], list[dict[str, Any]]]:
    """What the audit log has said so far."""
    caplog.set_level(logging.INFO)

    def lines() -> list[dict[str, Any]]:
        records = [each for each in caplog.records if each.name == "bursar.enrollments.audit"]
        assert {each.message for each in records} <= {"enrollment_change_requested"}
        return [{key: getattr(each, key) for key in _AUDITED} for each in records]

    return lines


@pytest.fixture
def post(client_of, settings):
    """Posts an enrollment: ``post(BOB, mode="audit")``; it is for ``scenes.RUN`` unless told otherwise.

    ``posts.SERVER`` posts with the shared key alone, ``with_key`` adds it to somebody's account.
    """
    settings.EDX_API_KEY = posts.KEY
    make_run()

    def send(by, *, run_key=RUN, with_key=False, address="127.0.0.1", headers=None, **body):
        key = posts.WITH_KEY if with_key or by is posts.SERVER else {}
        return client_of(by).post(
            posts.PATH,
            {"course_details": {"course_id": run_key}, **body},
            headers={**key, **(headers or {})},
            REMOTE_ADDR=address,
        )

    return send
