"""What tests of licenses share."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from bursar.lib import clock


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Sets the clock this many days ahead of the beginning of the test."""
    start = clock.now()

    def go(days: int) -> None:
        monkeypatch.setattr(clock, "now", lambda: start + timedelta(days=days))

    return go
