"""Another address, username or name."""

import pytest

from bursar.events.identity import AddressConfirmed
from bursar.identity import api
from bursar.identity.data import (
    ChangeRefused,
    ConfirmationInvalid,
    PersonNotFound,
    PersonToSave,
    RetirementUnderWay,
    ServiceAccountToSave,
    moved_addresses,
)
from bursar.identity.models import User
from bursar.outbox.models import Event

BOB = 12
OLGA = 14


def facts_of(event_type: str) -> list[dict[str, object]]:
    events = Event.objects.filter(type=f"identity.{event_type}").order_by("id")
    return [fact for event in events for fact in event.facts]


def confirmed() -> list[tuple[object, object]]:
    return [(fact["old_email"], fact["email"]) for fact in facts_of("address_confirmed")][4:]


def last_token() -> str:
    return str(facts_of("address_confirmation_requested")[-1]["token"])


def test_what_changed_is_told_once(people):
    person = api.change_person(lms_user_id=BOB, username="robert", name=" Robert Brown ", by=OLGA)
    api.change_person(lms_user_id=BOB, username="robert", name="Robert Brown", by=OLGA)

    assert (person.username, person.name, person.is_confirmed) == ("robert", "Robert Brown", True)
    assert facts_of("person_changed") == [
        {
            "lms_user_id": BOB,
            "old_email": "bob@acme.test",
            "email": "bob@acme.test",
            "old_username": "bob",
            "username": "robert",
            "old_name": "Bob Brown",
            "name": "Robert Brown",
        }
    ]
    assert Event.objects.get(type="identity.person_changed").recorded_by == OLGA


def test_a_new_address_has_to_be_confirmed_by_the_link_that_is_mailed_to_it(people):
    person = api.change_person(lms_user_id=BOB, email=" Robert@Acme.test", by=OLGA)

    assert (person.email, person.is_confirmed) == ("robert@acme.test", False)
    assert User.objects.get(lms_user_id=BOB).email == "Robert@Acme.test"
    assert facts_of("address_confirmation_requested")[-1]["email"] == "robert@acme.test"
    assert confirmed() == []

    assert api.confirm_address(token=last_token()).is_new
    assert confirmed() == [("bob@acme.test", "robert@acme.test")]


def test_links_to_an_older_address_die(people):
    api.change_person(lms_user_id=BOB, email="robert@acme.test", by=OLGA)
    old = last_token()
    api.change_person(lms_user_id=BOB, email="bobby@acme.test", by=OLGA)

    with pytest.raises(ConfirmationInvalid):
        api.confirm_address(token=old)
    api.confirm_address(token=last_token())

    assert confirmed() == [("bob@acme.test", "bobby@acme.test")]


def test_an_operators_word_confirms_the_new_address(people):
    person = api.change_person(lms_user_id=BOB, email="robert@acme.test", is_confirmed=True, by=OLGA)

    assert person.is_confirmed
    assert confirmed() == [("bob@acme.test", "robert@acme.test")]
    assert facts_of("address_confirmation_requested") == []


def test_an_address_that_somebody_else_has_now_does_not_come_along(people):
    api.change_person(lms_user_id=BOB, email="robert@acme.test", by=OLGA)
    api.save_people([PersonToSave("bob@acme.test", "other")])

    api.confirm_address(token=last_token())

    assert confirmed()[-1] == ("", "robert@acme.test")


def test_an_address_that_is_had_back_was_never_left(people):
    api.change_person(lms_user_id=BOB, email="robert@acme.test", is_confirmed=True, by=OLGA)
    api.change_person(lms_user_id=BOB, email="bob@acme.test", is_confirmed=True, by=OLGA)

    assert confirmed() == [("bob@acme.test", "robert@acme.test"), ("robert@acme.test", "bob@acme.test")]


def test_another_spelling_is_no_other_address(people):
    person = api.change_person(lms_user_id=BOB, email="BOB@acme.test", by=OLGA)

    assert person.is_confirmed
    assert User.objects.get(lms_user_id=BOB).email == "BOB@acme.test"
    assert facts_of("person_changed") == []
    assert facts_of("address_confirmation_requested") == []


def test_a_closed_account_gets_no_mail(people):
    User.objects.filter(lms_user_id=BOB).update(is_active=False)

    api.change_person(lms_user_id=BOB, email="robert@acme.test", by=OLGA)

    assert facts_of("address_confirmation_requested") == []


@pytest.mark.parametrize(
    ("change", "field", "is_conflict"),
    [
        ({"email": "alice@ACME.test"}, "email", True),
        ({"username": "alice"}, "username", True),
        ({"email": "nonsense"}, "email", False),
        ({"email": ""}, "email", False),
        ({"username": "b"}, "username", False),
        ({"name": ""}, "name", False),
        ({"name": "http://spam.test"}, "name", False),
    ],
)
def test_a_change_that_cannot_be_says_what_to_mend(people, change, field, is_conflict):
    with pytest.raises(ChangeRefused) as refusal:
        api.change_person(lms_user_id=BOB, **change, by=OLGA)

    assert set(refusal.value.errors) == {field}
    assert refusal.value.is_conflict is is_conflict
    assert api.find_people_by_lms_user_id([BOB])[BOB] == people["bob"]
    assert facts_of("person_changed") == []


def test_what_a_world_file_named_oddly_is_judged_only_where_it_changes(db):
    api.save_people([PersonToSave("josé@acme.test", "josé", "", lms_user_id=1)])

    assert api.change_person(lms_user_id=1, email="jose@acme.test", by=None).username == "josé"


def test_who_is_not_there_cannot_be_changed(people):
    with pytest.raises(PersonNotFound):
        api.change_person(lms_user_id=999, name="Nobody", by=OLGA)


def test_who_is_being_retired_cannot_be_changed(people):
    api.request_retirements(lms_user_ids=[BOB], by=OLGA)

    with pytest.raises(RetirementUnderWay):
        api.change_person(lms_user_id=BOB, name="Robert", by=OLGA)


def test_a_world_file_that_renames_people_tells_it(db):
    wanted = [
        PersonToSave(f"p{number}@acme.test", f"p{number}", "P", lms_user_id=number + 1) for number in range(3)
    ]
    api.save_people(wanted)
    renamed = [
        PersonToSave("p0@acme.test", "q0", "P"),
        PersonToSave("p1@acme.test", "p1", "Q"),
        PersonToSave("p2@acme.test", "p2", "P", is_staff=True),
    ]

    api.save_people(renamed)
    api.save_people(renamed)

    told = {(fact["old_username"], fact["username"], fact["name"]) for fact in facts_of("person_changed")}
    assert told == {("p0", "q0", "P"), ("p1", "p1", "Q")}
    assert len(facts_of("person_changed")) == 2


def test_a_program_that_is_renamed_is_told_too(db):
    api.save_service_accounts([ServiceAccountToSave("lms", "s3cret", "lms_worker")])

    api.save_service_accounts([ServiceAccountToSave("lms", "s3cret", "lms_robot")])

    (fact,) = facts_of("person_changed")
    assert (fact["old_username"], fact["username"], fact["email"]) == ("lms_worker", "lms_robot", "")


@pytest.mark.parametrize(
    ("moves", "ends"),
    [
        (["a-b"], {"a": "b"}),
        (["a-b", "b-c"], {"a": "c", "b": "c"}),
        (["b-c", "a-b"], {"b": "c", "a": "b"}),
        (["a-b", "b-a"], {"b": "a"}),
        (["a-b", "b-a", "a-c"], {"a": "c", "b": "c"}),
        (["-a"], {}),
    ],
)
def test_several_moves_go_all_the_way(moves, ends):
    facts = [AddressConfirmed(1, "bob", new, old) for old, _, new in (move.partition("-") for move in moves)]

    assert moved_addresses(facts) == ends
