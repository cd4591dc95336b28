"""Signing up, confirming, signing in."""

import re
from datetime import timedelta

import pytest
from django.contrib.auth import authenticate
from django.core import signing
from django.core.cache import cache
from django.test import RequestFactory

from bursar.identity import api
from bursar.identity.data import ConfirmationInvalid, PersonNotFound, SignUpRefused, TooManyAttempts
from bursar.identity.models import User
from bursar.lib import clock
from bursar.outbox.models import Event

FORM = {
    "email": "Dana@acme.test",
    "username": "dana",
    "name": "Dana Doe",
    "password": "correct horse battery",
    "accepts_terms": True,
}


def tokens_mailed() -> list[str]:
    events = Event.objects.filter(type="identity.address_confirmation_requested").order_by("id")
    return [fact["token"] for event in events for fact in event.facts]


def confirmed() -> list[str]:
    events = Event.objects.filter(type="identity.address_confirmed").order_by("id")
    return [fact["email"] for event in events for fact in event.facts]


def test_signing_up_makes_an_unconfirmed_account_and_asks_for_the_mail(db):
    person = api.sign_up(**FORM)

    assert (person.email, person.is_confirmed, person.is_active) == ("dana@acme.test", False, True)
    assert User.objects.get().email == "Dana@acme.test"
    assert len(tokens_mailed()) == 1
    assert authenticate(username="dana", password=FORM["password"]) is not None


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"email": "not an address"}, "email"),
        ({"email": ""}, "email"),
        ({"email": "a" * 250 + "@acme.test"}, "email"),
        ({"email": "a\0@acme.test"}, "email"),
        ({"username": "d"}, "username"),
        ({"username": "dana doe"}, "username"),
        ({"username": "dana@acme.test"}, "username"),
        ({"username": "dàna"}, "username"),
        ({"username": "x" * 31}, "username"),
        ({"username": "dana\n"}, None),  # trimmed
        ({"name": "  "}, "name"),
        ({"name": "Win at http://spam.test"}, "name"),
        ({"name": "www.spam.test"}, "name"),
        ({"name": "<b>Dana</b>"}, "name"),
        ({"name": "Dana\nBcc: x"}, "name"),
        ({"name": "x" * 256}, "name"),
        ({"password": "short"}, "password"),
        ({"password": "password"}, "password"),
        ({"password": "73946152"}, "password"),
        ({"password": "Dana@acme.test"}, "password"),
        ({"password": "x9" * 70}, "password"),
        ({"password": ""}, "password"),
        ({"accepts_terms": False}, "terms_of_service"),
    ],
)
def test_a_form_that_is_not_right_says_what_to_mend(db, change, field):
    if field is None:
        assert api.sign_up(**{**FORM, **change})
        return
    with pytest.raises(SignUpRefused) as refusal:
        api.sign_up(**{**FORM, **change})

    assert set(refusal.value.errors) == {field}
    assert not refusal.value.is_conflict
    assert not User.objects.exists()
    assert not tokens_mailed()


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        ({"username": "other", "email": " DANA@ACME.test "}, {"email"}),
        ({"email": "other@acme.test"}, {"username"}),
        ({}, {"email", "username"}),
    ],
)
def test_what_is_taken_is_a_conflict(db, change, fields):
    api.sign_up(**FORM)

    with pytest.raises(SignUpRefused) as refusal:
        api.sign_up(**{**FORM, **change})

    assert refusal.value.is_conflict
    assert set(refusal.value.errors) == fields
    assert len(tokens_mailed()) == 1


def test_the_link_confirms_the_address_once(db):
    api.sign_up(**FORM)
    [token] = tokens_mailed()

    assert not api.check_confirmation(token=token).is_confirmed
    assert confirmed() == []
    first = api.confirm_address(token=token)
    again = api.confirm_address(token=token)

    assert (first.is_new, again.is_new) == (True, False)
    assert first.person.is_confirmed
    assert again.person == first.person
    assert confirmed() == ["dana@acme.test"]


@pytest.mark.parametrize(
    "spoil", [lambda token: token[:-1], lambda token: "x" + token, lambda token: "nonsense"]
)
def test_a_damaged_link_confirms_nothing(db, spoil):
    api.sign_up(**FORM)

    with pytest.raises(ConfirmationInvalid):
        api.confirm_address(token=spoil(tokens_mailed()[0]))


def test_a_link_signed_for_something_else_confirms_nothing(db):
    person = api.sign_up(**FORM)

    with pytest.raises(ConfirmationInvalid):
        api.confirm_address(token=signing.dumps([person.lms_user_id, person.email]))
    with pytest.raises(ConfirmationInvalid):
        api.confirm_address(token=signing.dumps("odd", salt="bursar.identity.confirm_email"))


def test_a_link_runs_out_after_three_days(db, monkeypatch):
    api.sign_up(**FORM)
    [token] = tokens_mailed()
    later = clock.now() + timedelta(days=3, seconds=5)
    monkeypatch.setattr("django.core.signing.time.time", later.timestamp)

    with pytest.raises(ConfirmationInvalid):
        api.confirm_address(token=token)


def test_a_link_works_for_its_address_only(db):
    api.sign_up(**FORM)
    User.objects.update(email="new@acme.test", email_key="new@acme.test")

    with pytest.raises(ConfirmationInvalid):
        api.confirm_address(token=tokens_mailed()[0])


def test_a_link_for_a_closed_account_confirms_nothing(db):
    api.sign_up(**FORM)
    User.objects.update(is_active=False)

    with pytest.raises(ConfirmationInvalid):
        api.confirm_address(token=tokens_mailed()[0])


def test_the_link_can_be_asked_for_again(db):
    person = api.sign_up(**FORM)

    assert api.request_confirmation(lms_user_id=person.lms_user_id)
    first, second = tokens_mailed()
    api.confirm_address(token=second)
    assert not api.confirm_address(token=first).is_new
    assert not api.request_confirmation(lms_user_id=person.lms_user_id)
    assert len(tokens_mailed()) == 2
    with pytest.raises(PersonNotFound):
        api.request_confirmation(lms_user_id=999)


def test_nobodys_mailbox_is_flooded(db, settings):
    settings.RATES = {"confirmation": (2, 600)}
    cache.clear()
    person = api.sign_up(**FORM)
    api.request_confirmation(lms_user_id=person.lms_user_id)
    api.request_confirmation(lms_user_id=person.lms_user_id)

    with pytest.raises(TooManyAttempts) as refusal:
        api.request_confirmation(lms_user_id=person.lms_user_id)

    assert 0 < refusal.value.retry_after <= 600
    assert len(tokens_mailed()) == 3


def test_an_operator_may_confirm_addresses(people):
    person = api.sign_up(**FORM)

    assert api.confirm_addresses(lms_user_ids=[person.lms_user_id, 11], by=14) == 1
    assert api.confirm_addresses(lms_user_ids=[person.lms_user_id, 11], by=14) == 0
    assert confirmed()[-1] == "dana@acme.test"


@pytest.mark.parametrize("login", ["bob", "bob@acme.test", " BOB@Acme.test "])
def test_a_person_signs_in_by_username_or_address(people, login):
    assert authenticate(username=login, password="correct horse").username == "bob"


@pytest.mark.parametrize("login", ["Bob", "nobody", "nobody@acme.test", "bob\0", "", "alice"])
def test_nobody_else_signs_in(people, login):
    assert authenticate(username=login, password="correct horse") is None


def test_a_closed_account_does_not_sign_in(people):
    User.objects.filter(username="bob").update(is_active=False)

    assert authenticate(username="bob", password="correct horse") is None


def test_wrong_passwords_are_counted_per_account_and_origin(people, settings):
    settings.RATES = {"sign_in": (3, 300), "sign_in_anywhere": (50, 300)}
    cache.clear()
    here = RequestFactory().post("/login", REMOTE_ADDR="192.0.2.1")
    elsewhere = RequestFactory().post("/login", REMOTE_ADDR="192.0.2.2")

    for spelling in ("bob", "BOB", "bob "):
        assert authenticate(here, username=spelling, password="wrong") is None

    assert authenticate(here, username="bob", password="correct horse") is None
    assert authenticate(elsewhere, username="bob", password="correct horse") is not None
    assert authenticate(here, username="bob@acme.test", password="correct horse") is not None


def test_wrong_passwords_are_counted_per_origin(people, settings):
    settings.RATES = {"sign_in": (10, 300), "sign_in_anywhere": (3, 300)}
    cache.clear()
    here = RequestFactory().post("/login", REMOTE_ADDR="192.0.2.1")
    for number in range(3):
        authenticate(here, username=f"guess{number}", password="wrong")

    assert authenticate(here, username="bob", password="correct horse") is None


def test_right_passwords_are_not_counted(people, settings):
    settings.RATES = {"sign_in": (2, 300), "sign_in_anywhere": (2, 300)}
    cache.clear()
    here = RequestFactory().post("/login", REMOTE_ADDR="192.0.2.1")

    for _ in range(5):
        assert authenticate(here, username="bob", password="correct horse") is not None


def test_a_link_fits_into_a_path_and_hides_the_address(db):
    api.sign_up(**FORM)

    assert re.fullmatch(r"[\w:.-]+", tokens_mailed()[0])
    assert "dana@acme.test" not in str(
        signing.loads(tokens_mailed()[0], salt="bursar.identity.confirm_email")
    )
