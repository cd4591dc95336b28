"""``bursar load`` with BURSAR_AUTH=openedx: the LMS has the passwords, the programs and the numbers."""

import pytest

from bursar.identity.models import Counter, ServiceAccount, User
from tests.world.conftest import ACME_FILE, small_world

pytestmark = pytest.mark.django_db


def numbered_world() -> dict:
    wanted = small_world()
    wanted["users"][0]["lms_user_id"] = 11
    return wanted


def test_people_are_loaded_without_passwords_and_programs_not_at_all(lms, load):
    report = load(numbered_world())

    assert report.kinds["people"].created == 2
    assert "service accounts" not in report.kinds
    assert not any(user.has_usable_password() for user in User.objects.all())
    assert not ServiceAccount.objects.exists()
    assert Counter.highest_lms_user_id() == 0
    assert report.notes == [
        "users: password (1 entry) passed over: with BURSAR_AUTH=openedx the LMS has them",
        "service_accounts (1 entry) passed over: with BURSAR_AUTH=openedx the LMS has them",
    ]
    assert "Worth knowing:\n  users: password (1 entry) passed over" in str(report)


def test_whoever_was_loaded_is_known_by_the_lms_token(lms, load):
    load(numbered_world())

    assert lms.client(11, "bob").get("/api/user/v1/accounts/bob").json()["id"] == 11
    assert User.objects.count() == 2


def test_a_person_without_a_number_is_refused_unless_the_account_is_there(lms, load, refuse):
    assert refuse(small_world()) == [
        "users[0].lms_user_id: is required with BURSAR_AUTH=openedx: the LMS numbers its people"
    ]
    assert not User.objects.exists()

    load(numbered_world())
    load(small_world())


def test_a_program_called_like_a_person_of_the_lms_is_no_obstacle(lms, load):
    lms.client(40, "worker").get("/api/user/v1/accounts/worker")

    load(numbered_world())


def test_the_demo_world_can_be_loaded(lms, load):
    report = load(ACME_FILE.read_text())

    assert report.kinds["people"].created == 8
    assert [note.partition(" passed over")[0] for note in report.notes] == [
        "users: password (8 entries)",
        "service_accounts (1 entry)",
    ]
