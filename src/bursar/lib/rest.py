"""What every REST view shares: errors, paging, reading a body. No rule of any context."""

from collections.abc import Mapping
from typing import Any, ClassVar
from uuid import UUID

from django.utils.translation import gettext as _
from rest_framework import exceptions, serializers
from rest_framework.pagination import PageNumberPagination
from rest_framework.request import Request
from rest_framework.response import Response


def parse_uuid(value: Any, *, field: str | None = None) -> UUID:
    """The value as a UUID, or a 400 that names it (or its field)."""
    if isinstance(value, UUID):
        return value
    try:
        if not isinstance(value, str):
            raise ValueError
        return UUID(value)
    except ValueError as error:
        message = f"{value} is not a valid uuid."
        raise exceptions.ValidationError({field: [message]} if field else {"detail": message}) from error


def parse_flag(request: Request, name: str, *, default: bool) -> bool:
    """A query parameter that is true or false (also 1 or 0); left out: the default. Else a 400."""
    value = request.query_params.get(name, "").lower()
    if value in ("", "none"):
        return default
    if value not in ("true", "false", "1", "0"):
        raise exceptions.ValidationError({name: [_("Must be true or false.")]})
    return value in ("true", "1")


class PageNumbers(PageNumberPagination):
    """Open edX's paging: ``num_pages``, ``current_page`` and ``start`` beside the usual keys."""

    page_size: ClassVar[int] = 100  # type: ignore[misc]
    page_size_query_param = "page_size"
    max_page_size = 500

    def get_paginated_response(self, data: Any) -> Response:
        if self.page is None:
            raise TypeError("paginate_queryset comes first")
        return Response(
            {
                "next": self.get_next_link(),
                "previous": self.get_previous_link(),
                "count": self.page.paginator.count,
                "num_pages": self.page.paginator.num_pages,
                "current_page": self.page.number,
                "start": (self.page.number - 1) * self.page.paginator.per_page,
                "results": data,
            }
        )


class UuidField(serializers.UUIDField):
    """A UUID as text. The framework's own field also takes a number for one."""

    def to_internal_value(self, data: Any) -> UUID:
        if not isinstance(data, str | UUID):
            self.fail("invalid", value=data)
        uuid: UUID = super().to_internal_value(data)
        return uuid


def first_error(errors: Any, path: str = "") -> str:
    """A serializer's errors as one sentence (``field: what is wrong``), where a peer answers so."""
    if isinstance(errors, dict):
        name, inner = next(iter(errors.items()))
        return first_error(inner, f"{path}.{name}" if path else str(name))
    if isinstance(errors, list):
        return first_error(errors[0], path)
    return f"{path}: {errors}" if path else str(errors)


def body_of(request: Request) -> Mapping[str, Any]:
    """The request's body as an object, or a 400 that says so."""
    if not isinstance(request.data, Mapping):
        raise exceptions.ValidationError({"detail": "The request body must be a JSON object."})
    return request.data
