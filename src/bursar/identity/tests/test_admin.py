"""People and roles in the Django admin."""

import pytest
from django.test import Client

from bursar.identity import api
from bursar.identity.models import RoleAssignment, User
from bursar.identity.tests.conftest import ACME
from bursar.outbox.models import Event


@pytest.fixture
def admin(people) -> Client:
    root = User.objects.create_superuser("root", "root@edx.test", "correct horse")
    client = Client()
    client.force_login(root)
    return client


@pytest.mark.parametrize(
    "path",
    [
        "identity/user/",
        "identity/user/?q=bob",
        "identity/user/add/",
        "identity/roleassignment/",
        "identity/roleassignment/add/",
        "identity/serviceaccount/",
    ],
)
def test_the_pages_open(admin, path):
    assert admin.get(f"/admin/{path}").status_code == 200


def test_a_person_can_be_added_and_has_to_confirm(admin):
    form = {
        "username": "erin",
        "email": " Erin@acme.test",
        "name": "Erin",
        "password": "correct horse battery",
    }
    assert admin.post("/admin/identity/user/add/", form).status_code == 302

    erin = api.find_people_by_email(["erin@acme.test"])["erin@acme.test"]
    assert not erin.is_confirmed
    assert erin.lms_user_id == 16
    assert Event.objects.filter(type="identity.address_confirmation_requested").count() == 1
    assert Client().login(username="erin", password="correct horse battery")


@pytest.mark.parametrize(
    "change", [{"email": "BOB@acme.test"}, {"email": "x"}, {"username": "bob"}, {"password": "12345678"}]
)
def test_a_wrong_person_is_not_added(admin, change):
    form = {
        "username": "erin",
        "email": "erin@acme.test",
        "name": "E",
        "password": "correct horse battery",
        **change,
    }
    count = User.objects.count()

    assert admin.post("/admin/identity/user/add/", form).status_code == 200
    assert User.objects.count() == count


def test_addresses_are_confirmed_by_the_action(admin):
    person = api.sign_up(
        email="dana@acme.test",
        username="dana",
        name="Dana",
        password="correct horse battery",
        accepts_terms=True,
    )
    dana = User.objects.get(lms_user_id=person.lms_user_id)

    admin.post("/admin/identity/user/", {"action": "confirm_addresses", "_selected_action": [str(dana.pk)]})

    assert api.find_people_by_username(["dana"])["dana"].is_confirmed
    event = Event.objects.filter(type="identity.address_confirmed").latest("id")
    assert event.facts[0]["email"] == "dana@acme.test"
    assert event.recorded_by == User.objects.get(username="root").lms_user_id


def test_a_person_can_be_closed_but_keeps_name_and_address(admin):
    bob = User.objects.get(username="bob")
    page = f"/admin/identity/user/{bob.pk}/change/"
    assert admin.get(page).status_code == 200

    admin.post(page, {"name": "Robert", "username": "mallory", "email": "m@x.test"})

    bob.refresh_from_db()
    assert (bob.name, bob.username, bob.email, bob.is_active) == ("Robert", "bob", "bob@acme.test", False)


def test_a_role_is_added_with_its_author(admin):
    form = {"lms_user_id": 13, "role": "enterprise_admin", "context": str(ACME).upper()}
    assert admin.post("/admin/identity/roleassignment/add/", form).status_code == 302

    row = RoleAssignment.objects.get(lms_user_id=13, context=str(ACME))
    assert row.history.get().history_user_id == User.objects.get(username="root").lms_user_id


@pytest.mark.parametrize(
    "change",
    [{"context": "acme"}, {"lms_user_id": 999}, {"role": "enterprise_openedx_operator"}, {"role": "odd"}],
)
def test_a_wrong_role_is_not_added(admin, change):
    form = {"lms_user_id": 13, "role": "enterprise_admin", "context": str(ACME), **change}
    count = RoleAssignment.objects.count()

    assert admin.post("/admin/identity/roleassignment/add/", form).status_code == 200
    assert RoleAssignment.objects.count() == count


def test_a_role_is_deleted_with_a_trace(admin):
    row = RoleAssignment.objects.get(lms_user_id=11)

    admin.post(f"/admin/identity/roleassignment/{row.pk}/delete/", {"post": "yes"})

    assert not RoleAssignment.objects.filter(lms_user_id=11).exists()
    assert RoleAssignment.history.filter(lms_user_id=11, history_type="-").count() == 1


def test_learners_have_no_business_there(people):
    client = Client()
    client.force_login(User.objects.get(username="bob"))

    assert client.get("/admin/identity/user/").status_code == 302
