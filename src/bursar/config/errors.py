"""What a failed request gets: JSON on the paths of the API, a page for people everywhere else."""

import logging
import sys
from typing import Any

from django.db import OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template import TemplateDoesNotExist
from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from django.views import csrf, defaults

from bursar.lib.requests import request_id

log = logging.getLogger(__name__)

API_PREFIXES = (
    "/api/",
    "/csrf/",
    "/enterprise/",
    "/enterprise_learner_portal/",
    "/login_refresh",
    "/oauth2/",
)


def wants_json(request: HttpRequest) -> bool:
    """Whether a program asks: by the path, and elsewhere by naming JSON among what it accepts."""
    if request.path.startswith(API_PREFIXES):
        return True
    names_json = "application/json" in request.headers.get("Accept", "")
    return names_json and request.get_preferred_type(["application/json", "text/html"]) == "application/json"


def answer(request: HttpRequest, status: int, detail: str, **more: Any) -> HttpResponse:
    """The refusal as JSON, or as the page ``<status>.html``, or as plain text where there is no such page."""
    if wants_json(request):
        return JsonResponse({"detail": detail, **more}, status=status)
    try:
        return HttpResponse(render_to_string(f"{status}.html", {"detail": detail}, request), status=status)
    except TemplateDoesNotExist:
        return HttpResponse(detail, status=status, content_type="text/plain; charset=utf-8")


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """400. The exception's text stays in the log: it quotes what an attacker sent."""
    if wants_json(request):
        return answer(request, 400, _("The request is malformed."))
    return defaults.bad_request(request, exception)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """403"""
    if wants_json(request):
        return answer(request, 403, _("You are not allowed to do this."))
    return defaults.permission_denied(request, exception)


def csrf_failed(request: HttpRequest, reason: str = "") -> HttpResponse:
    """403, with the reason, which helps whoever writes a client and tells nobody else anything."""
    if wants_json(request):
        return answer(request, 403, f"CSRF: {reason}")
    return csrf.csrf_failure(request, reason)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """404"""
    if wants_json(request):
        return answer(request, 404, _("Not found."))
    return defaults.page_not_found(request, exception)


def too_large(request: HttpRequest, limit: int) -> HttpResponse:
    """413. The limit is in bytes."""
    text = _("The request body is larger than the limit of %(limit)s MB.") % {"limit": limit // 1024**2}
    return answer(request, 413, text)


def failed(request: HttpRequest) -> HttpResponse:
    """500 with the id under which the log has the details; 503 when the database is away or too busy."""
    named = {"request_id": request_id.get()}
    if isinstance(sys.exception(), OperationalError):
        response = answer(request, 503, _("The database does not answer now. Try again."), **named)
        response["Retry-After"] = "2"
        return response
    if wants_json(request):
        return answer(request, 500, _("Something went wrong in Bursar. The log has it."), **named)
    try:
        return defaults.server_error(request)
    except Exception:  # the page itself may be what fails
        log.exception("the page for failures failed")
        return HttpResponse(_("Something went wrong."), status=500, content_type="text/plain; charset=utf-8")
