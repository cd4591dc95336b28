"""What the views of requests share. Contract: requests 3.3 and 3.5."""

from collections.abc import Mapping
from typing import Any, ClassVar, TypeVar
from uuid import UUID

from django.db.models import Model, QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from bursar.identity import api as identity
from bursar.lib import emails
from bursar.lib.errors import DomainError, InvalidInputError
from bursar.lib.rest import body_of, first_error, parse_uuid
from bursar.subsidy_requests import models
from bursar.subsidy_requests.data import RequestNotFound
from bursar.subsidy_requests.rest.permissions import ADMINISTER, check_admin
from bursar.subsidy_requests.service import reads
from bursar.subsidy_requests.service.kinds import Kind

FILTERS = [
    OpenApiParameter("state", str, description="One or more, separated by commas."),
    OpenApiParameter("search", str, description="Parts of an address, all of which must occur."),
    OpenApiParameter("user__email", str),
    OpenApiParameter("course_id", str),
    OpenApiParameter("uuid", OpenApiTypes.UUID),
]
PAGING = [
    OpenApiParameter("page", int),
    OpenApiParameter("page_size", int, description="At most 500."),
]
ORDERING = OpenApiParameter(
    "ordering", str, description="Keys of the rows, separated by commas, with - in front for descending."
)


RowT = TypeVar("RowT", bound=Model)


class InvalidBody(InvalidInputError):
    """The body of an answer cannot be used."""

    code = "invalid_body"


class RequestsView(APIView):
    """Says no as this peer does: with a bare sentence. Programs find the code in a header."""

    kind: ClassVar[Kind]

    def handle_exception(self, exc: Exception) -> Response:
        if isinstance(exc, DomainError) and not isinstance(exc, RequestNotFound):
            status = 400 if isinstance(exc, InvalidInputError) else 422
            return Response(exc.message, status=status, headers={"Bursar-Error-Code": exc.code})
        return super().handle_exception(exc)


def of_kind(view: type[RequestsView], kind: Kind, **operations: dict[str, Any]) -> type[RequestsView]:
    """The view for one kind of requests; ``operations`` say for each method how it is described."""
    name = f"{kind.model.__name__}{view.__name__}"
    attributes = {"kind": kind, "__doc__": view.__doc__, "__module__": view.__module__}
    made: type[RequestsView] = type(name, (view,), attributes)
    described: type[RequestsView] = extend_schema_view(
        **{method: extend_schema(**words) for method, words in operations.items()}
    )(made)
    return described


def visible(
    kind: Kind, request: Request, *, of_customer: UUID | None = None
) -> QuerySet[models.SubsidyRequest]:
    """What the caller may read."""
    caller = identity.get_caller(request)
    customers = None if caller.is_staff else caller.customers_with(ADMINISTER)
    return reads.visible_requests(
        kind, lms_user_id=caller.lms_user_id, customer_uuids=customers, of_customer=of_customer
    )


def filtered(rows: QuerySet[models.SubsidyRequest], request: Request) -> QuerySet[models.SubsidyRequest]:
    """Those that the query asks for, whatever their customer."""
    params = request.query_params
    if request_uuid := uuid_filter(request, "uuid"):
        rows = rows.filter(pk=request_uuid)
    if params.get("user__email"):
        rows = rows.filter(email=emails.normalize(params["user__email"]))
    if params.get("course_id"):
        rows = rows.filter(course_key=params["course_id"])
    states = [state for state in params.get("state", "").split(",") if state]
    if states:
        rows = rows.filter(state__in=states)
    return reads.searched(rows, params.get("search", ""))


def ordered(
    rows: QuerySet[RowT], request: Request, columns: Mapping[str, str], *, default: str
) -> QuerySet[RowT]:
    """In the order that the query asks for, by these names of columns; what else it names is ignored."""
    wanted = []
    for name in request.query_params.get("ordering", "").split(","):
        column = columns.get(name.strip().removeprefix("-"))
        if column is not None:
            wanted.append(f"-{column}" if name.strip().startswith("-") else column)
    return rows.order_by(*(wanted or [default]), "pk")


def uuid_filter(request: Request, name: str) -> UUID | None:
    """A query parameter that is a uuid; None if it is left out. Else a 400."""
    value = request.query_params.get(name)
    if not value:
        return None
    try:
        return UUID(value)
    except ValueError as error:
        raise ValidationError({name: ["Enter a valid UUID."]}) from error


def customer_of_body(request: Request) -> UUID | None:
    """The customer that the body names; None when it names none, which no permission allows."""
    value = body_of(request).get("enterprise_customer_uuid")
    return parse_uuid(value) if value else None


def admin_of_body(request: Request) -> int:
    """The LMS user id of the caller, who administers the customer that the body names; else a 403."""
    caller = identity.get_caller(request)
    check_admin(caller, customer_of_body(request))
    return caller.lms_user_id


def administered_customer(request: Request) -> UUID:
    """The customer that the query names, which the caller administers; else a 403."""
    value = request.query_params.get("enterprise_customer_uuid")
    customer_uuid = parse_uuid(value) if value else None
    return check_admin(identity.get_caller(request), customer_uuid)


def validated(serializer: type[serializers.Serializer[Any]], request: Request) -> dict[str, Any]:
    """The body, or a 400 whose body is one sentence."""
    body = serializer(data=body_of(request))
    if not body.is_valid():
        raise InvalidBody(first_error(body.errors))
    values: dict[str, Any] = body.validated_data
    return values
