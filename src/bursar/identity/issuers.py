"""Whose tokens are trusted: each issuer by its name, with its own audience and its own keys.

``BURSAR_JWT_ISSUERS`` is read here (``config/settings.py`` does it at the start of a process).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import jwt
import orjson
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt.algorithms import HMACAlgorithm
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PlainValidator,
    TypeAdapter,
    ValidationError,
)

from bursar.identity.keys import VerifyingKey, read_key_set
from bursar.lib.problems import check_line, list_problems, path_text

ASYMMETRIC = ("RS256", "RS512")
SYMMETRIC = ("HS256",)
_SECRET_MIN_LENGTH = 16  # characters; Tutor gives the LMS one of 24


@dataclass(frozen=True)
class Issuer:
    """Who signs tokens, for whom, and with what. Without a ``secret`` no symmetric token is accepted."""

    name: str
    audience: str
    keys: tuple[VerifyingKey, ...]
    secret: str = field(default="", repr=False)

    def keys_for(self, header: Mapping[str, Any]) -> tuple[Sequence[str], Sequence[RSAPublicKey | str]]:
        """The algorithms and the keys that may verify a token with this header: of one kind only.

        A public key is thus never taken for a secret. A ``kid`` leaves the keys of that name, and those
        that have none.
        """
        algorithm, key_id = header.get("alg"), header.get("kid")
        if algorithm in SYMMETRIC:
            return SYMMETRIC, [self.secret] if self.secret else []
        if algorithm in ASYMMETRIC:
            named = [key.public for key in self.keys if None in (key_id, key.id) or key.id == key_id]
            return ASYMMETRIC, named
        return (), []


def read_issuers(text: str) -> dict[str, Issuer]:
    """The issuers of ``BURSAR_JWT_ISSUERS``, by name; files with key sets are read now.

    Raises ValueError with everything that has to be mended, in one line.
    """
    try:
        written = _ISSUERS.validate_python(orjson.loads(text.strip() or "[]"))
    except orjson.JSONDecodeError as error:
        raise ValueError(f"is not valid JSON ({error}): give a list, {_EXAMPLE}") from error
    except ValidationError as error:
        problems = (f"{path_text(path)} {why}".strip() for path, why in list_problems(error))
        raise ValueError("; ".join(problems)) from None  # pydantic's own text would quote the secret
    if not written:
        raise ValueError(f"names no issuer: give a list, {_EXAMPLE}")
    names = [each.issuer for each in written]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"the issuer {twice[0]} stands twice: put all its keys into one jwks")
    return {each.issuer: Issuer(each.issuer, each.audience, each.jwks, each.secret) for each in written}


_EXAMPLE = '[{"issuer": "https://LMS/oauth2", "audience": "openedx", "jwks": {"keys": [...]}}]'


def _key_set(value: Any) -> tuple[VerifyingKey, ...]:
    """The keys of a key set, of its text (the LMS keeps it so), or of the file that has it."""
    if isinstance(value, str) and not value.lstrip().startswith("{"):
        try:
            value = Path(value).read_text()
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "it is not a text file"
            raise ValueError(f"{value!r} cannot be read as a file with a key set: {reason}") from error
    if isinstance(value, str):
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError as error:
            raise ValueError(f"is not valid JSON: {error}") from error
    return read_key_set(value)


def _secret(text: str) -> str:
    if len(text) < _SECRET_MIN_LENGTH:
        raise ValueError(f"must have at least {_SECRET_MIN_LENGTH} characters; leave it out to refuse HS256")
    try:
        HMACAlgorithm(HMACAlgorithm.SHA256).prepare_key(text)
    except jwt.InvalidKeyError:
        raise ValueError("is a key, not a secret: public keys belong into jwks") from None
    return text


_Line = Annotated[str, Field(min_length=1, max_length=255), AfterValidator(check_line)]


class _WrittenIssuer(BaseModel):
    """An entry of the variable."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    issuer: _Line
    audience: _Line
    jwks: Annotated[tuple[VerifyingKey, ...], PlainValidator(_key_set)]
    secret: Annotated[str, AfterValidator(_secret)] = ""


_ISSUERS = TypeAdapter(list[_WrittenIssuer])
