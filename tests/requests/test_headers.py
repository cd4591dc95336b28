"""Browsers of other origins, and what every answer says about itself."""

import json
import os
import subprocess
import sys

import pytest

pytestmark = [pytest.mark.django_db, pytest.mark.once]

ORIGIN = "https://admin.example"


def test_an_origin_that_is_not_named_gets_no_cors_headers(client):
    assert "Access-Control-Allow-Origin" not in client.get("/api/schema/", headers={"Origin": ORIGIN})


def test_a_named_origin_may_call_with_its_cookies_and_our_headers(client, settings):
    settings.CORS_ALLOWED_ORIGINS = [ORIGIN]

    answer = client.options(
        "/api/v1/license-requests/",
        headers={
            "Origin": ORIGIN,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "use-jwt-cookie,x-csrftoken,content-type,idempotency-key",
        },
    )

    assert answer.status_code == 200
    assert answer["Access-Control-Allow-Origin"] == ORIGIN
    assert answer["Access-Control-Allow-Credentials"] == "true"
    allowed = answer["Access-Control-Allow-Headers"]
    assert {"use-jwt-cookie", "x-csrftoken", "content-type", "idempotency-key"} <= set(allowed.split(", "))


def test_errors_reach_a_named_origin_too(client, settings):
    settings.CORS_ALLOWED_ORIGINS = [ORIGIN]

    for path, length in (("/api/nothing/", 0), ("/api/test/echo/", 11_000_000)):
        answer = client.generic("POST", path, b"", CONTENT_LENGTH=str(length), headers={"Origin": ORIGIN})
        assert answer["Access-Control-Allow-Origin"] == ORIGIN


def test_answers_forbid_framing_and_guessing(client):
    answer = client.get("/api/schema/")

    assert answer["X-Frame-Options"] == "DENY"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Referrer-Policy"] == "same-origin"


def test_head_is_get_without_a_body(client):
    answer = client.head("/api/schema/")

    assert (answer.status_code, answer.content) == (200, b"")


def test_behind_https_djangos_deployment_check_finds_nothing(tmp_path):
    environment = os.environ | {
        "BURSAR_PUBLIC_URL": "https://bursar.example",
        "BURSAR_SECRET_KEY": "".join(chr(97 + number % 26) for number in range(60)),
        "BURSAR_HOME": str(tmp_path),
        "DJANGO_SETTINGS_MODULE": "bursar.config.settings",
    }

    found = subprocess.run(
        [sys.executable, "-m", "django", "check", "--deploy", "--tag", "security", "--fail-level", "WARNING"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert found.returncode == 0, found.stderr


def test_behind_https_cookies_and_links_are_for_https_only(tmp_path):
    script = (
        "import django, json; django.setup()\n"
        "from django.conf import settings\n"
        "from django.test import RequestFactory\n"
        "request = RequestFactory().get('/', headers={'X-Forwarded-Proto': 'https'})\n"
        "cookies = [settings.SESSION_COOKIE_SECURE, settings.CSRF_COOKIE_SECURE]\n"
        "print(json.dumps([*cookies, request.is_secure()]))\n"
    )
    environment = os.environ | {
        "BURSAR_PUBLIC_URL": "https://bursar.example",
        "BURSAR_HOME": str(tmp_path),
        "DJANGO_SETTINGS_MODULE": "bursar.config.settings",
    }

    printed = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
    )

    assert json.loads(printed.stdout) == [True, True, True]
