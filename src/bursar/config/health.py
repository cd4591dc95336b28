"""``/livez`` and ``/readyz``: for the supervisor and the load balancer."""

import logging
from collections.abc import Callable

from django.db import Error, connection
from django.http import HttpRequest, HttpResponseBase, JsonResponse

from bursar.config import schema

log = logging.getLogger(__name__)

_found_migrated = False


def answer_probes(get_response: Callable[[HttpRequest], HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Middleware: answers probes before hosts are checked, because probes name us by an IP address."""
    probes = {"/livez": livez, "/readyz": readyz}

    def middleware(request: HttpRequest) -> HttpResponseBase:
        probe = probes.get(request.path)
        return probe(request) if probe else get_response(request)

    return middleware


def livez(request: HttpRequest) -> JsonResponse:
    """200 as long as the process answers at all."""
    return JsonResponse({"status": "alive"})


def readyz(request: HttpRequest) -> JsonResponse:
    """200 once the database answers and has this version's schema; 503 with the reason until then."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        _check_migrated_once()
    except schema.SchemaError as error:
        return _unavailable(str(error))
    except Error as error:
        log.warning("the database does not answer", exc_info=error)  # it may name hosts and users
        return _unavailable("The database does not answer.")
    return JsonResponse({"status": "ready"})


def _unavailable(reason: str) -> JsonResponse:
    return JsonResponse({"status": "unavailable", "reason": reason}, status=503)


def _check_migrated_once() -> None:
    global _found_migrated
    if not _found_migrated:
        schema.check_migrated()
        _found_migrated = True
