"""The pages with BURSAR_AUTH=openedx: people sign in at the LMS, and its cookies count here."""

import re

import pytest
from django.test import Client

from bursar.customers import api as customers
from bursar.customers.data import CustomerToSave
from bursar.identity.models import User
from bursar.licenses import api as licenses
from tests.cast import ACME, BOB, Organization
from tests.lms import with_cookies


def links_of(page: str) -> set[str]:
    return set(re.findall(r'href="([^"]*)"', page))


@pytest.mark.parametrize("path", ["/login", "/register", "/confirm-email/", "/confirm-email/nonsense/"])
@pytest.mark.parametrize("method", ["get", "post"])
def test_the_pages_of_accounts_are_gone(lms, db, path, method):
    response = getattr(Client(), method)(path)

    assert response.status_code == 404


@pytest.mark.parametrize("path", ["/", "/logout", "/nothing/here"])
def test_strangers_are_led_to_the_lms_and_back(lms, db, path):
    page = Client().get(path).content.decode()

    back = f"http%3A%2F%2F127.0.0.1%3A8000{path.replace('/', '%2F')}"
    assert f"https://lms.test/login?next={back}" in links_of(page)
    assert "/login" not in links_of(page)
    assert "" not in links_of(page)


def test_the_first_page_knows_whoever_has_the_lms_cookies(lms, db):
    customers.save_customers([CustomerToSave(ACME, "Acme", "acme")])

    page = lms.browser(11, "bob", name="Bob Brown", roles=[f"enterprise_learner:{ACME}"]).get("/")

    assert "Hello, Bob Brown" in page.content.decode()
    assert "Acme" in page.content.decode()
    assert User.objects.get().lms_user_id == 11


@pytest.mark.parametrize(
    "claims",
    [{"exp": 1}, {"user_id": None}, {"is_restricted": True}, {"iss": "https://elsewhere.test/oauth2"}],
)
def test_bad_cookies_are_passed_over(lms, db, claims):
    response = lms.browser(11, "bob", **claims).get("/")

    assert response.status_code == 200
    assert "Hello" not in response.content.decode()


def test_one_cookie_alone_signs_nobody_in(lms, db):
    browser = lms.browser(11, "bob")
    del browser.cookies["edx-jwt-cookie-signature"]

    assert "Hello" not in browser.get("/").content.decode()


def test_a_session_of_the_admin_wins_over_the_cookies(lms, db):
    browser = lms.browser(11, "bob")
    browser.force_login(User.objects.create_superuser("root", "root@bursar.test", "correct horse"))

    assert "Hello, root" in browser.get("/").content.decode()


def test_an_unconfirmed_address_is_confirmed_at_the_lms(lms, db):
    page = lms.browser(11, "bob", email_verified=False).get("/").content.decode()

    assert "Your address is not confirmed yet" in page
    assert "https://lms.test" in links_of(page)
    assert "confirm-email" not in page


def activation_path(acme: Organization) -> str:
    (outcome,) = licenses.assign(plan_uuid=acme.plan(free=1).uuid, addresses=[BOB.email], by=None)
    return f"/acme/licenses/{outcome.activation_key}/activate"


def test_a_page_that_needs_somebody_sends_strangers_to_the_lms(lms, acme):
    response = Client().get(activation_path(acme))

    assert response.status_code == 302
    assert response["Location"].startswith("https://lms.test/login?next=http%3A//testserver/acme/licenses/")


def test_a_license_is_activated_with_the_lms_cookies_and_a_csrf_token(lms, acme):
    path = activation_path(acme)
    browser = lms.browser(BOB.lms_user_id, BOB.username)
    page = browser.get(path).content.decode()
    field = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)

    assert browser.post(path).status_code == 403
    assert "Activate the license" in page
    done = browser.post(path, {"csrfmiddlewaretoken": field[1]})

    assert done.status_code == 200
    assert "Your license is active" in done.content.decode()


def test_signing_out_ends_the_session_and_goes_on_at_the_lms(lms, db):
    browser = with_cookies(Client(), lms.token(11, "bob"))
    browser.force_login(User.objects.create_superuser("root", "root@bursar.test", "correct horse"))

    response = browser.post("/logout")

    assert (response.status_code, response["Location"]) == (302, "https://lms.test/logout")
    assert "_auth_user_id" not in browser.session


def test_signing_out_needs_a_csrf_token(lms, db):
    assert lms.browser(11, "bob").post("/logout").status_code == 403
