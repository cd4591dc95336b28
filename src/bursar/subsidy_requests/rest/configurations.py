"""What customers have configured about requests, over HTTP."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from bursar.identity import api as identity
from bursar.lib.rest import PageNumbers, UuidField, body_of
from bursar.outbox.api import idempotent
from bursar.subsidy_requests import models, wire
from bursar.subsidy_requests.data import (
    ConfigurationChange,
    ConfigurationExists,
    ConfigurationNotFound,
    ConfigurationToSave,
    Digest,
    SubsidyType,
    UnknownCustomer,
)
from bursar.subsidy_requests.rest import schemas
from bursar.subsidy_requests.rest.permissions import LEARN_OR_ADMINISTER, check_admin
from bursar.subsidy_requests.rest.shared import ORDERING, PAGING, customer_of_body, ordered, uuid_filter
from bursar.subsidy_requests.service import configuration as configurations
from bursar.subsidy_requests.service import reads

_NOT_FOUND = "No SubsidyRequestCustomerConfiguration matches the given query."
_NOT_AVAILABLE = OpenApiResponse(
    OpenApiTypes.OBJECT, "Nothing on this site can pay in this way; nothing was changed."
)


class ConfigurationChangeSerializer(serializers.Serializer[Any]):
    """What may be changed."""

    subsidy_requests_enabled = serializers.BooleanField(source="is_enabled", required=False)
    subsidy_type = serializers.ChoiceField(
        [each.value for each in SubsidyType],
        allow_null=True,
        required=False,
        error_messages={"invalid_choice": gettext_lazy("Choose license or coupon, or null for none.")},
    )
    digest = serializers.ChoiceField(
        [each.value for each in Digest],
        required=False,
        error_messages={"invalid_choice": gettext_lazy("Choose immediately, daily, weekly or never.")},
        help_text="How often administrators are told of new requests. A key of our own.",
    )
    send_notification = serializers.BooleanField(
        default=False, help_text="Whether learners whose requests are declined by the change get a mail."
    )


class NewConfigurationSerializer(ConfigurationChangeSerializer):
    """The body of a new configuration."""

    enterprise_customer_uuid = UuidField()


class ConfigurationsView(APIView):
    """The list of configurations, and a new one."""

    @extend_schema(
        summary="List configurations of requests",
        tags=["requests"],
        parameters=[
            OpenApiParameter("enterprise_customer_uuid", OpenApiTypes.UUID),
            OpenApiParameter("subsidy_requests_enabled", bool),
            OpenApiParameter("subsidy_type", str),
            ORDERING,
            *PAGING,
        ],
        responses=schemas.ConfigurationsPageSerializer,
    )
    def get(self, request: Request) -> Response:
        """Those of the customers at which you learn or which you administer."""
        rows = _visible(request)
        params = request.query_params
        if customer_uuid := uuid_filter(request, "enterprise_customer_uuid"):
            rows = rows.filter(pk=customer_uuid)
        if params.get("subsidy_requests_enabled", "").lower() in ("true", "false"):
            rows = rows.filter(is_enabled=params["subsidy_requests_enabled"].lower() == "true")
        if params.get("subsidy_type"):
            rows = rows.filter(subsidy_type=params["subsidy_type"])
        rows = ordered(rows, request, wire.CONFIGURATION_COLUMNS, default="customer_uuid")
        pages = PageNumbers()
        page = pages.paginate_queryset(rows, request, view=self)
        return pages.get_paginated_response([wire.configuration(row) for row in page or []])

    @extend_schema(
        summary="Set up requests for a customer",
        tags=["requests"],
        request=NewConfigurationSerializer,
        responses={
            201: schemas.ConfigurationSerializer,
            400: schemas.INVALID_FIELDS,
            422: _NOT_AVAILABLE,
        },
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """For administrators. Requests are off unless you say otherwise."""
        caller = identity.get_caller(request)
        check_admin(caller, customer_of_body(request))
        values = _validated(NewConfigurationSerializer, request)
        wanted = ConfigurationToSave(
            values["enterprise_customer_uuid"],
            is_enabled=values.get("is_enabled", False),
            subsidy_type=values.get("subsidy_type"),
            digest=values.get("digest", Digest.DAILY),
        )
        try:
            made = configurations.create_configuration(wanted, by=caller.lms_user_id)
        except (ConfigurationExists, UnknownCustomer) as error:
            raise ValidationError({"enterprise_customer_uuid": [error.message]}) from error
        return Response(wire.configuration(made), status=201)


class ConfigurationView(APIView):
    """What one customer has configured."""

    @extend_schema(
        summary="Read a customer's configuration of requests",
        tags=["requests"],
        responses=schemas.ConfigurationSerializer,
    )
    def get(self, request: Request, customer_uuid: UUID) -> Response:
        """Missing and foreign look the same."""
        row = _visible(request).filter(pk=customer_uuid).first()
        if row is None:
            raise NotFound(_NOT_FOUND)
        return Response(wire.configuration(row))

    @extend_schema(
        summary="Change a customer's configuration of requests",
        tags=["requests"],
        request=ConfigurationChangeSerializer,
        responses={
            200: schemas.ConfigurationSerializer,
            400: schemas.INVALID_FIELDS,
            422: _NOT_AVAILABLE,
        },
    )
    @idempotent
    def patch(self, request: Request, customer_uuid: UUID) -> Response:
        """For administrators. With another type, what waits for the old one is declined in the background."""
        caller = identity.get_caller(request)
        check_admin(caller, customer_uuid)
        values = _validated(ConfigurationChangeSerializer, request)
        is_notification_wanted = values.pop("send_notification")
        change = ConfigurationChange(customer_uuid, values, is_notification_wanted)
        try:
            row = configurations.change_configuration(change, by=caller.lms_user_id)
        except ConfigurationNotFound as error:
            raise NotFound(_NOT_FOUND) from error
        return Response(wire.configuration(row))


def _visible(request: Request) -> QuerySet[models.Configuration]:
    caller = identity.get_caller(request)
    return reads.visible_configurations(
        None if caller.is_staff else caller.customers_with(LEARN_OR_ADMINISTER)
    )


def _validated(serializer: type[serializers.Serializer[Any]], request: Request) -> dict[str, Any]:
    body = serializer(data=body_of(request))
    body.is_valid(raise_exception=True)
    values: dict[str, Any] = body.validated_data
    if values.get("subsidy_type"):
        values["subsidy_type"] = SubsidyType(values["subsidy_type"])
    return values
