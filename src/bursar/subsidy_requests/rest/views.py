"""Asking and reading over HTTP, for both kinds, as enterprise-access serves them."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from bursar.identity import api as identity
from bursar.lib.rest import PageNumbers, UuidField, body_of
from bursar.outbox.api import idempotent
from bursar.subsidy_requests import wire
from bursar.subsidy_requests.data import MayNotRequest, NewRequest, SubsidyType
from bursar.subsidy_requests.rest import schemas
from bursar.subsidy_requests.rest.permissions import check_learner_or_admin
from bursar.subsidy_requests.rest.shared import (
    FILTERS,
    ORDERING,
    PAGING,
    RequestsView,
    administered_customer,
    customer_of_body,
    filtered,
    ordered,
    uuid_filter,
    visible,
)
from bursar.subsidy_requests.service import creation, reads

_CUSTOMER = OpenApiParameter("enterprise_customer_uuid", OpenApiTypes.UUID)


class NewRequestSerializer(serializers.Serializer[Any]):
    """The body of a new request."""

    enterprise_customer_uuid = UuidField()
    course_id = serializers.CharField(
        required=False,
        allow_null=True,
        allow_blank=True,
        max_length=128,
        help_text="The course's key, not a run's.",
    )
    course_run_id = serializers.CharField(
        required=False,
        allow_null=True,
        allow_blank=True,
        max_length=255,
        help_text="The run that the learner would like to take, if one was chosen.",
    )


class NewCourseRequestSerializer(NewRequestSerializer):
    """The body of a new request that names a course."""

    course_id = serializers.CharField(max_length=128, help_text="The course's key, not a run's.")


NEW_BODIES: Mapping[SubsidyType, type[serializers.Serializer[Any]]] = {
    SubsidyType.LICENSE: NewRequestSerializer,
    SubsidyType.COUPON: NewCourseRequestSerializer,
}


class ListView(RequestsView):
    """The list of requests, and asking."""

    @extend_schema(parameters=[_CUSTOMER, *FILTERS, ORDERING, *PAGING])
    def get(self, request: Request) -> Response:
        """Your own and those of the customers you administer, the newest first."""
        customer_uuid = uuid_filter(request, "enterprise_customer_uuid")
        rows = filtered(visible(self.kind, request, of_customer=customer_uuid), request)
        subsidy_type = self.kind.subsidy_type
        rows = ordered(rows, request, wire.SORTABLE[subsidy_type], default="-created_at")
        pages = PageNumbers()
        page = pages.paginate_queryset(
            rows.values_list(*wire.REQUEST_COLUMNS[subsidy_type].values()), request, view=self
        )
        return pages.get_paginated_response(wire.request_rows(self.kind, page or []))

    @idempotent
    def post(self, request: Request) -> Response:
        """The customer's administrators answer it. You get a mail that it has arrived."""
        customer_uuid = customer_of_body(request)
        caller = identity.get_caller(request)
        check_learner_or_admin(caller, customer_uuid)
        if not caller.is_confirmed:
            message = _("Confirm your e-mail address first: what you ask for will be sent there.")
            raise MayNotRequest(message, reason="address_not_confirmed")
        body = NEW_BODIES[self.kind.subsidy_type](data=body_of(request))
        body.is_valid(raise_exception=True)
        wanted = NewRequest(
            self.kind.subsidy_type,
            body.validated_data["enterprise_customer_uuid"],
            caller.lms_user_id,
            caller.email,
            body.validated_data.get("course_id") or None,
            body.validated_data.get("course_run_id") or None,
        )
        made = creation.ask(wanted, by=caller.lms_user_id)
        return Response(wire.subsidy_request(self.kind, made), status=201)


class DetailView(RequestsView):
    """One request."""

    def get(self, request: Request, request_uuid: UUID) -> Response:
        """Your own, or one of a customer you administer."""
        found = reads.get_visible(visible(self.kind, request), request_uuid)
        return Response(wire.subsidy_request(self.kind, found))

    @extend_schema(responses={204: OpenApiResponse(description="Withdrawn."), 422: schemas.REFUSED})
    def delete(self, request: Request, request_uuid: UUID) -> Response:
        """As long as nobody has answered it."""
        caller = identity.get_caller(request)
        creation.withdraw(self.kind.subsidy_type, request_uuid, lms_user_id=caller.lms_user_id)
        return Response(status=204)


class HistoryView(RequestsView):
    """The story of one request."""

    @extend_schema(responses=schemas.StorySerializer)
    def get(self, request: Request, request_uuid: UUID) -> Response:
        """Who did what to the request and to what was assigned, when, and which mails were sent."""
        found = reads.get_visible(visible(self.kind, request), request_uuid)
        return Response({"results": [wire.story_line(line) for line in reads.tell_story(self.kind, found)]})


class OverviewView(RequestsView):
    """How many requests there are in each state."""

    @extend_schema(
        parameters=[
            OpenApiParameter("enterprise_customer_uuid", OpenApiTypes.UUID, required=True),
            *FILTERS,
        ],
        responses={
            200: OpenApiResponse(
                schemas.StateCountSerializer(many=True),
                "The most frequent state first; one without requests is not listed.",
            )
        },
    )
    def get(self, request: Request) -> Response:
        """For administrators. All filters of the list apply."""
        customer_uuid = administered_customer(request)
        rows = filtered(visible(self.kind, request, of_customer=customer_uuid), request)
        return Response([{"state": state, "count": count} for state, count in reads.count_states(rows)])


class CapacityView(RequestsView):
    """How many requests wait, and how much there is to give."""

    @extend_schema(
        parameters=[OpenApiParameter("enterprise_customer_uuid", OpenApiTypes.UUID, required=True)]
    )
    def get(self, request: Request) -> Response:
        """For administrators: ``unmet`` says how many requests cannot be met with what is there now."""
        customer_uuid = administered_customer(request)
        return Response(wire.capacity(self.kind, reads.get_capacity(self.kind, customer_uuid)))
