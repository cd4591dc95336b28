"""Customers over HTTP: who they are, and what their portals show. Contract: customers D."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from bursar.customers import api, models, wire_profiles
from bursar.customers.data import SWITCHES
from bursar.customers.rest.paging import PagesWithFeatures
from bursar.customers.rest.permissions import CAN_ACCESS_ADMIN_DASHBOARD, check_permission, viewer_of
from bursar.customers.rest.profiles import (
    CustomerNameSerializer,
    CustomerPageSerializer,
    CustomerSerializer,
    PortalChangesSerializer,
)
from bursar.customers.service import reading
from bursar.identity.api import get_caller
from bursar.lib.rest import body_of, parse_uuid

_PAGING = [OpenApiParameter("page", int), OpenApiParameter("page_size", int, description="At most 500.")]


class CustomersView(APIView):
    """The customers that the caller sees."""

    @extend_schema(
        summary="List customers",
        tags=["customers"],
        parameters=[OpenApiParameter("slug", str), OpenApiParameter("uuid", OpenApiTypes.UUID), *_PAGING],
        responses=CustomerPageSerializer,
    )
    def get(self, request: Request) -> Response:
        """Those that you administer or learn at; all for operators and staff."""
        customers = reading.seen_customers(viewer_of(get_caller(request)))
        if slug := request.query_params.get("slug"):
            customers = customers.filter(slug=slug)
        if uuid := request.query_params.get("uuid"):
            customers = customers.filter(uuid=parse_uuid(uuid, field="uuid"))
        return _page_of(self, request, customers)


class DashboardCustomersView(APIView):
    """The customers that the caller administers."""

    @extend_schema(
        summary="List the customers that you administer",
        tags=["customers"],
        parameters=[
            OpenApiParameter("enterprise_slug", str),
            OpenApiParameter("enterprise_id", OpenApiTypes.UUID),
            OpenApiParameter("search", str, description="Part of the name."),
            *_PAGING,
        ],
        responses=CustomerPageSerializer,
    )
    def get(self, request: Request) -> Response:
        """All for operators and staff; an empty page for everybody else."""
        customers = reading.administered_customers(viewer_of(get_caller(request)))
        params = request.query_params
        if slug := params.get("enterprise_slug"):
            customers = customers.filter(slug=slug)
        if uuid := params.get("enterprise_id"):
            customers = customers.filter(uuid=parse_uuid(uuid, field="enterprise_id"))
        if part := params.get("search", "").strip():
            customers = customers.filter(name__icontains=part)
        return _page_of(self, request, customers)


class CustomerNamesView(APIView):
    """The customers that the caller sees, by name alone."""

    @extend_schema(
        summary="List the names of customers",
        tags=["customers"],
        parameters=[
            OpenApiParameter("name_or_uuid", str, description="Part of the name, or the whole uuid."),
            OpenApiParameter("startswith", str, description="How the name begins."),
        ],
        responses=CustomerNameSerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        """Not in pages. Those that you administer or learn at; all for operators and staff."""
        customers = reading.seen_customers(viewer_of(get_caller(request)))
        if start := request.query_params.get("startswith"):
            customers = customers.filter(name__istartswith=start)
        if text := request.query_params.get("name_or_uuid", "").strip():
            try:
                customers = customers.filter(uuid=UUID(text))
            except ValueError:
                customers = customers.filter(name__icontains=text)
        names = customers.values_list("uuid", "name")
        return Response([{"id": uuid, "uuid": uuid, "name": name} for uuid, name in names])


class CustomerView(APIView):
    """One customer."""

    @extend_schema(summary="Read a customer", tags=["customers"], responses=CustomerSerializer)
    def get(self, request: Request, customer_uuid: UUID) -> Response:
        """One that you administer or learn at; any for operators and staff."""
        customers = reading.seen_customers(viewer_of(get_caller(request)))
        return Response(wire_profiles.to_customer(reading.get_profile(customers, customer_uuid)))

    @extend_schema(
        summary="Change what a customer's portals show",
        tags=["customers"],
        request=PortalChangesSerializer,
        responses={
            200: CustomerSerializer,
            400: OpenApiResponse(OpenApiTypes.OBJECT, "What is wrong, field by field; nothing was changed."),
        },
    )
    def patch(self, request: Request, customer_uuid: UUID) -> Response:
        """For its administrators. Name, slug and the like are the operator's to change."""
        caller = get_caller(request)
        check_permission(caller, CAN_ACCESS_ADMIN_DASHBOARD, customer_uuid)
        changes = _read_changes(request)
        api.change_portals(
            customer_uuid=customer_uuid,
            switches={name: changes[name] for name in SWITCHES if name in changes},
            contacts={name: changes[name] for name in wire_profiles.CONTACTS if name in changes},
            by=caller.lms_user_id,
        )
        customers = reading.seen_customers(viewer_of(caller))
        return Response(wire_profiles.to_customer(reading.get_profile(customers, customer_uuid)))


def _read_changes(request: Request) -> dict[str, Any]:
    body = body_of(request)
    if not body:
        raise ValidationError({"detail": _("Say what is to be changed.")})
    fixed = sorted(set(body) - {*SWITCHES, *wire_profiles.CONTACTS})
    if fixed:
        text = _("This cannot be changed here; nothing was changed.")
        raise ValidationError({name: [text] for name in fixed})
    written = PortalChangesSerializer(data=body)
    written.is_valid(raise_exception=True)
    changes: dict[str, Any] = written.validated_data
    return changes


def _page_of(view: APIView, request: Request, customers: QuerySet[models.Customer]) -> Response:
    pages = PagesWithFeatures()
    rows = pages.paginate_queryset(reading.rows_of(customers), request, view=view) or []
    return pages.get_paginated_response(
        [wire_profiles.to_customer(each) for each in reading.profiles_of(rows)]
    )
