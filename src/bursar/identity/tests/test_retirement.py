"""Retiring people."""

import re

import pytest
from django.contrib.auth import authenticate
from django.test import Client

from bursar.identity import api
from bursar.identity.data import (
    Grant,
    PersonToSave,
    RetirementState,
    SavingRefused,
    ServiceAccountToSave,
)
from bursar.identity.models import FormerAddress, Retirement, RoleAssignment, ServiceAccount, User
from bursar.identity.tests.conftest import with_token
from bursar.lib.outcomes import Saved
from bursar.outbox.models import Event
from tests.architecture.tables import read_rows
from tests.statements import counted

BOB = 12
OLGA = 14
STAND_IN = re.compile(r"retired__user_[0-9a-f]{32}")


def request(*ids: int) -> int:
    return api.request_retirements(lms_user_ids=ids, by=OLGA)


def complete(*ids: int) -> int:
    return api.complete_retirements(lms_user_ids=ids, by=OLGA)


def facts() -> list[dict[str, object]]:
    events = Event.objects.filter(type="identity.person_retired").order_by("id")
    return [fact for event in events for fact in event.facts]


def test_a_request_closes_the_account_at_once(people, client_of):
    browser, program = Client(), client_of("bob")
    browser.force_login(User.objects.get(username="bob"))

    assert request(BOB) == 1

    assert authenticate(username="bob", password="correct horse") is None
    assert not User.objects.get(username="bob").has_usable_password()
    assert program.get("/api/user/v1/accounts/bob").status_code == 401
    assert browser.get("/api/user/v1/accounts/bob").status_code == 401
    found = api.find_retirement(username="bob")
    assert found is not None
    assert (found.lms_user_id, found.original_email, found.state) == (BOB, "bob@acme.test", "pending")
    assert (found.requested_by, found.completed_at) == (OLGA, None)
    assert facts() == []


def test_a_second_request_changes_nothing(people):
    request(BOB)
    before = read_rows()

    assert request(BOB, 999) == 0
    assert read_rows() == before


def test_a_pending_retirement_can_be_taken_back_with_the_password(people):
    request(BOB)

    assert api.cancel_retirements(lms_user_ids=[BOB]) == 1
    assert api.cancel_retirements(lms_user_ids=[BOB]) == 0

    assert authenticate(username="bob", password="correct horse") is not None
    assert api.find_retirement(username="bob") is None
    assert request(BOB) == 1


def test_an_account_that_was_closed_before_stays_closed(people):
    User.objects.filter(lms_user_id=BOB).update(is_active=False)
    request(BOB)

    api.cancel_retirements(lms_user_ids=[BOB])

    assert not User.objects.get(username="bob").is_active


def test_what_was_begun_cannot_be_cancelled(people):
    request(BOB)

    assert api.begin_retirements(lms_user_ids=[BOB]) == 1
    assert api.begin_retirements(lms_user_ids=[BOB]) == 0
    assert api.cancel_retirements(lms_user_ids=[BOB]) == 0
    found = api.find_retirement(username="bob")
    assert found is not None
    assert found.state is RetirementState.RETIRING


def test_a_complete_retirement_leaves_no_name_and_no_address(people):
    api.change_person(lms_user_id=BOB, email="bob2@acme.test", is_confirmed=True, by=OLGA)
    Event.objects.all().delete()
    request(BOB)

    assert complete(BOB) == 1

    bob = User.objects.get(lms_user_id=BOB)
    assert STAND_IN.fullmatch(bob.username)
    assert bob.email == bob.email_key == f"{bob.username}@retired.invalid"
    assert (bob.name, bob.is_active, bob.confirmed_at) == ("", False, None)
    assert not RoleAssignment.objects.filter(lms_user_id=BOB).exists()
    assert RoleAssignment.history.get(lms_user_id=BOB, history_type="-").history_user_id == OLGA
    assert not FormerAddress.objects.exists()
    assert api.find_retirement(username="bob") is None
    assert api.find_retirement(username="") is None
    told = {"lms_user_id": BOB, "old_username": "bob", "username": bob.username, "email": bob.email}
    assert facts() == [told | {"old_email": "bob@acme.test"}, told | {"old_email": "bob2@acme.test"}]
    Event.objects.all().delete()
    assert [row for row in read_rows() if re.search(r"\bbob", " ".join(row), re.IGNORECASE)] == []


def test_completing_again_changes_nothing(people):
    request(BOB)
    complete(BOB)
    before = read_rows()

    assert (complete(BOB), request(BOB), api.cancel_retirements(lms_user_ids=[BOB])) == (0, 0, 0)
    assert read_rows() == before


def test_nobody_is_retired_without_a_request(people):
    assert complete(BOB) == 0
    assert api.find_people_by_username(["bob"])


def test_the_stand_in_is_stable_and_needs_our_secret(people, settings):
    request(BOB, 11)
    mine = {row.lms_user_id: row.username for row in Retirement.objects.all()}
    api.cancel_retirements(lms_user_ids=[BOB, 11])
    request(BOB)
    assert Retirement.objects.get().username == mine[BOB] != mine[11]

    api.cancel_retirements(lms_user_ids=[BOB])
    settings.SECRET_KEY = "another"
    request(BOB)
    assert Retirement.objects.get().username != mine[BOB]


def test_an_address_that_was_never_proved_is_not_told(people):
    api.save_people([PersonToSave("dana@acme.test", "dana", lms_user_id=15, is_confirmed=False)])
    request(15)
    complete(15)

    assert [fact["old_email"] for fact in facts()] == [""]


def test_an_address_that_somebody_else_has_now_is_theirs(people):
    api.change_person(lms_user_id=BOB, email="robert@acme.test", is_confirmed=True, by=OLGA)
    api.save_people([PersonToSave("bob@acme.test", "other")])
    request(BOB)
    complete(BOB)

    assert [fact["old_email"] for fact in facts()] == ["robert@acme.test"]


def test_a_program_loses_its_credentials(db):
    api.save_service_accounts([ServiceAccountToSave("lms", "s3cret", "lms_worker", (Grant("a", "*"),))])
    worker = User.objects.get(username="lms_worker")
    request(worker.lms_user_id)
    complete(worker.lms_user_id)

    assert not ServiceAccount.objects.exists()
    assert User.objects.get().email_key is None
    assert [(fact["old_email"], fact["email"]) for fact in facts()] == [("", "")]


def test_a_world_file_opens_no_account_that_is_being_retired(people):
    request(BOB)

    with pytest.raises(SavingRefused, match="is being retired"):
        api.save_people([PersonToSave("bob@acme.test", "bob")])


def test_a_world_file_opens_no_program_that_is_being_retired(db):
    api.save_service_accounts([ServiceAccountToSave("lms", "s3cret", "lms_worker")])
    request(User.objects.get().lms_user_id)

    with pytest.raises(SavingRefused, match="is being retired"):
        api.save_service_accounts([ServiceAccountToSave("lms", "s3cret", "lms_robot")])


def test_after_a_retirement_the_address_is_free(people):
    request(BOB)
    complete(BOB)

    assert api.save_people([PersonToSave("bob@acme.test", "bob")]) == Saved(created=1)
    assert (
        with_token(api.issue_token_for_email("bob@acme.test")).get("/api/user/v1/accounts/bob").status_code
        == 200
    )


def test_one_person_and_two_hundred_take_the_same_number_of_statements(db):
    api.save_people(
        [
            PersonToSave(f"p{number}@acme.test", f"p{number}", lms_user_id=number, roles=(Grant("a", "*"),))
            for number in range(1, 203)
        ]
    )
    request(1)
    complete(1)  # content types are read once in each process
    commands = (
        request,
        lambda *ids: api.cancel_retirements(lms_user_ids=ids),
        request,
        lambda *ids: api.begin_retirements(lms_user_ids=ids),
        complete,
    )

    for command in commands:
        with counted() as few:
            assert command(2) == 1
        with counted() as many:
            assert command(*range(3, 203)) == 200
        assert few.count == many.count
