"""From what a REST view raises to what its caller gets.

Apart from ``lib/rest.py``, because it needs DRF's views, which load ``lib/rest_json.py`` by name.
"""

from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.http import Http404
from rest_framework import status
from rest_framework.response import Response
from rest_framework.views import exception_handler as rest_exception_handler

from bursar.lib.errors import DomainError, InvalidInputError, NotFoundError
from bursar.lib.rest_json import PayloadTooLarge


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """Turns what views raise into answers; a rule that no view translated becomes a 422 with its code."""
    if isinstance(error, RequestDataTooBig):
        error = PayloadTooLarge()
    if isinstance(error, NotFoundError):
        error = Http404(error.message) if error.message else Http404()
    if isinstance(error, DomainError):
        bad_input = isinstance(error, InvalidInputError)
        return Response(
            {"detail": error.message, "code": error.code},
            status=status.HTTP_400_BAD_REQUEST if bad_input else status.HTTP_422_UNPROCESSABLE_ENTITY,
        )
    return rest_exception_handler(error, context)
