"""License-guarded bulk enrollment over HTTP. Contract: subsidies A.5."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from bursar.customers import api as customers
from bursar.customers.data import BULK_LIMIT
from bursar.identity import api as identity
from bursar.jobs import api as jobs
from bursar.jobs.data import Result
from bursar.lib import emails
from bursar.lib.rest import body_of, parse_uuid
from bursar.lib.rest_json import JsonParser
from bursar.licenses import api
from bursar.licenses.data import BulkRow
from bursar.licenses.rest.csv_upload import read_rows
from bursar.licenses.rest.permissions import ADMINISTER, check_role
from bursar.outbox.api import idempotent

_NAMED_BAD_ROWS = 20  # in one message, if there is no good one


class _TooMany(Exception):
    """More pairs than one request may hold."""


class BulkLicenseEnrollmentSerializer(serializers.Serializer[Any]):
    """Who is to be put into which runs."""

    emails = serializers.ListField(
        child=serializers.CharField(max_length=320), help_text="Not needed with `enroll_all`.", required=False
    )
    course_run_keys = serializers.ListField(child=serializers.CharField(max_length=255), allow_empty=False)
    notify = serializers.BooleanField(help_text="Whether learners are told by mail: one mail for each.")
    dry_run = serializers.BooleanField(
        default=False, help_text="A rehearsal: says what would become of each pair, and does nothing."
    )


class BulkLicenseUploadSerializer(serializers.Serializer[Any]):
    """The same as a form with a file."""

    csv = serializers.FileField(
        help_text=(
            "UTF-8, with commas or semicolons: a line for each person, with the e-mail address and, if it is "
            "not for all `course_run_keys`, the key of a course run."
        )
    )
    course_run_keys = serializers.ListField(child=serializers.CharField(max_length=255), required=False)
    notify = serializers.BooleanField(default=False)
    dry_run = serializers.BooleanField(default=False)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a request asks for."""

    rows: Sequence[BulkRow]
    notify: bool
    dry_run: bool

    @property
    def bad(self) -> list[BulkRow]:
        return [row for row in self.rows if row.refusal is not None]


class BulkLicenseEnrollmentView(APIView):
    """Enrolling holders of licenses, many at once."""

    parser_classes = (JsonParser, MultiPartParser)

    @extend_schema(
        summary="Enroll holders of licenses in course runs",
        description=(
            "Begins a job, whose progress and results are at `/api/jobs/v1/jobs/`. Only who holds a live "
            "license of a current plan whose catalog has the course gets in; everybody else is reported. At "
            "most 10,000 pairs of a person and a run. With a file, rows that cannot be used are named in "
            "`bad_rows`, and the others are done. With `dry_run` the answer is a 200 with the results at "
            "once, and nothing is done."
        ),
        tags=["licenses"],
        parameters=[
            OpenApiParameter("enterprise_customer_uuid", UUID, required=True),
            OpenApiParameter("subscription_uuid", UUID, description="Only with licenses of this plan."),
            OpenApiParameter(
                "enroll_all", bool, description="Everybody who holds a live license of `subscription_uuid`."
            ),
            OpenApiParameter("dry_run", bool),
        ],
        request={
            "application/json": BulkLicenseEnrollmentSerializer,
            "multipart/form-data": BulkLicenseUploadSerializer,
        },
        responses={
            201: inline_serializer(
                "BulkLicenseEnrollment",
                {
                    "job_id": serializers.UUIDField(),
                    "bad_rows": serializers.ListField(child=serializers.DictField(), required=False),
                },
            ),
            200: inline_serializer(
                "BulkLicenseEnrollmentRehearsal",
                {
                    "job_id": serializers.UUIDField(allow_null=True, help_text="Null: there is no job."),
                    "dry_run": serializers.BooleanField(),
                    "counts": serializers.DictField(child=serializers.IntegerField()),
                    "results": serializers.ListField(child=serializers.DictField()),
                    "bad_rows": serializers.ListField(child=serializers.DictField(), required=False),
                },
            ),
        },
    )
    @idempotent
    def post(self, request: Request) -> Response:
        caller = identity.get_caller(request)
        customer_uuid = _read_customer(request)
        check_role(caller, ADMINISTER, customer_uuid)
        customer = customers.find_customers([customer_uuid]).get(customer_uuid)
        if customer is None or not customer.is_active:
            raise NotFound()
        plan_uuid = _read_plan(request, customer_uuid)
        try:
            asked = _read(request, plan_uuid)
        except _TooMany as refusal:
            return Response(str(refusal), status=400)  # a bare sentence, as license-manager's
        told = {"bad_rows": [_bad_row(row) for row in asked.bad]} if asked.bad else {}
        if asked.dry_run:
            results = api.rehearse_bulk_enrollment(
                customer_uuid=customer_uuid, plan_uuid=plan_uuid, rows=asked.rows
            )
            counts = _count(results)
            return Response({"job_id": None, "dry_run": True, "counts": counts, "results": results, **told})
        job_uuid = api.start_bulk_enrollment(
            customer_uuid=customer_uuid,
            plan_uuid=plan_uuid,
            rows=asked.rows,
            notify=asked.notify,
            by=caller.lms_user_id,
        )
        return Response({"job_id": job_uuid, **told}, status=201)

    @extend_schema(
        summary="Get the results of a bulk enrollment",
        description="`download_url` is null until the job has ended; it is good for five minutes.",
        tags=["licenses"],
        parameters=[
            OpenApiParameter("enterprise_customer_uuid", UUID, required=True),
            OpenApiParameter("bulk_enrollment_job_uuid", UUID, required=True),
        ],
        responses={
            200: inline_serializer(
                "BulkLicenseEnrollmentResults",
                {
                    "job_id": serializers.UUIDField(),
                    "download_url": serializers.URLField(allow_null=True),
                    "state": serializers.CharField(),
                    "counts": serializers.DictField(child=serializers.IntegerField()),
                },
            ),
        },
    )
    def get(self, request: Request) -> Response:
        caller = identity.get_caller(request)
        names = ("enterprise_customer_uuid", "bulk_enrollment_job_uuid")
        missing = [name for name in names if not request.query_params.get(name)]
        if missing:
            return Response(f"Missing the following required request data: {missing}", status=400)
        customer_uuid, job_uuid = (parse_uuid(request.query_params[name]) for name in names)
        check_role(caller, ADMINISTER, customer_uuid)
        job = jobs.find_job(job_uuid)
        if job is None or job.customer_uuid != customer_uuid or job.kind != api.BULK_ENROLLMENT:
            raise NotFound()
        is_ready = job.has_ended and job.are_results_kept
        return Response(
            {
                "job_id": job.uuid,
                "download_url": jobs.results_address(job.uuid) if is_ready else None,
                "state": job.state.value,
                "counts": dict(job.counts),
            }
        )


def _read_customer(request: Request) -> UUID:
    named = request.query_params.get("enterprise_customer_uuid")
    if not named:
        raise NotFound()
    return parse_uuid(named)


def _read_plan(request: Request, customer_uuid: UUID) -> UUID | None:
    """The plan that is named, if it is this customer's; a foreign one looks like a missing one."""
    named = request.query_params.get("subscription_uuid")
    if not named:
        return None
    plan_uuid = parse_uuid(named)
    plan = api.find_plans([plan_uuid]).get(plan_uuid)
    if plan is None or plan.customer_uuid != customer_uuid:
        raise NotFound()
    return plan_uuid


def _read(request: Request, plan_uuid: UUID | None) -> _Asked:
    enroll_all = _flag(request, "enroll_all")
    if enroll_all and plan_uuid is None:
        raise ValidationError({"subscription_id": ["This field is required when enroll_all is provided"]})
    body = body_of(request)
    upload = body.get("csv")
    if isinstance(upload, UploadedFile):
        form = BulkLicenseUploadSerializer(data=body)
        form.is_valid(raise_exception=True)
        values = form.validated_data
        rows = _without_repeats(read_rows(upload, values.get("course_run_keys", [])))
        _check_count(len(rows))
        _check_any_good(rows)
    else:
        plain = BulkLicenseEnrollmentSerializer(data=body)
        plain.is_valid(raise_exception=True)
        values = plain.validated_data
        addresses = values.get("emails", [])
        if enroll_all and plan_uuid is not None:
            addresses = api.find_plan_addresses(plan_uuid)
        elif "emails" not in values:
            raise ValidationError({"emails": ["This field is required."]})
        elif not addresses:
            raise ValidationError({"emails": ["This list may not be empty."]})
        rows = _cross(addresses, values["course_run_keys"])
        if not rows:
            raise ValidationError({"subscription_id": [_("Nobody holds a license of this plan.")]})
    return _Asked(rows, values["notify"], values["dry_run"] or _flag(request, "dry_run"))


def _flag(request: Request, name: str) -> bool:
    value = request.query_params.get(name, "").lower()
    if value not in ("", "none", "true", "false", "1", "0"):
        raise ValidationError({name: [_("Must be true or false.")]})
    return value in ("true", "1")


def _cross(addresses: Iterable[str], run_keys: Iterable[str]) -> list[BulkRow]:
    """Each address in each run, once."""
    people = {emails.normalize(address): address for address in reversed(list(addresses))}
    people = dict(reversed(people.items()))
    runs = list(dict.fromkeys(run_keys))
    _check_count(len(people) * len(runs))  # before they are made: of a million there would be no end
    pairs = [(address, run_key) for address in people.values() for run_key in runs]
    return [BulkRow(number, *pair) for number, pair in enumerate(pairs, start=1)]


def _check_count(count: int) -> None:
    if count > BULK_LIMIT:
        text = _(
            "Too many enrollments: %(count)s. Send at most %(limit)s in one request, the others in more."
        )
        raise _TooMany(text % {"count": count, "limit": BULK_LIMIT})


def _without_repeats(rows: Iterable[BulkRow]) -> list[BulkRow]:
    """The rows but for those whose person and run were named before; bad ones are all kept."""
    seen: set[tuple[str, str]] = set()
    kept: list[BulkRow] = []
    for row in rows:
        pair = (emails.normalize(row.email), row.run_key)
        if row.refusal is not None or pair not in seen:
            kept.append(row)
        if row.refusal is None:
            seen.add(pair)
    return kept


def _check_any_good(rows: Sequence[BulkRow]) -> None:
    bad = [row for row in rows if row.refusal is not None]
    if len(bad) < len(rows):
        return
    named = [
        _("Row %(row)s: %(reason)s") % {"row": row.row, "reason": row.refusal.message}
        for row in bad[:_NAMED_BAD_ROWS]
        if row.refusal is not None
    ]
    if len(bad) > _NAMED_BAD_ROWS:
        named.append(_("And %(count)s more rows.") % {"count": len(bad) - _NAMED_BAD_ROWS})
    raise ValidationError({"csv": named})


def _bad_row(row: BulkRow) -> dict[str, Any]:
    code, message = (row.refusal.code, row.refusal.message) if row.refusal else ("", "")
    return {
        "row": row.row,
        "email": row.email,
        "course_run_key": row.run_key,
        "code": code,
        "message": message,
    }


def _count(results: Iterable[Result]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for result in results:
        counts[result["outcome"]] = counts.get(result["outcome"], 0) + 1
    return counts
