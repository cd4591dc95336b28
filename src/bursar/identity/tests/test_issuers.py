"""BURSAR_JWT_ISSUERS: what may stand in it, and what is said of everything else."""

import json
from typing import Any

import pytest
from jwt.algorithms import RSAAlgorithm

from bursar.identity.issuers import read_issuers
from tests.lms import Lms, private_key, public_jwk

pytestmark = pytest.mark.once

ENTRY = Lms().entry()
SECRET = "a-secret-that-nobody-else-knows-0123"


def read(**changes: Any) -> Any:
    return read_issuers(json.dumps([{**ENTRY, **changes}]))


def test_an_issuer_has_its_name_its_audience_and_its_keys():
    issuers = read()

    issuer = issuers["https://lms.test/oauth2"]
    assert (issuer.audience, issuer.secret) == ("openedx", "")
    assert [key.id for key in issuer.keys] == ["lms"]
    assert issuer.keys[0].public.public_numbers() == private_key("lms").public_key().public_numbers()


def test_a_key_set_may_be_given_as_the_text_that_the_lms_keeps_or_as_a_file(tmp_path):
    text = json.dumps({"keys": [public_jwk(), public_jwk("other")]})
    file = tmp_path / "jwks.json"
    file.write_text(text)

    assert read(jwks=text) == read(jwks=str(file)) == read(jwks=json.loads(text))


def test_the_secret_is_not_in_what_a_log_would_show():
    issuers = read(secret=SECRET)

    assert issuers["https://lms.test/oauth2"].secret == SECRET
    assert SECRET not in repr(issuers)


PRIVATE = RSAAlgorithm.to_jwk(private_key("lms"), as_dict=True)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"issuer": ""}, r"\[0\]\.issuer must not be empty"),
        ({"audience": None}, r"\[0\]\.audience must be text"),
        ({"audiences": ["openedx"]}, r"\[0\]\.audiences is not a known key"),
        ({"jwks": None}, r"\[0\]\.jwks must be a key set"),
        ({"jwks": {"keys": []}}, "with at least one key"),
        ({"jwks": {"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}}, r"keys\[0\] is not an RSA key"),
        ({"jwks": {"keys": [public_jwk(), public_jwk(n=None)]}}, r"keys\[1\] is damaged"),
        ({"jwks": {"keys": [public_jwk(n="AQAB")]}}, "shorter than 2048 bits|damaged"),
        ({"jwks": {"keys": [public_jwk(e=7)]}}, "damaged"),
        ({"jwks": {"keys": [public_jwk(kid=7)]}}, "a kid that is not text"),
        ({"jwks": {"keys": [PRIVATE]}}, "is a private key"),
        ({"jwks": "{"}, "not valid JSON"),
        ({"jwks": "nowhere/jwks.json"}, "'nowhere/jwks.json' cannot be read .*No such file"),
        ({"secret": "short"}, "at least 16 characters"),
        ({"secret": "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----"}, "is a key, not a secret"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(changes, words):
    with pytest.raises(ValueError, match=words) as refusal:
        read(**changes)

    assert "\n" not in str(refusal.value)


def test_every_fault_is_named_at_once_and_no_secret_is_quoted():
    with pytest.raises(ValueError, match="audience") as refusal:
        read_issuers(json.dumps([{"issuer": "x", "secret": "hush"}, {**ENTRY, "jwks": 5}]))

    text = str(refusal.value)
    assert "[0].audience is required" in text
    assert "[0].jwks is required" in text
    assert "[1].jwks must be a key set" in text
    assert "hush" not in text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "names no issuer: give a list"),
        ("  ", "names no issuer: give a list"),
        ("https://lms.test/oauth2", "is not valid JSON .*: give a list"),
        ("{}", "must be a list"),
        ("[]", "names no issuer: give a list"),
        ("[1]", r"\[0\] must be a mapping"),
    ],
)
def test_what_is_no_list_of_issuers_is_refused(text, words):
    with pytest.raises(ValueError, match=words):
        read_issuers(text)


def test_an_issuer_that_stands_twice_is_refused():
    with pytest.raises(ValueError, match=r"https://lms\.test/oauth2 stands twice"):
        read_issuers(json.dumps([ENTRY, {**ENTRY, "audience": "other"}]))
