"""Endpoints about what pays for places: read it, cancel it, end it. Contract: customers A9."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.utils.dateparse import parse_datetime
from django.utils.timezone import is_naive
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import exceptions, serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from bursar.customers import api, wire_places
from bursar.customers.data import EndResult, Fulfillment, FulfillmentNotFound
from bursar.customers.rest.permissions import (
    CAN_ACCESS_ADMIN_DASHBOARD,
    CAN_ENROLL_LEARNERS,
    check_everywhere,
    check_permission,
    has_permission,
)
from bursar.identity.api import get_caller
from bursar.identity.data import Caller
from bursar.lib.rest import body_of, parse_uuid
from bursar.outbox.api import idempotent

_ENDED = OpenApiResponse(OpenApiTypes.OBJECT, "By course run: `success`, `message`.")


class RevokeSerializer(serializers.Serializer[Any]):
    """Whose license is gone. Only in the schema."""

    user_id = serializers.IntegerField()
    enterprise_id = serializers.UUIDField()
    license_uuid = serializers.UUIDField(
        required=False, help_text="Which license; all of the learner's if it is left out."
    )


class ExpirationSerializer(serializers.Serializer[Any]):
    """Which licenses have expired. Only in the schema."""

    expired_license_uuids = serializers.ListField(child=serializers.UUIDField())
    ignore_enrollments_modified_after = serializers.DateTimeField(required=False, allow_null=True)


class LicenseRevokeView(APIView):
    """What happens to courses when a license is taken back."""

    @extend_schema(
        summary="End what a learner's licenses pay for",
        description=(
            "Learners go to the audit mode, or leave runs without one; runs that have ended stay. "
            "422 if something failed; the answer says what became of each course."
        ),
        request=RevokeSerializer,
        responses={200: _ENDED, 422: _ENDED},
        tags=["customers"],
    )
    @idempotent
    def post(self, request: Request) -> Response:
        caller = get_caller(request)
        body = body_of(request)
        user_id, customer = body.get("user_id"), body.get("enterprise_id")
        if not user_id or not customer:
            return Response("user_id and enterprise_id must be provided.", status=400)
        customer_uuid = parse_uuid(customer, field="enterprise_id")
        check_permission(caller, CAN_ACCESS_ADMIN_DASHBOARD, customer_uuid)
        lms_user_id = _read_id(user_id)
        named = body.get("license_uuid")
        license_uuid = None if named is None else parse_uuid(named, field="license_uuid")
        if not api.find_links(customer_uuid=customer_uuid, lms_user_ids=[lms_user_id]):
            raise exceptions.NotFound()
        outcomes = api.end_learner_sponsorships(
            customer_uuid=customer_uuid,
            lms_user_id=lms_user_id,
            license_uuid=license_uuid,
            by=caller.lms_user_id,
        )
        has_failed = any(outcome.result is EndResult.FAILED for outcome in outcomes)
        return Response(wire_places.endings(outcomes), status=422 if has_failed else 200)


class LicensesExpirationView(APIView):
    """What happens to courses when licenses expire."""

    @extend_schema(
        summary="End what expired licenses pay for",
        description="200 without a body if all went well; 422 names what failed. For operators.",
        request=ExpirationSerializer,
        responses={200: None, 422: _ENDED},
        tags=["customers"],
    )
    @idempotent
    def post(self, request: Request) -> Response:
        caller = get_caller(request)
        check_everywhere(caller, CAN_ENROLL_LEARNERS)
        body = body_of(request)
        uuids = body.get("expired_license_uuids")
        if not isinstance(uuids, list) or not uuids:
            return Response("expired_license_uuids must be a list with at least one uuid.", status=400)
        licenses = [parse_uuid(each, field="expired_license_uuids") for each in uuids]
        since = _read_moment(
            body.get("ignore_enrollments_modified_after"), "ignore_enrollments_modified_after"
        )
        outcomes = api.end_sponsorships(licenses, by=caller.lms_user_id, unless_modified_after=since)
        failed = [outcome for outcome in outcomes if outcome.result is EndResult.FAILED]
        return Response(wire_places.endings(failed), status=422) if failed else Response(status=200)


class FulfillmentView(APIView):
    """What pays for one place."""

    @extend_schema(
        summary="Read what pays for a sponsored enrollment",
        responses={200: OpenApiTypes.OBJECT},
        tags=["customers"],
    )
    def get(self, request: Request, fulfillment_uuid: UUID) -> Response:
        return Response(wire_places.fulfillment(_get(get_caller(request), fulfillment_uuid)))


class CancelFulfillmentView(APIView):
    """The end of what pays for one place."""

    @extend_schema(
        summary="Cancel what pays for a sponsored enrollment, and unenroll the learner",
        description="The learner stays in the run while something else pays for the same place.",
        request=None,
        responses={204: None, 200: OpenApiTypes.OBJECT},
        tags=["customers"],
    )
    @idempotent
    def post(self, request: Request, fulfillment_uuid: UUID) -> Response:
        caller = get_caller(request)
        _get(caller, fulfillment_uuid)
        outcome = api.cancel_fulfillment(fulfillment_uuid, by=caller.lms_user_id)
        if outcome is None:
            return Response({"detail": "Enrollment is already canceled."})  # spelled as in edx-enterprise
        if outcome.refusal is not None:
            return Response({"detail": outcome.refusal.message, "code": outcome.refusal.code}, status=422)
        return Response(status=204)


class UnenrolledFulfillmentsView(APIView):
    """Who left what was paid for."""

    @extend_schema(
        summary="List what paid for places that learners left",
        description="Of all customers, for operators; the oldest first.",
        parameters=[OpenApiParameter("unenrolled_after", str, description="A moment, in ISO 8601.")],
        responses={200: OpenApiResponse({"type": "array", "items": {"type": "object"}})},
        tags=["customers"],
    )
    def get(self, request: Request) -> Response:
        check_everywhere(get_caller(request), CAN_ENROLL_LEARNERS)
        since = _read_moment(request.query_params.get("unenrolled_after"), "unenrolled_after")
        return Response([wire_places.unenrolled(row) for row in api.list_unenrolled(since=since)])


def _get(caller: Caller, fulfillment_uuid: UUID) -> Fulfillment:
    """The fulfillment, if it is the caller's affair: a foreign one looks like a missing one."""
    found = api.get_fulfillment(fulfillment_uuid)
    if not has_permission(caller, CAN_ENROLL_LEARNERS, found.customer_uuid):
        raise FulfillmentNotFound("There is no such fulfillment.")
    return found


def _read_id(value: Any) -> int:
    number = serializers.IntegerField(min_value=1, max_value=2**63 - 1)
    try:
        return int(number.run_validation(value))
    except serializers.ValidationError as error:
        raise serializers.ValidationError({"user_id": error.detail}) from error


def _read_moment(value: Any, field: str) -> datetime | None:
    if value in (None, ""):
        return None
    try:
        moment = parse_datetime(value) if isinstance(value, str) else None
    except ValueError:
        moment = None
    if moment is None:
        raise serializers.ValidationError(f"{field} is not a moment in ISO 8601.")
    if is_naive(moment):
        raise serializers.ValidationError(f"{field} needs a time zone, such as Z.")
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise serializers.ValidationError(f"{field} is not a moment in ISO 8601.") from error
