"""Cookies are sent by browsers without being asked, so whatever changes something needs a CSRF token."""

import pytest
from django.http import HttpResponse
from django.urls import path
from rest_framework.response import Response
from rest_framework.test import APIClient
from rest_framework.views import APIView

from bursar.config import urls
from bursar.identity import api
from bursar.identity.models import User


class EchoView(APIView):
    """A view with the project's own authentication, as every view has it."""

    def post(self, request):
        return Response({"by": api.get_caller(request).username})


urlpatterns = [path("api/echo", EchoView.as_view()), *urls.urlpatterns]

pytestmark = pytest.mark.urls(__name__)


@pytest.fixture
def browser(people) -> APIClient:
    """A browser with Bob's token cookies and no session."""
    client = APIClient(enforce_csrf_checks=True)
    response = HttpResponse()
    api.set_token_cookies(response, lms_user_id=12)
    client.cookies = response.cookies
    return client


def test_token_cookies_without_a_csrf_token_are_a_401(browser):
    assert browser.post("/api/echo").status_code == 401


def test_token_cookies_with_a_csrf_token_sign_in(browser):
    token = browser.get("/csrf/api/v1/token").json()["csrfToken"]

    response = browser.post("/api/echo", HTTP_X_CSRFTOKEN=token, HTTP_USE_JWT_COOKIE="true")

    assert response.json() == {"by": "bob"}


def test_a_header_needs_no_csrf_token(client_of):
    client = APIClient(enforce_csrf_checks=True)
    client.credentials(HTTP_AUTHORIZATION=f"JWT {api.issue_token(lms_user_id=12)}")

    assert client.post("/api/echo").json() == {"by": "bob"}


def test_a_session_without_a_csrf_token_is_refused(people):
    client = APIClient(enforce_csrf_checks=True)
    client.force_login(User.objects.get(username="bob"))

    assert client.post("/api/echo").status_code == 403


def test_a_session_with_a_csrf_token_signs_in(people):
    client = APIClient(enforce_csrf_checks=True)
    client.force_login(User.objects.get(username="bob"))
    token = client.get("/csrf/api/v1/token").json()["csrfToken"]

    assert client.post("/api/echo", HTTP_X_CSRFTOKEN=token).json() == {"by": "bob"}


def test_nobody_is_a_401(people):
    assert APIClient().post("/api/echo").status_code == 401
