"""The list of all enrollments, for staff. Contract: enrollments 1.8."""

from collections.abc import Mapping

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db.models import Q, QuerySet
from django.db.models.functions import Lower
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from bursar.catalog import api as catalog
from bursar.enrollments import models, wire
from bursar.enrollments.rest.base import EnrollmentApiView
from bursar.enrollments.rest.errors import Refused
from bursar.enrollments.rest.paging import read_page
from bursar.enrollments.rest.permissions import IsGlobalStaff
from bursar.enrollments.rest.schemas import ListedEnrollmentSerializer
from bursar.identity import api as identity
from bursar.lib import emails

_MOST = 100  # values in one filter
_check_username = RegexValidator(r"\A[\w .@+-]+\Z")  # the LMS's characters


class EnrollmentsListView(EnrollmentApiView):
    """Every enrollment that fits the filters, active or not, the newest first."""

    permission_classes = (IsGlobalStaff,)

    @extend_schema(
        summary="List enrollments",
        tags=["enrollments"],
        parameters=[
            OpenApiParameter("course_id", str, description="One course run."),
            OpenApiParameter(
                "course_ids", str, description="Parts of keys of course runs, up to 100, with commas."
            ),
            OpenApiParameter("username", str, description="Up to 100, with commas."),
            OpenApiParameter("email", str, description="Up to 100, with commas."),
            OpenApiParameter("cursor", str, description="From `next` or `previous` of a page."),
        ],
        responses={
            200: inline_serializer(
                "EnrollmentsPage",
                {
                    "next": serializers.URLField(allow_null=True),
                    "previous": serializers.URLField(allow_null=True),
                    "results": ListedEnrollmentSerializer(many=True),
                },
            ),
            400: OpenApiResponse(
                OpenApiTypes.OBJECT, "`field_errors`: for each filter that is wrong a `developer_message`."
            ),
        },
    )
    def get(self, request: Request) -> Response:
        """Filters are all to be met; within one, any of its values."""
        rows = _filtered(request.query_params).values("uuid", *wire.LISTED_COLUMNS)
        page = read_page(rows, request.query_params.get("cursor", ""))
        ids = {row["lms_user_id"] for row in page.rows}
        people = identity.find_people_by_lms_user_id(ids) if ids else {}
        return Response(
            {
                "next": page.link(request, page.next),
                "previous": page.link(request, page.previous),
                "results": [
                    wire.to_listed_enrollment(
                        [row[column] for column in wire.LISTED_COLUMNS], people[row["lms_user_id"]].username
                    )
                    for row in page.rows
                    if row["lms_user_id"] in people
                ],
            }
        )


def _filtered(query: Mapping[str, str]) -> "QuerySet[models.Enrollment]":
    errors: dict[str, str] = {}
    run_key = query.get("course_id", "")
    if run_key and not catalog.is_run_key(run_key):
        errors["course_id"] = _("%(key)s is not the key of a course run.") % {"key": run_key[:255]}
    parts, usernames, addresses = (
        _listed(query, name, errors) for name in ("course_ids", "username", "email")
    )
    for username in usernames:
        try:
            _check_username(username)
        except ValidationError:
            errors["username"] = _("%(name)s is not a username.") % {"name": username[:255]}
    if errors:
        raise _invalid(errors)
    rows = models.Enrollment.objects.all()
    if run_key:
        rows = rows.filter(run_key=run_key)
    if parts:
        # Lower, since the keys have a binary collation on MariaDB and MySQL.
        rows = rows.annotate(lower_key=Lower("run_key"))
        wanted = Q()
        for part in parts:
            wanted |= Q(lower_key__contains=part.lower())
        rows = rows.filter(wanted)
    if usernames:
        found = identity.find_people_by_username(usernames).values()
        rows = rows.filter(lms_user_id__in=[person.lms_user_id for person in found])
    if addresses:
        found = identity.find_people_by_email({emails.normalize(each) for each in addresses}).values()
        rows = rows.filter(lms_user_id__in=[person.lms_user_id for person in found])
    return rows


def _listed(query: Mapping[str, str], name: str, errors: dict[str, str]) -> list[str]:
    values = [each.strip() for each in query.get(name, "").split(",") if each.strip()]
    if len(values) > _MOST:
        errors[name] = _("Name at most %(most)d.") % {"most": _MOST}
    return values


def _invalid(errors: Mapping[str, str]) -> Refused:
    fields = {name: {"developer_message": reason} for name, reason in errors.items()}
    return Refused(400, {"field_errors": fields})
