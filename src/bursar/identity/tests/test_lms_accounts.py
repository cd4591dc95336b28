"""Accounts beside an LMS (BURSAR_AUTH=openedx): tokens make them and keep them up to date."""

import logging
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.contrib.admin import site
from django.db import connection
from django.test import Client, RequestFactory
from rest_framework.test import APIClient

from bursar.events.identity import ADDRESSES_CONFIRMED, PEOPLE_CHANGED
from bursar.identity import api
from bursar.identity.data import PersonToSave, SavingRefused
from bursar.identity.models import Counter, User
from bursar.outbox.models import Event
from tests.lms import Lms, with_cookies

ACCOUNT = "/api/user/v1/accounts/bob"


def visit(lms: Lms, lms_user_id: int = 12, username: str = "bob", **claims: Any) -> Any:
    """The answer to a request with this token."""
    return lms.client(lms_user_id, username, **claims).get("/api/user/v1/accounts/nobody")


def confirmed() -> list[str]:
    """The addresses that were told as confirmed, in order."""
    events = Event.objects.filter(type=ADDRESSES_CONFIRMED.name).order_by("id")
    return [fact["email"] for event in events for fact in event.facts]


def row(lms_user_id: int = 12) -> dict[str, Any]:
    user = User.objects.get(lms_user_id=lms_user_id)
    return {
        "username": user.username,
        "email": user.email,
        "email_key": user.email_key,
        "name": user.name,
        "is_staff": user.is_staff,
        "is_confirmed": user.confirmed_at is not None,
    }


def test_the_first_token_makes_the_account(lms, db):
    response = lms.client(12, "bob", email="Bob@Acme.test", name="Bob Brown").get(ACCOUNT)

    assert response.status_code == 200
    assert response.json()["id"] == 12
    assert row() == {
        "username": "bob",
        "email": "Bob@Acme.test",
        "email_key": "bob@acme.test",
        "name": "Bob Brown",
        "is_staff": False,
        "is_confirmed": True,
    }
    user = User.objects.get()
    assert not user.has_usable_password()
    assert not user.is_superuser
    assert confirmed() == ["bob@acme.test"]
    assert Counter.highest_lms_user_id() == 0


def test_a_token_that_says_nothing_new_costs_one_query_and_changes_nothing(
    lms, db, django_assert_num_queries
):
    client = lms.client(12, "bob")
    client.get(ACCOUNT)
    before = User.objects.get().modified_at

    with django_assert_num_queries(3):  # the token's account, its roles, and the account asked for
        client.get(ACCOUNT)

    assert User.objects.get().modified_at == before
    assert confirmed() == ["bob@acme.test"]


@pytest.mark.parametrize(
    ("claims", "words"),
    [
        ({"user_id": None}, "scope user_id"),
        ({"user_id": "12"}, "not the number"),
        ({"user_id": True}, "not the number"),
        ({"user_id": 0}, "not the number"),
        ({"user_id": -1}, "not the number"),
        ({"user_id": 2**63}, "not the number"),
        ({"preferred_username": None}, "preferred_username"),
        ({"preferred_username": " "}, "preferred_username"),
        ({"preferred_username": ["bob"]}, "preferred_username"),
        ({"preferred_username": "bob\0"}, "preferred_username"),
        ({"preferred_username": "b" * 151}, "preferred_username"),
    ],
)
def test_a_token_that_names_nobody_is_refused_and_says_what_is_missing(lms, db, claims, words, caplog):
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"JWT {lms.token(12, 'bob', **claims)}")

    with caplog.at_level(logging.INFO):
        response = client.get(ACCOUNT)

    assert response.status_code == 401
    assert words in response.json()["detail"]
    assert not User.objects.exists()
    assert not [record for record in caplog.records if record.exc_info]


@pytest.mark.parametrize(
    "claims",
    [
        {"email": None, "name": None, "administrator": None},
        {"email": "nonsense", "name": 5, "administrator": "yes"},
        {"email": "a\0b@acme.test", "name": "Bob\0", "administrator": None},
        {"email": "", "name": "x" * 256, "administrator": 1},
    ],
)
def test_what_a_token_does_not_say_or_cannot_be_stored_stays_as_it_was(lms, db, claims):
    visit(lms, 11, "alice", **claims)
    assert row(11) == {
        "username": "alice",
        "email": "",
        "email_key": None,
        "name": "",
        "is_staff": False,
        "is_confirmed": False,
    }

    visit(lms, administrator=True)
    before = row()
    assert visit(lms, **claims).status_code == 404
    assert row() == before


def test_a_changed_name_and_address_are_written_once(lms, db, django_assert_num_queries):
    visit(lms)

    visit(lms, name="Robert", email="robert@acme.test")
    changed = User.objects.get().modified_at
    visit(lms, name="Robert", email="robert@acme.test")

    assert row()["name"] == "Robert"
    assert row()["email_key"] == "robert@acme.test"
    assert User.objects.get().modified_at == changed
    assert confirmed() == ["bob@acme.test", "robert@acme.test"]


def test_what_a_token_changes_is_told_with_what_was_before(lms, db):
    visit(lms, email="bob@acme.test", name="Bob")
    visit(lms, email="robert@acme.test", name="Robert", email_verified=False)
    visit(lms, email="robert@acme.test", name="Robert", email_verified=True)

    (event,) = Event.objects.filter(type=PEOPLE_CHANGED.name)
    (fact,) = event.facts
    assert (fact["old_email"], fact["email"]) == ("bob@acme.test", "robert@acme.test")
    assert (fact["old_name"], fact["name"]) == ("Bob", "Robert")
    last = Event.objects.filter(type=ADDRESSES_CONFIRMED.name).order_by("id").last()
    assert last.facts[0]["old_email"] == "bob@acme.test"


def test_an_address_is_confirmed_when_the_lms_says_so_and_told_once(lms, db):
    visit(lms, email_verified=False)
    assert not row()["is_confirmed"]
    assert confirmed() == []

    for _ in range(2):
        visit(lms, email_verified=True)

    assert row()["is_confirmed"]
    assert confirmed() == ["bob@acme.test"]


def test_a_confirmed_address_stays_so_and_a_new_one_has_to_be_confirmed_anew(lms, db):
    visit(lms)

    visit(lms, email_verified=False)
    assert row()["is_confirmed"]

    visit(lms, email_verified=False, email="new@acme.test")
    assert not row()["is_confirmed"]
    assert confirmed() == ["bob@acme.test"]


def test_a_token_without_an_address_confirms_none(lms, db):
    api.save_people([PersonToSave("bob@acme.test", "bob", lms_user_id=12, is_confirmed=False)])

    visit(lms, email=None)

    assert not row()["is_confirmed"]


def test_a_new_username_follows_the_user_id(lms, db):
    visit(lms)

    assert visit(lms, 12, "robert", email="bob@acme.test").status_code == 404

    assert row()["username"] == "robert"
    assert User.objects.count() == 1


def test_administrators_of_the_lms_are_staff_as_long_as_they_are_that(lms, db):
    visit(lms, administrator=True, superuser=True)
    assert row()["is_staff"]
    assert not User.objects.get().is_superuser

    visit(lms, administrator=False)
    assert not row()["is_staff"]


def test_a_closed_account_is_refused_and_not_changed(lms, db):
    visit(lms)
    User.objects.update(is_active=False)

    assert visit(lms, name="Robert", administrator=True).status_code == 401
    assert row()["name"] == "Bob"
    assert not row()["is_staff"]


def test_people_of_a_world_file_are_found_by_their_lms_user_id(lms, db):
    api.save_people([PersonToSave("bob@acme.test", "bob", "Bob", lms_user_id=12)])

    assert visit(lms).status_code == 404

    assert User.objects.count() == 1
    assert confirmed() == ["bob@acme.test"]  # by the world file; the token has nothing to add


def test_people_without_an_lms_user_id_are_not_saved(lms, db):
    with pytest.raises(SavingRefused, match=r"bob@acme\.test: the lms_user_id is missing"):
        api.save_people([PersonToSave("bob@acme.test", "bob")])


# Two people, one name or address


def test_somebody_elses_username_lets_nobody_in(lms, db, caplog):
    visit(lms, 12, "bob")

    response = visit(lms, 99, "bob", email="other@acme.test")

    assert response.status_code == 401
    assert "username belongs to another account" in response.json()["detail"]
    assert list(User.objects.values_list("lms_user_id", flat=True)) == [12]
    assert row()["email_key"] == "bob@acme.test"
    [record] = [each for each in caplog.records if each.name.startswith("bursar.identity")]
    assert (record.lms_user_id, record.other_lms_user_id) == (99, 12)


def test_nobody_takes_over_another_account_by_its_username_and_address(lms, db):
    visit(lms, 12, "bob", administrator=True)

    assert visit(lms, 99, "bob", email="bob@acme.test").status_code == 401

    assert User.objects.count() == 1


def test_an_address_that_another_account_has_is_not_taken_away(lms, db, caplog):
    visit(lms, 12, "bob")

    response = visit(lms, 99, "newcomer", email="BOB@acme.test")

    assert response.status_code == 404
    assert row(12)["email_key"] == "bob@acme.test"
    assert row(99) == {
        "username": "newcomer",
        "email": "",
        "email_key": None,
        "name": "Newcomer",
        "is_staff": False,
        "is_confirmed": False,
    }
    assert confirmed() == ["bob@acme.test"]
    assert "goes without its address" in caplog.text
    assert "bob@acme.test" not in caplog.text


def test_going_without_an_address_is_written_and_logged_once(lms, db, caplog, django_assert_num_queries):
    visit(lms, 12, "bob")
    visit(lms, 99, "newcomer", email="bob@acme.test")
    caplog.clear()

    with django_assert_num_queries(3):
        visit(lms, 99, "newcomer", email="bob@acme.test")

    assert not [each for each in caplog.records if each.name.startswith("bursar.identity")]


def test_whoever_changes_to_a_taken_address_does_not_keep_the_old_one(lms, db):
    visit(lms, 12, "bob")
    visit(lms, 13, "dana")

    visit(lms, 13, "dana", email="bob@acme.test")

    assert row(13)["email_key"] is None
    assert not row(13)["is_confirmed"]


def test_an_address_that_becomes_free_is_given_with_the_next_token(lms, db):
    visit(lms, 12, "bob")
    visit(lms, 99, "newcomer", email="bob@acme.test")

    visit(lms, 12, "bob", email="robert@acme.test")
    visit(lms, 99, "newcomer", email="bob@acme.test")

    assert row(12)["email_key"] == "robert@acme.test"
    assert row(99)["email_key"] == "bob@acme.test"
    assert row(99)["is_confirmed"]
    assert confirmed() == ["bob@acme.test", "robert@acme.test", "bob@acme.test"]


def test_two_people_who_change_addresses_with_each_other_get_them_in_the_end(lms, db):
    visit(lms, 12, "bob")
    visit(lms, 13, "dana")

    for _ in range(2):
        visit(lms, 12, "bob", email="dana@acme.test")
        visit(lms, 13, "dana", email="bob@acme.test")

    assert (row(12)["email_key"], row(13)["email_key"]) == ("dana@acme.test", "bob@acme.test")


# Accounts of this installation alone


def test_a_superuser_of_the_admin_is_nobody_that_a_token_could_mean(lms, db):
    user = User.objects.create_superuser("root", "bob@acme.test", "correct horse")
    second = User.objects.create_superuser("second", "bob@acme.test", "correct horse")

    visit(lms, 1, "bob")

    assert (user.lms_user_id, second.lms_user_id) == (-1, -2)
    assert row(1)["email_key"] == "bob@acme.test"
    assert Counter.highest_lms_user_id() == 0


def test_the_admin_is_open_to_its_superuser_and_to_no_token(lms, db):
    User.objects.create_superuser("root", "root@bursar.test", "correct horse")
    browser = Client()
    form = {"username": "root", "password": "correct horse", "next": "/admin/"}

    assert browser.get("/admin/").status_code == 302
    assert browser.post("/admin/login/", form)["Location"] == "/admin/"
    assert browser.get("/admin/identity/user/").status_code == 200
    by_token = lms.browser(14, "olga", administrator=True, roles=["enterprise_openedx_operator:*"]).get(
        "/admin/"
    )
    assert by_token.status_code == 302
    assert by_token["Location"].startswith("/admin/login/")


def test_the_admin_makes_no_people(lms, db):
    request = RequestFactory().get("/admin/")
    request.user = User.objects.create_superuser("root", "root@bursar.test", "correct horse")

    assert not site._registry[User].has_add_permission(request)


# At once


@pytest.mark.parametrize("is_known", [False, True], ids=["first requests", "a change"])
@pytest.mark.django_db(transaction=True)
def test_many_requests_at_once_make_one_account_and_one_event(lms, is_known):
    if is_known:
        visit(lms, email_verified=False)
    token, together = lms.token(12, "bob", name="Robert"), Barrier(6)

    def ask() -> int:
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"JWT {token}")
        together.wait(timeout=10)
        try:
            status: int = client.get(ACCOUNT).status_code
            return status
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as threads:
        statuses = [each.result() for each in [threads.submit(ask) for _ in range(6)]]

    assert statuses == [200] * 6
    assert row()["name"] == "Robert"
    assert confirmed() == ["bob@acme.test"]


def test_cookies_make_an_account_as_well(lms, db):
    assert with_cookies(APIClient(), lms.token(12, "bob")).get(ACCOUNT).status_code == 200
    assert User.objects.count() == 1
