"""How often one caller may use the LMS's enrollment API."""

from django.conf import settings
from django.http import HttpRequest
from rest_framework.request import Request
from rest_framework.throttling import UserRateThrottle
from rest_framework.views import APIView

from bursar.enrollments.rest.addresses import caller_address
from bursar.enrollments.rest.permissions import has_api_key


class EnrollmentThrottle(UserRateThrottle):
    """A rate for everybody and a higher one for staff (``ENROLLMENT_RATES``); 429 with Retry-After beyond.

    All views with this class take from one bucket of the caller: of the account, or of the address of
    somebody without one. Whoever has the API key is not counted. Counted in the cache.
    """

    scope = "enrollments"

    def __init__(self) -> None:
        """The rate depends on who asks, so it is looked up with the request."""

    def allow_request(self, request: Request, view: APIView) -> bool:
        if has_api_key(request):
            return True
        user = request.user
        is_staff = user.is_authenticated and (user.is_staff or user.is_superuser)
        self.rate = settings.ENROLLMENT_RATES.get("staff" if is_staff else "user") or None
        self.num_requests, self.duration = self.parse_rate(self.rate)
        return super().allow_request(request, view)

    def get_ident(self, request: HttpRequest | Request) -> str:
        """The address of whoever has no account; DRF's own would take what the caller makes up."""
        return caller_address(request)
