"""Who makes a request: by token or by session, and with which roles."""

from typing import Any

from django.http import HttpRequest
from edx_rest_framework_extensions.auth.jwt.authentication import JwtAuthentication as EdxJwtAuthentication
from rest_framework import authentication
from rest_framework.exceptions import AuthenticationFailed, NotAuthenticated
from rest_framework.request import Request

from bursar.identity.data import Caller, Grant
from bursar.identity.models import RoleAssignment, User
from bursar.identity.tokens import grants_in


class JwtAuthentication(EdxJwtAuthentication):  # type: ignore[misc]
    """A token in ``Authorization: JWT ...`` or in the two cookies; with cookies CSRF is checked.

    The library's own class would make an account for every unknown username and staff of whoever
    the token calls an administrator. Here a token only points at an account that is there. One query.
    """

    def authenticate_credentials(self, payload: dict[str, Any]) -> User:
        username, lms_user_id = payload.get("preferred_username"), payload.get("user_id")
        user = User.objects.filter(username=username).first() if isinstance(username, str) else None
        if user is None or not user.is_active or lms_user_id not in (None, user.lms_user_id):
            raise AuthenticationFailed("The token is for an account that does not exist or is closed.")
        if payload.get("is_restricted"):
            raise AuthenticationFailed("A restricted token gives no access here.")
        user.token_claims = payload
        return user


class SessionAuthentication(authentication.SessionAuthentication):
    """The session of the sign-in page; CSRF is checked."""


class SessionWithoutCsrf(SessionAuthentication):
    """The same without a CSRF token: only for what another site gains nothing by having it called."""

    def enforce_csrf(self, request: Request) -> None:
        """Nothing to check."""


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
