"""What every request gets: an id that its log lines carry, a line in the access log, a limit to its body."""

import logging
import re
import time
import uuid
from collections.abc import Callable
from io import BytesIO
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase

from bursar.config import errors
from bursar.lib.requests import request_id

access = logging.getLogger("bursar.access")

HEADER = "X-Request-ID"
_SANE_ID = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")
_SECRET_PARTS = ("token", "activation_key")  # these parts of paths let their bearer in
_STAFF_FILES = re.compile(r"/admin/licenses/plan/[^/]+/(assign|transfer)/")
_UNREMARKABLE = ("/livez", "/readyz", "/static/")

GetResponse = Callable[[HttpRequest], HttpResponseBase]
Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Any]


def identify(get_response: GetResponse) -> GetResponse:
    """Middleware, the outermost: takes the caller's X-Request-ID or makes one, and logs the request.

    Query strings are not logged, for they hold addresses of people.
    """

    def middleware(request: HttpRequest) -> HttpResponseBase:
        given = request.headers.get(HEADER, "")
        chosen = given if _SANE_ID.fullmatch(given) else uuid.uuid4().hex
        started = time.perf_counter()
        outside = request_id.set(chosen)
        try:
            response = get_response(request)
            response[HEADER] = chosen
            _log(request, response, (time.perf_counter() - started) * 1000)
            return response
        finally:
            request_id.reset(outside)

    return middleware


def _log(request: HttpRequest, response: HttpResponseBase, milliseconds: float) -> None:
    path = _loggable_path(request)
    access.log(
        logging.DEBUG if path.startswith(_UNREMARKABLE) else logging.INFO,
        "%s %s %s",
        request.method,
        path,
        response.status_code,
        extra={
            "method": request.method,
            "path": path,
            "status": response.status_code,
            "duration_ms": round(milliseconds, 1),
        },
    )


def _loggable_path(request: HttpRequest) -> str:
    path = request.path[:1000]
    match = request.resolver_match
    for name in _SECRET_PARTS:
        if match and name in match.kwargs:
            path = path.replace(str(match.kwargs[name]), "***")
    return path


def limit_bodies(get_response: GetResponse) -> GetResponse:
    """Middleware: refuses a body over 10 MB before any of it is read, and text that no database can store.

    Files that staff upload may be larger: they wait in a temporary file, and are read line by line.
    """

    def middleware(request: HttpRequest) -> HttpResponseBase:
        length = request.META.get("CONTENT_LENGTH") or "0"
        is_file = _STAFF_FILES.match(request.path) is not None
        limit = settings.STAFF_UPLOAD_MAX_SIZE if is_file else settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        if length.isdigit() and int(length) > limit:
            return _close(errors.too_large(request, limit))
        if "\x00" in request.path or "%00" in request.META.get("QUERY_STRING", ""):
            return errors.answer(request, 400, "A NUL character is not allowed in an address.")
        return get_response(request)

    return middleware


def _close(response: HttpResponse) -> HttpResponse:
    # Otherwise the unread body would be taken for the connection's next request.
    response["Connection"] = "close"
    return response


def measure_bodies(application: Wsgi) -> Wsgi:
    """WSGI: gives a chunked body the length that Django needs to read it, and stops reading past the limit.

    What is longer than the limit arrives as one byte longer, which ``limit_bodies`` refuses.
    """

    def wrapper(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        is_chunked = "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "").lower()
        if is_chunked and not environ.get("CONTENT_LENGTH"):
            body = _read(environ["wsgi.input"], settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1)
            environ["wsgi.input"] = BytesIO(body)
            environ["CONTENT_LENGTH"] = str(len(body))
        return application(environ, start_response)

    return wrapper


def _read(stream: Any, limit: int) -> bytes:
    parts: list[bytes] = []
    missing = limit
    while missing > 0 and (part := stream.read(min(missing, 65_536))):
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)
