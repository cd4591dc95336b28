"""The LMS's account APIs."""

from urllib.parse import urlencode

import pytest
from django.core.cache import cache
from rest_framework.test import APIClient

from bursar.identity import api, wire
from bursar.identity.models import User

REGISTRATION = "/api/user/v2/account/registration/"
FORM = {
    "email": "dana@acme.test",
    "username": "dana",
    "name": "Dana Doe",
    "password": "correct horse battery",
    "terms_of_service": "true",
    "honor_code": "true",
}


@pytest.fixture
def client(db) -> APIClient:
    return APIClient(enforce_csrf_checks=True)


@pytest.mark.parametrize("as_form", [True, False])
def test_signing_up_signs_in(client, as_form):
    if as_form:
        response = client.generic(
            "POST", REGISTRATION, urlencode(FORM), content_type="application/x-www-form-urlencoded"
        )
    else:
        response = client.post(REGISTRATION, {**FORM, "terms_of_service": True})

    assert response.status_code == 200
    assert response.json()["success"] is True
    assert {"edx-jwt-cookie-header-payload", "edx-jwt-cookie-signature", "bursar-session"} <= set(
        response.cookies
    )
    assert client.get("/api/user/v1/accounts/dana").json()["is_active"] is False


def test_multipart_forms_are_read(client):
    assert client.post(REGISTRATION, FORM, format="multipart").status_code == 200


def test_the_session_alone_signs_in_too(client):
    client.post(REGISTRATION, FORM)
    for name in ("edx-jwt-cookie-header-payload", "edx-jwt-cookie-signature"):
        del client.cookies[name]

    assert client.get("/api/user/v1/accounts/dana").status_code == 200


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"email": "nonsense"}, "email"),
        ({"username": "a b"}, "username"),
        ({"name": ""}, "name"),
        ({"password": "1234"}, "password"),
        ({"terms_of_service": "false", "honor_code": "false"}, "terms_of_service"),
        ({"email": {"a": 1}}, "email"),
        ({"email": None}, "email"),
    ],
)
def test_each_wrong_field_has_its_messages(client, change, field):
    response = client.post(REGISTRATION, {**FORM, **change})

    assert response.status_code == 400
    body = response.json()
    assert body.pop("error_code") == "validation-error"
    assert set(body) == {field}
    assert isinstance(body[field][0]["user_message"], str)
    assert not User.objects.exists()


def test_nothing_at_all_names_every_field(client):
    body = client.post(REGISTRATION, {}).json()

    assert set(body) == {"email", "username", "name", "password", "terms_of_service", "error_code"}


def test_one_of_the_two_agreements_is_enough(client):
    assert client.post(REGISTRATION, {**FORM, "terms_of_service": ""}).status_code == 200


def test_signing_up_twice_is_a_conflict(client):
    client.post(REGISTRATION, FORM)
    response = APIClient().post(REGISTRATION, {**FORM, "username": "dana2"})
    both = APIClient().post(REGISTRATION, FORM)

    assert response.status_code == 409
    assert set(response.json()) == {"email", "error_code"}
    assert response.json()["error_code"] == "duplicate-email"
    assert both.json()["error_code"] == "duplicate-email-username"


@pytest.mark.parametrize("body", ["[]", '"text"', "{", "null", "[[[["])
def test_a_body_that_is_no_form_is_a_400(client, body):
    response = client.generic("POST", REGISTRATION, body, content_type="application/json")

    assert response.status_code == 400


def test_a_spoilt_token_does_not_hinder_signing_up(client):
    client.credentials(HTTP_AUTHORIZATION="JWT nonsense")

    assert client.post(REGISTRATION, FORM).status_code == 200


def test_too_many_sign_ups_have_to_wait(client, settings):
    settings.RATES = {"sign_up": (2, 60)}
    cache.clear()
    for _ in range(2):
        client.post(REGISTRATION, {})

    response = client.post(REGISTRATION, FORM)

    assert response.status_code == 429
    assert int(response["Retry-After"]) <= 60
    assert not User.objects.exists()


def test_a_front_end_gets_its_csrf_token(client):
    client.post(REGISTRATION, FORM)
    response = client.get("/csrf/api/v1/token")

    assert response.status_code == 200
    assert set(response.json()) == {"csrfToken"}
    assert "bursar-csrf" in client.cookies


def test_the_csrf_token_is_for_everybody(client):
    client.credentials(HTTP_AUTHORIZATION="JWT nonsense")

    assert client.get("/csrf/api/v1/token").status_code == 200


def test_the_owner_sees_the_whole_account(client_of):
    body = client_of("bob").get("/api/user/v1/accounts/bob").json()

    assert body["is_active"] is True
    assert body["extended_profile"] == []
    assert body["profile_image"]["has_image"] is False
    assert (body["id"], body["username"], body["email"], body["name"]) == (
        12,
        "bob",
        "bob@acme.test",
        "Bob Brown",
    )


def test_staff_see_the_whole_account(client_of):
    assert client_of("olga").get("/api/user/v1/accounts/bob").json()["email"] == "bob@acme.test"


def test_others_see_the_name_and_the_picture_only(client_of):
    body = client_of("alice").get("/api/user/v1/accounts/bob").json()

    assert set(body) == {"username", "profile_image", "account_privacy"}


@pytest.mark.parametrize("username", ["nobody", "Bob", "%F0%9F%90%8B"])
def test_a_missing_account_is_a_404(client_of, username):
    assert client_of("olga").get(f"/api/user/v1/accounts/{username}").status_code == 404


def test_a_closed_account_looks_missing(client_of):
    User.objects.filter(username="bob").update(is_active=False)

    assert client_of("olga").get("/api/user/v1/accounts/bob").status_code == 404


def test_strangers_see_no_account(people):
    assert APIClient().get("/api/user/v1/accounts/bob").status_code == 401


def test_the_picture_exists(client, people):
    image = api.find_people_by_username(["bob"])["bob"]
    path = wire.to_account(image)["profile_image"]["image_url_full"].split("/", 3)[3]
    assert client.get(f"/{path}").status_code == 200
