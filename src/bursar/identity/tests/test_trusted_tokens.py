"""Tokens of an LMS (BURSAR_AUTH=openedx): whose count, and by which key."""

import json
import logging
import time
from collections.abc import Iterator

import jwt
import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import override_settings
from rest_framework.test import APIClient

from bursar.identity import api, keys
from bursar.identity.issuers import read_issuers
from bursar.identity.models import User
from bursar.identity.tests.conftest import ACME, with_token
from tests.lms import Lms, beside, private_key, public_jwk, with_cookies

ACCOUNT = "/api/user/v1/accounts/bob"
SECRET = "the-symmetric-secret-of-the-lms-0123456789"
OTHER = Lms("https://other.test", audience="other", key="other")

pytestmark = pytest.mark.once


@pytest.fixture
def two(db: None) -> Iterator[Lms]:
    """Bursar beside two issuers."""
    yield from beside(Lms(), OTHER)


@pytest.fixture
def with_secret(db: None) -> Iterator[Lms]:
    """Bursar beside an LMS whose secret it knows."""
    yield from beside(Lms(secret=SECRET))


def _public_bytes() -> bytes:
    # pyjwt refuses PEM text as a symmetric key, so the forger takes the bare numbers.
    return private_key("lms").public_key().public_numbers().n.to_bytes(256, "big")


def _own_key() -> str:
    with override_settings(ISSUES_TOKENS=True, JWT_PRIVATE_KEY=keys.make_private_key()):
        return jwt.encode(jwt.decode(_token(), options={"verify_signature": False}), _signing(), "RS512")


def _signing():
    return keys.get_signing_key().private


def _token(**changes):
    return Lms().token(12, "bob", **changes)


BAD_TOKENS = {
    "signed by Bursar itself": _own_key,
    "of an unknown issuer": lambda: Lms("https://elsewhere.test").token(12, "bob"),
    "of an unknown issuer with its own key": lambda: Lms("https://elsewhere.test", key="x").token(12, "bob"),
    "of no issuer": lambda: _token(iss=None),
    "of many issuers": lambda: _token(iss=["https://lms.test/oauth2"]),
    "for another audience": lambda: _token(aud="other"),
    "for no audience": lambda: _token(aud=None),
    "of one issuer with the other's key": lambda: _token(key=private_key("other"), kid="other"),
    "of one issuer with the other's key, nameless": lambda: _token(key=private_key("other"), kid=None),
    "of one issuer with the other's key under its name": lambda: _token(key=private_key("other")),
    "of one issuer with the other's audience": lambda: OTHER.token(12, "bob", aud="openedx"),
    "with a key that the issuer does not name": lambda: _token(kid="unknown"),
    "forged with HS256 and the public key": lambda: _token(key=_public_bytes(), algorithm="HS256"),
    "signed with a secret that nobody allowed": lambda: _token(key=SECRET, algorithm="HS256"),
    "unsigned": lambda: jwt.encode(jwt.decode(_token(), options={"verify_signature": False}), None, "none"),
    "signed with another kind of RSA": lambda: _token(algorithm="PS256"),
    "signed with RS384": lambda: _token(algorithm="RS384"),
    "expired": lambda: _token(exp=int(time.time()) - 60),
    "without an end": lambda: _token(exp=None),
    "with claims of the future": lambda: _token(version="2.0.0"),
    "restricted": lambda: _token(is_restricted=True),
    "cut off": lambda: _token()[:-20],
    "no token at all": lambda: "nonsense",
    "dots": lambda: "..",
}


@pytest.mark.parametrize("kind", BAD_TOKENS)
@pytest.mark.parametrize("carried", ["in the header", "in cookies"])
def test_a_bad_token_is_a_401_and_never_more(two, kind, carried, caplog):
    token = BAD_TOKENS[kind]()
    client = with_token(token) if carried == "in the header" else with_cookies(APIClient(), token)

    with caplog.at_level(logging.INFO):
        response = client.get(ACCOUNT)

    assert response.status_code == 401, kind
    assert response["WWW-Authenticate"].startswith("JWT")
    assert not User.objects.exists()
    assert not [record for record in caplog.records if record.exc_info]


@pytest.mark.parametrize("algorithm", ["RS256", "RS512"])
@pytest.mark.parametrize("kid", ["lms", None])
def test_each_issuers_own_tokens_count(two, algorithm, kid):
    assert two.client(12, "bob", algorithm=algorithm, kid=kid).get(ACCOUNT).status_code == 200
    assert OTHER.client(12, "bob", algorithm=algorithm, kid=kid and "other").get(ACCOUNT).status_code == 200


def test_an_issuer_that_changes_its_key_has_two_for_a_while(lms, db):
    for names in ({"kid": None}, {}):
        jwks = {"keys": [public_jwk("old", **names), public_jwk("lms", **names)]}
        with override_settings(TRUSTED_ISSUERS=read_issuers(json.dumps([lms.entry(jwks=jwks)]))):
            assert lms.client(12, "bob", key=private_key("old"), kid="old").get(ACCOUNT).status_code == 200
            assert lms.client(12, "bob", key=private_key("old"), kid=None).get(ACCOUNT).status_code == 200
            assert lms.client(12, "bob").get(ACCOUNT).status_code == 200


def test_the_lms_may_sign_with_its_secret_once_it_is_given(with_secret):
    symmetric = {"key": SECRET, "algorithm": "HS256", "kid": None}

    assert with_secret.client(12, "bob", **symmetric).get(ACCOUNT).status_code == 200
    assert with_secret.client(12, "bob").get(ACCOUNT).status_code == 200
    assert (
        with_secret.client(12, "bob", **{**symmetric, "key": SECRET[:-1] + "x"}).get(ACCOUNT).status_code
        == 401
    )
    assert with_secret.client(12, "bob", **symmetric, aud="other").get(ACCOUNT).status_code == 401
    forged = {**symmetric, "key": _public_bytes()}
    assert with_secret.client(12, "bob", **forged).get(ACCOUNT).status_code == 401


@pytest.mark.parametrize("secret", [SECRET])
def test_a_secret_makes_no_other_algorithm_acceptable(with_secret, secret):
    for algorithm in ("HS384", "HS512"):
        assert (
            with_secret.client(12, "bob", key=secret * 2, algorithm=algorithm).get(ACCOUNT).status_code == 401
        )


def test_cookies_sign_in_and_need_a_csrf_token_to_write(lms, db):
    client = with_cookies(APIClient(enforce_csrf_checks=True), lms.token(12, "bob"))
    body = {"enterprise_customer_uuid": str(ACME), "course_id": "MITx+6.00.1x"}

    assert client.get(ACCOUNT, HTTP_USE_JWT_COOKIE="true").status_code == 200
    without = client.post("/api/v1/license-requests/", body, HTTP_USE_JWT_COOKIE="true")
    csrf = client.get("/csrf/api/v1/token").json()["csrfToken"]
    with_csrf = client.post(
        "/api/v1/license-requests/", body, HTTP_USE_JWT_COOKIE="true", HTTP_X_CSRFTOKEN=csrf
    )

    assert without.status_code in (401, 403)
    assert with_csrf.status_code == 403  # by her roles: Bob belongs to no customer
    assert "CSRF" not in with_csrf.content.decode()


def test_the_roles_of_the_token_count(lms, db):
    body = {"enterprise_customer_uuid": str(ACME), "course_id": "MITx+6.00.1x"}
    learner = lms.client(12, "bob", roles=[f"enterprise_learner:{ACME}"])

    assert learner.post("/api/v1/license-requests/", body).status_code == 422  # Acme takes no requests
    assert lms.client(12, "bob", roles=[]).post("/api/v1/license-requests/", body).status_code == 403


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("post", "/login_refresh"),
        ("post", "/oauth2/access_token"),
        ("get", "/oauth2/jwks"),
        ("post", "/api/user/v2/account/registration/"),
    ],
)
def test_the_paths_of_the_issuer_are_gone(lms, db, method, path):
    for spelled in {path, path.rstrip("/") + "/"}:
        answer = getattr(lms.client(12, "bob"), method)(spelled)

        assert answer.status_code == 404
        assert answer["Content-Type"] == "application/json"


def test_the_description_lists_what_is_served(lms, db):
    described = (
        APIClient().get("/api/schema/", HTTP_ACCEPT="application/vnd.oai.openapi+json").content.decode()
    )

    assert "/csrf/api/v1/token" in described
    assert "/oauth2/" not in described
    assert "bursar token" not in described


def test_no_token_is_issued(lms, db):
    lms.client(12, "bob").get(ACCOUNT)

    with pytest.raises(ImproperlyConfigured, match="BURSAR_AUTH=openedx"):
        api.issue_token(lms_user_id=12)
    with pytest.raises(ImproperlyConfigured, match="BURSAR_AUTH=openedx"):
        api.list_public_keys()
