import uuid
from datetime import timedelta

import pytest

from bursar.customers import api, models
from bursar.customers.data import BulkPair
from bursar.lib import clock
from tests.cast import ACME, ALICE, BOB, CAROL, CS50_RUN, DANA, ERIN, NOWHERE, OLGA, PYTHON_RUN
from tests.statements import counted

pytestmark = pytest.mark.django_db


@pytest.fixture
def get(client_of):
    def get(member=ALICE, customer_uuid=ACME, **query):
        path = f"/enterprise/api/v1/enterprise-customer-members/{customer_uuid}"
        return client_of(member).get(path, query)

    return get


@pytest.fixture
def joined(acme):
    """One after the other, and at last an address that waits."""
    api.link_learners(customer_uuid=ACME, emails=["aaron@acme.test"], by=None)
    for days, member in enumerate((ERIN, DANA, BOB, ALICE), start=1):
        links = models.LearnerLink.objects.filter(lms_user_id=member.lms_user_id)
        links.update(created_at=clock.now() - timedelta(days=days))
    return acme


def addresses(response):
    assert response.status_code == 200, response.content
    return [each["enterprise_customer_user"]["email"].split("@")[0] for each in response.json()["results"]]


def enroll(*runs):
    pairs = [BulkPair(run, email=BOB.email, license_uuid=str(uuid.uuid4())) for run in runs]
    api.enroll_in_bulk(customer_uuid=ACME, pairs=pairs, by=None)


def test_members_are_learners_and_addresses_that_wait(joined, get):
    enroll(PYTHON_RUN, CS50_RUN)

    page = get(page=1, page_size=100).json()

    assert (page["count"], page["num_pages"], page["next"]) == (5, 1, None)
    waiting, *_, bob, _ = page["results"]
    joined_at = models.LearnerLink.objects.get(lms_user_id=BOB.lms_user_id).created_at
    assert bob == {
        "enterprise_customer_user": {
            "user_id": BOB.lms_user_id,
            "email": BOB.email,
            "joined_org": joined_at.strftime("%b %d, %Y"),
            "name": "Bob",
        },
        "enrollments": 2,
    }
    waiting["enterprise_customer_user"].pop("joined_org")
    assert waiting == {
        "enterprise_customer_user": {"user_id": None, "email": "aaron@acme.test", "name": ""},
        "enrollments": 0,
    }


def test_members_are_listed_in_the_wanted_order(joined, get):
    enroll(PYTHON_RUN)

    assert addresses(get()) == ["aaron", "erin", "dana", "bob", "alice"]
    assert addresses(get(sort_by="joined_org")) == ["alice", "bob", "dana", "erin", "aaron"]
    assert addresses(get(sort_by="name")) == ["aaron", "alice", "bob", "dana", "erin"]
    assert addresses(get(sort_by="name", is_reversed="true")) == ["erin", "dana", "bob", "alice", "aaron"]
    assert addresses(get(sort_by="enrollments", is_reversed="true"))[0] == "bob"
    assert addresses(get(sort_by="name", page=2, page_size=2)) == ["bob", "dana"]


def test_a_search_looks_into_names_and_addresses(joined, get):
    models.PendingLearner.objects.filter(email="aaron@acme.test").update(state="done")
    api.link_learners(customer_uuid=ACME, emails=["new@acme.test"], by=None)

    assert addresses(get(user_query="DAN")) == ["dana"]
    assert addresses(get(user_query="new@")) == ["new"]
    assert sorted(addresses(get(user_query="acme.test"))) == ["alice", "bob", "dana", "erin", "new"]
    assert addresses(get(user_query="%")) == []


def test_who_was_unlinked_is_no_member(joined, get):
    models.LearnerLink.objects.filter(lms_user_id=DANA.lms_user_id).update(is_linked=False, is_active=False)

    assert "dana" not in addresses(get())
    assert addresses(get(user_query="dana")) == []


@pytest.mark.parametrize(
    "query", [{"sort_by": "age"}, {"is_reversed": "perhaps"}, {"page_size": 2, "page": 9}]
)
def test_a_list_that_makes_no_sense_is_refused(joined, get, query):
    assert get(**query).status_code in (400, 404)


def test_only_administrators_and_operators_may(get):
    for member, customer_uuid in ((BOB, ACME), (CAROL, ACME), (CAROL, NOWHERE)):
        assert get(member, customer_uuid).status_code == 403
    assert get(OLGA, NOWHERE).status_code == 404
    assert get(OLGA).status_code == 200


def test_one_member_and_two_hundred_cost_the_same_statements(acme, client_of):
    alice, path = client_of(ALICE), f"/enterprise/api/v1/enterprise-customer-members/{ACME}"
    wanted = {"page_size": 200, "sort_by": "name", "user_query": "acme"}
    with counted() as few:
        alice.get(path, {**wanted, "page_size": 1})
    acme.learners(200)
    with counted() as many:
        response = alice.get(path, wanted)

    assert len(response.json()["results"]) == 200
    assert many.count == few.count <= 8
