"""The REST endpoints of jobs."""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import HttpResponse
from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, inline_serializer
from rest_framework import exceptions, serializers
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from bursar.identity.api import get_caller
from bursar.jobs import reading
from bursar.jobs.data import Job, JobNotFound, JobState, ResultsGone
from bursar.jobs.registry import find_kind
from bursar.jobs.rest.permissions import customers_by_kind, get_visible_job, sees_everything
from bursar.jobs.starting import cancel
from bursar.lib.rest import PageNumbers, parse_uuid
from bursar.lib.spreadsheets import write_csv
from bursar.outbox.api import idempotent


class JobSerializer(serializers.Serializer[Any]):
    """A job, for the schema."""

    uuid = serializers.UUIDField()
    kind = serializers.CharField()
    title = serializers.CharField(help_text="What it does, for people.")
    enterprise_customer_uuid = serializers.UUIDField()
    state = serializers.ChoiceField([each.value for each in JobState])
    item_count = serializers.IntegerField()
    done_count = serializers.IntegerField()
    progress_percent = serializers.IntegerField()
    counts = serializers.DictField(child=serializers.IntegerField(), help_text="Items by outcome.")
    errors = serializers.ListField(  # type: ignore[assignment]  # a field hides the serializer's property
        child=serializers.CharField(), help_text="What went wrong; what can be is tried again by itself."
    )
    is_cancellable = serializers.BooleanField()
    created_by = serializers.IntegerField(allow_null=True, help_text="An LMS user id.")
    created = serializers.DateTimeField()
    started = serializers.DateTimeField(allow_null=True)
    finished = serializers.DateTimeField(allow_null=True)
    cancelled = serializers.DateTimeField(allow_null=True)
    cancelled_by = serializers.IntegerField(allow_null=True)
    results_json = serializers.URLField(allow_null=True, help_text="Null once results are no longer kept.")
    results_csv = serializers.URLField(allow_null=True)


class ResultsSerializer(serializers.Serializer[Any]):
    """What became of the items, for the schema."""

    job_uuid = serializers.UUIDField()
    is_complete = serializers.BooleanField(help_text="False while something is still to be done.")
    counts = serializers.DictField(child=serializers.IntegerField())
    results = serializers.ListField(child=serializers.DictField())


def as_json(job: Job) -> dict[str, Any]:
    """A job as the API shows it."""
    kind = find_kind(job.kind)
    return {
        "uuid": job.uuid,
        "kind": job.kind,
        "title": kind.title() if kind else job.kind,
        "enterprise_customer_uuid": job.customer_uuid,
        "state": job.state.value,
        "item_count": job.item_count,
        "done_count": job.done_count,
        "progress_percent": job.progress_percent,
        "counts": dict(job.counts),
        "errors": list(job.errors),
        "is_cancellable": job.is_cancellable,
        "created_by": job.created_by,
        "created": job.created_at,
        "started": job.started_at,
        "finished": job.finished_at,
        "cancelled": job.cancelled_at,
        "cancelled_by": job.cancelled_by,
        "results_json": _address(job, "job-results-json"),
        "results_csv": _address(job, "job-results-csv"),
    }


def _address(job: Job, name: str) -> str | None:
    return f"{settings.PUBLIC_URL}{reverse(name, args=[job.uuid])}" if job.are_results_kept else None


class JobsView(APIView):
    """Jobs of one's customers."""

    @extend_schema(
        summary="List jobs",
        description="Those of the customers that you act for, the newest first.",
        parameters=[
            OpenApiParameter("enterprise_customer_uuid", UUID),
            OpenApiParameter("state", str, enum=[each.value for each in JobState]),
            OpenApiParameter("kind", str),
            OpenApiParameter("page", int),
            OpenApiParameter("page_size", int),
        ],
        responses={
            200: inline_serializer(
                "JobsPage",
                {
                    "next": serializers.URLField(allow_null=True),
                    "previous": serializers.URLField(allow_null=True),
                    "count": serializers.IntegerField(),
                    "num_pages": serializers.IntegerField(),
                    "current_page": serializers.IntegerField(),
                    "start": serializers.IntegerField(),
                    "results": JobSerializer(many=True),
                },
            )
        },
        tags=["jobs"],
    )
    def get(self, request: Request) -> Response:
        caller = get_caller(request)
        customers_of = customers_by_kind(caller)
        rows = reading.select_jobs(
            customers_of=customers_of, kinds=list(customers_of), others=sees_everything(caller)
        )
        wanted = request.query_params
        if wanted.get("enterprise_customer_uuid"):
            rows = rows.filter(customer_uuid=parse_uuid(wanted["enterprise_customer_uuid"]))
        if wanted.get("state"):
            if wanted["state"] not in {each.value for each in JobState}:
                text = f"{wanted['state']} is no state of a job."
                raise exceptions.ValidationError({"state": [text]})
            rows = rows.filter(state=wanted["state"])
        if wanted.get("kind"):
            rows = rows.filter(kind=wanted["kind"])
        pages = PageNumbers()
        page = pages.paginate_queryset(rows, request, view=self) or []
        return pages.get_paginated_response([as_json(job) for job in reading.to_jobs(page)])


class JobView(APIView):
    """One job."""

    @extend_schema(summary="See how far a job is", responses={200: JobSerializer}, tags=["jobs"])
    def get(self, request: Request, job_uuid: UUID) -> Response:
        return Response(as_json(get_visible_job(get_caller(request), job_uuid)))


class CancelView(APIView):
    """Stopping a job."""

    @extend_schema(
        summary="Cancel a job",
        description=(
            "What has not begun is not done any more; what is done stays. A job that was cancelled before "
            "answers the same, one that has ended a 422."
        ),
        request=None,
        responses={200: JobSerializer},
        tags=["jobs"],
    )
    @idempotent
    def post(self, request: Request, job_uuid: UUID) -> Response:
        caller = get_caller(request)
        job = get_visible_job(caller, job_uuid)
        return Response(as_json(cancel(job_uuid=job.uuid, by=caller.lms_user_id)))


class JsonResultsView(APIView):
    """What became of the items of a job."""

    @extend_schema(
        summary="Read the results of a job",
        description="In the order of the request, so far; 410 once they are no longer kept.",
        responses={200: ResultsSerializer},
        tags=["jobs"],
    )
    def get(self, request: Request, job_uuid: UUID) -> Response:
        job = get_visible_job(get_caller(request), job_uuid)
        try:
            results = reading.read_results(job.uuid)
        except ResultsGone as error:
            return _gone(error)
        return Response(
            {
                "job_uuid": job.uuid,
                "is_complete": job.has_ended,
                "counts": dict(job.counts),
                "results": results,
            }
        )


class _Whatever(DefaultContentNegotiation):
    """The table is CSV whatever is asked for; what goes wrong is told as JSON."""

    def select_renderer(self, request: Any, renderers: Any, format_suffix: Any = None) -> Any:
        return renderers[0], renderers[0].media_type


class CsvResultsView(APIView):
    """The same as a table for spreadsheets."""

    content_negotiation_class = _Whatever
    permission_classes = (AllowAny,)  # a signed address lets a browser in that is not signed in

    @extend_schema(
        summary="Download the results of a job",
        parameters=[
            OpenApiParameter("signature", str, description="From `download_url`; good for five minutes.")
        ],
        responses={(200, "text/csv"): OpenApiTypes.STR},
        tags=["jobs"],
    )
    def get(self, request: Request, job_uuid: UUID) -> HttpResponse:
        job = self._find(request, job_uuid)
        kind = find_kind(job.kind)
        columns = kind.csv_columns if kind else (("outcome", "outcome"),)
        try:
            results = reading.read_results(job.uuid)
        except ResultsGone as error:
            return _gone(error)
        table = write_csv(
            [header for _, header in columns], ([result.get(key) for key, _ in columns] for result in results)
        )
        name = f"{job.kind.rpartition('.')[2].replace('_', '-')}-results-{job.created_at:%Y-%m-%d}.csv"
        return HttpResponse(
            table,
            content_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )

    def _find(self, request: Request, job_uuid: UUID) -> Job:
        signature = request.query_params.get("signature")
        if signature is not None:
            job = reading.find_job(job_uuid) if reading.is_signed(job_uuid, signature) else None
            if job is None:
                raise JobNotFound("This link is no longer good. Ask for the results again.")
            return job
        if not request.user or not request.user.is_authenticated:
            raise exceptions.NotAuthenticated()
        return get_visible_job(get_caller(request), job_uuid)


def _gone(error: ResultsGone) -> Response:
    return Response({"detail": error.message, "code": error.code}, status=410)
