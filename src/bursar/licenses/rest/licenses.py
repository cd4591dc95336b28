"""A plan's licenses over HTTP, for its administrators. Contract: subsidies A.5."""

from drf_spectacular.utils import OpenApiParameter, extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from bursar.lib.rest import parse_flag
from bursar.licenses.rest.permissions import get_administered_plan
from bursar.licenses.service import reads


class LicenseOverviewView(APIView):
    """How many licenses of a plan stand where."""

    @extend_schema(
        summary="Count a plan's licenses by status",
        tags=["licenses"],
        parameters=[
            OpenApiParameter("status", str, description="Only these, separated by commas."),
            OpenApiParameter("search", str, description="Part of an address."),
            OpenApiParameter("ignore_null_emails", bool),
            OpenApiParameter("active_only", bool, description="Assigned and activated ones."),
        ],
        responses=inline_serializer(
            "LicenseCount",
            {"status": serializers.CharField(), "count": serializers.IntegerField()},
            many=True,
        ),
    )
    def get(self, request: Request, plan_uuid: str) -> Response:
        """The most frequent status first; a status without licenses is left out."""
        plan = get_administered_plan(request, plan_uuid)
        params = request.query_params
        statuses = [each for each in params.get("status", "").split(",") if each]
        if parse_flag(request, "active_only", default=False):
            statuses = ["assigned", "activated"]
        search = params.get("search", "").strip().lower()
        ignore_null_emails = parse_flag(request, "ignore_null_emails", default=False)
        if statuses or search or ignore_null_emails:
            counts = reads.count_licenses(
                plan.pk, statuses=statuses, search=search, ignore_null_emails=ignore_null_emails
            )
        else:
            counts = reads.counts_on_plan(plan)
        return Response([{"status": status, "count": count} for status, count in counts])
