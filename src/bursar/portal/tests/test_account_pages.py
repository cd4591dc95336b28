"""Signing in, up and out, and confirming an address, as a browser does it."""

import re

import pytest
from django.core import mail as django_mail
from django.core.cache import cache
from django.test import Client

from bursar.identity import api as identity
from bursar.identity.data import Person, PersonToSave
from bursar.identity.models import User
from bursar.notifications import api as notifications
from bursar.outbox import api as outbox
from bursar.outbox.models import Event

pytestmark = pytest.mark.once  # pages; the rules behind them are tested with identity

COOKIES = {"edx-jwt-cookie-header-payload", "edx-jwt-cookie-signature"}
FORM = {
    "email": "Dana@acme.test",
    "username": "dana",
    "name": "Dana",
    "password": "correct horse battery",
    "terms_of_service": "on",
}


class Browser(Client):
    """A browser: CSRF is checked, and forms are sent with the token that stands in them."""

    def __init__(self) -> None:
        super().__init__(enforce_csrf_checks=True)

    def submit(self, path: str, fields: dict[str, str] | None = None, *, form_at: str | None = None):
        page = self.get(form_at or path).content.decode()
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)
        assert token, page
        return self.post(path, {**(fields or {}), "csrfmiddlewaretoken": token[1]})


@pytest.fixture
def browser(db) -> Browser:
    return Browser()


@pytest.fixture
def bob(db) -> Person:
    identity.save_people([PersonToSave("bob@acme.test", "bob", "Bob Brown", password="correct horse")])
    return identity.find_people_by_username(["bob"])["bob"]


def link_mailed() -> str:
    event = Event.objects.filter(type="identity.address_confirmation_requested").latest("id")
    return f"/confirm-email/{event.facts[0]['token']}/"


@pytest.mark.parametrize("login", ["bob", "Bob@acme.test"])
def test_signing_in_starts_a_session_and_sets_the_token_cookies(browser, bob, login):
    response = browser.submit("/login", {"login": login, "password": "correct horse"})

    assert (response.status_code, response["Location"]) == (302, "/")
    assert set(response.cookies) >= COOKIES
    assert "Bob Brown" in browser.get("/").content.decode()


@pytest.mark.parametrize(
    "fields", [{"login": "bob", "password": "wrong"}, {"login": "nobody", "password": "wrong"}]
)
def test_a_wrong_password_and_a_wrong_name_look_the_same(browser, bob, fields):
    response = browser.submit("/login", fields)

    assert response.status_code == 400
    assert "the username or the password is not right" in response.content.decode()
    assert not COOKIES & set(response.cookies)


def test_a_form_without_an_entry_marks_the_field(browser, db):
    page = browser.submit("/login", {"login": "bob"}).content.decode()

    field = re.search(r"<input[^>]*name=\"password\"[^>]*>", page)[0]
    described_by = re.search(r'aria-describedby="([^"]+)"', field)[1].split()
    assert 'aria-invalid="true"' in field
    assert all(f'id="{each}"' in page for each in described_by)
    assert 'role="alert"' in page


def test_the_password_is_never_sent_back(browser, bob):
    assert (
        "hunter2secret"
        not in browser.submit("/login", {"login": "b", "password": "hunter2secret"}).content.decode()
    )


def test_a_closed_account_cannot_sign_in(browser, bob):
    User.objects.update(is_active=False)

    assert browser.submit("/login", {"login": "bob", "password": "correct horse"}).status_code == 400


def test_after_too_many_wrong_passwords_one_has_to_wait(browser, bob, settings):
    settings.RATES = {"sign_in": (2, 300)}
    cache.clear()
    for _ in range(2):
        browser.submit("/login", {"login": "bob", "password": "wrong"})

    response = browser.submit("/login", {"login": "bob", "password": "correct horse"})

    assert response.status_code == 429
    assert int(response["Retry-After"]) <= 300
    assert "Too many attempts" in response.content.decode()


@pytest.mark.parametrize(
    ("wanted", "goes_to"),
    [
        ("/api/docs/", "/api/docs/"),
        ("http://testserver/x", "http://testserver/x"),
        ("https://portal.test/acme", "https://portal.test/acme"),
        ("https://evil.test/", "/"),
        ("//evil.test/", "/"),
        ("/\\evil.test", "/"),
        ("javascript:alert(1)", "/"),
        ("http:///evil.test", "/"),
        ("", "/"),
    ],
)
def test_next_leads_to_our_own_pages_only(browser, bob, settings, wanted, goes_to):
    settings.CORS_ALLOWED_ORIGINS = ["https://portal.test"]
    fields = {"login": "bob", "password": "correct horse", "next": wanted}

    assert browser.submit("/login", fields)["Location"] == goes_to
    assert browser.get("/login", {"next": wanted})["Location"] == goes_to  # signed in already


def test_next_survives_a_wrong_password(browser, bob):
    response = browser.submit("/login", {"login": "bob", "password": "no", "next": "/api/docs/"})

    assert 'name="next" value="/api/docs/"' in response.content.decode()


def test_signing_in_needs_a_csrf_token(browser, bob):
    response = browser.post("/login", {"login": "bob", "password": "correct horse"})

    assert response.status_code == 403
    assert "The form has grown old" in response.content.decode()


def test_signing_out_ends_the_session_and_forgets_the_token(browser, bob):
    browser.submit("/login", {"login": "bob", "password": "correct horse"})
    asked = browser.get("/logout")
    response = browser.submit("/logout")

    assert "Sign out?" in asked.content.decode()
    assert (response.status_code, response["Location"]) == (302, "/")
    assert all(response.cookies[name]["max-age"] == 0 for name in COOKIES)
    assert "Make an account" in browser.get("/").content.decode()


def test_a_link_alone_signs_nobody_out(browser, bob):
    browser.submit("/login", {"login": "bob", "password": "correct horse"})
    browser.get("/logout")

    assert "Bob Brown" in browser.get("/").content.decode()


def test_signing_up_signs_in_and_asks_for_the_mail(browser):
    response = browser.submit("/register", FORM)
    page = browser.get("/").content.decode()

    assert response.status_code == 302
    assert set(response.cookies) >= COOKIES
    assert "Your account is made" in page
    assert "Your address is not confirmed yet" in page
    assert Event.objects.filter(type="identity.address_confirmation_requested").count() == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"email": "nonsense"}, "Enter an e-mail address that can receive mail."),
        ({"username": "a b"}, "digits, hyphens or underscores"),
        ({"password": "password"}, "too common"),
        ({"terms_of_service": ""}, "agree to the terms"),
        ({"name": ""}, "Enter your full name"),
    ],
)
def test_signing_up_says_what_to_mend_and_keeps_the_rest(browser, change, message):
    response = browser.submit("/register", {**FORM, **change})

    page = response.content.decode()
    assert response.status_code == 400
    assert message in page
    assert 'value="Dana@acme.test"' in page or "email" in change
    assert FORM["password"] not in page


def test_signing_up_names_everything_that_is_wrong_at_once_and_starts_at_the_first(browser):
    wrong = {**FORM, "email": "x", "username": "a b", "password": "1234", "terms_of_service": ""}
    page = browser.submit("/register", wrong).content.decode()

    assert page.count('class="errorlist"') == 4
    assert re.findall(r'name="(\w+)"[^>]*autofocus', page) == ["email"]


def test_a_form_with_odd_characters_is_refused_politely(browser):
    odd = {name: f"{value}\0" for name, value in FORM.items()}

    assert browser.submit("/register", odd).status_code == 400


def test_signing_up_twice_is_a_conflict(browser, bob):
    response = browser.submit("/register", {**FORM, "email": "BOB@acme.test"})

    assert response.status_code == 409
    assert "Sign in instead" in response.content.decode()


def test_too_many_sign_ups_have_to_wait(browser, settings):
    settings.RATES = {"sign_up": (0, 60)}

    assert browser.submit("/register", FORM).status_code == 429


def test_whoever_is_signed_in_needs_no_second_account(browser, bob):
    browser.submit("/login", {"login": "bob", "password": "correct horse"})

    assert browser.get("/register")["Location"] == "/"


def test_opening_the_link_confirms_nothing_and_the_button_does(browser):
    browser.submit("/register", FORM)
    scanner = Browser()
    link = link_mailed()

    assert "Is this your address?" in scanner.get(link).content.decode()
    scanner.head(link)
    assert not identity.find_people_by_username(["dana"])["dana"].is_confirmed

    page = scanner.submit(link)
    assert page.status_code == 200
    assert "Thank you, your address is confirmed" in page.content.decode()
    assert identity.find_people_by_username(["dana"])["dana"].is_confirmed


def test_a_second_click_says_that_it_is_confirmed(browser):
    browser.submit("/register", FORM)
    link = link_mailed()
    browser.submit(link)

    assert "is confirmed already" in browser.get(link).content.decode()
    again = browser.post(link, {"csrfmiddlewaretoken": browser.cookies["bursar-csrf"].value})
    assert again.status_code == 200
    assert "is confirmed already" in again.content.decode()
    assert Event.objects.filter(type="identity.address_confirmed").count() == 1


def test_the_button_needs_a_csrf_token(browser):
    browser.submit("/register", FORM)

    assert Browser().post(link_mailed()).status_code == 403
    assert not identity.find_people_by_username(["dana"])["dana"].is_confirmed


def test_confirming_renews_the_token_of_the_same_person_only(browser):
    browser.submit("/register", FORM)

    assert not COOKIES & set(Browser().submit(link_mailed()).cookies)


def test_confirming_in_the_same_browser_renews_the_token(browser):
    browser.submit("/register", FORM)

    assert set(browser.submit(link_mailed()).cookies) >= COOKIES


def test_a_damaged_link_says_so_and_offers_a_new_one(browser):
    assert "Sign in" in browser.get("/confirm-email/nonsense/").content.decode()

    browser.submit("/register", FORM)
    page = browser.get("/confirm-email/nonsense/")
    assert page.status_code == 400
    assert "Send a new link" in page.content.decode()


def test_the_link_can_be_sent_again(browser):
    browser.submit("/register", FORM)
    response = browser.submit("/confirm-email/", form_at="/")
    page = browser.get("/").content.decode()

    assert response["Location"] == "/"
    assert "A new link is on its way to dana@acme.test" in page
    assert Event.objects.filter(type="identity.address_confirmation_requested").count() == 2


def test_sending_it_again_and_again_has_to_wait(browser, settings):
    settings.RATES = {"confirmation": (1, 600)}
    cache.clear()
    browser.submit("/register", FORM)
    browser.submit("/confirm-email/", form_at="/")
    browser.submit("/confirm-email/", form_at="/")

    assert "Too many attempts" in browser.get("/").content.decode()


def test_a_confirmed_address_needs_no_link(browser, bob):
    browser.submit("/login", {"login": "bob", "password": "correct horse"})
    browser.submit("/confirm-email/", form_at="/logout")

    assert "confirmed already" in browser.get("/").content.decode()
    assert not Event.objects.filter(type="identity.address_confirmation_requested").exists()


def test_strangers_cannot_have_links_sent(browser):
    assert browser.get("/confirm-email/")["Location"].startswith("/login?next=")


@pytest.mark.django_db(transaction=True)
def test_the_mail_has_the_link():
    Browser().submit("/register", FORM)
    outbox.relay()

    event = Event.objects.get(type="identity.address_confirmation_requested")
    about = f"address_confirmation:{event.facts[0]['confirmation_uuid']}"
    [message] = notifications.find_messages([about])
    assert (message.template, message.email) == ("identity/confirm_address", "dana@acme.test")

    notifications.deliver()

    [mail] = django_mail.outbox
    assert mail.subject == "Confirm your e-mail address for Bursar"
    assert f"http://127.0.0.1:8000{link_mailed()}" in mail.body
    assert f'href="http://127.0.0.1:8000{link_mailed()}"' in mail.alternatives[0].content
