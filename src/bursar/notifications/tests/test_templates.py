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


def files_of(template: str) -> list[Path]:
    return [file for folder in _FOLDERS for file in folder.glob(f"{template}.*")]


def row_of(template: str) -> Message:
    """A mail in which each word of the template stands for itself."""
    words = {word for file in files_of(template) for word in re.findall(r"[a-z_]+", file.read_text())}
    context = {word: 2 if word.endswith("_count") else f"some {word}" for word in words}
    return Message(template=template, context=context)


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_mail_is_whole(template):
    with override_settings(PUBLIC_URL="https://bursar.example"):
        rendered = render(row_of(template))

    assert len(files_of(template)) == 3
    assert rendered.subject
    assert rendered.html.startswith("<!doctype html>")
    assert f"<title>{rendered.subject}</title>" in rendered.html
    assert "https://bursar.example" in rendered.text
    assert "<" not in rendered.text


@pytest.mark.parametrize("template", TEMPLATES)
def test_beside_an_lms_a_mail_leads_to_its_pages_for_accounts(template):
    with override_settings(PUBLIC_URL="https://bursar.example", LMS_URL="https://lms.example"):
        rendered = render(row_of(template))

    for body in (rendered.text, rendered.html):
        assert set(re.findall(r"https://(\w+)\.example/(?:login|register)", body)) <= {"lms"}
