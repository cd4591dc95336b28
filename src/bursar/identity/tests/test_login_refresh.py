"""``POST /login_refresh``: front ends turn a session into token cookies, each time these have run out."""

import time
from datetime import timedelta
from typing import Any

import jwt
import pytest
from rest_framework.test import APIClient

from bursar.identity import api
from bursar.identity.data import RoleAssignment
from bursar.identity.models import User
from bursar.identity.tests.conftest import ACME, GLOBEX
from bursar.lib import clock

LOGIN_REFRESH = "/login_refresh"
COOKIES = ("edx-jwt-cookie-header-payload", "edx-jwt-cookie-signature")


@pytest.fixture
def browser(people) -> APIClient:
    """A browser in which Bob is signed in, and which has no token."""
    client = APIClient(enforce_csrf_checks=True)
    client.force_login(User.objects.get(username="bob"))
    return client


def claims_in(client: APIClient) -> dict[str, Any]:
    """What a front end reads: the cookie that scripts see."""
    return jwt.decode(f"{client.cookies[COOKIES[0]].value}.", options={"verify_signature": False})


@pytest.mark.parametrize("path", [LOGIN_REFRESH, LOGIN_REFRESH + "/"])
def test_the_session_gets_both_cookies_anew(browser, path):
    response = browser.post(path)

    body = response.json()
    assert response.status_code == 200
    assert body.pop("response_epoch_seconds") == pytest.approx(time.time(), abs=5)
    assert body == {"success": True, "user_id": 12}
    assert not response.cookies[COOKIES[0]]["httponly"]
    assert response.cookies[COOKIES[1]]["httponly"]
    assert response["Cache-Control"] == "no-store"
    claims = claims_in(browser)
    assert (claims["user_id"], claims["preferred_username"], claims["roles"]) == (
        12,
        "bob",
        [f"enterprise_learner:{ACME}"],
    )


def test_the_cookies_sign_in_without_the_session(browser):
    browser.post(LOGIN_REFRESH)
    del browser.cookies["bursar-session"]

    answer = browser.get("/api/user/v1/accounts/bob", HTTP_USE_JWT_COOKIE="true")

    assert answer.json()["email"] == "bob@acme.test"


def test_a_front_end_posts_an_empty_form(browser):
    response = browser.generic("POST", LOGIN_REFRESH, b"", content_type="application/x-www-form-urlencoded")

    assert response.status_code == 200


def test_twice_gives_a_token_that_lasts_longer(browser, monkeypatch):
    browser.post(LOGIN_REFRESH)
    first = claims_in(browser)
    moment = clock.now() + timedelta(minutes=30)
    monkeypatch.setattr(clock, "now", lambda: moment)

    assert browser.post(LOGIN_REFRESH).status_code == 200
    assert claims_in(browser)["exp"] == pytest.approx(first["exp"] + 1800, abs=5)


def test_the_new_token_has_the_roles_of_now_and_the_active_customer_first(browser):
    browser.post(LOGIN_REFRESH)
    api.assign_roles([RoleAssignment(12, "enterprise_admin", GLOBEX)], by=None)
    api.set_active_customer(lms_user_id=12, customer_uuid=GLOBEX)

    browser.post(LOGIN_REFRESH)
    assert claims_in(browser)["roles"] == [f"enterprise_admin:{GLOBEX}", f"enterprise_learner:{ACME}"]

    api.withdraw_roles([RoleAssignment(12, "enterprise_learner", ACME)], by=None)
    browser.post(LOGIN_REFRESH)
    assert claims_in(browser)["roles"] == [f"enterprise_admin:{GLOBEX}"]


@pytest.mark.parametrize("cookie", ["cut.off", "", "x" * 3000])
def test_a_spoilt_token_does_not_hide_the_session(browser, cookie):
    for name in COOKIES:
        browser.cookies[name] = cookie

    assert browser.post(LOGIN_REFRESH, HTTP_USE_JWT_COOKIE="true").status_code == 200
    assert browser.get("/api/user/v1/accounts/bob", HTTP_USE_JWT_COOKIE="true").status_code == 200


def refused(response: Any) -> bool:
    """Whether it is the LMS's refusal, without a token."""
    return (response.status_code, response.json()) == (401, "Unauthorized") and not set(COOKIES) & set(
        response.cookies
    )


def test_nobody_is_a_401(people):
    assert refused(APIClient().post(LOGIN_REFRESH))


def test_a_token_makes_no_new_token(client_of):
    client = client_of("bob")
    head, _, signature = api.issue_token(lms_user_id=12).rpartition(".")
    by_cookies = APIClient()
    by_cookies.cookies[COOKIES[0]], by_cookies.cookies[COOKIES[1]] = head, signature

    assert refused(client.post(LOGIN_REFRESH))
    assert refused(by_cookies.post(LOGIN_REFRESH, HTTP_USE_JWT_COOKIE="true"))


def test_a_closed_account_is_a_401(browser):
    User.objects.filter(username="bob").update(is_active=False)

    assert refused(browser.post(LOGIN_REFRESH))


def test_who_signed_out_is_a_401(browser):
    browser.logout()

    assert refused(browser.post(LOGIN_REFRESH))


def test_a_changed_password_ends_the_session(browser):
    bob = User.objects.get(username="bob")
    bob.set_password("another horse")
    bob.save()

    assert refused(browser.post(LOGIN_REFRESH))


def test_it_is_a_post(browser):
    assert browser.get(LOGIN_REFRESH).status_code == 405
