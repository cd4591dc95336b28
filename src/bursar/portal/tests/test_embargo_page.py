"""Why somebody cannot enroll from where they are."""

from typing import get_args

import pytest
from django.test import Client

from bursar.enrollments.rest.links import MessageKey, blocked_message_url

pytestmark = pytest.mark.django_db

PATH = "/embargo/blocked-message/enrollment/{}/"


@pytest.mark.parametrize(
    ("key", "heading"),
    [
        ("default", "This course is not open to your country"),
        ("embargo", "Sanctions close this course to your country"),
    ],
)
def test_everybody_reads_why_they_are_blocked(key, heading):
    page = Client().get(PATH.format(key))

    assert page.status_code == 200
    assert f"<h1>{heading}</h1>" in page.content.decode()
    assert f"<title>{heading} · Bursar</title>" in page.content.decode()


@pytest.mark.parametrize("path", [PATH.format("other"), PATH.format("DEFAULT"), "/embargo/", "/embargo/x/"])
def test_there_is_no_other_message(path):
    page = Client().get(path)

    assert page.status_code == 404
    assert "There is nothing here" in page.content.decode()


@pytest.mark.parametrize("method", ["post", "put", "delete"])
def test_a_message_is_only_read(method):
    assert getattr(Client(), method)(PATH.format("default")).status_code == 405


@pytest.mark.parametrize("key", get_args(MessageKey))
def test_an_answer_points_at_its_page_by_the_public_address(settings, key):
    settings.PUBLIC_URL = "https://bursar.example"

    url = blocked_message_url(key)

    assert url == f"https://bursar.example{PATH.format(key)}"
    assert Client().get(url.removeprefix(settings.PUBLIC_URL)).status_code == 200


def test_an_answer_that_names_no_message_points_at_the_default_one():
    assert blocked_message_url() == blocked_message_url("default")
