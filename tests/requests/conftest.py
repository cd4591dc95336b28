"""A client that sees what a caller sees."""

import pytest
from django.test import Client


@pytest.fixture
def client():
    return Client(raise_request_exception=False)


@pytest.fixture(autouse=True)
def urls(settings):
    settings.ROOT_URLCONF = "tests.requests.urls"
