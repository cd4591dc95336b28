"""The REST endpoints of customers."""

from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from bursar.customers import api, wire
from bursar.customers.rest.permissions import CAN_ENROLL_LEARNERS, check_permission, must_be_linked
from bursar.customers.rest.serializers import (
    BulkEnrollmentSerializer,
    BulkOptionsSerializer,
    BulkResultsSerializer,
    read_pairs,
)
from bursar.identity.api import get_caller
from bursar.lib.rest import body_of
from bursar.outbox.api import idempotent


class BulkEnrollmentView(APIView):
    """Bulk enrollment at one customer."""

    @extend_schema(
        summary="Get learners into course runs at the customer's expense",
        description=(
            "Each pair stands for itself: what can be done is done, and the answer says what became of each. "
            "People without a confirmed account wait until they have one. "
            "The same request again changes nothing. With `dry_run` nothing is done, and the answer is a 200 "
            "with what would become of each pair."
        ),
        request=BulkEnrollmentSerializer,
        responses={
            200: BulkResultsSerializer,
            201: BulkResultsSerializer,
            202: BulkResultsSerializer,
            409: BulkResultsSerializer,
        },
        tags=["customers"],
    )
    @idempotent
    def post(self, request: Request, customer_uuid: UUID) -> Response:
        caller = get_caller(request)
        check_permission(caller, CAN_ENROLL_LEARNERS, customer_uuid)
        body = body_of(request)
        options = BulkOptionsSerializer(data=body)
        options.is_valid(raise_exception=True)
        pairs = read_pairs(body)
        linked_to = caller.lms_user_id if must_be_linked(caller, customer_uuid) else None
        if options.validated_data["dry_run"]:
            foreseen = api.rehearse_in_bulk(customer_uuid=customer_uuid, pairs=pairs, linked_to=linked_to)
            return Response({**wire.bulk_results(foreseen), "dry_run": True})
        outcomes = api.enroll_in_bulk(
            customer_uuid=customer_uuid,
            pairs=pairs,
            by=caller.lms_user_id,
            notify=options.validated_data["notify"],
            discount_percent=options.validated_data["discount"],
            linked_to=linked_to,
        )
        results = wire.bulk_results(outcomes)
        return Response(results, status=wire.bulk_status(results))
