"""Tokens: what is in them, which are refused, and how they come in cookies."""

import logging
import time
from typing import Any

import jwt
import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpResponse
from rest_framework.test import APIClient

from bursar.identity import api, keys
from bursar.identity.data import PersonNotFound, RoleAssignment
from bursar.identity.models import User
from bursar.identity.tests.conftest import ACME, GLOBEX, with_token

pytestmark = pytest.mark.once  # signatures and clocks, and accounts by their keys

ACCOUNT = "/api/user/v1/accounts/bob"
COOKIES = ("edx-jwt-cookie-header-payload", "edx-jwt-cookie-signature")


def claims_of(token: str) -> dict[str, Any]:
    return jwt.decode(token, options={"verify_signature": False})


def forge(
    changes: dict[str, Any], *, key: Any = None, algorithm: str = "RS512", without: str | None = None
) -> str:
    """Bob's token with other claims, signed with our own key unless another is given."""
    claims = {**claims_of(api.issue_token(lms_user_id=12)), **changes}
    claims.pop(without or "", None)
    return jwt.encode(claims, key or keys.get_signing_key().private, algorithm)


def test_a_token_has_the_claims_of_the_lms(people):
    token = api.issue_token(lms_user_id=12)
    claims = claims_of(token)

    now = time.time()
    assert jwt.get_unverified_header(token)["alg"] == "RS512"
    assert claims.pop("iat") == pytest.approx(now, abs=5)
    assert claims.pop("exp") == pytest.approx(now + 3600, abs=5)
    assert len(claims.pop("sub")) == 32
    assert claims == {
        "aud": "openedx",
        "iss": f"{settings.PUBLIC_URL}/oauth2",
        "version": "1.2.0",
        "grant_type": "password",
        "scopes": ["user_id", "email", "profile"],
        "filters": [],
        "is_restricted": False,
        "email_verified": True,
        "user_id": 12,
        "preferred_username": "bob",
        "email": "bob@acme.test",
        "name": "Bob Brown",
        "given_name": "Bob",
        "family_name": "Brown",
        "administrator": False,
        "superuser": False,
        "roles": [f"enterprise_learner:{ACME}"],
    }


def test_the_active_customer_stands_first_among_the_roles(people):
    api.assign_roles([RoleAssignment(12, "enterprise_learner", GLOBEX)], by=None)
    assert claims_of(api.issue_token(lms_user_id=12))["roles"][0] == f"enterprise_learner:{ACME}"

    api.set_active_customer(lms_user_id=12, customer_uuid=GLOBEX)

    assert claims_of(api.issue_token(lms_user_id=12))["roles"] == [
        f"enterprise_learner:{GLOBEX}",
        f"enterprise_learner:{ACME}",
    ]


def test_a_token_is_issued_by_address_and_refused_to_strangers(people):
    assert claims_of(api.issue_token_for_email(" ALICE@acme.test"))["user_id"] == 11
    with pytest.raises(PersonNotFound):
        api.issue_token_for_email("nobody@acme.test")
    with pytest.raises(PersonNotFound):
        api.issue_token(lms_user_id=999)


def test_the_header_signs_in(client_of, django_assert_num_queries):
    client = client_of("bob")
    with django_assert_num_queries(3):  # the token's account, its roles, and the account asked for
        response = client.get(ACCOUNT)

    assert response.status_code == 200
    assert response.json()["email"] == "bob@acme.test"


def test_without_a_token_the_answer_is_401(people):
    response = APIClient().get(ACCOUNT)

    assert response.status_code == 401
    assert response["WWW-Authenticate"].startswith("JWT")


BAD_TOKENS = {
    "forged with HS256 and our public key": lambda: forge({}, key=_public_text(), algorithm="HS256"),
    "unsigned": lambda: jwt.encode(claims_of(api.issue_token(lms_user_id=12)), None, "none"),
    "signed with another key": lambda: forge({}, key=keys._load(keys.make_private_key()).private),
    "expired": lambda: forge({"exp": int(time.time()) - 60}),
    "of another issuer": lambda: forge({"iss": "https://elsewhere.test/oauth2"}),
    "for another audience": lambda: forge({"aud": "somebody-else"}),
    "without an end": lambda: forge({}, without="exp"),
    "without an audience": lambda: forge({}, without="aud"),
    "with an odd end": lambda: forge({"exp": "soon"}),
    "with claims of the future": lambda: forge({"version": "2.0.0"}),
    "restricted": lambda: forge({"is_restricted": True}),
    "of an unknown person": lambda: forge({"preferred_username": "mallory", "user_id": 666}),
    "of two people at once": lambda: forge({"preferred_username": "olga"}),
    "with an odd username": lambda: forge({"preferred_username": ["bob"]}),
    "without a username": lambda: forge({}, without="preferred_username"),
    "cut off": lambda: api.issue_token(lms_user_id=12)[:-20],
    "no token at all": lambda: "nonsense",
    "dots": lambda: "..",
    "not even text": lambda: "ÿþ.ÿþ.ÿþ",
}


def _public_text() -> bytes:
    # pyjwt refuses PEM text as a symmetric key, so the forger takes the bare numbers.
    return keys.get_signing_key().public.public_numbers().n.to_bytes(256, "big")


@pytest.mark.parametrize("kind", BAD_TOKENS)
def test_a_bad_token_is_a_401_and_never_more(people, kind, caplog):
    token = BAD_TOKENS[kind]()
    count = User.objects.count()

    with caplog.at_level(logging.INFO):
        response = with_token(token).get(ACCOUNT)

    assert response.status_code == 401, kind
    assert response["WWW-Authenticate"].startswith("JWT")
    assert User.objects.count() == count
    assert not [record for record in caplog.records if record.exc_info]


@pytest.mark.parametrize("header", ["JWT", "JWT ", "JWT a b", "Bearer abc", "nonsense", "JWT  x"])
def test_a_header_that_is_no_token_is_anonymous(people, header):
    assert APIClient().get(ACCOUNT, HTTP_AUTHORIZATION=header).status_code == 401


def test_a_token_raises_no_privileges_and_changes_no_account(people):
    claims = {"administrator": True, "superuser": True, "email": "other@acme.test", "email_verified": True}

    response = with_token(forge(claims)).get("/api/user/v1/accounts/alice")

    bob = User.objects.get(username="bob")
    assert "email" not in response.json()  # still not staff
    assert (bob.is_staff, bob.is_superuser, bob.email) == (False, False, "bob@acme.test")


def test_a_closed_account_is_refused_at_once(client_of):
    client = client_of("bob")
    User.objects.filter(username="bob").update(is_active=False)

    assert client.get(ACCOUNT).status_code == 401
    with pytest.raises(PersonNotFound):
        api.issue_token(lms_user_id=12)


def cookie_client(token: str, **options: Any) -> APIClient:
    client = APIClient(**options)
    response = HttpResponse()
    api.set_token_cookies(response, lms_user_id=12)
    client.cookies = response.cookies
    head, _, signature = token.rpartition(".")
    client.cookies[COOKIES[0]] = head
    client.cookies[COOKIES[1]] = signature
    return client


def test_the_two_cookies_sign_in(people):
    client = cookie_client(api.issue_token(lms_user_id=12), enforce_csrf_checks=True)

    assert client.get(ACCOUNT).status_code == 200
    assert client.get(ACCOUNT, HTTP_USE_JWT_COOKIE="true").status_code == 200


def test_the_signature_is_kept_from_scripts(people):
    response = HttpResponse()
    api.set_token_cookies(response, lms_user_id=12)

    assert not response.cookies[COOKIES[0]]["httponly"]
    assert response.cookies[COOKIES[1]]["httponly"]
    assert response.cookies[COOKIES[1]]["max-age"] == 3600
    assert response.cookies[COOKIES[0]].value.count(".") == 1


@pytest.mark.parametrize("kind", BAD_TOKENS)
def test_a_bad_token_in_cookies_is_a_401(people, kind, caplog):
    token = BAD_TOKENS[kind]()
    if not token.isascii():
        return
    with caplog.at_level(logging.INFO):
        assert cookie_client(token).get(ACCOUNT).status_code == 401
    assert not [record for record in caplog.records if record.exc_info]


def test_one_cookie_alone_is_anonymous(people):
    client = cookie_client(api.issue_token(lms_user_id=12))
    del client.cookies[COOKIES[1]]

    assert client.get(ACCOUNT).status_code == 401


def test_an_expired_cookie_does_not_hide_the_session(people):
    client = cookie_client(forge({"exp": int(time.time()) - 60}))
    client.force_login(User.objects.get(username="bob"))

    assert client.get(ACCOUNT).status_code == 200


def test_the_key_is_one_file_that_only_its_owner_reads():
    path = settings.BURSAR_HOME / "keys" / "jwt_private_key.pem"

    assert path.stat().st_mode & 0o777 == 0o600
    assert path.read_text() == settings.JWT_PRIVATE_KEY


def test_another_key_comes_from_the_settings(people, settings):
    old = api.issue_token(lms_user_id=12)
    settings.JWT_PRIVATE_KEY = keys.make_private_key()

    assert with_token(old).get(ACCOUNT).status_code == 401
    assert with_token(api.issue_token(lms_user_id=12)).get(ACCOUNT).status_code == 200


@pytest.mark.parametrize("pem", ["nonsense", ""])
def test_a_key_that_is_none_is_named(settings, pem):
    settings.JWT_PRIVATE_KEY = pem

    with pytest.raises(ImproperlyConfigured, match="BURSAR_JWT_PRIVATE_KEY"):
        keys.get_signing_key()
