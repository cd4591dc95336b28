"""Enrollments of one person over HTTP, as the LMS serves them. Contract: enrollments 1.2 to 1.7 and 1.10."""

import logging

from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from bursar.catalog import api as catalog
from bursar.catalog.data import Run
from bursar.enrollments import wire
from bursar.enrollments.rest.base import (
    EnrollmentApiView,
    check_run_key,
    is_privileged,
    lms_user_id_of,
    set_csrf_cookie,
    username_of,
)
from bursar.enrollments.rest.errors import Refused
from bursar.enrollments.rest.posting import PostEnrollment
from bursar.enrollments.rest.schemas import (
    CourseSerializer,
    EnrollmentSerializer,
    PostedEnrollmentSerializer,
    RefusalSerializer,
    RolesSerializer,
)
from bursar.enrollments.service.admission import list_course_roles, list_led_runs
from bursar.enrollments.service.places import find_enrollments, list_enrollments
from bursar.identity import api as identity
from bursar.outbox.api import idempotent

log = logging.getLogger(__name__)

_REFUSED = OpenApiResponse(RefusalSerializer, "Refused, and nothing was changed; the code says why.")
_NOT_YOURS = OpenApiResponse(description="The enrollments of other people are for staff. The body is empty.")


class EnrollmentsView(EnrollmentApiView):
    """One person's enrollments, and putting people into runs."""

    @extend_schema(
        operation_id="get_api_enrollment_v1_enrollment",
        summary="List a person's active enrollments",
        tags=["enrollments"],
        parameters=[OpenApiParameter("user", str, description="A username; yours if left out.")],
        responses={200: EnrollmentSerializer(many=True)},
    )
    def get(self, request: Request) -> Response:
        """All of them for yourself, staff and servers; for others those in courses of whose team you are."""
        set_csrf_cookie(request)
        username = request.query_params.get("user") or username_of(request)
        lms_user_id = _find_id(username, request)
        listed = [] if lms_user_id is None else list_enrollments(lms_user_id=lms_user_id)
        caller = lms_user_id_of(request)
        if listed and caller is not None and lms_user_id != caller and not is_privileged(request):
            led = set(list_led_runs(lms_user_id=caller))
            listed = [each for each in listed if each.run_key in led]
        runs = catalog.find_runs([each.run_key for each in listed]) if listed else {}
        gone = [each.run_key for each in listed if each.run_key not in runs]
        if gone:
            log.warning("enrollments in runs that the catalog has not", extra={"runs": gone[:100]})
        return Response(
            [
                wire.to_enrollment(each, runs[each.run_key], username)
                for each in listed
                if each.run_key in runs
            ]
        )

    @extend_schema(
        summary="Enroll a person, or change an enrollment",
        tags=["enrollments"],
        request=PostedEnrollmentSerializer,
        responses={
            200: OpenApiResponse(EnrollmentSerializer, "The enrollment as it is now, changed or not."),
            400: _REFUSED,
            403: OpenApiResponse(
                RefusalSerializer,
                "The mode is not yours to choose, or the country of the request is blocked.",
            ),
            404: _NOT_YOURS,
            406: OpenApiResponse(RefusalSerializer, "There is no such person."),
        },
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """You may enroll yourself in free modes; staff and servers anybody in any mode.

        Who is in already gets the enrollment as it is. Staff and servers change the mode and the activity.
        """
        return PostEnrollment(request).answer()


class EnrollmentView(EnrollmentApiView):
    """A person's place in one run."""

    @extend_schema(
        summary="Read an enrollment",
        tags=["enrollments"],
        responses={
            200: OpenApiResponse(
                EnrollmentSerializer, "The enrollment, active or not; an empty body if there is none."
            ),
            400: _REFUSED,
            404: _NOT_YOURS,
        },
    )
    def get(self, request: Request, course_id: str, username: str | None = None) -> Response:
        """Yours; anybody's for staff and servers."""
        set_csrf_cookie(request)
        username = username or username_of(request)
        if username != username_of(request) and not is_privileged(request):
            return Response(status=404)
        run_key = check_run_key(course_id)
        lms_user_id = _find_id(username, request)
        if lms_user_id is None:
            return Response()
        pair = (lms_user_id, run_key)
        enrollment = find_enrollments([pair]).get(pair)
        if enrollment is None:
            return Response()
        return Response(wire.to_enrollment(enrollment, catalog.find_runs([run_key]).get(run_key), username))


class CourseView(EnrollmentApiView):
    """A run as one needs to know it before enrolling. Public."""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    @extend_schema(
        summary="Read a course run and its modes",
        tags=["enrollments"],
        auth=[{}],  # type: ignore[list-item] # it is annotated as names, and used as this
        parameters=[
            OpenApiParameter("include_expired", str, description="Anything but empty: expired modes as well.")
        ],
        responses={200: CourseSerializer, 400: _REFUSED},
    )
    def get(self, request: Request, course_id: str) -> Response:
        """Always as it is now: nothing is cached."""
        run = find_run(check_run_key(course_id))
        include_expired = bool(request.query_params.get("include_expired"))
        return Response(wire.to_course(run, include_expired=include_expired))


class RolesView(EnrollmentApiView):
    """The caller's roles in courses."""

    @extend_schema(
        summary="List your roles in courses",
        tags=["enrollments"],
        parameters=[OpenApiParameter("course_id", OpenApiTypes.STR, description="Of this course run alone.")],
        responses={200: RolesSerializer, 400: _REFUSED},
    )
    def get(self, request: Request) -> Response:
        """A role without a course run holds in all runs of its organization."""
        set_csrf_cookie(request)
        lms_user_id = lms_user_id_of(request)
        if lms_user_id is None:
            raise Refused.because(
                400, _("A server has no roles in courses: sign in as a person."), "unknown_user"
            )
        run_key = request.query_params.get("course_id") or None
        roles = list_course_roles(lms_user_id=lms_user_id, run_key=run_key)
        return Response({"roles": [wire.to_role(role) for role in roles], "is_staff": request.user.is_staff})


def find_run(run_key: str) -> Run:
    """The run, or a 400 that says that there is none."""
    run = catalog.find_runs([run_key]).get(run_key)
    if run is None:
        raise Refused.because(
            400, _("No course found for course ID '%(key)s'") % {"key": run_key}, "unknown_course_run"
        )
    return run


def _find_id(username: str, request: Request) -> int | None:
    if username == username_of(request):
        return lms_user_id_of(request)
    person = identity.find_people_by_username([username]).get(username)
    return person.lms_user_id if person else None
