"""A stand-in for an LMS that issues tokens, and Bursar beside it (a pytest plugin like ``cast.py``)."""

import importlib
import json
import time
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from django.test import Client, override_settings
from django.urls import clear_url_caches
from jwt import PyJWS
from jwt.algorithms import RSAAlgorithm
from rest_framework.test import APIClient

from bursar.identity.issuers import read_issuers

URL = "https://lms.test"
COOKIES = ("edx-jwt-cookie-header-payload", "edx-jwt-cookie-signature")
_OF_THE_SETTING = ("bursar.identity.rest.urls", "bursar.portal.urls", "bursar.config.urls")


@cache
def private_key(name: str) -> RSAPrivateKey:
    """A key for each name, made once: that takes a while."""
    return generate_private_key(public_exponent=65537, key_size=2048)


def public_jwk(name: str = "lms", **changes: Any) -> dict[str, Any]:
    """The public half as the LMS's ``JWT_PUBLIC_SIGNING_JWK_SET`` lists it; None takes a field away."""
    jwk = {**RSAAlgorithm.to_jwk(private_key(name).public_key(), as_dict=True), "kid": name, **changes}
    return {field: value for field, value in jwk.items() if value is not None and field != "key_ops"}


class Lms:
    """An LMS: its name, its keys, and the tokens that it gives. ``secret`` signs its symmetric ones."""

    def __init__(
        self, url: str = URL, *, audience: str = "openedx", key: str = "lms", secret: str = ""
    ) -> None:
        self.issuer = f"{url}/oauth2"
        self.audience = audience
        self.key = key
        self.secret = secret

    def entry(self, **changes: Any) -> dict[str, Any]:
        """What stands for it in BURSAR_JWT_ISSUERS."""
        secret = {"secret": self.secret} if self.secret else {}
        jwks = {"keys": [public_jwk(self.key)]}
        return {"issuer": self.issuer, "audience": self.audience, "jwks": jwks, **secret, **changes}

    def token(
        self,
        lms_user_id: int | None,
        username: str,
        *,
        key: Any = None,
        algorithm: str = "RS512",
        kid: str | None = "lms",
        **changes: Any,
    ) -> str:
        """A token with the LMS's claims, all scopes; None takes a claim away."""
        now = int(time.time())
        claims = {
            "aud": self.audience,
            "exp": now + 3600,
            "iat": now,
            "iss": self.issuer,
            "grant_type": "password",
            "preferred_username": username,
            "scopes": ["user_id", "email", "profile"],
            "version": "1.2.0",
            "sub": "0" * 32,
            "filters": [],
            "is_restricted": False,
            "email_verified": True,
            "user_id": lms_user_id,
            "email": f"{username}@acme.test",
            "name": username.title(),
            "family_name": "",
            "given_name": username.title(),
            "administrator": False,
            "superuser": False,
            "roles": [],
            **changes,
        }
        claims = {name: value for name, value in claims.items() if value is not None}
        headers = {"kid": kid} if kid else None
        # Not jwt.encode, which would refuse odd claims.
        return PyJWS().encode(
            json.dumps(claims).encode(), key or private_key(self.key), algorithm, headers=headers
        )

    def client(self, lms_user_id: int, username: str, **changes: Any) -> APIClient:
        """An API client with a token of this LMS in its header."""
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"JWT {self.token(lms_user_id, username, **changes)}")
        return client

    def browser(self, lms_user_id: int, username: str, **changes: Any) -> Client:
        """A browser that has the LMS's two cookies; it checks CSRF tokens as real ones do."""
        return with_cookies(Client(enforce_csrf_checks=True), self.token(lms_user_id, username, **changes))


def with_cookies(client: Client, token: str) -> Any:
    """The client with the token in the two cookies."""
    head, _, signature = token.rpartition(".")
    client.cookies[COOKIES[0]], client.cookies[COOKIES[1]] = head, signature
    return client


@pytest.fixture
def lms() -> Iterator[Lms]:
    """Bursar with BURSAR_AUTH=openedx beside this LMS: its settings, its paths."""
    yield from beside(Lms())


def beside(*trusted: Lms) -> Iterator[Lms]:
    """Has Bursar trust these, as the settings would; ends when the iterator goes on."""
    issuers = read_issuers(json.dumps([each.entry() for each in trusted]))
    changed = override_settings(
        AUTH="openedx",
        ISSUES_TOKENS=False,
        TRUSTED_ISSUERS=issuers,
        JWT_PRIVATE_KEY="",
        LMS_URL=URL,
        LOGIN_URL=f"{URL}/login",
    )
    with changed:
        _route_anew()
        yield trusted[0]
    _route_anew()


def _route_anew() -> None:
    for name in _OF_THE_SETTING:
        importlib.reload(importlib.import_module(name))
    clear_url_caches()
