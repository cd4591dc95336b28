"""Who gets into the enrollment API: people by their account, servers by the shared key."""

import json
import logging

import pytest
from drf_spectacular.generators import SchemaGenerator

from bursar.config import doctor
from bursar.config.logs import JsonFormatter
from bursar.enrollments.api import enroll
from bursar.enrollments.data import EnrollmentEntry
from bursar.identity.models import User
from tests.cast import BOB, CS50_RUN, DANA, OLGA

pytestmark = pytest.mark.once

KEY_OR_ACCOUNT = "/api/enrollment/v1/enrollment"
STAFF_ONLY = "/api/enrollment/v1/enrollments/"

KEY = "a shared key of 34 characters, ok?"
WITH_KEY = {"X-Edx-Api-Key": KEY}


@pytest.fixture
def shared_key(settings):
    settings.EDX_API_KEY = KEY


@pytest.fixture
def audit_lines():
    """What the audit log has said so far, each line parsed."""
    written = []

    class Listener(logging.Handler):
        def emit(self, record):
            written.append(self.format(record))

    listener = Listener()
    listener.setFormatter(JsonFormatter())
    log = logging.getLogger("bursar.enrollments.audit")
    log.addHandler(listener)
    yield lambda: [json.loads(line) for line in written]
    log.removeHandler(listener)


# The key


@pytest.fixture
def seen_by(cast, client_of):
    """The users of the enrollments that a caller sees when asking for Bob's, or for another's."""
    for member in (BOB, DANA):
        enroll([EnrollmentEntry(member.lms_user_id, CS50_RUN)], by=None)

    def ask(by, user, **headers):
        answer = client_of(by).get(KEY_OR_ACCOUNT, {"user": user}, headers=headers)
        assert answer.status_code == 200
        return [each["user"] for each in answer.json()]

    return ask


def test_the_key_lets_a_server_in_without_an_account(seen_by, shared_key):
    assert seen_by(None, "dana", **WITH_KEY) == ["dana"]


def test_the_key_goes_beside_an_account(seen_by, shared_key):
    assert seen_by(BOB, "", **WITH_KEY) == ["bob"]
    assert seen_by(BOB, "dana", **WITH_KEY) == ["dana"]


def test_an_account_needs_no_key(seen_by, shared_key):
    assert seen_by(BOB, "bob") == ["bob"]
    assert seen_by(BOB, "dana") == []


@pytest.mark.parametrize("given", ["", "x", KEY[:-1], KEY + "x", KEY.upper(), "None", "é", "\xff" * 5000])
def test_another_key_is_none(seen_by, client_of, shared_key, given):
    anonymous = client_of(None).get(KEY_OR_ACCOUNT, headers={"X-Edx-Api-Key": given})

    assert anonymous.status_code == 401
    assert anonymous["WWW-Authenticate"].startswith("JWT")
    assert seen_by(BOB, "dana", **{"X-Edx-Api-Key": given}) == []


@pytest.mark.parametrize("off", [None, ""])
@pytest.mark.parametrize("given", ["", "None", KEY])
def test_without_a_setting_no_key_lets_in(cast, client_of, settings, off, given):
    settings.EDX_API_KEY = off

    answer = client_of(None).get(KEY_OR_ACCOUNT, headers={"X-Edx-Api-Key": given})

    assert answer.status_code == 401


def test_a_wrong_token_is_refused_in_spite_of_the_key(cast, client_of, shared_key):
    answer = client_of(None).get(KEY_OR_ACCOUNT, headers={**WITH_KEY, "Authorization": "JWT worn.out.token"})

    assert answer.status_code == 401


def test_the_key_does_not_replace_the_csrf_token_of_a_session(cast, client_of, shared_key):
    client = client_of(None)
    client.handler.enforce_csrf_checks = True
    client.force_login(User.objects.get(username="bob"))

    assert client.post(KEY_OR_ACCOUNT, headers=WITH_KEY).status_code == 403


def test_pages_of_other_origins_cannot_send_the_key(client, settings):
    settings.CORS_ALLOWED_ORIGINS = ["https://admin.example"]

    answer = client.options(
        KEY_OR_ACCOUNT,
        headers={
            "Origin": "https://admin.example",
            "Access-Control-Request-Method": "GET",
            "Access-Control-Request-Headers": "x-edx-api-key",
        },
    )

    assert "x-edx-api-key" not in answer["Access-Control-Allow-Headers"].lower()


# The audit log


def test_each_use_of_the_key_is_written_down_once_without_the_key(cast, client_of, shared_key, audit_lines):
    headers = {**WITH_KEY, "X-Forwarded-For": "81.2.69.142"}

    client_of(None).get(f"{KEY_OR_ACCOUNT}?user=bob@acme.test", headers=headers)
    client_of(BOB).get(STAFF_ONLY, headers=headers)

    (line,) = audit_lines()
    assert (line["logger"], line["level"], line["message"]) == (
        "bursar.enrollments.audit",
        "info",
        "API key used",
    )
    assert (line["method"], line["path"]) == ("GET", KEY_OR_ACCOUNT)
    assert line["ip"] == "81.2.69.142, 127.0.0.1"
    assert KEY not in json.dumps(line)


def test_what_is_not_the_key_leaves_no_line(cast, client_of, shared_key, audit_lines):
    client_of(None).get(KEY_OR_ACCOUNT, headers={"X-Edx-Api-Key": "another"})
    client_of(BOB).get(KEY_OR_ACCOUNT)

    assert audit_lines() == []


# Staff


def test_staff_get_in(cast, client_of):
    assert client_of(OLGA).get(STAFF_ONLY).status_code == 200


def test_the_key_makes_nobody_staff(cast, client_of, shared_key):
    assert client_of(None).get(STAFF_ONLY, headers=WITH_KEY).status_code == 401
    assert client_of(BOB).get(STAFF_ONLY, headers=WITH_KEY).status_code == 403


def test_being_a_superuser_alone_is_not_being_staff(cast, client_of):
    User.objects.filter(username="bob").update(is_superuser=True)

    assert client_of(BOB).get(STAFF_ONLY).status_code == 403


def test_the_role_of_an_operator_is_not_being_staff(cast, client_of):
    User.objects.filter(username="olga").update(is_staff=False)

    assert client_of(OLGA).get(STAFF_ONLY).status_code == 403


# What operators and callers are told


def test_the_description_offers_the_key_where_a_view_takes_it():
    description = SchemaGenerator().get_schema(request=None, public=True)

    ways_in = {path: methods.get("get", {}).get("security") for path, methods in description["paths"].items()}
    assert ways_in[KEY_OR_ACCOUNT] == [{"jwt": []}, {"session": []}, {"api_key": []}]
    assert ways_in[STAFF_ONLY] == [{"jwt": []}, {"session": []}]
    scheme = description["components"]["securitySchemes"]["api_key"]
    assert (scheme["type"], scheme["in"], scheme["name"]) == ("apiKey", "header", "X-Edx-Api-Key")


@pytest.mark.parametrize(
    ("key", "verdict"), [(None, "ok"), (KEY, "ok"), ("x" * 16, "ok"), ("x" * 15, "warn")]
)
def test_the_doctor_warns_of_a_key_that_can_be_guessed(db, settings, key, verdict):
    settings.EDX_API_KEY = key

    (finding,) = [each for each in doctor.examine() if each.subject == "API key"]

    assert finding.verdict == verdict
    assert key is None or key not in finding.detail
