"""``GET /oauth2/jwks``: whoever verifies our tokens finds the key there."""

import jwt
import pytest
from django.conf import settings
from rest_framework.test import APIClient

from bursar.identity import api, keys

pytestmark = pytest.mark.once  # signatures and clocks, and accounts by their keys

JWKS = "/oauth2/jwks"


@pytest.mark.parametrize("path", [JWKS, JWKS + "/"])
def test_a_token_is_verified_with_the_key_set_alone(people, path):
    token = api.issue_token(lms_user_id=12)

    key_set = jwt.PyJWKSet.from_dict(APIClient().get(path).json())

    key = key_set[jwt.get_unverified_header(token)["kid"]]
    issuer = f"{settings.PUBLIC_URL}/oauth2"
    claims = jwt.decode(token, key, audience="openedx", issuer=issuer)
    assert claims["preferred_username"] == "bob"


def test_the_key_set_tells_the_public_half_only(db):
    (key,) = APIClient().get(JWKS).json()["keys"]

    assert set(key) == {"kid", "kty", "use", "alg", "n", "e"}
    assert (key["kty"], key["use"], key["alg"], key["e"]) == ("RSA", "sig", "RS512", "AQAB")


def test_the_key_set_may_be_cached_for_everybody(db):
    response = APIClient().get(JWKS)

    assert response["Cache-Control"] == "public, max-age=300"
    assert "Cookie" not in response.get("Vary", "")
    assert not response.cookies


def test_another_key_has_another_name_and_verifies_no_older_token(people, settings):
    old, before = api.issue_token(lms_user_id=12), APIClient().get(JWKS).json()["keys"][0]
    settings.JWT_PRIVATE_KEY = keys.make_private_key()

    after = APIClient().get(JWKS).json()["keys"][0]

    assert after["kid"] != before["kid"]
    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(old, jwt.PyJWK(after), audience="openedx")


def test_a_spoilt_token_does_not_hinder_reading_it(db):
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION="JWT nonsense")

    assert client.get(JWKS).status_code == 200


def test_it_is_only_read(db):
    assert APIClient().post(JWKS).status_code == 405
