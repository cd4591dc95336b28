"""Licenses over HTTP for support. Contract: subsidies A.5."""

from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from bursar.identity import api as identity
from bursar.lib import clock, emails
from bursar.lib.rest import body_of, parse_uuid
from bursar.licenses import wire
from bursar.licenses.rest import schemas
from bursar.licenses.rest.paging import PlainPages
from bursar.licenses.rest.permissions import check_staff
from bursar.licenses.service import reads


class AddressSerializer(serializers.Serializer[Any]):
    """Whose licenses are looked up."""

    user_email = serializers.CharField()


class AdminLicenseView(APIView):
    """The licenses of an address at a customer."""

    @extend_schema(
        summary="List the licenses of an address at a customer",
        tags=["licenses"],
        parameters=[
            OpenApiParameter("user_email", str, required=True),
            OpenApiParameter("enterprise_customer_uuid", OpenApiTypes.UUID, required=True),
            OpenApiParameter("page", int),
        ],
        responses=schemas.AdminLicensePageSerializer,
    )
    def get(self, request: Request) -> Response:
        """For staff: of every status, and of plans that are over; the newest first."""
        check_staff(identity.get_caller(request))
        params = request.query_params
        email = _read_address(params.get("user_email"))
        customer = params.get("enterprise_customer_uuid")
        if not email or not customer:
            text = _("Both user_email and enterprise_customer_uuid are required query parameters.")
            return Response(text, status=400)
        licenses = reads.find_licenses_of_address(email, customer_uuid=parse_uuid(customer))
        pages = PlainPages()
        page = pages.paginate_queryset(licenses, request, view=self) or []
        renewals = reads.find_renewals({each.plan.agreement_id for each in page})
        now = clock.now()
        return pages.get_paginated_response([wire.admin_license(each, renewals, now) for each in page])


class StaffLookupView(APIView):
    """All licenses of an address."""

    @extend_schema(
        summary="Look the licenses of an address up",
        tags=["licenses"],
        request=AddressSerializer,
        responses={
            200: schemas.StaffLicenseSerializer(many=True),
            400: OpenApiResponse(OpenApiTypes.STR, "There is no address."),
            404: OpenApiResponse(description="It has no license; no body."),
        },
    )
    def post(self, request: Request) -> Response:
        """For staff: of every customer, status and plan, the newest first. Changes nothing."""
        check_staff(identity.get_caller(request))
        email = _read_address(body_of(request).get("user_email"))
        if not email:
            return Response(_("A user_email is required."), status=400)
        found = list(reads.find_licenses_of_address(email))
        if not found:
            return Response(status=404)
        return Response([wire.staff_license(each) for each in found])


def _read_address(value: object) -> str:
    """The address as it is stored, or an empty text for what cannot be one."""
    return emails.normalize(value) if isinstance(value, str) else ""
