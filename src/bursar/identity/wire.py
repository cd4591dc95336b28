"""Accounts and tokens as Open edX writes them: the LMS's registration, account and token APIs."""

import base64
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote_plus

from django.conf import settings
from django.http import QueryDict
from django.templatetags.static import static

from bursar.identity.data import (
    GrantTypeUnsupported,
    Person,
    ProgramRefused,
    SignUpRefused,
    TokenRequestInvalid,
)
from bursar.identity.tokens import LIFETIME, SCOPES
from bursar.lib import clock
from bursar.lib.errors import DomainError

_IMAGE_SIZES = ("full", "large", "medium", "small")
_TOKEN_FIELDS = ("grant_type", "client_id", "client_secret", "token_type")


def to_account(person: Person) -> dict[str, Any]:
    """What a person (and staff) sees of an account: ``/api/user/v1/accounts/{username}``.

    The LMS's ``is_active`` says that the address was confirmed; a closed account is not shown at all.
    ``extended_profile`` must be a list: the learner portal stays blank otherwise.
    """
    return {
        **to_public_account(person),
        "id": person.lms_user_id,
        "email": person.email,
        "name": person.name,
        "is_active": person.is_confirmed,
        "extended_profile": [],
        "language_proficiencies": [],
        "social_links": [],
        "course_certificates": None,
        "country": None,
        "bio": None,
        "level_of_education": None,
        "time_zone": None,
        "requires_parental_consent": False,
    }


def to_public_account(person: Person) -> dict[str, Any]:
    """What everybody who is signed in sees of an account, as the LMS shows a private profile."""
    image = f"{settings.PUBLIC_URL}{static('identity/person.svg')}"
    return {
        "username": person.username,
        "profile_image": {
            "has_image": False,
            **{f"image_url_{size}": image for size in _IMAGE_SIZES},
        },
        "account_privacy": "private",
    }


def to_registration_errors(refusal: SignUpRefused) -> dict[str, Any]:
    """Per field a list of messages, and one code for the whole."""
    fields = sorted(refusal.errors)
    code = f"duplicate-{'-'.join(fields)}" if refusal.is_conflict else "validation-error"
    return {**{field: [{"user_message": refusal.errors[field]}] for field in fields}, "error_code": code}


def to_refreshed_session(lms_user_id: int) -> dict[str, Any]:
    """The LMS's answer of ``/login_refresh``; by the epoch seconds a front end corrects its clock."""
    return {
        "success": True,
        "user_id": lms_user_id,
        "response_epoch_seconds": int(clock.now().timestamp()),
    }


def to_access_token(token: str) -> dict[str, Any]:
    """RFC 6749, section 5.1, with the LMS's type of token."""
    return {
        "access_token": token,
        "token_type": "JWT",
        "expires_in": int(LIFETIME.total_seconds()),
        "scope": " ".join(SCOPES),
    }


def to_token_error(error: DomainError) -> dict[str, str]:
    """RFC 6749, section 5.2."""
    return {"error": error.code, "error_description": error.message}


def read_credentials(form: QueryDict, authorization: str) -> tuple[str, str]:
    """Client id and secret of a program that asks for a token (RFC 6749, sections 2.3.1 and 4.4.2).

    They come in the form or in the Authorization header, as Basic. Raises TokenRequestInvalid,
    GrantTypeUnsupported, and ProgramRefused when there are none. ``scope`` is passed over: a token has what
    its account has.
    """
    for field in _TOKEN_FIELDS:
        if len(form.getlist(field)) > 1:
            raise TokenRequestInvalid(f"{field} stands more than once.")
    if not text(form, "grant_type"):
        raise TokenRequestInvalid("grant_type is missing: send client_credentials.")
    if text(form, "grant_type") != "client_credentials":
        raise GrantTypeUnsupported("The only grant_type here is client_credentials.")
    if (text(form, "token_type") or "jwt").lower() != "jwt":
        raise TokenRequestInvalid("The only token_type here is jwt.")
    sent = text(form, "client_id"), text(form, "client_secret")
    in_header = _basic_credentials(authorization)
    if in_header is not None and (sent[1] or sent[0] not in ("", in_header[0])):
        raise TokenRequestInvalid("Send the credentials in the form or in the header, not in both.")
    client_id, client_secret = in_header or sent
    if not client_id or not client_secret:
        raise ProgramRefused("client_id and client_secret are needed.")
    return client_id, client_secret


def _basic_credentials(authorization: str) -> tuple[str, str] | None:
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        client_id, _, client_secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except ValueError as error:
        raise ProgramRefused("The Authorization header is not Basic authentication.") from error
    return unquote_plus(client_id), unquote_plus(client_secret)


def is_true(value: Any) -> bool:
    """Whether a form's field is ticked; JSON sends a boolean, browsers and clients several words."""
    return value is True or str(value).strip().lower() in ("true", "on", "1", "yes")


def text(body: Mapping[str, Any], field: str) -> str:
    """A field of a form as text; what is missing or not text is empty, and refused for that."""
    value = body.get(field)
    return value if isinstance(value, str) else ""
