"""People and roles in the Django admin."""

import pytest
from django.test import Client

from bursar.identity import api
from bursar.identity.models import Retirement, RoleAssignment, User
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
        "identity/retirement/",
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


def change_page(username: str) -> str:
    return f"/admin/identity/user/{User.objects.get(username=username).pk}/change/"


def bobs(**changes: str) -> dict[str, str]:
    return {"username": "bob", "email": "bob@acme.test", "name": "Bob Brown", "is_active": "on"} | changes


def facts_of(event_type: str) -> list[dict[str, object]]:
    return [fact for event in Event.objects.filter(type=event_type).order_by("id") for fact in event.facts]


def test_a_person_is_changed_with_a_trace_and_a_mail_to_the_new_address(admin):
    page = change_page("bob")
    assert admin.get(page).status_code == 200

    answer = admin.post(page, bobs(username="robert", email="Robert@acme.test", name="Robert"), follow=True)

    assert "A mail with a link to confirm the address goes to robert@acme.test." in answer.content.decode()
    robert = api.find_people_by_username(["robert"])["robert"]
    assert (robert.email, robert.name, robert.is_confirmed) == ("robert@acme.test", "Robert", False)
    (fact,) = facts_of("identity.person_changed")
    assert (fact["old_username"], fact["username"]) == ("bob", "robert")
    assert Event.objects.filter(type="identity.address_confirmation_requested").count() == 1


def test_an_operator_may_say_that_the_new_address_is_confirmed(admin):
    admin.post(change_page("bob"), bobs(email="robert@acme.test", is_confirmed="on"))

    assert api.find_people_by_username(["bob"])["bob"].is_confirmed
    assert facts_of("identity.address_confirmation_requested") == []


def test_a_person_is_closed_without_any_news_of_a_change(admin):
    admin.post(change_page("bob"), {key: value for key, value in bobs().items() if key != "is_active"})

    assert not api.find_people_by_username(["bob"])["bob"].is_active
    assert facts_of("identity.person_changed") == []


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"email": "ALICE@acme.test"}, "email"),
        ({"email": "nonsense"}, "email"),
        ({"email": ""}, "email"),
        ({"username": "alice"}, "username"),
        ({"username": "b o b"}, "username"),
        ({"name": "www.spam.test"}, "name"),
    ],
)
def test_what_is_wrong_with_a_change_stands_next_to_its_field(admin, change, field):
    answer = admin.post(change_page("bob"), bobs(**change))

    assert set(answer.context["adminform"].form.errors) == {field}
    assert api.find_people_by_username(["bob"])["bob"].email == "bob@acme.test"
    assert facts_of("identity.person_changed") == []


def test_a_person_is_retired_in_two_steps_of_which_the_first_can_be_taken_back(admin):
    bob = User.objects.get(username="bob")
    people, retirements = "/admin/identity/user/", "/admin/identity/retirement/"
    chosen = {"action": "request_retirements", "_selected_action": [str(bob.pk)]}

    assert "1 account is closed" in admin.post(people, chosen, follow=True).content.decode()
    page = admin.get(change_page("bob"))
    assert page.status_code == 200
    assert 'name="username"' not in page.content.decode()
    row = Retirement.objects.get()
    admin.post(retirements, {"action": "cancel", "_selected_action": [str(row.pk)]})
    assert api.find_people_by_username(["bob"])["bob"].is_active

    admin.post(people, chosen)
    row = Retirement.objects.get()
    complete = {"action": "complete", "_selected_action": [str(row.pk)]}
    warning = admin.post(retirements, complete).content.decode()
    assert "This cannot be undone" in warning
    assert "bob@acme.test" in warning
    assert api.find_people_by_username(["bob"])
    admin.post(retirements, {"action": "begin", "_selected_action": [str(row.pk)]})
    done = admin.post(retirements, {**complete, "confirmed": "yes"}, follow=True).content.decode()
    assert "1 retirement is complete." in done
    assert api.find_people_by_username(["bob"]) == {}
    assert "bob" not in admin.get(f"/admin/identity/user/{bob.pk}/history/").content.decode()


def test_nobody_retires_themselves(admin):
    root = User.objects.get(username="root")

    admin.post("/admin/identity/user/", {"action": "request_retirements", "_selected_action": [str(root.pk)]})

    assert not Retirement.objects.exists()


def test_a_role_is_added_with_its_author(admin):
    form = {"lms_user_id": 13, "role": "enterprise_admin", "context": str(ACME).upper()}
    assert admin.post("/admin/identity/roleassignment/add/", form).status_code == 302

    row = RoleAssignment.objects.get(lms_user_id=13, context=str(ACME))
    assert row.history.get().history_user_id == User.objects.get(username="root").lms_user_id


@pytest.mark.parametrize(
    "change",
    [
        {"context": "acme"},
        {"lms_user_id": 999},
        {"role": "enterprise_openedx_operator"},
        {"role": "enterprise_provisioning_admin"},
        {"role": "odd"},
    ],
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
