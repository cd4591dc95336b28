"""What learners do with their licenses, over HTTP. Contract: subsidies A.5."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from bursar.identity import api as identity
from bursar.lib import clock
from bursar.lib.rest import PageNumbers, parse_flag, parse_uuid
from bursar.licenses import api, models, wire
from bursar.licenses.data import LicenseNotFound, LicenseRevoked
from bursar.licenses.rest.permissions import LEARN_OR_ADMINISTER, check_role
from bursar.licenses.service import reads
from bursar.outbox.api import idempotent


class LearnerLicensePages(PageNumbers):
    """Pages of a learner's licenses, with the agreement beside them."""

    max_page_size = 100


class LearnerLicensesView(APIView):
    """A learner's own licenses."""

    @extend_schema(
        summary="List your licenses at a customer",
        tags=["licenses"],
        parameters=[
            OpenApiParameter("enterprise_customer_uuid", OpenApiTypes.UUID, required=True),
            OpenApiParameter("active_plans_only", bool, default=True),
            OpenApiParameter("current_plans_only", bool, default=True),
            OpenApiParameter("include_revoked", bool, default=False),
            OpenApiParameter("page", int),
            OpenApiParameter("page_size", int, description="At most 100."),
        ],
        responses={
            200: OpenApiResponse(OpenApiTypes.OBJECT, "A page; `customer_agreement` stands beside it.")
        },
    )
    def get(self, request: Request) -> Response:
        """Those of active, current plans unless the parameters say otherwise."""
        if not request.query_params.get("enterprise_customer_uuid"):
            return Response("missing enterprise_customer_uuid query param", status=400)
        customer_uuid = parse_uuid(request.query_params["enterprise_customer_uuid"])
        caller = identity.get_caller(request)
        check_role(caller, LEARN_OR_ADMINISTER, customer_uuid)
        wanted = reads.LearnerLicenseFilter(
            customer_uuid,
            active_plans_only=parse_flag(request, "active_plans_only", default=True),
            current_plans_only=parse_flag(request, "current_plans_only", default=True),
            include_revoked=parse_flag(request, "include_revoked", default=False),
        )
        email = caller.email if caller.is_confirmed else None
        licenses = reads.learner_licenses(wanted, email=email, lms_user_id=caller.lms_user_id)
        return _page_of_licenses(self, request, licenses, customer_uuid)


def _page_of_licenses(
    view: APIView, request: Request, licenses: QuerySet[models.License], customer_uuid: UUID
) -> Response:
    now = clock.now()
    found = reads.find_agreement(customer_uuid)
    agreement = wire.minimal_agreement(*found, now) if found else None
    pages = LearnerLicensePages()
    page = pages.paginate_queryset(licenses, request, view=view) or []
    response = pages.get_paginated_response([wire.learner_license(each, agreement, now) for each in page])
    response.data["customer_agreement"] = agreement
    return response


class LicenseActivationView(APIView):
    """Accepting a license."""

    @extend_schema(
        summary="Activate your license",
        tags=["licenses"],
        parameters=[OpenApiParameter("activation_key", OpenApiTypes.UUID, required=True)],
        request=None,
        responses={
            200: OpenApiResponse(OpenApiTypes.OBJECT, "The license; also when it was active already."),
            404: OpenApiResponse(OpenApiTypes.OBJECT, "You have no such license in a current plan."),
            422: OpenApiResponse(OpenApiTypes.STR, "The license was revoked."),
        },
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """The key comes from the mail or from your list of licenses; it works for its holder only."""
        key = request.query_params.get("activation_key")
        if not key:
            raise ValidationError({"detail": "activation_key is a required parameter"})
        try:
            activation_key = UUID(key)
        except ValueError as error:
            raise ValidationError({"detail": f"{key} is not a valid activation key."}) from error
        caller = identity.get_caller(request)
        if not caller.is_confirmed:
            raise ValidationError(
                {"detail": _("Confirm your e-mail address first: the license waits for it.")}
            )
        try:
            license_uuid = api.activate(
                activation_key=activation_key, email=caller.email, lms_user_id=caller.lms_user_id
            )
        except LicenseNotFound as error:
            raise NotFound("No License matches the given query.") from error
        except LicenseRevoked as error:
            return Response(error.message, status=422)
        return Response(describe_own_license(license_uuid))


def describe_own_license(license_uuid: UUID) -> dict[str, Any]:
    """A license as its holder sees it. Three queries."""
    license_ = reads.get_license(license_uuid)
    now = clock.now()
    found = reads.find_agreement(license_.plan.customer_uuid)
    agreement = wire.minimal_agreement(*found, now) if found else None
    return wire.learner_license(license_, agreement, now)
