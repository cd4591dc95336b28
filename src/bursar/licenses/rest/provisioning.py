"""Setting up agreements and plans over HTTP. Contract: subsidies A.5, provisioning.

Every refusal is a 400 with ``error``, as clients expect it; what is our own fault stays a 500.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.exceptions import ParseError, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer
from rest_framework.views import APIView

from bursar.identity import api as identity
from bursar.lib import clock
from bursar.lib.errors import NotFoundError
from bursar.lib.rest import body_of, parse_uuid
from bursar.licenses import models, wire, wire_provisioning
from bursar.licenses.data import AgreementNotFound, FieldsRefused, PlanNotFound
from bursar.licenses.rest.paging import PlainPages
from bursar.licenses.rest.permissions import check_provisioner
from bursar.licenses.rest.provisioning_schemas import (
    PRODUCT_REQUIRED,
    AgreementChangeSerializer,
    ChangedPlanSerializer,
    NewAgreementSerializer,
    NewPlanSerializer,
    PlanChangeSerializer,
    ProvisionedPlanPageSerializer,
    ProvisionedPlanSerializer,
    RefusedSerializer,
)
from bursar.licenses.rest.schemas import AgreementSerializer
from bursar.licenses.service import agreements, provisioning, reads, set_up
from bursar.outbox.api import idempotent

_Shape = Callable[[models.Plan, reads.Renewals, datetime], dict[str, Any]]

REFUSED = OpenApiResponse(RefusedSerializer, "`error` says what to change.")
MISSING = OpenApiResponse(RefusedSerializer, "There is none.")


class ProvisioningView(APIView):
    """What every provisioning endpoint shares: who may, and how it says no."""

    columns: Mapping[str, str] = {}
    no_record = "No record found."

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        check_provisioner(request)

    def handle_exception(self, exc: Exception) -> Response:
        if isinstance(exc, FieldsRefused):
            return refuse(wire_provisioning.to_errors(exc.errors, self.columns))
        if isinstance(exc, ValidationError | ParseError):
            return refuse(exc.detail)
        if isinstance(exc, NotFoundError):
            return refuse(self.no_record, status=404)
        return super().handle_exception(exc)


def refuse(error: Any, status: int = 400) -> Response:
    """The answer that says no."""
    return Response({"error": error}, status=status)


def read(serializer: type[Serializer[Any]], request: Request) -> dict[str, Any]:
    """The body's fields, or a ValidationError; an empty body changes nothing, so it is one as well."""
    sent_body = body_of(request)
    if not sent_body:
        raise ValidationError(_("The request body names no field."))
    body = serializer(data=sent_body)
    body.is_valid(raise_exception=True)
    sent: dict[str, Any] = body.validated_data
    return sent


class AgreementsView(ProvisioningView):
    """New agreements."""

    columns = wire_provisioning.AGREEMENT_COLUMNS

    @extend_schema(
        summary="Make a customer's agreement",
        tags=["licenses"],
        request=NewAgreementSerializer,
        responses={
            201: OpenApiResponse(AgreementSerializer, "With its active plans."),
            400: REFUSED,
        },
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """A customer has one at most."""
        sent = read(NewAgreementSerializer, request)
        uuid = agreements.make_agreement(
            values=wire_provisioning.to_columns(sent, self.columns),
            by=identity.get_caller(request).lms_user_id,
        )
        return Response(_show_agreement(str(uuid)), status=201)


class AgreementView(ProvisioningView):
    """An agreement that is set up."""

    columns = wire_provisioning.AGREEMENT_COLUMNS

    @extend_schema(
        summary="Read an agreement",
        tags=["licenses"],
        responses={
            200: OpenApiResponse(AgreementSerializer, "With its active plans."),
            404: MISSING,
        },
    )
    def get(self, request: Request, agreement_uuid: str) -> Response:
        """With what is derived from all of its plans."""
        return Response(_show_agreement(agreement_uuid))

    @extend_schema(
        summary="Change an agreement",
        tags=["licenses"],
        request=AgreementChangeSerializer,
        responses={
            200: OpenApiResponse(AgreementSerializer, "With its active plans."),
            400: OpenApiResponse(OpenApiTypes.ANY, "What to change: `error`, or a sentence by itself."),
            404: MISSING,
        },
    )
    def patch(self, request: Request, agreement_uuid: str) -> Response:
        """It stays with its customer."""
        if "enterprise_customer_uuid" in body_of(request):
            return Response("enterprise_customer_uuid cannot be updated", status=400)
        changes = wire_provisioning.to_columns(read(AgreementChangeSerializer, request), self.columns)
        agreements.change_agreement(
            agreement_uuid=parse_uuid(agreement_uuid),
            changes=changes,
            by=identity.get_caller(request).lms_user_id,
        )
        return Response(_show_agreement(agreement_uuid))


def _show_agreement(agreement_uuid: str) -> dict[str, Any]:
    agreement = reads.find_agreement(parse_uuid(agreement_uuid))
    if agreement is None:
        raise AgreementNotFound("")
    (frame,) = reads.find_frames([agreement])
    return wire.full_agreement(frame, clock.now(), active_plans_only=True)


class ProvisionedPlansView(ProvisioningView):
    """Plans that are set up, and new ones."""

    columns = wire_provisioning.PLAN_COLUMNS

    @extend_schema(
        summary="List plans as they are set up",
        tags=["licenses"],
        parameters=[
            OpenApiParameter("enterprise_customer_uuid", OpenApiTypes.UUID, description="Only this one's."),
            OpenApiParameter("page", int),
        ],
        responses={
            200: ProvisionedPlanPageSerializer,
            400: REFUSED,
        },
    )
    def get(self, request: Request) -> Response:
        """The active ones, the newest first, a hundred on a page."""
        customer = request.query_params.get("enterprise_customer_uuid")
        plans = set_up.select_plans(customer_uuid=parse_uuid(customer) if customer else None)
        pages = PlainPages()
        page = pages.paginate_queryset(plans, request, view=self) or []
        renewals = reads.find_renewals({plan.agreement_id for plan in page})
        now = clock.now()
        shown = [wire_provisioning.made_plan(plan, renewals, now) for plan in page]
        return pages.get_paginated_response(shown)

    @extend_schema(
        summary="Make a plan with its licenses",
        tags=["licenses"],
        request=NewPlanSerializer,
        responses={201: ProvisionedPlanSerializer, 400: REFUSED},
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """More than 5,000 licenses are added in the background: a job of the customer shows how far it is."""
        if not body_of(request).get("product"):
            return refuse(PRODUCT_REQUIRED)
        sent = read(NewPlanSerializer, request)
        try:
            plan_uuid = provisioning.make_plan(
                agreement_uuid=sent["customer_agreement"],
                values=wire_provisioning.to_columns(sent, self.columns),
                by=identity.get_caller(request).lms_user_id,
                reason=sent["change_reason"],
            )
        except AgreementNotFound as error:
            raise ValidationError({"customer_agreement": [error.message]}) from error
        return Response(_show(_get_plan(str(plan_uuid))), status=201)


class ProvisionedPlanView(ProvisioningView):
    """A plan that is set up."""

    columns = wire_provisioning.PLAN_COLUMNS

    @extend_schema(
        summary="Read a plan as it is set up",
        tags=["licenses"],
        responses={200: ProvisionedPlanSerializer, 404: MISSING},
    )
    def get(self, request: Request, plan_uuid: str) -> Response:
        """Active or not; ``change_reason`` is that of the last change."""
        return Response(_show(_get_plan(plan_uuid)))

    @extend_schema(
        summary="Change a plan, and add licenses to it",
        tags=["licenses"],
        request=PlanChangeSerializer,
        responses={200: ChangedPlanSerializer, 400: REFUSED, 404: MISSING},
    )
    def patch(self, request: Request, plan_uuid: str) -> Response:
        """Only what is sent changes; the reason is required and kept."""
        body = body_of(request)
        if "product" in body and not body["product"]:
            return refuse(PRODUCT_REQUIRED)
        plan = _get_plan(plan_uuid)
        if str(body.get("customer_agreement", plan.agreement_id)) != str(plan.agreement_id):
            return refuse({"customer_agreement": [_("A plan stays with its agreement.")]})
        sent = read(PlanChangeSerializer, request)
        provisioning.change_plan(
            plan_uuid=plan.pk,
            changes=wire_provisioning.to_columns(sent, self.columns),
            by=identity.get_caller(request).lms_user_id,
            reason=sent["change_reason"],
        )
        return Response(_show(_get_plan(plan_uuid), wire_provisioning.changed_plan))


def _show(plan: models.Plan, shape: _Shape = wire_provisioning.made_plan) -> dict[str, Any]:
    return shape(plan, reads.find_renewals([plan.agreement_id]), clock.now())


def _get_plan(plan_uuid: str) -> models.Plan:
    plan = set_up.find_plan(parse_uuid(plan_uuid))
    if plan is None:
        raise PlanNotFound("")
    return plan
