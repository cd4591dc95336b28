"""What the views of the LMS's enrollment API have in common."""

from collections.abc import Mapping
from typing import Any

from django.middleware.csrf import get_token
from django.utils.translation import gettext as _
from rest_framework.exceptions import ParseError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from bursar.catalog import api as catalog
from bursar.enrollments.rest.errors import Refused
from bursar.enrollments.rest.permissions import ApiKeyOrAuthenticated, has_api_key
from bursar.enrollments.rest.throttling import EnrollmentThrottle


class EnrollmentApiView(APIView):
    """Servers with the key and whoever is signed in, as often as the throttle lets them."""

    permission_classes: tuple[Any, ...] = (ApiKeyOrAuthenticated,)
    throttle_classes: tuple[Any, ...] = (EnrollmentThrottle,)

    def handle_exception(self, exc: Exception) -> Response:
        if isinstance(exc, ParseError):
            exc = Refused.because(400, str(exc.detail), "invalid_body")
        return exc.to_response() if isinstance(exc, Refused) else super().handle_exception(exc)


def is_privileged(request: Request) -> bool:
    """Whether the caller may act for everybody: a server with the key, or global staff."""
    return has_api_key(request) or is_staff(request)


def is_staff(request: Request) -> bool:
    """Whether the caller is global staff. The key doesn't make anybody so."""
    return bool(request.user.is_authenticated and request.user.is_staff)


def lms_user_id_of(request: Request) -> int | None:
    """Who calls, or None for a server that has only the key."""
    return request.user.lms_user_id if request.user.is_authenticated else None


def username_of(request: Request) -> str:
    """The caller's name; empty for a server that has only the key."""
    return request.user.username if request.user.is_authenticated else ""


def object_of(request: Request) -> Mapping[str, Any]:
    """The body, if it is a JSON object; a 400 otherwise."""
    if not isinstance(request.data, Mapping):
        raise Refused.because(400, _("The request body must be a JSON object."), "invalid_body")
    return request.data


def check_run_key(text: str) -> str:
    """The text itself, if it is a course run's key; a 400 otherwise."""
    if not catalog.is_run_key(text):
        raise Refused.because(400, no_course(text), "invalid_course_id")
    return text


def no_course(key: str) -> str:
    """That there is no such course run. Clients look for the first words, so they have no translation."""
    return f"No course '{key[:255]}' found for enrollment"


def set_csrf_cookie(request: Request) -> None:
    """Has the answer set the CSRF cookie, which a page needs for its first POST."""
    get_token(request._request)
