"""Views that have nothing but what ``enrollments/rest`` gives all views of the enrollment API."""

from django.urls import path
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from bursar.config import urls as real
from bursar.config.urls import handler400, handler403, handler404, handler500  # noqa: F401
from bursar.enrollments.rest.permissions import ApiKeyOrAuthenticated, IsGlobalStaff, has_api_key
from bursar.enrollments.rest.throttling import EnrollmentThrottle


class KeyOrAccountView(APIView):
    permission_classes = (ApiKeyOrAuthenticated,)
    throttle_classes = (EnrollmentThrottle,)

    def get(self, request: Request) -> Response:
        return Response({"username": request.user.get_username(), "has_api_key": has_api_key(request)})

    post = get


class StaffView(APIView):
    permission_classes = (IsGlobalStaff,)
    throttle_classes = (EnrollmentThrottle,)

    def get(self, request: Request) -> Response:
        return Response({"username": request.user.get_username()})


class PublicView(APIView):
    authentication_classes = ()
    permission_classes = ()
    throttle_classes = (EnrollmentThrottle,)

    def get(self, request: Request) -> Response:
        return Response({})


urlpatterns = [
    path("api/test/key-or-account/", KeyOrAccountView.as_view()),
    path("api/test/staff/", StaffView.as_view()),
    path("api/test/public/", PublicView.as_view()),
    *real.urlpatterns,
]
