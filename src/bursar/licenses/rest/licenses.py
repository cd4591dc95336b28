"""A plan's licenses over HTTP, as they are read. Contract: subsidies A.5."""

from collections.abc import Iterable, Iterator
from typing import Any

from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from bursar.identity import api as identity
from bursar.lib.rest import parse_uuid
from bursar.lib.spreadsheets import stream_csv
from bursar.licenses import models, wire
from bursar.licenses.rest import schemas
from bursar.licenses.rest.filters import FILTER_PARAMETERS, ORDERING_PARAMETER, read_wanted
from bursar.licenses.rest.paging import LicensePages
from bursar.licenses.rest.permissions import (
    ADMINISTER,
    LEARN_OR_ADMINISTER,
    get_administered_plan,
    get_full_plan,
)
from bursar.licenses.service import reads

_PAGE_PARAMETERS = [
    OpenApiParameter("page", int),
    OpenApiParameter("page_size", int, description="At most 500."),
]


class LicensesView(APIView):
    """The licenses of a plan."""

    @extend_schema(
        summary="List a plan's licenses",
        tags=["licenses"],
        parameters=[*FILTER_PARAMETERS, ORDERING_PARAMETER, *_PAGE_PARAMETERS],
        responses=schemas.LicensePageSerializer,
    )
    def get(self, request: Request, plan_uuid: str) -> Response:
        """By status and address, unless ordered otherwise."""
        plan = get_administered_plan(request, plan_uuid)
        return _page_of_licenses(self, request, reads.list_licenses(plan, read_wanted(request)))


class LicenseView(APIView):
    """A license of a plan."""

    @extend_schema(summary="Get a license of a plan", tags=["licenses"], responses=schemas.LicenseSerializer)
    def get(self, request: Request, plan_uuid: str, license_uuid: str) -> Response:
        """For the plan's administrators."""
        plan = get_administered_plan(request, plan_uuid)
        found = reads.find_license(plan.pk, parse_uuid(license_uuid))
        if found is None:
            raise NotFound("No License matches the given query.")
        return Response(wire.license_(found))


class OwnLicenseView(APIView):
    """One's own license of a plan."""

    @extend_schema(
        summary="List your own licenses of a plan",
        tags=["licenses"],
        parameters=_PAGE_PARAMETERS,
        responses=schemas.LicensePageSerializer,
    )
    def get(self, request: Request, plan_uuid: str) -> Response:
        """Assigned or activated: at most one for your account, and one for your confirmed address."""
        plan = get_full_plan(request, plan_uuid, LEARN_OR_ADMINISTER)
        caller = identity.get_caller(request)
        email = caller.email if caller.is_confirmed else None
        own = reads.select_own_licenses(plan.pk, email=email, lms_user_id=caller.lms_user_id)
        return _page_of_licenses(self, request, own)


def _page_of_licenses(view: APIView, request: Request, licenses: Any) -> Response:
    pages = LicensePages()
    page: Iterable[models.License] = pages.paginate_queryset(licenses, request, view=view) or []
    return pages.get_paginated_response([wire.license_(each) for each in page])


class LicenseOverviewView(APIView):
    """How many licenses of a plan stand where."""

    @extend_schema(
        summary="Count a plan's licenses by status",
        tags=["licenses"],
        parameters=FILTER_PARAMETERS,
        responses=inline_serializer(
            "LicenseCount",
            {"status": serializers.CharField(), "count": serializers.IntegerField()},
            many=True,
        ),
    )
    def get(self, request: Request, plan_uuid: str) -> Response:
        """The most frequent status first; a status without licenses is left out."""
        plan = get_administered_plan(request, plan_uuid)
        counts = reads.count_licenses(plan, read_wanted(request))
        return Response([{"status": status, "count": count} for status, count in counts])


class _Whatever(DefaultContentNegotiation):
    """The table is CSV whatever is asked for; what goes wrong is told as JSON."""

    def select_renderer(self, request: Any, renderers: Any, format_suffix: Any = None) -> Any:
        return renderers[0], renderers[0].media_type


class LicenseCsvView(APIView):
    """The licenses of a plan as a table for spreadsheets."""

    content_negotiation_class = _Whatever

    @extend_schema(
        summary="Download a plan's licenses",
        tags=["licenses"],
        responses={(200, "text/csv"): OpenApiTypes.STR},
    )
    def get(self, request: Request, plan_uuid: str) -> StreamingHttpResponse:
        """Assigned, activated and revoked ones, by status and address."""
        plan = get_full_plan(request, plan_uuid, ADMINISTER)
        return StreamingHttpResponse(
            stream_csv(wire.CSV_HEADERS, _tables(plan)),
            content_type="text/csv",
            headers={"Content-Disposition": f'attachment; filename="licenses-{plan.pk}.csv"'},
        )


def _tables(plan: models.Plan) -> Iterator[Iterable[tuple[object, ...]]]:
    slug = plan.agreement.customer_slug
    for rows in reads.stream_licenses(plan.pk, wire.CSV_COLUMNS):
        yield (wire.csv_row(slug, *row) for row in rows)
