"""JSON Web Tokens with the LMS's claims: made here, checked here, carried in a header or in two cookies."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

import jwt
from django.conf import settings
from django.http import HttpResponse
from django.utils.crypto import salted_hmac

from bursar.identity.data import Grant, PersonNotFound
from bursar.identity.issuers import Issuer
from bursar.identity.keys import VerifyingKey, get_signing_key
from bursar.identity.models import RoleAssignment, User
from bursar.lib import clock

LIFETIME = timedelta(hours=1)  # the LMS's: a role withdrawn meanwhile stays in the token that long
LEEWAY_SECONDS = 1  # between two clocks
CLAIMS_VERSION = "1.2.0"  # the shape of the claims, as the LMS counts it
SCOPES = ("user_id", "email", "profile")  # of the LMS's: which claims a token has
BY_SIGNING_IN = "password"  # the LMS's words for how a token was got
BY_CLIENT_CREDENTIALS = "client-credentials"


def issue_token(*, lms_user_id: int, grant_type: str = BY_SIGNING_IN) -> str:
    """A signed token for the person, good for one hour; ``grant_type`` tells how it was got. Two queries.

    Raises PersonNotFound for an account that is missing or closed.
    """
    user = User.objects.filter(lms_user_id=lms_user_id, is_active=True).first()
    if user is None:
        raise PersonNotFound("No active account has this LMS user id.")
    key = get_signing_key()
    claims = _claims(user, grant_type)
    return jwt.encode(claims, key.private, settings.JWT_AUTH["JWT_ALGORITHM"], headers={"kid": key.id})


def decode_token(token: str) -> dict[str, Any]:
    """The claims of a token that a trusted issuer signed, that is meant for us, and that has not run out.

    The issuer that the token names chooses keys and audience; nobody else's are tried.
    Raises ``jwt.InvalidTokenError``. The library's own decoder would accept symmetric keys as well,
    verify everything twice and log a stack trace for each bad token.
    """
    unverified = jwt.decode_complete(token, options={"verify_signature": False})
    issuer = _find_issuer(unverified["payload"].get("iss"))
    if issuer is None:
        raise jwt.InvalidIssuerError("The token's issuer is not trusted here.")
    algorithms, keys = issuer.keys_for(unverified["header"])
    for key in keys:
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=list(algorithms),
                audience=issuer.audience,
                issuer=issuer.name,
                leeway=LEEWAY_SECONDS,
                options={"require": ["exp", "iat", "iss", "aud"]},
            )
        except jwt.InvalidSignatureError:
            continue
        if not str(claims.get("version", CLAIMS_VERSION)).startswith("1."):
            raise jwt.InvalidTokenError("The claims have a shape that is not known here.")
        return claims
    raise jwt.InvalidSignatureError("None of its issuer's keys has signed this token.")


def _find_issuer(name: object) -> Issuer | None:
    if settings.ISSUES_TOKENS:
        own = get_signing_key()
        ourselves = Issuer(
            settings.JWT_AUTH["JWT_ISSUER"],
            settings.JWT_AUTH["JWT_AUDIENCE"],
            (VerifyingKey(own.public, own.id),),
        )
        return ourselves if name == ourselves.name else None
    trusted: Mapping[str, Issuer] = settings.TRUSTED_ISSUERS
    return trusted.get(name) if isinstance(name, str) else None


def set_token_cookies(response: HttpResponse, *, lms_user_id: int) -> None:
    """Gives the browser a new token, split: scripts can read the claims, but not the signature."""
    header_and_payload, _, signature = issue_token(lms_user_id=lms_user_id).rpartition(".")
    lasting = {
        "max_age": int(LIFETIME.total_seconds()),
        "secure": settings.SESSION_COOKIE_SECURE,
        "samesite": "Lax",
    }
    response.set_cookie(settings.JWT_AUTH["JWT_AUTH_COOKIE_HEADER_PAYLOAD"], header_and_payload, **lasting)
    response.set_cookie(settings.JWT_AUTH["JWT_AUTH_COOKIE_SIGNATURE"], signature, httponly=True, **lasting)


def delete_token_cookies(response: HttpResponse) -> None:
    """Has the browser forget its token."""
    for name in ("JWT_AUTH_COOKIE_HEADER_PAYLOAD", "JWT_AUTH_COOKIE_SIGNATURE"):
        response.delete_cookie(settings.JWT_AUTH[name], samesite="Lax")


def grants_in(claims: Mapping[str, Any]) -> frozenset[Grant]:
    """The roles that a token gives. What does not look like a role gives none."""
    roles = claims.get("roles")
    if not isinstance(roles, list):
        return frozenset()
    return frozenset(Grant.parse(role) for role in roles if isinstance(role, str))


def _claims(user: User, grant_type: str) -> dict[str, Any]:
    """Shape: ``create_jwt_for_user`` of the LMS, with the scopes user_id, email and profile."""
    issued_at = int(clock.now().timestamp())
    roles = RoleAssignment.objects.filter(lms_user_id=user.lms_user_id)
    given_name, _, family_name = user.name.rpartition(" ")
    return {
        "aud": settings.JWT_AUTH["JWT_AUDIENCE"],
        "iss": settings.JWT_AUTH["JWT_ISSUER"],
        "iat": issued_at,
        "exp": issued_at + int(LIFETIME.total_seconds()),
        "version": CLAIMS_VERSION,
        "grant_type": grant_type,
        "scopes": list(SCOPES),
        "sub": salted_hmac("bursar.identity.sub", str(user.lms_user_id), algorithm="sha256").hexdigest()[:32],
        "filters": [],
        "is_restricted": False,
        "email_verified": user.confirmed_at is not None,
        "user_id": user.lms_user_id,
        "preferred_username": user.username,
        "email": user.email,
        "name": user.name,
        "given_name": given_name or family_name,
        "family_name": family_name if given_name else "",
        "administrator": user.is_staff,
        "superuser": user.is_superuser,
        "roles": _roles_claim(roles, user.active_customer_uuid),
    }


def _roles_claim(rows: Iterable[RoleAssignment], active_customer: UUID | None) -> list[str]:
    """The front ends take the first customer for the active one; the others keep their order."""
    first = str(active_customer)
    return [f"{row.role}:{row.context}" for row in sorted(rows, key=lambda row: row.context != first)]
