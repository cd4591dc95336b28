"""What operators and staff do with the enrollments of others. Contract: enrollments 1.9, 1.11 and 1.12."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.parsers import FormParser, MultiPartParser
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from bursar.enrollments import wire
from bursar.enrollments.data import (
    AllowanceExists,
    AllowanceInvalid,
    AllowanceNotFound,
    TooManyPlaces,
)
from bursar.enrollments.rest.base import EnrollmentApiView, lms_user_id_of, object_of
from bursar.enrollments.rest.bulk import BulkAnswerSerializer, BulkEnrollSerializer, read_order
from bursar.enrollments.rest.errors import Refused
from bursar.enrollments.rest.permissions import IsGlobalStaff
from bursar.enrollments.rest.schemas import AllowanceSerializer, RefusalSerializer
from bursar.enrollments.service.allowing import allow, disallow, list_allowances
from bursar.enrollments.service.by_staff import enroll_by_staff, unenroll_by_staff
from bursar.enrollments.service.leaving import leave_all, list_orgs
from bursar.identity import api as identity
from bursar.identity.data import OPERATOR
from bursar.lib.rest_json import JsonParser
from bursar.outbox.api import idempotent

_REFUSED = OpenApiResponse(RefusalSerializer, "Refused, and nothing was changed; the code says why.")


class UnenrollmentView(EnrollmentApiView):
    """A person who is being retired leaves all course runs: a step of the LMS's retirement."""

    permission_classes = (IsAuthenticated,)
    throttle_classes = ()

    @extend_schema(
        summary="Take a person who retires out of every course run",
        tags=["enrollments"],
        request=inline_serializer(
            "Unenrollment", {"username": serializers.CharField(help_text="As it was before retirement.")}
        ),
        responses={
            200: OpenApiResponse(
                {"type": "array", "items": {"type": "string"}},
                "The organizations of all course runs the person ever was in.",
            ),
            204: OpenApiResponse(description="There was nothing to leave."),
            400: _REFUSED,
            404: OpenApiResponse(
                OpenApiTypes.STR, "Nobody is named, or nobody of this name is being retired."
            ),
        },
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """For operators of the platform. The modes stay as they are."""
        caller = identity.get_caller(request)
        if caller.customers_with((OPERATOR,)) is not None and not request.user.is_superuser:
            self.permission_denied(request)
        username = object_of(request).get("username")
        if username is None:
            return Response("Username not specified.", status=404)
        retirement = identity.find_retirement(username=username) if isinstance(username, str) else None
        if retirement is None:
            return Response(_("Nobody of this name is being retired."), status=404)
        people = identity.find_people_by_lms_user_id([retirement.lms_user_id])
        if not leave_all(people[retirement.lms_user_id], by=caller.lms_user_id):
            return Response(status=204)
        return Response(list_orgs(lms_user_id=retirement.lms_user_id))


class EnrollmentAllowedView(EnrollmentApiView):
    """Addresses that may come into course runs that are closed to others."""

    permission_classes = (IsGlobalStaff,)

    @extend_schema(
        summary="List the course runs into which an address may come",
        tags=["enrollments"],
        parameters=[OpenApiParameter("email", str, description="Yours if left out.")],
        responses={200: AllowanceSerializer(many=True)},
    )
    def get(self, request: Request) -> Response:
        """Those it has come into as well; `user` says so."""
        email = request.query_params.get("email") or identity.get_caller(request).email
        return Response([wire.to_allowance(each) for each in list_allowances(email=email)])

    @extend_schema(
        summary="Let an address into a course run",
        tags=["enrollments"],
        request=inline_serializer(
            "NewAllowance",
            {
                "email": serializers.CharField(),
                "course_id": serializers.CharField(),
                "auto_enroll": serializers.BooleanField(
                    required=False, help_text="Whoever confirms the address is put in."
                ),
            },
        ),
        responses={
            201: AllowanceSerializer,
            400: _REFUSED,
            409: OpenApiResponse(RefusalSerializer, "It may come in already."),
        },
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """Whoever has confirmed the address may come in, also when the run is closed or by invitation."""
        body = object_of(request)
        email, run_key = _read_spot(body)
        auto_enroll = body.get("auto_enroll", False)
        if not isinstance(auto_enroll, bool):
            raise Refused.because(400, _("auto_enroll must be true or false."), "invalid_field")
        try:
            made = allow(email=email, run_key=run_key, auto_enroll=auto_enroll, by=lms_user_id_of(request))
        except AllowanceInvalid as error:
            raise Refused.because(400, error.message, error.code) from error
        except AllowanceExists as error:
            raise Refused.because(409, error.message, error.code) from error
        return Response(wire.to_allowance(made), status=201)

    @extend_schema(
        summary="Take back that an address may come into a course run",
        tags=["enrollments"],
        request=inline_serializer(
            "AllowanceToDelete", {"email": serializers.CharField(), "course_id": serializers.CharField()}
        ),
        responses={
            204: OpenApiResponse(description="It is taken back. Who is in stays in."),
            400: _REFUSED,
            404: OpenApiResponse(RefusalSerializer, "The address was not allowed in."),
        },
    )
    def delete(self, request: Request) -> Response:
        """Both keys come in the body, as in the LMS."""
        email, run_key = _read_spot(object_of(request))
        try:
            disallow(email=email, run_key=run_key, by=lms_user_id_of(request))
        except AllowanceNotFound as error:
            raise Refused.because(404, error.message, error.code) from error
        return Response(status=204)


def _read_spot(body: Mapping[str, Any]) -> tuple[str, str]:
    email, run_key = body.get("email"), body.get("course_id")
    if not (email and run_key and isinstance(email, str) and isinstance(run_key, str)):
        raise Refused.because(400, _("email and course_id are needed, as text."), "missing_field")
    return email, run_key


class BulkEnrollView(EnrollmentApiView):
    """Many people, many course runs, by the hand of staff."""

    permission_classes = (IsGlobalStaff,)
    parser_classes = (JsonParser, FormParser, MultiPartParser)

    @extend_schema(
        summary="Put people into course runs, or take them out",
        tags=["enrollments"],
        request=BulkEnrollSerializer,
        responses={
            200: BulkAnswerSerializer,
            400: OpenApiResponse(
                OpenApiTypes.OBJECT, "What is wrong, field by field, or with the body; nothing was done."
            ),
        },
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """Neither a closed nor a full run keeps staff from it. Each person stands for itself."""
        body = BulkEnrollSerializer(data=object_of(request))
        body.is_valid(raise_exception=True)
        order, cohorts = read_order(body.validated_data, by=lms_user_id_of(request))
        try:
            if body.validated_data["action"] == "enroll":
                auto_enroll = body.validated_data["auto_enroll"]
                outcomes = enroll_by_staff(order, auto_enroll=auto_enroll, cohorts=cohorts)
            else:
                outcomes = unenroll_by_staff(order)
        except TooManyPlaces as error:
            raise serializers.ValidationError({"identifiers": [error.message]}) from error
        return Response(wire.to_bulk_results(body.validated_data, outcomes))
