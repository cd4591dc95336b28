"""What several tests of enrollments need."""

from pathlib import Path

import pytest
from pytest_django import Settings
from rest_framework.test import APIClient

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
