"""What several tests of enrollments need."""

from pathlib import Path

import pytest
from pytest_django import Settings

from tests.countries import write_country_database


@pytest.fixture
def country_database(tmp_path: Path, settings: Settings) -> Path:
    """The countries of ``tests/countries.py`` are known."""
    path = write_country_database(tmp_path)
    settings.GEOIP_DATABASE = str(path)
    return path
