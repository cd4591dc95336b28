"""The RSA key that signs our tokens, and the key sets of others that verify theirs.

``config/settings.py`` says where the PEM text of ours comes from.
"""

import base64
import hashlib
import json
from dataclasses import dataclass
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey, generate_private_key
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from jwt.algorithms import RSAAlgorithm

KEY_BITS = 2048  # what the LMS uses; a signature takes about a millisecond


@dataclass(frozen=True)
class SigningKey:
    """A private key, its public half, and the name by which verifiers tell it from others."""

    private: RSAPrivateKey
    public: RSAPublicKey
    id: str


@dataclass(frozen=True)
class VerifyingKey:
    """A public key, and its name if its owner gives it one."""

    public: RSAPublicKey
    id: str | None


def make_private_key() -> str:
    """A new private key as PEM text."""
    private = generate_private_key(public_exponent=65537, key_size=KEY_BITS)
    return private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def get_signing_key() -> SigningKey:
    """The key of this installation, read once per process. There is one only where tokens are issued."""
    if not settings.ISSUES_TOKENS:
        raise ImproperlyConfigured("With BURSAR_AUTH=openedx Bursar issues no tokens: the LMS does.")
    return _load(settings.JWT_PRIVATE_KEY)


def list_public_keys() -> list[dict[str, str]]:
    """What verifies our tokens, as a JWK set lists it (RFC 7517). There is one key at a time."""
    key = get_signing_key()
    return [{"kid": key.id, "use": "sig", "alg": settings.JWT_AUTH["JWT_ALGORITHM"], **_jwk(key.public)}]


def read_key_set(document: Any) -> tuple[VerifyingKey, ...]:
    """The RSA keys of a JWK set (RFC 7517), at least one. Raises ValueError that says what to mend."""
    keys = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(keys, list) or not keys:
        raise ValueError('must be a key set, {"keys": [...]}, with at least one key')
    return tuple(_read_public_key(key, f"keys[{index}]") for index, key in enumerate(keys))


def _read_public_key(key: Any, where: str) -> VerifyingKey:
    if not isinstance(key, dict) or key.get("kty") != "RSA":
        raise ValueError(f"{where} is not an RSA key: only RS256 and RS512 are verified")
    if "d" in key:
        raise ValueError(f"{where} is a private key: take its public half (kty, n, e, kid), and guard it")
    key_id = key.get("kid")
    if key_id is not None and not isinstance(key_id, str):
        raise ValueError(f"{where} has a kid that is not text")
    try:
        public = RSAAlgorithm.from_jwk(key)
    except (jwt.InvalidKeyError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{where} is damaged: its n and e make no RSA key") from error
    if not isinstance(public, RSAPublicKey) or public.key_size < KEY_BITS:
        raise ValueError(f"{where} is shorter than {KEY_BITS} bits, which is not safe any more")
    return VerifyingKey(public, key_id)


@cache
def _load(pem: str) -> SigningKey:
    try:
        private = serialization.load_pem_private_key(pem.encode(), password=None)
    except (TypeError, ValueError) as error:
        raise ImproperlyConfigured("BURSAR_JWT_PRIVATE_KEY must be an RSA private key as PEM text") from error
    if not isinstance(private, RSAPrivateKey):
        raise ImproperlyConfigured("BURSAR_JWT_PRIVATE_KEY must be an RSA key")
    public = private.public_key()
    return SigningKey(private, public, _thumbprint(public))


def _thumbprint(public: RSAPublicKey) -> str:
    """The key's name by RFC 7638: the same on every process, and another one for another key."""
    text = json.dumps(_jwk(public), separators=(",", ":"), sort_keys=True)
    digest = hashlib.sha256(text.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _jwk(public: RSAPublicKey) -> dict[str, str]:
    numbers = public.public_numbers()
    return {"kty": "RSA", "n": _base64url(numbers.n), "e": _base64url(numbers.e)}


def _base64url(number: int) -> str:
    body = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return base64.urlsafe_b64encode(body).rstrip(b"=").decode()
