"""Licenses over HTTP, as license-manager serves them. Contract: subsidies A.5."""

from uuid import UUID

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from bursar.identity import api as identity
from bursar.lib import clock
from bursar.lib.rest import PageNumbers, parse_uuid
from bursar.licenses import api, models, wire
from bursar.licenses.data import LicenseNotFound, LicenseRevoked
from bursar.licenses.rest.permissions import ADMINISTER, LEARN_OR_ADMINISTER, check_role, no_permission
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
            active_plans_only=_flag(request, "active_plans_only", default=True),
            current_plans_only=_flag(request, "current_plans_only", default=True),
            include_revoked=_flag(request, "include_revoked", default=False),
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


def _flag(request: Request, name: str, *, default: bool) -> bool:
    value = request.query_params.get(name, "").lower()
    if value in ("", "none"):
        return default
    if value not in ("true", "false", "1", "0"):
        raise ValidationError({name: [_("Must be true or false.")]})
    return value in ("true", "1")


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
        license_ = reads.get_license(license_uuid)
        now = clock.now()
        found = reads.find_agreement(license_.plan.customer_uuid)
        agreement = wire.minimal_agreement(*found, now) if found else None
        return Response(wire.learner_license(license_, agreement, now))


class LicenseOverviewView(APIView):
    """How many licenses of a plan stand where."""

    @extend_schema(
        summary="Count a plan's licenses by status",
        tags=["licenses"],
        parameters=[
            OpenApiParameter("status", str, description="Only these, separated by commas."),
            OpenApiParameter("search", str, description="Part of an address."),
            OpenApiParameter("ignore_null_emails", bool),
            OpenApiParameter("active_only", bool, description="Assigned and activated ones."),
        ],
        responses=inline_serializer(
            "LicenseCount",
            {"status": serializers.CharField(), "count": serializers.IntegerField()},
            many=True,
        ),
    )
    def get(self, request: Request, plan_uuid: str) -> Response:
        """The most frequent status first; a status without licenses is left out."""
        plan = _get_plan(request, plan_uuid)
        params = request.query_params
        statuses = [each for each in params.get("status", "").split(",") if each]
        if _flag(request, "active_only", default=False):
            statuses = ["assigned", "activated"]
        search = params.get("search", "").strip().lower()
        ignore_null_emails = _flag(request, "ignore_null_emails", default=False)
        if statuses or search or ignore_null_emails:
            counts = reads.count_licenses(
                plan.pk, statuses=statuses, search=search, ignore_null_emails=ignore_null_emails
            )
        else:
            counts = reads.counts_on_plan(plan)
        return Response([{"status": status, "count": count} for status, count in counts])


def _get_plan(request: Request, plan_uuid: str) -> models.Plan:
    """The plan, for who may administer it; missing and foreign look the same (403), as the wire has it."""
    uuid = parse_uuid(plan_uuid)
    plan = reads.find_plan(uuid)
    caller = identity.get_caller(request)
    if plan is None and caller.customers_with(ADMINISTER) is None:
        raise NotFound("No SubscriptionPlan matches the given query.")
    if plan is None:
        raise no_permission()
    check_role(caller, ADMINISTER, plan.customer_uuid)
    return plan
