import uuid

import pytest

from bursar.customers import api, models
from bursar.customers.data import SWITCHES, CustomerToSave
from bursar.customers.wire_profiles import FEATURES
from bursar.identity import api as identity
from bursar.identity.data import ADMIN, LEARNER, RoleAssignment
from tests.cast import ACME, ALICE, BOB, CAROL, GLOBEX, GUS, NOWHERE, OLGA, STRAY
from tests.statements import counted

pytestmark = pytest.mark.django_db

CUSTOMERS = "/enterprise/api/v1/enterprise-customer/"


@pytest.fixture
def get(client_of):
    def get(member, path="", **query):
        return client_of(member).get(CUSTOMERS + path, query)

    return get


def slugs(response):
    assert response.status_code == 200, response.content
    return [each["slug"] for each in response.json()["results"]]


def test_learners_see_their_customers_administrators_theirs_and_operators_all(get):
    assert slugs(get(BOB)) == ["acme"]
    assert slugs(get(CAROL)) == ["globex"]
    assert slugs(get(OLGA)) == ["acme", "globex"]
    assert slugs(get(STRAY)) == []
    page = get(BOB).json()
    assert {key: page[key] for key in ("count", "next", "previous")} == {
        "count": 1,
        "next": None,
        "previous": None,
    }
    assert len(page["enterprise_features"]) == len(FEATURES) == 10


def test_an_administrator_who_is_no_learner_sees_the_customer(get):
    identity.assign_roles([RoleAssignment(STRAY.lms_user_id, ADMIN, GLOBEX)], by=None)

    assert slugs(get(STRAY)) == ["globex"]


def test_who_was_unlinked_sees_the_customer_no_more(get):
    identity.withdraw_roles([RoleAssignment(BOB.lms_user_id, LEARNER, ACME)], by=None)

    assert slugs(get(BOB)) == []
    assert get(BOB, f"{ACME}/").status_code == 404


def test_customers_are_found_by_slug_and_by_uuid(get):
    assert slugs(get(OLGA, slug="globex")) == ["globex"]
    assert slugs(get(OLGA, uuid=str(ACME))) == ["acme"]
    assert slugs(get(BOB, slug="globex")) == []
    assert get(BOB, uuid="nonsense").json() == {"uuid": ["nonsense is not a valid uuid."]}


def test_a_customer_has_every_key_that_the_portals_read(get):
    models.Customer.objects.filter(uuid=ACME).update(identity_provider="saml-acme", auth_org_id="org_1")

    customer = get(BOB, f"{ACME}/").json()

    switches = {name: customer.pop(name) for name in SWITCHES}
    assert [name for name, is_on in switches.items() if is_on] == [
        "enable_portal_subscription_management_screen"
    ]
    assert customer.pop("modified").endswith("Z")
    assert customer == {
        "uuid": str(ACME),
        "name": "Acme",
        "slug": "acme",
        "active": True,
        "auth_org_id": "org_1",
        "site": customer["site"],
        "country": None,
        "default_language": None,
        "contact_email": "learning@acme.test",
        "reply_to": None,
        "sender_alias": None,
        "branding_configuration": {
            "enterprise_customer": str(ACME),
            "enterprise_slug": "acme",
            "logo": None,
            "primary_color": "#2D323E",
            "secondary_color": "#D7E3FC",
            "tertiary_color": "#007D88",
        },
        "identity_provider": "saml-acme",
        "identity_providers": [{"provider_id": "saml-acme", "default_provider": True}],
        "enterprise_customer_catalogs": [str(uuid.uuid5(ACME, "catalog"))],
        "admin_users": [{"email": ALICE.email, "lms_user_id": ALICE.lms_user_id}],
        "active_integrations": [],
        "enterprise_notification_banner": None,
        "career_engagement_network_message": None,
        "learner_portal_sidebar_content": None,
        "learner_credit_message_box_content": None,
        "enable_data_sharing_consent": False,
        "enforce_data_sharing_consent": "externally_managed",
        "enable_learner_portal": True,
        "enable_universal_link": False,
        "enable_autocohorting": False,
    }


def test_foreign_inactive_and_missing_customers_look_the_same(get):
    models.Customer.objects.filter(uuid=ACME).update(is_active=False)

    answers = [get(CAROL, f"{ACME}/"), get(GUS, f"{ACME}/"), get(OLGA, f"{ACME}/"), get(OLGA, f"{NOWHERE}/")]

    assert {each.status_code for each in answers} == {404}
    assert len({each.content for each in answers}) == 1
    assert slugs(get(OLGA)) == ["globex"]


def test_the_dashboard_lists_what_one_administers(get):
    assert slugs(get(ALICE, "dashboard_list/", enterprise_slug="acme")) == ["acme"]
    assert slugs(get(ALICE, "dashboard_list/", enterprise_slug="globex")) == []
    assert slugs(get(BOB, "dashboard_list/", enterprise_slug="acme")) == []
    assert slugs(get(OLGA, "dashboard_list/")) == ["acme", "globex"]
    assert slugs(get(OLGA, "dashboard_list/", search="LOBE")) == ["globex"]
    assert slugs(get(OLGA, "dashboard_list/", enterprise_id=str(ACME))) == ["acme"]
    assert "enterprise_features" in get(ALICE, "dashboard_list/").json()


def test_names_are_found_by_a_part_or_by_the_uuid(get):
    globex = {"id": str(GLOBEX), "uuid": str(GLOBEX), "name": "Globex"}

    assert get(OLGA, "basic_list/", name_or_uuid="lob").json() == [globex]
    assert get(OLGA, "basic_list/", name_or_uuid=str(GLOBEX)).json() == [globex]
    assert get(OLGA, "basic_list/", startswith="glo").json() == [globex]
    assert get(BOB, "basic_list/", name_or_uuid="lob").json() == []


def test_one_customer_and_a_hundred_cost_the_same_statements(client_of):
    olga = client_of(OLGA)
    with counted() as few:
        assert len(slugs(olga.get(CUSTOMERS))) == 2
    added = [CustomerToSave(uuid.uuid4(), f"Customer {number}", f"c{number}") for number in range(98)]
    api.save_customers(added)
    identity.assign_roles([RoleAssignment(BOB.lms_user_id, ADMIN, each.uuid) for each in added], by=None)
    with counted() as many:
        response = olga.get(CUSTOMERS)

    assert len(slugs(response)) == 100
    assert response.json()["results"][50]["admin_users"]
    assert many.count == few.count <= 6


def test_nobody_reads_customers_without_signing_in(client_of):
    for path in ("", "dashboard_list/", "basic_list/", f"{ACME}/"):
        assert client_of(None).get(CUSTOMERS + path).status_code == 401
