"""What customers configure about requests."""

import pytest

from bursar.subsidy_requests.data import SubsidyType
from tests.cast import ALICE, BOB, CAROL, NOWHERE, OLGA, Client, Organization

pytestmark = pytest.mark.once  # rows of one table, by their keys

CONFIGURATIONS = "/api/v1/customer-configurations/"


def test_an_administrator_sets_requests_up(acme: Organization, client_of: Client) -> None:
    body = {"enterprise_customer_uuid": str(acme.uuid), "subsidy_requests_enabled": False}
    alice = client_of(ALICE)
    missing = alice.get(f"{CONFIGURATIONS}{acme.uuid}/")

    made = alice.post(CONFIGURATIONS, {**body, "subsidy_type": None})
    again = alice.post(CONFIGURATIONS, {**body, "subsidy_type": "license"})

    assert missing.status_code == 404  # the portal then makes one
    assert made.status_code == 201
    assert {**made.json(), "modified": ""} == {
        **body,
        "subsidy_type": None,
        "changed_by_lms_user_id": ALICE.lms_user_id,
        "digest": "daily",
        "modified": "",
    }
    assert (again.status_code, list(again.json())) == (400, ["enterprise_customer_uuid"])
    assert client_of(BOB).post(CONFIGURATIONS, body).status_code == 403
    assert client_of(CAROL).post(CONFIGURATIONS, body).status_code == 403
    nowhere = {**body, "enterprise_customer_uuid": str(NOWHERE)}
    assert client_of(OLGA).post(CONFIGURATIONS, nowhere).status_code == 400


def test_an_administrator_changes_one_field_alone(acme: Organization, client_of: Client) -> None:
    acme.takes_requests()
    path = f"{CONFIGURATIONS}{acme.uuid}/"

    changed = client_of(ALICE).patch(path, {"digest": "weekly"}).json()
    off = client_of(ALICE).patch(path, {"subsidy_requests_enabled": False}).json()

    assert (changed["digest"], changed["subsidy_requests_enabled"]) == ("weekly", True)
    assert (off["digest"], off["subsidy_requests_enabled"]) == ("weekly", False)
    assert off["subsidy_type"] == "license"
    assert off["changed_by_lms_user_id"] == ALICE.lms_user_id
    for member, status in ((BOB, 403), (CAROL, 403), (OLGA, 200)):
        assert client_of(member).patch(path, {"digest": "never"}).status_code == status
    assert client_of(OLGA).patch(f"{CONFIGURATIONS}{NOWHERE}/", {}).status_code == 404  # the peer: 500
    bad = client_of(ALICE).patch(path, {"subsidy_type": "budget"})
    assert (bad.status_code, list(bad.json())) == (400, ["subsidy_type"])


def test_configurations_come_in_the_order_that_is_asked_for(
    acme: Organization, globex: Organization, client_of: Client
) -> None:
    acme.takes_requests()
    globex.takes_requests(of=SubsidyType.COUPON, enabled=False)

    def types(ordering: str) -> list[str]:
        page = client_of(OLGA).get(CONFIGURATIONS, {"ordering": ordering}).json()
        return [each["subsidy_type"] for each in page["results"]]

    assert types("subsidy_type") == ["coupon", "license"]
    assert types("-subsidy_type") == ["license", "coupon"]
    assert types("password, subsidy_requests_enabled") == ["coupon", "license"]  # what is unknown is ignored
