import pytest

from bursar.customers import api, models
from bursar.customers.data import SWITCHES
from tests.cast import ACME, ALICE, BOB, CAROL, DANA, GLOBEX, GUS, OLGA, STRAY
from tests.statements import counted

pytestmark = pytest.mark.django_db

LEARNERS = "/enterprise/api/v1/enterprise-learner/"


@pytest.fixture
def get(client_of):
    def get(member, **query):
        return client_of(member).get(LEARNERS, query)

    return get


def people(response):
    assert response.status_code == 200, response.content
    return {(each["user_id"], each["enterprise_customer"]["slug"]) for each in response.json()["results"]}


def test_a_learner_reads_the_own_links_with_their_customers(get):
    api.link_learners(customer_uuid=GLOBEX, emails=[BOB.email], by=None)

    page = get(BOB, username=BOB.username, page=1).json()

    assert (page["count"], page["next"], len(page["enterprise_features"])) == (2, None, 10)
    (learner,) = [each for each in page["results"] if each["enterprise_customer"]["slug"] == "acme"]
    customer, user = learner.pop("enterprise_customer"), learner.pop("user")
    link = models.LearnerLink.objects.get(lms_user_id=BOB.lms_user_id, customer=ACME)
    assert learner.pop("created").endswith("Z")
    assert learner == {
        "id": BOB.lms_user_id,
        "uuid": str(link.uuid),
        "active": True,
        "user_id": BOB.lms_user_id,
        "data_sharing_consent_records": [],
        "groups": [],
        "enterprise_group": [],
        "invite_key": None,
        "role_assignments": ["enterprise_learner"],
    }
    assert user.pop("date_joined").endswith("Z")
    assert user == {
        "id": BOB.lms_user_id,
        "username": "bob",
        "first_name": "Bob",
        "last_name": "",
        "email": BOB.email,
        "is_staff": False,
        "is_active": True,
    }
    assert set(SWITCHES) < set(customer)
    assert customer["admin_users"] == [{"email": ALICE.email, "lms_user_id": ALICE.lms_user_id}]
    assert len(customer["enterprise_customer_catalogs"]) == 1


def test_learners_see_themselves_administrators_their_people_and_operators_all(get):
    assert people(get(BOB)) == {(11, "acme")}
    assert people(get(ALICE)) == {(10, "acme"), (11, "acme"), (12, "acme"), (13, "acme")}
    assert people(get(OLGA)) == people(get(ALICE)) | {(20, "globex"), (21, "globex")}
    assert people(get(STRAY)) == set()


def test_nobody_reads_about_people_of_another_customer(get):
    assert people(get(BOB, username=DANA.username)) == set()
    assert people(get(ALICE, enterprise_customer_uuid=str(GLOBEX))) == set()
    assert people(get(ALICE, email=GUS.email)) == set()
    api.link_learners(customer_uuid=GLOBEX, emails=[BOB.email], by=None)
    assert people(get(ALICE, username=BOB.username)) == {(11, "acme")}


def test_people_are_found_by_username_address_customer_and_role(get):
    assert people(get(OLGA, username="gus")) == {(21, "globex")}
    assert people(get(OLGA, email=" Gus@GLOBEX.test")) == {(21, "globex")}
    assert people(get(OLGA, username="gus", email=BOB.email)) == set()
    assert people(get(OLGA, username="nobody")) == set()
    assert people(get(OLGA, enterprise_customer_uuid=str(GLOBEX))) == {(20, "globex"), (21, "globex")}
    found = get(OLGA, enterprise_customer_uuid=str(GLOBEX), role="enterprise_admin")
    assert people(found) == {(CAROL.lms_user_id, "globex")}
    assert len(people(get(OLGA, role="enterprise_learner"))) == 6
    assert people(get(OLGA, enterprise_customer_uuid=str(GLOBEX), role="nonsense")) == set()
    assert found.json()["results"][0]["role_assignments"] == ["enterprise_admin", "enterprise_learner"]


def test_a_role_needs_a_customer_and_a_customer_is_a_uuid(get):
    assert list(get(OLGA, role="enterprise_admin").json()) == ["enterprise_customer_uuid"]
    assert get(OLGA, enterprise_customer_uuid="nonsense").status_code == 400


def test_who_was_unlinked_and_inactive_customers_are_not_listed(get):
    models.LearnerLink.objects.filter(lms_user_id=DANA.lms_user_id).update(is_linked=False, is_active=False)
    models.Customer.objects.filter(uuid=GLOBEX).update(is_active=False)

    assert people(get(OLGA)) == {(10, "acme"), (11, "acme"), (13, "acme")}
    assert people(get(GUS)) == set()


def test_one_learner_and_a_hundred_cost_the_same_statements(acme, client_of):
    alice, bob = client_of(ALICE), client_of(BOB)
    with counted() as few:
        alice.get(LEARNERS, {"enterprise_customer_uuid": str(ACME), "page_size": 1})
    acme.learners(100)
    with counted() as many:
        response = alice.get(LEARNERS, {"enterprise_customer_uuid": str(ACME)})
    with counted() as own:
        bob.get(LEARNERS, {"username": BOB.username})

    assert (len(response.json()["results"]), response.json()["count"]) == (100, 104)
    assert many.count == few.count <= 7
    assert own.count <= 8
