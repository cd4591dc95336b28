"""Renewals over HTTP. Contract: subsidies A.5, provisioning."""

from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from bursar.identity import api as identity
from bursar.lib.rest import body_of, parse_uuid
from bursar.licenses import api, models, wire_provisioning
from bursar.licenses.data import RenewalImpossible, RenewalNotFound, RenewalProcessed
from bursar.licenses.rest.paging import PlainPages
from bursar.licenses.rest.provisioning import MISSING, REFUSED, ProvisioningView, read, refuse
from bursar.licenses.rest.provisioning_schemas import (
    NewRenewalSerializer,
    RefusedSerializer,
    RenewalChangeSerializer,
    RenewalPageSerializer,
    RenewalSerializer,
)
from bursar.licenses.service import renewals, set_up
from bursar.outbox.api import idempotent

_STATUS = {renewals.Made.NEW: 201, renewals.Made.THERE: 200, renewals.Made.CONFLICT: 422}


class _RenewalsBase(ProvisioningView):
    columns = wire_provisioning.RENEWAL_COLUMNS
    no_record = "Renewal not found"

    def handle_exception(self, exc: Exception) -> Response:
        if isinstance(exc, RenewalProcessed):
            return refuse(exc.message)
        return super().handle_exception(exc)


class RenewalsView(_RenewalsBase):
    """Renewals, and new ones."""

    @extend_schema(
        summary="List renewals",
        tags=["licenses"],
        parameters=[
            OpenApiParameter("salesforce_opportunity_id", str),
            OpenApiParameter("prior_subscription_plan", OpenApiTypes.UUID),
            OpenApiParameter("renewed_subscription_plan", OpenApiTypes.UUID),
            OpenApiParameter("page", int),
        ],
        responses={200: RenewalPageSerializer, 400: REFUSED},
    )
    def get(self, request: Request) -> Response:
        """In the order in which they were made, a hundred on a page."""
        wanted: dict[str, Any] = {}
        for name in ("prior_subscription_plan", "renewed_subscription_plan"):
            if text := request.query_params.get(name):
                wanted[self.columns[name]] = parse_uuid(text, field=name)
        if text := request.query_params.get("salesforce_opportunity_id"):
            wanted["salesforce_opportunity_id"] = text
        pages = PlainPages()
        page = pages.paginate_queryset(set_up.select_renewals(wanted), request, view=self) or []
        return pages.get_paginated_response([wire_provisioning.renewal(each) for each in page])

    @extend_schema(
        summary="Make a renewal",
        tags=["licenses"],
        request=NewRenewalSerializer,
        responses={
            200: OpenApiResponse(RenewalSerializer, "These two plans have it already."),
            201: RenewalSerializer,
            400: REFUSED,
            422: OpenApiResponse(RenewalSerializer, "One of the plans is in this other renewal."),
        },
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """A plan is renewed once, and takes one plan's place."""
        values = wire_provisioning.to_columns(read(NewRenewalSerializer, request), self.columns)
        renewal_id, made = renewals.make_renewal(values=values, by=identity.get_caller(request).lms_user_id)
        return Response(_show(renewal_id), status=_STATUS[made])


class RenewalView(_RenewalsBase):
    """A renewal."""

    @extend_schema(
        summary="Read a renewal", tags=["licenses"], responses={200: RenewalSerializer, 404: MISSING}
    )
    def get(self, request: Request, renewal_id: str) -> Response:
        """Processed or not."""
        return Response(_show(_number(renewal_id)))

    @extend_schema(
        summary="Change a renewal, as PATCH does",
        tags=["licenses"],
        request=RenewalChangeSerializer,
        responses={200: RenewalSerializer, 400: REFUSED, 404: MISSING},
    )
    def put(self, request: Request, renewal_id: str) -> Response:
        """Only what is sent changes."""
        return self._change(request, _number(renewal_id))

    @extend_schema(
        summary="Change a renewal",
        tags=["licenses"],
        request=RenewalChangeSerializer,
        responses={200: RenewalSerializer, 400: REFUSED, 404: MISSING},
    )
    def patch(self, request: Request, renewal_id: str) -> Response:
        """Only what is sent changes, until it is processed. It stays with its prior plan."""
        return self._change(request, _number(renewal_id))

    @extend_schema(
        summary="Take a renewal away",
        tags=["licenses"],
        responses={204: None, 400: REFUSED, 404: MISSING},
    )
    def delete(self, request: Request, renewal_id: str) -> Response:
        """Until it is processed."""
        renewals.delete_renewal(renewal_id=_number(renewal_id), by=identity.get_caller(request).lms_user_id)
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _change(self, request: Request, renewal_id: int) -> Response:
        prior = _get(renewal_id).prior_plan_id
        if str(body_of(request).get("prior_subscription_plan", prior)) != str(prior):
            return refuse(_("Field(s) are not updatable: %(names)s") % {"names": "prior_subscription_plan"})
        changes = wire_provisioning.to_columns(read(RenewalChangeSerializer, request), self.columns)
        renewals.change_renewal(
            renewal_id=renewal_id, changes=changes, by=identity.get_caller(request).lms_user_id
        )
        return Response(_show(renewal_id))


class ProcessRenewalView(_RenewalsBase):
    """Renewing now."""

    @extend_schema(
        summary="Process a renewal now",
        tags=["licenses"],
        request=None,
        responses={
            200: OpenApiResponse(RenewalSerializer, "It was processed already."),
            201: OpenApiResponse(RenewalSerializer, "It is processed."),
            404: MISSING,
            500: OpenApiResponse(RefusedSerializer, "It cannot be; `error` says what to change."),
        },
    )
    @idempotent
    def post(self, request: Request, renewal_id: str) -> Response:
        """All of it or nothing. By itself it is processed 12 hours before it becomes effective."""
        try:
            renewed = api.process_renewal(
                renewal_id=_number(renewal_id), by=identity.get_caller(request).lms_user_id
            )
        except RenewalImpossible as error:
            return refuse(error.message, status=500)  # license-manager's status for what cannot be
        return Response(_show(renewed.renewal_id), status=201 if renewed.is_new else 200)


def _number(text: str) -> int:
    """The id in a path; what cannot be one is an id that nothing has."""
    if not text.isascii() or not text.isdecimal() or len(text) > _MOST_DIGITS:
        raise RenewalNotFound("")
    return int(text)


_MOST_DIGITS = 18  # of what every database takes for a key


def _get(renewal_id: int) -> models.Renewal:
    renewal = set_up.find_renewal(renewal_id)
    if renewal is None:
        raise RenewalNotFound("")
    return renewal


def _show(renewal_id: int) -> dict[str, Any]:
    return wire_provisioning.renewal(_get(renewal_id))
