"""Agreements and plans over HTTP, as they are read. Contract: subsidies A.5."""

from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from bursar.lib import clock
from bursar.lib.rest import parse_flag
from bursar.licenses import models, wire
from bursar.licenses.rest import schemas
from bursar.licenses.rest.paging import PlainPages
from bursar.licenses.rest.permissions import (
    ADMINISTER,
    LEARN_OR_ADMINISTER,
    choose_customers,
    get_agreement,
    get_full_plan,
    no_plan,
)
from bursar.licenses.service import reads

_CUSTOMER = OpenApiParameter("enterprise_customer_uuid", OpenApiTypes.UUID)
_PAGE = OpenApiParameter("page", int)
_ACTIVE_ONLY = OpenApiParameter("active_plans_only", bool, default=True)


class SubscriptionsView(APIView):
    """Plans, for administrators."""

    @extend_schema(
        summary="List subscription plans",
        tags=["licenses"],
        parameters=[
            _CUSTOMER,
            OpenApiParameter(
                "current", bool, default=False, description="Only the one that is in use; needs the customer."
            ),
            _PAGE,
        ],
        responses=schemas.PlanPageSerializer,
    )
    def get(self, request: Request) -> Response:
        """A customer's active plans, or all plans of all customers that you administer; the newest first."""
        customers = choose_customers(request, ADMINISTER)
        is_one = bool(request.query_params.get("enterprise_customer_uuid"))
        if parse_flag(request, "current", default=False):
            if not is_one or not customers:
                text = "Current plan cannot be used without enterprise_uuid"
                raise ValidationError({"detail": text})
            return _page_of_plans(self, request, reads.select_current_plan(*customers))
        return _page_of_plans(self, request, reads.select_plans(customers, active_only=is_one))


class SubscriptionView(APIView):
    """A plan, for its administrators."""

    @extend_schema(summary="Get a subscription plan", tags=["licenses"], responses=schemas.PlanSerializer)
    def get(self, request: Request, plan_uuid: str) -> Response:
        """With its numbers and what it renewed."""
        return _one_plan(get_full_plan(request, plan_uuid, ADMINISTER))


class LearnerSubscriptionsView(APIView):
    """Plans, for learners."""

    @extend_schema(
        summary="List a customer's active subscription plans",
        tags=["licenses"],
        parameters=[_CUSTOMER, _PAGE],
        responses=schemas.PlanPageSerializer,
    )
    def get(self, request: Request) -> Response:
        """The newest first; without a customer the list is empty."""
        customers = choose_customers(request, LEARN_OR_ADMINISTER)
        is_one = bool(request.query_params.get("enterprise_customer_uuid"))
        plans = reads.select_plans(customers if is_one else (), active_only=True)
        return _page_of_plans(self, request, plans)


class LearnerSubscriptionView(APIView):
    """A plan, for learners."""

    @extend_schema(
        summary="Get an active subscription plan", tags=["licenses"], responses=schemas.PlanSerializer
    )
    def get(self, request: Request, plan_uuid: str) -> Response:
        """Of a customer at which you learn; a plan that is not active is a 404."""
        plan = get_full_plan(request, plan_uuid, LEARN_OR_ADMINISTER)
        if not plan.is_active:
            raise no_plan()
        return _one_plan(plan)


def _page_of_plans(view: APIView, request: Request, plans: QuerySet[models.Plan]) -> Response:
    pages = PlainPages()
    page = pages.paginate_queryset(plans, request, view=view) or []
    renewals = reads.find_renewals({plan.agreement_id for plan in page})
    now = clock.now()
    return pages.get_paginated_response([wire.full_plan(plan, renewals, now) for plan in page])


def _one_plan(plan: models.Plan) -> Response:
    renewals = reads.find_renewals([plan.agreement_id])
    return Response(wire.full_plan(plan, renewals, clock.now()))


class AgreementsView(APIView):
    """Agreements."""

    @extend_schema(
        summary="List customer agreements",
        tags=["licenses"],
        parameters=[_CUSTOMER, _ACTIVE_ONLY, _PAGE],
        responses=schemas.AgreementPageSerializer,
    )
    def get(self, request: Request) -> Response:
        """Those of the customers at which you learn or which you administer, by uuid."""
        customers = choose_customers(request, LEARN_OR_ADMINISTER)
        active_plans_only = parse_flag(request, "active_plans_only", default=True)
        pages = PlainPages()
        page = pages.paginate_queryset(reads.select_agreements(customers), request, view=self) or []
        now = clock.now()
        shown = [
            wire.full_agreement(frame, now, active_plans_only=active_plans_only)
            for frame in reads.find_frames(page)
        ]
        return pages.get_paginated_response(shown)


class AgreementView(APIView):
    """An agreement."""

    @extend_schema(
        summary="Get a customer agreement",
        tags=["licenses"],
        parameters=[_ACTIVE_ONLY],
        responses=schemas.AgreementSerializer,
    )
    def get(self, request: Request, agreement_uuid: str) -> Response:
        """With its plans, active ones only unless `active_plans_only` is false."""
        agreement = get_agreement(request, agreement_uuid)
        active_plans_only = parse_flag(request, "active_plans_only", default=True)
        (frame,) = reads.find_frames([agreement])
        return Response(wire.full_agreement(frame, clock.now(), active_plans_only=active_plans_only))
