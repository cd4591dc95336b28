"""Finding accounts and saving those of a world file."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.contrib.auth import authenticate
from django.core.management import call_command
from django.db import connection, connections, transaction

from bursar.identity import api
from bursar.identity.data import Grant, PersonToSave, SavingRefused, ServiceAccountToSave
from bursar.identity.models import RoleAssignment, ServiceAccount, User
from bursar.identity.tests.conftest import ACME
from bursar.lib.outcomes import Saved
from bursar.outbox.models import Event


def person(number: int, **more) -> PersonToSave:
    return PersonToSave(**{"email": f"p{number}@acme.test", "username": f"p{number}", "name": "P", **more})


def test_people_are_found_by_any_spelling_of_their_address(people):
    found = api.find_people_by_email(["  ALICE@acme.TEST", "bob@acme.test", "nobody@acme.test"])

    assert {email: each.username for email, each in found.items()} == {
        "alice@acme.test": "alice",
        "bob@acme.test": "bob",
    }
    assert found["alice@acme.test"].is_confirmed


def test_people_are_found_by_id_and_by_exact_username(people):
    assert set(api.find_people_by_lms_user_id([11, 12, 99])) == {11, 12}
    assert set(api.find_people_by_username(["alice", "Bob"])) == {"alice"}
    assert api.find_people_by_email([]) == {}


def test_josé_is_not_jose(db):
    api.save_people([PersonToSave("josé@acme.test", "josé"), PersonToSave("jose@acme.test", "jose")])

    assert api.find_people_by_email(["José@acme.test"])["josé@acme.test"].username == "josé"
    assert api.find_people_by_username(["jose"])["jose"].email == "jose@acme.test"


def test_many_people_are_found_with_one_query(people, django_assert_num_queries):
    with django_assert_num_queries(1):
        api.find_people_by_email([f"p{number}@acme.test" for number in range(1000)])


def test_saving_twice_changes_nothing(db):
    wanted = [
        person(1, lms_user_id=7, password="secret words"),
        person(2, roles=(Grant("enterprise_admin", str(ACME)),)),
    ]

    assert api.save_people(wanted) == Saved(created=2)
    events = Event.objects.count()
    assert api.save_people(wanted) == Saved(unchanged=2)
    assert Event.objects.count() == events
    assert [each.lms_user_id for each in api.find_people_by_username(["p1", "p2"]).values()] == [7, 8]


def test_a_changed_value_is_updated_and_nothing_is_taken_away(db):
    api.save_people(
        [person(1, password="secret words", roles=(Grant("enterprise_admin", str(ACME)),)), person(2)]
    )

    saved = api.save_people([person(1, name="New", password="other words", is_confirmed=False), person(2)])

    changed = api.find_people_by_username(["p1"])["p1"]
    assert saved == Saved(changed=1, unchanged=1)
    assert (changed.name, changed.is_confirmed) == ("New", True)
    assert authenticate(username="p1", password="secret words") is not None
    assert authenticate(username="p1", password="other words") is None
    assert RoleAssignment.objects.count() == 1


def test_a_new_role_counts_as_a_change(db):
    api.save_people([person(1)])

    assert api.save_people([person(1, roles=(Grant("enterprise_admin", "*"),))]) == Saved(changed=1)
    assert api.save_people([person(1, roles=(Grant("enterprise_admin", "*"),))]) == Saved(unchanged=1)


def test_confirmed_addresses_are_told(db):
    api.save_people([person(1), person(2, is_confirmed=False)])
    api.save_people([person(1), person(2)])

    told = [fact for event in Event.objects.filter(type="identity.address_confirmed") for fact in event.facts]
    assert [fact["email"] for fact in told] == ["p1@acme.test", "p2@acme.test"]


def test_a_username_may_change_to_a_free_one(db):
    api.save_people([person(1)])

    assert api.save_people([person(1, username="renamed")]) == Saved(changed=1)
    assert "renamed" in api.find_people_by_username(["renamed"])


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (person(5, email="not an address"), "is not an e-mail address"),
        (person(5, username=""), "1 to 150"),
        (person(5, username="x" * 151), "1 to 150"),
        (person(5, name="x" * 256), "at most 255"),
        (person(5, lms_user_id=0), "at least 1"),
        (person(5, username="p1"), "belongs to another account"),
        (person(5, lms_user_id=7), "belongs to another account"),
        (person(1, lms_user_id=8), "cannot change"),
        (person(2), "stands twice"),
        (person(5, email="P2@acme.test"), "stands twice"),
        (person(5, username="p2"), "stands twice"),
        (person(5, roles=(Grant("enterprise_admin", ""),)), "after its colon"),
        (person(5, roles=(Grant("enterprise_admin", "acme"),)), "after its colon"),
        (person(5, roles=(Grant("", "*"),)), "1 to 64"),
    ],
)
def test_one_wrong_entry_refuses_all(db, wrong, why):
    api.save_people([person(1, lms_user_id=7)])

    with pytest.raises(SavingRefused, match=why) as refusal:
        api.save_people([person(2), person(3, name="fine"), wrong])

    assert set(refusal.value.errors) == {2}
    assert User.objects.count() == 1


def test_ids_given_out_pass_over_those_that_the_same_load_asks_for(db):
    api.save_people([person(1), person(2, lms_user_id=2), person(3, lms_user_id=40)])

    found = api.find_people_by_username(["p1", "p2", "p3"])
    assert {name: each.lms_user_id for name, each in found.items()} == {"p1": 41, "p2": 2, "p3": 40}


def test_an_id_is_not_given_out_again_after_its_account_is_gone(db):
    api.save_people([person(1)])
    User.objects.all().delete()
    api.save_people([person(2)])

    assert api.find_people_by_username(["p2"])["p2"].lms_user_id == 2


def test_one_person_and_two_hundred_take_the_same_number_of_statements(db, django_assert_num_queries):
    roles = (Grant("enterprise_learner", str(ACME)),)
    api.save_people([person(0)])
    with django_assert_num_queries(16) as few:
        api.save_people([person(1, roles=roles)])
    with django_assert_num_queries(len(few)):
        api.save_people([person(number, roles=roles) for number in range(2, 202)])
    with django_assert_num_queries(7):
        api.save_people([person(number, roles=roles) for number in range(1, 202)])


def test_more_than_a_chunk_is_saved(db):
    saved = api.save_people([person(number) for number in range(1500)])

    assert saved == Saved(created=1500)
    assert User.objects.values("lms_user_id").distinct().count() == 1500


def test_service_accounts_keep_only_a_hash_and_are_nobody_by_address(db):
    wanted = [
        ServiceAccountToSave("lms", "s3cret", "lms_worker", (Grant("enterprise_openedx_operator", "*"),))
    ]

    assert api.save_service_accounts(wanted) == Saved(created=1)
    assert api.save_service_accounts(wanted) == Saved(unchanged=1)
    row = ServiceAccount.objects.get()
    assert "s3cret" not in row.secret_hash
    assert row.user.email_key is None
    assert api.find_people_by_email([""]) == {}
    assert api.save_service_accounts([ServiceAccountToSave("lms", "new", "lms_worker")]) == Saved(changed=1)


def test_two_service_accounts_may_have_no_address(db):
    api.save_service_accounts(
        [ServiceAccountToSave("a", "s", "a_worker"), ServiceAccountToSave("b", "s", "b_worker")]
    )

    assert ServiceAccount.objects.count() == 2


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (ServiceAccountToSave("lms", "", "lms_worker"), "are needed"),
        (ServiceAccountToSave("lms", "s", "bob"), "belongs to a person"),
        (ServiceAccountToSave("other", "s", "first_worker"), "belongs to first"),
        (ServiceAccountToSave("lms", "s", "w", (Grant("enterprise_admin", "x"),)), "after its colon"),
    ],
)
def test_one_wrong_service_account_refuses_all(people, wrong, why):
    first = ServiceAccountToSave("first", "s", "first_worker")

    with pytest.raises(SavingRefused, match=why) as refusal:
        api.save_service_accounts([first, wrong])

    assert set(refusal.value.errors) == {1}
    assert not ServiceAccount.objects.exists()


def test_createsuperuser_makes_an_account_with_an_id(db, monkeypatch):
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", "correct horse")
    call_command("createsuperuser", username="root", email="Root@edx.test", interactive=False)

    root = User.objects.get(username="root")
    assert (root.lms_user_id, root.email_key, root.is_superuser) == (1, "root@edx.test", True)
    assert authenticate(username="root@edx.test", password="correct horse") == root


@pytest.mark.django_db(transaction=True)
def test_ids_are_given_out_once_when_many_sign_up_at_once():
    if connection.vendor == "sqlite" and connection.is_in_memory_db():
        pytest.skip("the threads would not share an in-memory database")

    def sign_up(number: int) -> int:
        try:
            return api.sign_up(
                email=f"n{number}@acme.test",
                username=f"n{number}",
                name="Newcomer",
                password="correct horse battery",
                accepts_terms=True,
            ).lms_user_id
        finally:
            connections.close_all()

    api.save_people([])  # the counter's row is there, as it is after the very first account
    with ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(sign_up, range(24)))

    assert sorted(ids) == list(range(1, 25))


@pytest.mark.django_db(transaction=True)
def test_a_load_that_names_ids_and_a_sign_up_do_not_collide():
    if connection.vendor == "sqlite" and connection.is_in_memory_db():
        pytest.skip("the threads would not share an in-memory database")

    def load(number: int) -> None:
        try:
            with transaction.atomic():
                if number % 2:
                    api.save_people([person(number, lms_user_id=number)])
                else:
                    api.save_people([person(number)])
        finally:
            connections.close_all()

    api.save_people([])  # the counter's row is there, as it is after the very first account
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(load, [1001, 2, 2001, 4, 3001, 6]))

    assert User.objects.count() == 6
