"""What the tests of mail share: templates of their own, a folder, and messages to send."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction

from bursar.notifications import api
from bursar.notifications.data import NewMessage


@pytest.fixture(autouse=True)
def templates(settings):
    engine = {**settings.TEMPLATES[0], "DIRS": [Path(__file__).parent / "templates"]}
    settings.TEMPLATES = [engine]


@pytest.fixture
def folder(settings, tmp_path):
    settings.EMAIL_BACKEND = "bursar.notifications.folder.FolderBackend"
    settings.MAIL_FOLDER = tmp_path / "mail"
    return settings.MAIL_FOLDER


@pytest.fixture
def send() -> Callable[..., None]:
    """Sends messages in a transaction of their own."""

    def send_now(*messages: NewMessage, by: int | None = None) -> None:
        with transaction.atomic():
            api.send(messages, by=by)

    return send_now


@pytest.fixture
def hello() -> Callable[..., NewMessage]:
    def make(email: str = "bob@acme.test", about: str = "test:1", **changes: Any) -> NewMessage:
        given = {"template": "tests/hello", "customer_uuid": None, "context": {"name": "Bob"}} | changes
        return NewMessage(email=email, about=about, **given)

    return make
