"""What the learner portal asks about a learner's own courses. Contract: customers D."""

from typing import Any
from uuid import UUID

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import exceptions, serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from bursar.customers import api, wire_places
from bursar.customers.data import SponsoredEnrollmentNotFound
from bursar.customers.rest.permissions import MEMBERS
from bursar.identity.api import get_caller
from bursar.identity.data import Caller
from bursar.lib import clock
from bursar.lib.rest import parse_uuid

_CUSTOMER = OpenApiParameter("enterprise_id", UUID, required=True, description="The customer.")


class CourseEnrollmentsView(APIView):
    """A learner's own sponsored courses at one customer."""

    @extend_schema(
        summary="List your sponsored courses",
        parameters=[
            _CUSTOMER,
            OpenApiParameter("is_active", bool, description="Only those that you are in, or are not."),
        ],
        responses={200: OpenApiResponse({"type": "array", "items": {"type": "object"}})},
        tags=["customers"],
    )
    def get(self, request: Request) -> Response:
        caller = get_caller(request)
        customer_uuid = _read_customer(request, caller)
        places = api.list_own_places(customer_uuid=customer_uuid, lms_user_id=caller.lms_user_id)
        now = clock.now()
        listed = [wire_places.own_place(place, now) for place in places]
        wanted = request.query_params.get("is_active")
        if wanted is not None:
            is_active = wanted.lower() in ("true", "1")
            listed = [each for each in listed if each["is_enrollment_active"] is is_active]
        return Response(listed)

    @extend_schema(
        summary="Put a sponsored course aside, or take it up again",
        parameters=[
            _CUSTOMER,
            OpenApiParameter("course_id", str, required=True, description="The course run."),
            OpenApiParameter("saved_for_later", bool, required=True),
        ],
        request=None,
        responses={200: OpenApiTypes.OBJECT},
        tags=["customers"],
    )
    def patch(self, request: Request) -> Response:
        caller = get_caller(request)
        customer_uuid = _read_customer(request, caller)
        wish = _SavingSerializer(data={**_body(request), **request.query_params.dict()})
        wish.is_valid(raise_exception=True)
        run_key = wish.validated_data["course_id"]
        try:
            api.save_for_later(
                customer_uuid=customer_uuid,
                lms_user_id=caller.lms_user_id,
                run_key=run_key,
                is_saved=wish.validated_data["saved_for_later"],
                by=caller.lms_user_id,
            )
        except SponsoredEnrollmentNotFound as error:
            raise exceptions.NotFound() from error  # in the words for a customer that is not theirs
        places = api.list_own_places(customer_uuid=customer_uuid, lms_user_id=caller.lms_user_id)
        now = clock.now()
        return Response(next(wire_places.own_place(each, now) for each in places if each.run_key == run_key))


class _SavingSerializer(serializers.Serializer[Any]):
    course_id = serializers.CharField(max_length=255)
    saved_for_later = serializers.BooleanField()


def _body(request: Request) -> dict[str, Any]:
    return dict(request.data.items()) if hasattr(request.data, "items") else {}


def _read_customer(request: Request, caller: Caller) -> UUID:
    """The customer that is named, if the caller has a role there; a foreign one looks like a missing one."""
    named = request.query_params.get("enterprise_id") or _body(request).get("enterprise_id")
    if not named:
        raise serializers.ValidationError({"enterprise_id": ["This query parameter is required."]})
    customer_uuid = parse_uuid(named, field="enterprise_id")
    if not caller.has_role(MEMBERS, customer_uuid):
        raise exceptions.NotFound()
    return customer_uuid
