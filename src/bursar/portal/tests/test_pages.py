"""What every page has, and what the first page says."""

import re
from uuid import UUID

import pytest
from django.contrib.staticfiles import finders
from django.template.loader import render_to_string
from django.test import Client

from bursar.identity import api as identity
from bursar.identity.data import Grant, PersonToSave
from bursar.identity.models import User

UNKNOWN_CUSTOMER = UUID("3f6c0e1a-7a43-4d0e-8c5b-0d8c6a1d9b11")


def sign_in(person: PersonToSave) -> Client:
    identity.save_people([person])
    client = Client()
    client.force_login(User.objects.get(username=person.username))
    return client


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/login",
        "/register",
        "/logout",
        "/confirm-email/nonsense/",
        "/embargo/blocked-message/enrollment/default/",
        "/nothing/here",
    ],
)
def test_every_page_can_be_read_by_everybody(db, path):
    page = Client().get(path).content.decode()

    assert '<html lang="en">' in page
    assert re.search(r"<title>[^<]*\w[^<]* · Bursar</title>", page)
    assert len(re.findall(r"<h1[ >]", page)) == 1
    assert '<main id="main"' in page
    assert 'href="#main"' in page
    assert "<script" not in page
    assert "style=" not in page
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    for label in re.findall(r'<label for="([^"]+)"', page):
        assert label in ids


@pytest.mark.parametrize("path", ["/login", "/register"])
def test_every_field_has_a_label_and_says_what_browsers_may_fill_in(db, path):
    page = Client().get(path).content.decode()

    for field in re.findall(r"<input[^>]*>", page):
        if 'type="hidden"' in field:
            continue
        name = re.search(r'id="([^"]+)"', field)[1]
        assert f'<label for="{name}"' in page
        assert "autocomplete=" in field or 'type="checkbox"' in field
    assert page.count("autofocus") == 1


def test_the_files_of_the_pages_come_from_here(db):
    page = Client().get("/").content.decode()

    for address in re.findall(r'(?:src|href)="([^"]+\.(?:css|svg))"', page):
        assert address.startswith("/static/")
        assert finders.find(address.removeprefix("/static/"))


def test_the_first_page_tells_strangers_what_this_is(db):
    page = Client().get("/").content.decode()

    assert "Sign in" in page
    assert "/api/docs/" in page
    assert "/admin/" not in page


def test_the_first_page_tells_who_you_are(db):
    roles = (
        Grant("enterprise_admin", str(UNKNOWN_CUSTOMER)),
        Grant("enterprise_openedx_operator", "*"),
        Grant("odd", "*"),
    )
    page = (
        sign_in(PersonToSave("olga@edx.test", "olga", "Olga <b>", 14, roles=roles)).get("/").content.decode()
    )

    assert "Hello, Olga &lt;b&gt;" in page
    assert "olga@edx.test" in page
    assert str(UNKNOWN_CUSTOMER) in page
    assert "Every customer" in page
    assert "Operator" in page
    assert "not confirmed" not in page
    assert "/admin/" not in page


def test_staff_find_the_administration(db):
    assert (
        "/admin/" in sign_in(PersonToSave("olga@edx.test", "olga", is_staff=True)).get("/").content.decode()
    )


def test_without_roles_the_page_says_what_to_do(db):
    assert (
        "No organization has given you a role yet"
        in sign_in(PersonToSave("b@x.test", "b")).get("/").content.decode()
    )


def test_the_first_page_costs_few_queries(db, django_assert_max_num_queries):
    client = sign_in(PersonToSave("b@x.test", "b", roles=(Grant("enterprise_admin", str(UNKNOWN_CUSTOMER)),)))

    with django_assert_max_num_queries(6):
        client.get("/")


def test_a_missing_page_looks_like_the_others(db):
    response = Client().get("/nothing/here")

    assert response.status_code == 404
    assert "There is nothing here" in response.content.decode()


@pytest.mark.parametrize("status", ["400", "413", "500", "503"])
def test_pages_of_failures_need_no_database(status):
    page = render_to_string(f"{status}.html")

    assert "<h1>" in page
    assert "Sign in" not in page


@pytest.mark.parametrize("method", ["post", "put", "delete"])
def test_the_first_page_is_only_read(db, method):
    assert getattr(Client(), method)("/").status_code == 405
