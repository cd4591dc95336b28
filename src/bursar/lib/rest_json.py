"""JSON in and out of every REST view. Apart from ``rest``, since the framework's views load it by name."""

from collections.abc import Mapping
from typing import IO, Any

import orjson
from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from rest_framework import exceptions, status
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer


class PayloadTooLarge(exceptions.APIException):
    """The body is larger than the limit: 413."""

    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_detail = "The request body is larger than the limit of 10 MB. Send fewer items in each request."
    default_code = "too_large"


class JsonParser(BaseParser):
    """The one JSON parser: orjson, which refuses deep nesting instead of running out of stack."""

    media_type = "application/json"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        try:
            body = stream.read()
        except RequestDataTooBig as error:
            raise PayloadTooLarge from error
        if len(body) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            raise PayloadTooLarge
        try:
            parsed = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise exceptions.ParseError(f"The request body is not valid JSON: {error}") from error
        if rb"\u0000" in body:
            raise exceptions.ParseError("The request body has a NUL character, which cannot be stored.")
        try:
            orjson.dumps(parsed)  # reads 1,024 levels but writes 254, and what comes in is often kept
        except TypeError as error:
            raise exceptions.ParseError("The request body is nested too deeply.") from error
        return parsed


class JsonRenderer(BaseRenderer):
    """JSON by orjson. Moments end in Z, as Open edX clients expect."""

    media_type = "application/json"
    format = "json"
    charset = None

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        if data is None:
            return b""
        return orjson.dumps(data, default=str, option=orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS)
