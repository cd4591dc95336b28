"""``POST /oauth2/access_token``: programs get their tokens, by client id and secret."""

import base64
from typing import Any
from urllib.parse import quote_plus, urlencode

import jwt
import pytest
from django.contrib.auth.hashers import MD5PasswordHasher
from django.core.cache import cache
from rest_framework.test import APIClient

from bursar.identity import api
from bursar.identity.data import OPERATOR, Grant, ServiceAccountToSave
from bursar.identity.models import ServiceAccount, User
from bursar.identity.tests.conftest import with_token
from tests.cast import BOB, GUS, Organization

pytestmark = pytest.mark.once  # signatures and clocks, and accounts by their keys

ACCESS_TOKEN = "/oauth2/access_token"
FORM = {
    "grant_type": "client_credentials",
    "client_id": "license-manager-worker",
    "client_secret": "the worker's secret",
    "token_type": "jwt",
}


@pytest.fixture
def worker(db) -> User:
    """A program that operates the platform."""
    return save_worker("license-manager-worker", "the worker's secret")


def save_worker(client_id: str, client_secret: str) -> User:
    """The account of a program."""
    wanted = ServiceAccountToSave(
        client_id, client_secret, "license_manager_worker", roles=(Grant(OPERATOR, "*"),)
    )
    api.save_service_accounts([wanted])
    return User.objects.get(username="license_manager_worker")


def post(form: Any = FORM, *, path: str = ACCESS_TOKEN, **headers: str) -> Any:
    """Sends the form as programs do; a list of pairs may say a field twice."""
    body = form if isinstance(form, str | bytes) else urlencode(form)
    client = APIClient(enforce_csrf_checks=True)
    content_type = headers.pop("content_type", "application/x-www-form-urlencoded")
    return client.generic("POST", path, body, content_type=content_type, headers=headers)


def basic(client_id: str, client_secret: str) -> str:
    return "Basic " + base64.b64encode(f"{client_id}:{client_secret}".encode()).decode()


def without(*names: str) -> dict[str, str]:
    return {name: value for name, value in FORM.items() if name not in names}


def refusal(response: Any) -> tuple[int, str]:
    """Status and code of a refusal, which is in the shape of RFC 6749 and not stored."""
    assert set(response.json()) == {"error", "error_description"}
    assert response["Cache-Control"] == "no-store"
    assert not response.cookies
    return response.status_code, response.json()["error"]


@pytest.mark.parametrize("path", [ACCESS_TOKEN, ACCESS_TOKEN + "/"])
def test_a_program_gets_a_token(worker, path):
    response = post(path=path)

    body = response.json()
    assert response.status_code == 200
    assert (response["Cache-Control"], response["Pragma"]) == ("no-store", "no-cache")
    assert not response.cookies
    token = body.pop("access_token")
    assert body == {"token_type": "JWT", "expires_in": 3600, "scope": "user_id email profile"}
    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims["exp"] - claims["iat"] == 3600
    assert claims["grant_type"] == "client-credentials"
    assert claims["user_id"] == worker.lms_user_id
    assert claims["preferred_username"] == "license_manager_worker"
    assert claims["roles"] == ["enterprise_openedx_operator:*"]


def test_its_token_lists_the_requests_of_any_customer(acme: Organization, globex: Organization, worker):
    for organization, learner in ((acme, BOB), (globex, GUS)):
        organization.takes_requests()
        organization.requests_of([learner])
    client = with_token(post().json()["access_token"])

    for organization, learner in ((acme, BOB), (globex, GUS)):
        answer = client.get(
            "/api/v1/license-requests/", {"enterprise_customer_uuid": str(organization.uuid)}
        ).json()
        assert [each["email"] for each in answer["results"]] == [learner.email]
    assert client.get("/api/v1/license-requests/").json()["count"] == 2


def test_a_program_may_ask_again(worker):
    assert [post().status_code, post().status_code] == [200, 200]


@pytest.mark.parametrize(
    "form", [without("token_type"), {**FORM, "token_type": "JWT"}, {**FORM, "scope": "read write"}]
)
def test_what_is_not_needed_may_be_left_out_or_added(worker, form):
    assert post(form).json()["token_type"] == "JWT"


@pytest.mark.parametrize("form", [without("client_id", "client_secret"), without("client_secret")])
def test_basic_authentication_does_as_well(worker, form):
    response = post(form, authorization=basic(FORM["client_id"], FORM["client_secret"]))

    assert response.status_code == 200


def test_basic_authentication_is_encoded_like_a_form(db):
    save_worker("a:b c", "50 % ü+")

    response = post(
        without("client_id", "client_secret"), authorization=basic("a%3Ab+c", quote_plus("50 % ü+"))
    )

    assert response.status_code == 200


@pytest.mark.parametrize(
    "change",
    [
        {"client_secret": "wrong"},
        {"client_secret": "THE WORKER'S SECRET"},
        {"client_secret": ""},
        {"client_id": ""},
        {"client_id": "nobody"},
        {"client_id": "license-manager-worker "},
        {"client_id": "License-Manager-Worker"},
        {"client_id": "license_manager_worker"},
        {"client_id": "a\0b"},
        {"client_id": "x" * 100_000},
        {"client_secret": "x" * 100_000},
        {"client_secret": "a\0b"},
    ],
)
def test_wrong_credentials_are_a_401_that_tells_no_difference(worker, change):
    response = post({**FORM, **change})

    assert refusal(response) == (401, "invalid_client")
    assert response["WWW-Authenticate"].startswith("Basic ")
    if all(change.values()):
        assert response.json() == post({**FORM, "client_secret": "wrong"}).json()


@pytest.mark.parametrize(
    "header",
    [
        *("Basic", "Basic ", "Basic é", "Basic x", "Basic !!!", "Basic /w==", "basic Og=="),
        basic("license-manager-worker", "wrong"),
        "JWT x.y.z",
        "Bearer abc",
    ],
)
def test_a_header_without_right_credentials_is_a_401(worker, header):
    response = post(without("client_id", "client_secret"), authorization=header)

    assert refusal(response) == (401, "invalid_client")


def test_no_credentials_are_a_401(worker):
    assert refusal(post(without("client_id", "client_secret"))) == (401, "invalid_client")


def test_the_password_of_a_person_is_no_secret(people):
    form = {**FORM, "client_id": "bob", "client_secret": "correct horse"}

    assert refusal(post(form)) == (401, "invalid_client")


@pytest.mark.parametrize(
    "grant_type", ["password", "authorization_code", "refresh_token", "CLIENT_CREDENTIALS"]
)
def test_other_grants_are_not_served(worker, grant_type):
    assert refusal(post({**FORM, "grant_type": grant_type})) == (400, "unsupported_grant_type")


@pytest.mark.parametrize(
    "form",
    [
        without("grant_type"),
        {**FORM, "grant_type": ""},
        {**FORM, "token_type": "bearer"},
        [*FORM.items(), ("client_id", "another")],
        [*FORM.items(), ("grant_type", "client_credentials")],
        "",
        b"\xff\xfe=%ff&a=%00",
    ],
)
def test_a_form_that_is_not_right_is_a_400(worker, form):
    assert refusal(post(form)) == (400, "invalid_request")


@pytest.mark.parametrize("form", [FORM, {**without("client_secret"), "client_id": "another"}])
def test_credentials_in_two_places_are_a_400(worker, form):
    response = post(form, authorization=basic(FORM["client_id"], FORM["client_secret"]))

    assert refusal(response) == (400, "invalid_request")


@pytest.mark.parametrize(
    "content_type", ["application/json", "multipart/form-data; boundary=b", "text/plain"]
)
@pytest.mark.parametrize("body", [b"{}", b"{", b"[1]", urlencode(FORM)])
def test_what_is_no_form_is_a_400(worker, content_type, body):
    assert refusal(post(body, content_type=content_type)) == (400, "invalid_request")


@pytest.mark.parametrize("charset", ["base64", "utf-16", "latin-1", "nonsense", "rot13"])
def test_an_odd_charset_is_no_failure(worker, charset):
    response = post(content_type=f"application/x-www-form-urlencoded; charset={charset}")

    assert response.status_code in (200, 400, 401)


def test_a_closed_account_gets_none(worker):
    User.objects.filter(pk=worker.pk).update(is_active=False)

    response = post()

    assert refusal(response) == (401, "invalid_client")
    assert response.json() == post({**FORM, "client_secret": "wrong"}).json()


def test_a_new_secret_replaces_the_old_one(worker):
    save_worker("license-manager-worker", "the next secret")

    assert refusal(post()) == (401, "invalid_client")
    assert post({**FORM, "client_secret": "the next secret"}).status_code == 200


def test_the_secret_is_kept_as_a_hash_only(worker):
    assert "secret" not in ServiceAccount.objects.get().secret_hash


def test_guesses_have_to_wait(worker, settings):
    settings.RATES = {"program": (3, 300), "program_anywhere": (50, 300)}
    cache.clear()
    for _ in range(5):
        assert post().status_code == 200  # the right secret is no guess
    for _ in range(3):
        assert refusal(post({**FORM, "client_secret": "guess"})) == (401, "invalid_client")

    response = post()

    assert refusal(response) == (429, "too_many_attempts")
    assert 0 < int(response["Retry-After"]) <= 300
    assert refusal(post({**FORM, "client_id": "another"})) == (401, "invalid_client")


def test_guessing_ids_has_to_wait_too(worker, settings):
    settings.RATES = {"program": (10, 300), "program_anywhere": (3, 300)}
    cache.clear()
    for number in range(3):
        assert refusal(post({**FORM, "client_id": f"guess{number}"})) == (401, "invalid_client")

    assert refusal(post()) == (429, "too_many_attempts")


def test_a_guess_takes_as_long_for_an_id_that_nobody_has(worker, monkeypatch):
    """A hash is made or compared once, whoever is asked for."""
    made = []
    encode = MD5PasswordHasher.encode
    monkeypatch.setattr(
        MD5PasswordHasher, "encode", lambda self, *args: made.append(args) or encode(self, *args)
    )
    post({**FORM, "client_secret": "wrong"})
    one = len(made)
    post({**FORM, "client_id": "nobody"})

    assert (one, len(made)) == (1, 2)


@pytest.mark.parametrize("count", [0, 200])
def test_the_number_of_queries_is_three(worker, django_assert_num_queries, count):
    api.save_service_accounts(
        [ServiceAccountToSave(f"program{number}", "secret", f"program{number}") for number in range(count)]
    )

    with django_assert_num_queries(3):
        assert post().status_code == 200


def test_it_is_a_post(db):
    response = APIClient().get(ACCESS_TOKEN, FORM)

    assert response.status_code == 405
