"""Who makes a request: by token or by session, and with which roles."""

from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from typing import Any

import jwt
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from edx_rest_framework_extensions.auth.jwt.authentication import JwtAuthentication as EdxJwtAuthentication
from rest_framework import authentication
from rest_framework.exceptions import AuthenticationFailed, NotAuthenticated
from rest_framework.request import Request

from bursar.identity.data import Caller, ClaimsRefused, Grant
from bursar.identity.models import RoleAssignment, User
from bursar.identity.service.lms_accounts import keep_account
from bursar.identity.tokens import decode_token, grants_in


class JwtAuthentication(EdxJwtAuthentication):  # type: ignore[misc]
    """A token in ``Authorization: JWT ...`` or in the two cookies; with cookies CSRF is checked.

    The library's own class would look people up by username, and make an account for every unknown one.
    """

    def authenticate_credentials(self, payload: dict[str, Any]) -> User:
        return _get_user(payload)


def _get_user(claims: dict[str, Any]) -> User:
    """The account that verified claims point at; raises AuthenticationFailed. One query.

    Our own tokens only point at accounts that are there. An LMS's also make them, and change them.
    """
    if claims.get("is_restricted"):
        raise AuthenticationFailed("A restricted token gives no access here.")
    try:
        user = _find_own(claims) if settings.ISSUES_TOKENS else keep_account(claims)
    except ClaimsRefused as refusal:
        raise AuthenticationFailed(refusal.message) from refusal
    if user is None or not user.is_active:
        raise AuthenticationFailed("The token is for an account that does not exist or is closed.")
    user.token_claims = claims
    return user


def _find_own(claims: dict[str, Any]) -> User | None:
    username, lms_user_id = claims.get("preferred_username"), claims.get("user_id")
    user = User.objects.filter(username=username).first() if isinstance(username, str) else None
    return user if user is not None and lms_user_id in (None, user.lms_user_id) else None


class SessionAuthentication(authentication.SessionAuthentication):
    """The session of the sign-in page; CSRF is checked."""


class SessionWithoutCsrf(SessionAuthentication):
    """The same without a CSRF token: only for what another site gains nothing by having it called."""

    def enforce_csrf(self, request: Request) -> None:
        """Nothing to check."""


def accept_token_cookies(page: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Decorator of a page: beside an LMS its token cookies sign in, unless a session says who it is.

    What is posted to the page must still be CSRF-protected. A bad token is passed over.
    """

    @wraps(page)
    def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        token = request.COOKIES.get(settings.JWT_AUTH["JWT_AUTH_COOKIE"])  # put together by the middleware
        if token and not settings.ISSUES_TOKENS and not request.user.is_authenticated:
            with suppress(jwt.InvalidTokenError, AuthenticationFailed):
                request.user = _get_user(decode_token(token))
        return page(request, *args, **kwargs)

    return wrapper


def get_caller(request: Request | HttpRequest) -> Caller:
    """Whoever makes this request, with the roles of the token and of the role rows together.

    Raises NotAuthenticated (401) for an anonymous request. One query, however often a request asks.
    """
    user = request.user
    if not isinstance(user, User) or not user.is_active:
        raise NotAuthenticated
    http: Any = getattr(request, "_request", request)
    known = getattr(http, "_bursar_caller", None)
    if known is not None and known[0] is user:
        caller: Caller = known[1]
        return caller
    rows = RoleAssignment.objects.filter(lms_user_id=user.lms_user_id).values_list("role", "context")
    caller = Caller(
        lms_user_id=user.lms_user_id,
        username=user.username,
        email=user.email_key or "",
        is_staff=user.is_staff,
        is_confirmed=user.confirmed_at is not None,
        grants=frozenset(Grant(role, context) for role, context in rows) | grants_in(user.token_claims or {}),
    )
    http._bursar_caller = (user, caller)
    return caller
