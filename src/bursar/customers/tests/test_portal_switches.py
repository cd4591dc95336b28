import pytest

from bursar.customers import models
from tests.cast import ACME, ALICE, BOB, CAROL, NOWHERE, OLGA

pytestmark = pytest.mark.django_db

SEARCH = "enable_integrated_customer_learner_portal_search"


@pytest.fixture
def patch(client_of):
    def patch(body, member=ALICE, customer_uuid=ACME):
        return client_of(member).patch(f"/enterprise/api/v1/enterprise-customer/{customer_uuid}/", body)

    return patch


def features():
    return models.Customer.objects.get(uuid=ACME).features


def history():
    return list(models.Customer.history.filter(uuid=ACME).values_list("history_type", "history_user_id"))


def test_an_administrator_turns_a_switch_on_and_off(patch):
    before = features()

    response = patch({SEARCH: True})

    assert (response.status_code, response.json()[SEARCH]) == (200, True)
    assert set(features()) == {*before, SEARCH}
    assert history()[0] == ("~", ALICE.lms_user_id)
    assert patch({SEARCH: False}).json()[SEARCH] is False
    assert features() == before


def test_turning_on_what_is_on_changes_nothing(patch):
    patch({SEARCH: True})
    before = history()

    assert patch({SEARCH: True}).status_code == 200
    assert history() == before


def test_an_administrator_changes_whom_mails_name(patch):
    response = patch({"contact_email": "hr@acme.test", "sender_alias": "Acme Learning"}, member=OLGA)

    assert (response.json()["contact_email"], response.json()["sender_alias"]) == (
        "hr@acme.test",
        "Acme Learning",
    )


@pytest.mark.parametrize(
    "field", ["uuid", "slug", "name", "active", "is_active", "enable_universal_link", "features", "nonsense"]
)
def test_what_is_not_for_administrators_is_refused_and_nothing_changes(patch, field):
    before = history()

    response = patch({SEARCH: True, field: "other"})

    assert (response.status_code, list(response.json())) == (400, [field])
    assert history() == before


@pytest.mark.parametrize(
    "body", [{SEARCH: "perhaps"}, {SEARCH: None}, {"contact_email": "nonsense"}, [1], {}]
)
def test_values_that_make_no_sense_are_refused(patch, body):
    assert patch(body).status_code == 400
    assert history()[0] == ("+", None)


def test_only_administrators_and_operators_may(patch):
    missing = {"detail": "Missing: enterprise.can_access_admin_dashboard"}

    for member, customer_uuid in ((BOB, ACME), (CAROL, ACME), (CAROL, NOWHERE)):
        response = patch({SEARCH: True}, member=member, customer_uuid=customer_uuid)
        assert (response.status_code, response.json()) == (403, missing)
    assert patch({SEARCH: True}, member=OLGA, customer_uuid=NOWHERE).status_code == 404
