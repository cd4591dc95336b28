"""Requests for learner credit over HTTP: there are none, for there are no budgets here.

The portals ask for them all the same, and go on when the lists are empty. Contract: requests 3.3 and 3.5.
"""

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from bursar.lib.rest import PageNumbers
from bursar.subsidy_requests.rest import schemas
from bursar.subsidy_requests.rest.shared import PAGING, administered_customer

_CUSTOMER = "enterprise_customer_uuid"


class LearnerCreditRequestsView(APIView):
    """The list of requests for learner credit."""

    @extend_schema(
        summary="List learner credit requests",
        tags=["requests"],
        parameters=[OpenApiParameter(_CUSTOMER, OpenApiTypes.UUID), *PAGING],
        responses=schemas.CreditRequestsPageSerializer,
    )
    def get(self, request: Request) -> Response:
        """It is always empty: there are no budgets here."""
        pages = PageNumbers()
        return pages.get_paginated_response(pages.paginate_queryset([], request, view=self))


class LearnerCreditOverviewView(APIView):
    """How many requests for learner credit there are in each state."""

    @extend_schema(
        summary="Count learner credit requests by state",
        tags=["requests"],
        parameters=[OpenApiParameter(_CUSTOMER, OpenApiTypes.UUID, required=True)],
        responses={200: OpenApiResponse(schemas.StateCountSerializer(many=True), "No state has any.")},
    )
    def get(self, request: Request) -> Response:
        """For administrators. There are none."""
        administered_customer(request)
        return Response([])
