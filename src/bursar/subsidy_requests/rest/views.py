"""Requests over HTTP, as enterprise-access serves them. Contract: requests 3.3 and 3.5."""

from typing import Any, ClassVar
from uuid import UUID

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from bursar.identity import api as identity
from bursar.lib import emails
from bursar.lib.errors import DomainError, InvalidInputError
from bursar.lib.rest import PageNumbers, UuidField, body_of, first_error, parse_uuid
from bursar.outbox.api import idempotent
from bursar.subsidy_requests import models, wire
from bursar.subsidy_requests.data import (
    MAX_BATCH,
    AnswerOutcome,
    Approval,
    Decline,
    NewRequest,
    RequestNotFound,
)
from bursar.subsidy_requests.rest.permissions import (
    ADMINISTER,
    LEARN_OR_ADMINISTER,
    check_admin,
    check_learner_or_admin,
)
from bursar.subsidy_requests.service import answers, creation, reads

_ROWS = {"type": "array", "items": {"type": "object", "additionalProperties": {}}}
REFUSED = OpenApiResponse(
    OpenApiTypes.STR, "Refused; nothing was changed. The header Bursar-Error-Code has the code."
)


class RequestSerializer(serializers.Serializer[Any]):
    """The body of a new request."""

    enterprise_customer_uuid = UuidField()
    course_id = serializers.CharField(
        required=False,
        allow_null=True,
        allow_blank=True,
        max_length=128,
        help_text="The course's key, not a run's.",
    )


class AnswerSerializer(serializers.Serializer[Any]):
    """What approving and declining have in common."""

    enterprise_customer_uuid = UuidField()
    subsidy_request_uuids = serializers.ListField(child=UuidField(), allow_empty=False, max_length=MAX_BATCH)
    send_notification = serializers.BooleanField(default=False)


class ApproveSerializer(AnswerSerializer):
    """The body of an approval."""

    subscription_plan_uuid = UuidField()


class DeclineSerializer(AnswerSerializer):
    """The body of a refusal."""

    decline_reason = serializers.CharField(required=False, allow_null=True, allow_blank=True, max_length=255)
    unlink_users_from_enterprise = serializers.BooleanField(default=False)


class InvalidBody(InvalidInputError):
    """The body of an answer cannot be used."""

    code = "invalid_body"


class NotAvailable(DomainError):
    """Asked for something that is not built yet."""

    code = "not_available"


class RequestsView(APIView):
    """Says no as this peer does: with a bare sentence. Programs find the code in a header."""

    def handle_exception(self, exc: Exception) -> Response:
        if isinstance(exc, DomainError) and not isinstance(exc, RequestNotFound):
            status = 400 if isinstance(exc, InvalidInputError) else 422
            return Response(exc.message, status=status, headers={"Bursar-Error-Code": exc.code})
        return super().handle_exception(exc)


class LicenseRequestsView(RequestsView):
    """The list of requests, and asking."""

    @extend_schema(
        summary="List license requests",
        tags=["requests"],
        parameters=[
            OpenApiParameter("enterprise_customer_uuid", OpenApiTypes.UUID),
            OpenApiParameter("state", str, description="One or more, separated by commas."),
            OpenApiParameter("search", str, description="Parts of an address, all of which must occur."),
            OpenApiParameter("user__email", str),
            OpenApiParameter("course_id", str),
            OpenApiParameter("uuid", OpenApiTypes.UUID),
            OpenApiParameter(
                "ordering", str, description="A key of the rows, with - in front for descending."
            ),
            OpenApiParameter("page", int),
            OpenApiParameter("page_size", int, description="At most 500."),
        ],
        responses={200: OpenApiResponse(OpenApiTypes.OBJECT, "A page of requests.")},
    )
    def get(self, request: Request) -> Response:
        """Your own and those of the customers you administer, the newest first."""
        rows = _ordered(_filtered(_visible(request), request), request)
        pages = PageNumbers()
        page = pages.paginate_queryset(rows.values_list(*wire.REQUEST_COLUMNS.values()), request, view=self)
        return pages.get_paginated_response([wire.license_request_row(values) for values in page or []])

    @extend_schema(
        summary="Ask for a license",
        tags=["requests"],
        request=RequestSerializer,
        responses={201: OpenApiResponse(OpenApiTypes.OBJECT, "The request."), 422: REFUSED},
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """You may have one open request at a customer; its administrators answer it."""
        customer_uuid = _customer_of_body(request)
        caller = identity.get_caller(request)
        check_learner_or_admin(caller, customer_uuid)
        body = RequestSerializer(data=body_of(request))
        body.is_valid(raise_exception=True)
        wanted = NewRequest(
            body.validated_data["enterprise_customer_uuid"],
            caller.lms_user_id,
            caller.email,
            body.validated_data.get("course_id") or None,
        )
        made = creation.request_license(wanted, by=caller.lms_user_id)
        return Response(wire.license_request(made), status=201)


class LicenseRequestView(RequestsView):
    """One request."""

    @extend_schema(
        summary="Read a license request",
        tags=["requests"],
        responses={200: OpenApiResponse(OpenApiTypes.OBJECT, "The request.")},
    )
    def get(self, request: Request, request_uuid: UUID) -> Response:
        """Your own, or one of a customer you administer."""
        found = reads.get_visible(_visible(request), request_uuid)
        return Response(wire.license_request(found))

    @extend_schema(
        summary="Withdraw your license request",
        tags=["requests"],
        responses={204: OpenApiResponse(description="Withdrawn."), 422: REFUSED},
    )
    def delete(self, request: Request, request_uuid: UUID) -> Response:
        """As long as nobody has answered it."""
        caller = identity.get_caller(request)
        creation.withdraw(request_uuid, lms_user_id=caller.lms_user_id)
        return Response(status=204)


class LicenseRequestHistoryView(RequestsView):
    """The story of one request."""

    @extend_schema(
        summary="Read the story of a license request",
        tags=["requests"],
        responses={200: OpenApiResponse(OpenApiTypes.OBJECT, "Its lines, oldest first.")},
    )
    def get(self, request: Request, request_uuid: UUID) -> Response:
        """Who did what to the request and its license, when, and which mails were sent."""
        found = reads.get_visible(_visible(request), request_uuid)
        return Response({"results": [wire.story_line(line) for line in reads.tell_story(found)]})


class ApproveLicenseRequestsView(RequestsView):
    """Saying yes."""

    @extend_schema(
        summary="Approve license requests",
        tags=["requests"],
        request=ApproveSerializer,
        responses={
            200: OpenApiResponse(_ROWS, "The requests that are pending now."),
            422: REFUSED,
        },
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """From one plan, all or none: the seats are held at once, the licenses follow in the background."""
        customer_uuid = _customer_of_body(request)
        caller = identity.get_caller(request)
        check_admin(caller, customer_uuid)
        body = _validated(ApproveSerializer, request)
        approval = Approval(
            body["enterprise_customer_uuid"],
            body["subscription_plan_uuid"],
            tuple(dict.fromkeys(body["subsidy_request_uuids"])),
            is_notification_wanted=body["send_notification"],
        )
        return _rows_of(answers.approve(approval, by=caller.lms_user_id))


class DeclineLicenseRequestsView(RequestsView):
    """Saying no."""

    @extend_schema(
        summary="Decline license requests",
        tags=["requests"],
        request=DeclineSerializer,
        responses={
            200: OpenApiResponse(_ROWS, "The requests that are declined now."),
            422: REFUSED,
        },
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """Approved and pending requests cannot be declined; one of them refuses the whole set."""
        customer_uuid = _customer_of_body(request)
        caller = identity.get_caller(request)
        check_admin(caller, customer_uuid)
        body = _validated(DeclineSerializer, request)
        if body["unlink_users_from_enterprise"]:
            message = _(
                "Unlinking learners is not available yet. Decline without unlink_users_from_enterprise."
            )
            return Response(message, status=422, headers={"Bursar-Error-Code": "not_available"})
        answer = Decline(
            body["enterprise_customer_uuid"],
            tuple(dict.fromkeys(body["subsidy_request_uuids"])),
            reason=body.get("decline_reason") or None,
            is_notification_wanted=body["send_notification"],
        )
        return _rows_of(answers.decline(answer, by=caller.lms_user_id))


class ConfigurationsView(APIView):
    """What customers have configured about requests."""

    page_size: ClassVar[int] = 100

    @extend_schema(
        summary="List configurations of requests",
        tags=["requests"],
        parameters=[
            OpenApiParameter("enterprise_customer_uuid", OpenApiTypes.UUID),
            OpenApiParameter("subsidy_requests_enabled", bool),
            OpenApiParameter("subsidy_type", str),
            OpenApiParameter("page", int),
            OpenApiParameter("page_size", int),
        ],
        responses={200: OpenApiResponse(OpenApiTypes.OBJECT, "A page of configurations.")},
    )
    def get(self, request: Request) -> Response:
        """Those of the customers at which you learn or which you administer."""
        rows = _visible_configurations(request)
        params = request.query_params
        if params.get("enterprise_customer_uuid"):
            rows = rows.filter(pk=_uuid_filter(request, "enterprise_customer_uuid"))
        if params.get("subsidy_requests_enabled", "").lower() in ("true", "false"):
            rows = rows.filter(is_enabled=params["subsidy_requests_enabled"].lower() == "true")
        if params.get("subsidy_type"):
            rows = rows.filter(subsidy_type=params["subsidy_type"])
        pages = PageNumbers()
        page = pages.paginate_queryset(rows, request, view=self)
        return pages.get_paginated_response([wire.configuration(row) for row in page or []])


class ConfigurationView(APIView):
    """What one customer has configured."""

    @extend_schema(
        summary="Read a customer's configuration of requests",
        tags=["requests"],
        responses={200: OpenApiResponse(OpenApiTypes.OBJECT, "The configuration.")},
    )
    def get(self, request: Request, customer_uuid: UUID) -> Response:
        """Missing and foreign look the same."""
        row = _visible_configurations(request).filter(pk=customer_uuid).first()
        if row is None:
            return Response(
                {"detail": "No SubsidyRequestCustomerConfiguration matches the given query."}, status=404
            )
        return Response(wire.configuration(row))


def _visible(request: Request) -> QuerySet[models.LicenseRequest]:
    caller = identity.get_caller(request)
    customers = None if caller.is_staff else caller.customers_with(ADMINISTER)
    return reads.visible_requests(lms_user_id=caller.lms_user_id, customer_uuids=customers)


def _visible_configurations(request: Request) -> QuerySet[models.Configuration]:
    caller = identity.get_caller(request)
    return reads.visible_configurations(
        None if caller.is_staff else caller.customers_with(LEARN_OR_ADMINISTER)
    )


def _filtered(rows: QuerySet[models.LicenseRequest], request: Request) -> QuerySet[models.LicenseRequest]:
    params = request.query_params
    if params.get("enterprise_customer_uuid"):
        rows = rows.filter(customer_uuid=_uuid_filter(request, "enterprise_customer_uuid"))
    if params.get("uuid"):
        rows = rows.filter(pk=_uuid_filter(request, "uuid"))
    if params.get("user__email"):
        rows = rows.filter(email=emails.normalize(params["user__email"]))
    if params.get("course_id"):
        rows = rows.filter(course_key=params["course_id"])
    states = [state for state in params.get("state", "").split(",") if state]
    if states:
        rows = rows.filter(state__in=states)
    for term in params.get("search", "").replace(",", " ").split():
        rows = rows.filter(email__contains=emails.normalize(term))
    return rows


def _ordered(rows: QuerySet[models.LicenseRequest], request: Request) -> QuerySet[models.LicenseRequest]:
    wanted = []
    for name in request.query_params.get("ordering", "").split(","):
        column = wire.SORTABLE.get(name.removeprefix("-"))
        if column is not None:
            wanted.append(f"-{column}" if name.startswith("-") else column)
    return rows.order_by(*(wanted or ["-created_at"]), "uuid")


def _uuid_filter(request: Request, name: str) -> UUID:
    try:
        return UUID(request.query_params[name])
    except ValueError as error:
        raise ValidationError({name: ["Enter a valid UUID."]}) from error


def _customer_of_body(request: Request) -> UUID | None:
    """The customer that the body names; None when it names none, which no permission allows."""
    value = body_of(request).get("enterprise_customer_uuid")
    return parse_uuid(value) if value else None


def _validated(serializer: type[serializers.Serializer[Any]], request: Request) -> dict[str, Any]:
    """The body, or a 400 whose body is one sentence."""
    body = serializer(data=body_of(request))
    if not body.is_valid():
        raise InvalidBody(first_error(body.errors))
    validated: dict[str, Any] = body.validated_data
    return validated


def _rows_of(outcomes: list[AnswerOutcome]) -> Response:
    changed = [each.request_uuid for each in outcomes if each.state is not None]
    rows = models.LicenseRequest.objects.filter(pk__in=changed).values_list(
        "pk", *wire.REQUEST_COLUMNS.values()
    )
    by_uuid = {values[0]: wire.license_request_row(values[1:]) for values in rows}
    return Response([by_uuid[pk] for pk in changed if pk in by_uuid])
