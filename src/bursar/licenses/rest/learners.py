"""What learners do with their licenses, over HTTP. Contract: subsidies A.5."""

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
from bursar.lib.rest import parse_flag, parse_uuid
from bursar.licenses import api, models, wire
from bursar.licenses.data import LicenseNotFound, LicenseRevoked
from bursar.licenses.rest import schemas
from bursar.licenses.rest.filters import FILTER_PARAMETERS, ORDERING_PARAMETER, read_wanted
from bursar.licenses.rest.paging import LearnerLicensePages
from bursar.licenses.rest.permissions import LEARN_OR_ADMINISTER, check_role, no_agreement
from bursar.licenses.service import reads
from bursar.outbox.api import idempotent


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
            *FILTER_PARAMETERS,
            ORDERING_PARAMETER,
            OpenApiParameter("page", int),
            OpenApiParameter("page_size", int, description="At most 100."),
        ],
        responses=schemas.LearnerLicensePageSerializer,
    )
    def get(self, request: Request) -> Response:
        """Those of active, current plans unless the parameters say otherwise."""
        if not request.query_params.get("enterprise_customer_uuid"):
            return Response("missing enterprise_customer_uuid query param", status=400)
        customer_uuid = parse_uuid(request.query_params["enterprise_customer_uuid"])
        caller = identity.get_caller(request)
        check_role(caller, LEARN_OR_ADMINISTER, customer_uuid)
        which = reads.LearnerLicenseFilter(
            customer_uuid,
            active_plans_only=parse_flag(request, "active_plans_only", default=True),
            current_plans_only=parse_flag(request, "current_plans_only", default=True),
            include_revoked=parse_flag(request, "include_revoked", default=False),
            wanted=read_wanted(request),
        )
        email = caller.email if caller.is_confirmed else None
        licenses = reads.select_learner_licenses(which, email=email, lms_user_id=caller.lms_user_id)
        return _page_of_licenses(self, request, licenses, customer_uuid)


def _page_of_licenses(
    view: APIView, request: Request, licenses: QuerySet[models.License], customer_uuid: UUID
) -> Response:
    now = clock.now()
    frame = reads.find_frame(customer_uuid)
    agreement = wire.minimal_agreement(frame, now) if frame else None
    pages = LearnerLicensePages()
    page = pages.paginate_queryset(licenses, request, view=view) or []
    shown = [wire.learner_license(each, agreement, frame.renewals, now) for each in page] if frame else []
    response = pages.get_paginated_response(shown)
    response.data["customer_agreement"] = agreement
    return response


def answer_with_license(license_uuid: UUID) -> Response:
    """A 200 with the license as its holder sees it. Four queries."""
    license_ = reads.get_license(license_uuid)
    now = clock.now()
    (frame,) = reads.find_frames([license_.plan.agreement])
    agreement = wire.minimal_agreement(frame, now)
    return Response(wire.learner_license(license_, agreement, frame.renewals, now))


class LicenseActivationView(APIView):
    """Accepting a license."""

    @extend_schema(
        summary="Activate your license",
        tags=["licenses"],
        parameters=[OpenApiParameter("activation_key", OpenApiTypes.UUID, required=True)],
        request=None,
        responses={
            200: OpenApiResponse(
                schemas.LearnerLicenseSerializer, "The license; also when it was active already."
            ),
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
        return answer_with_license(license_uuid)


class LicenseSubsidyView(APIView):
    """What pays for a course."""

    @extend_schema(
        summary="Find what pays for a course",
        description=(
            "Your activated license of a plan that is active, has started and not expired, and whose "
            "catalog has the course; of several the one that lasts longest. The checksum is proof of it for "
            "services that share `BURSAR_SUBSIDY_CHECKSUM_SECRET`."
        ),
        tags=["licenses"],
        parameters=[
            OpenApiParameter("enterprise_customer_uuid", OpenApiTypes.UUID, required=True),
            OpenApiParameter("course_key", str, required=True, description="Of a course, or of a run."),
        ],
        responses={
            200: schemas.SubsidySerializer,
            404: OpenApiResponse(OpenApiTypes.STR, "You hold no such license."),
        },
    )
    def get(self, request: Request) -> Response:
        caller = identity.get_caller(request)
        named = request.query_params.get("enterprise_customer_uuid")
        customer_uuid = parse_uuid(named) if named else None
        check_role(caller, LEARN_OR_ADMINISTER, customer_uuid)
        course_key = request.query_params.get("course_key")
        if not course_key:
            return Response("You must supply the course_key query parameter", status=400)
        if customer_uuid is None or not reads.has_agreement(customer_uuid):
            raise no_agreement()
        license_ = reads.find_subsidy(
            customer_uuid=customer_uuid, course_key=course_key, lms_user_id=caller.lms_user_id
        )
        if license_ is None:
            text = _("You hold no active license for %(course)s.") % {"course": course_key}
            return Response(text, status=404)
        return Response(wire.subsidy(license_, lms_user_id=caller.lms_user_id, course_key=course_key))
