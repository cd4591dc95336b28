"""Who may call the LMS's enrollment API: accounts, and servers that know its shared key."""

import logging
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from bursar.enrollments.rest.addresses import client_addresses

audit = logging.getLogger("bursar.enrollments.audit")

API_KEY_HEADER = "X-Edx-Api-Key"


def has_api_key(request: HttpRequest | Request) -> bool:
    """Whether the request carries the key of ``EDX_API_KEY``; without that setting none does.

    It is for servers: CORS does not let pages of other origins send the header, and must not, for
    whoever can read a page could read the key. Each request is looked at once, and one with the key
    leaves a line in the audit log.
    """
    http: Any = getattr(request, "_request", request)
    known: bool | None = getattr(http, "_bursar_has_api_key", None)
    if known is None:
        known = http._bursar_has_api_key = _is_api_key(http.headers.get(API_KEY_HEADER, ""))
        if known:
            _audit_use(http)
    return known


class ApiKeyOrAuthenticated(BasePermission):
    """Servers with the key, and whoever is signed in; a 401 for everybody else.

    With the key alone ``request.user`` is anonymous.
    """

    def has_permission(self, request: Request, view: APIView) -> bool:
        return has_api_key(request) or bool(request.user and request.user.is_authenticated)


class IsGlobalStaff(BasePermission):
    """Accounts with ``is_staff``: neither the key nor a role nor ``is_superuser`` stands for it.

    401 without an account, 403 with another.
    """

    def has_permission(self, request: Request, view: APIView) -> bool:
        return bool(request.user and request.user.is_authenticated and request.user.is_staff)


def _is_api_key(given: str) -> bool:
    wanted: str | None = settings.EDX_API_KEY
    return constant_time_compare(given, wanted) if wanted else False


def _audit_use(request: HttpRequest) -> None:
    audit.info(
        "API key used",
        extra={
            "method": request.method,
            "path": request.path[:1000],
            "ip": ", ".join(client_addresses(request))[:1000],
        },
    )
