"""Every mail of every app is whole: a subject, a text and an HTML part, in the common layout."""

import re
from pathlib import Path

import pytest
from django.apps import apps
from django.test import override_settings

from bursar.notifications.models import Message
from bursar.notifications.rendering import render

pytestmark = pytest.mark.once

_FOLDERS = [Path(config.path) / "templates" / "mail" for config in apps.get_app_configs()]
TEMPLATES = sorted(
    {
        str(file.relative_to(folder)).split(".")[0]
        for folder in _FOLDERS
        for file in folder.glob("*/*")
        if not file.name.startswith("_")
    }
)


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_mail_is_whole(template):
    files = [file for folder in _FOLDERS for file in folder.glob(f"{template}.*")]
    words = {word for file in files for word in re.findall(r"[a-z_]+", file.read_text())}
    row = Message(template=template, context={word: f"some {word}" for word in words})

    with override_settings(PUBLIC_URL="https://bursar.example"):
        rendered = render(row)

    assert len(files) == 3
    assert rendered.subject
    assert rendered.html.startswith("<!doctype html>")
    assert f"<title>{rendered.subject}</title>" in rendered.html
    assert "https://bursar.example" in rendered.text
    assert "<" not in rendered.text
