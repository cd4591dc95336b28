"""What support reads of an address's licenses, over HTTP."""

from typing import Any

import pytest

from bursar.identity import api as identity
from bursar.identity.data import ANY_CUSTOMER, OPERATOR, Grant, ServiceAccountToSave
from bursar.licenses import api as licenses
from tests.cast import ALICE, BOB, NOWHERE, OLGA, STRAY, Client, Member, Organization
from tests.statements import counted

VIEW = "/api/v1/admin-license-view"
LOOKUP = "/api/v1/staff_lookup_licenses"

PLAN_KEYS = ["subscription_plan_title", "subscription_plan_expiration_date"]


@pytest.mark.parametrize("slash", ["", "/"])
def test_staff_lists_the_licenses_of_an_address_at_a_customer(
    acme: Organization, globex: Organization, client_of: Client, slash: str
) -> None:
    plans = [acme.plan(title="One"), acme.plan(title="Two"), globex.plan(title="Theirs")]
    for plan in plans:
        licenses.assign(plan_uuid=plan.uuid, addresses=[BOB.email], by=None)
    licenses.revoke(plan_uuid=plans[0].uuid, addresses=[BOB.email], by=None)
    query = {"user_email": " Bob@acme.test", "enterprise_customer_uuid": str(acme.uuid)}

    page = client_of(OLGA).get(f"{VIEW}{slash}", query).json()

    assert list(page) == ["count", "next", "previous", "results"]
    assert [(row["subscription_plan_title"], row["status"]) for row in page["results"]] == [
        ("Two", "assigned"),
        ("One", "revoked"),
    ]
    times = ["assigned_date", "activation_date", "revoked_date", "last_remind_date"]
    assert list(page["results"][0]) == [
        "uuid",
        "status",
        "user_email",
        *times,
        *PLAN_KEYS,
        "subscription_plan",
    ]
    assert page["results"][0]["subscription_plan"]["title"] == "Two"
    found = client_of(OLGA).post(f"{LOOKUP}{slash}", {"user_email": "BOB@acme.test"}).json()
    assert [row["subscription_plan_title"] for row in found] == ["Theirs", "Two", "One"]
    assert list(found[0]) == ["status", *times, *PLAN_KEYS, "activation_link"]
    assert "/globex/licenses/" in found[0]["activation_link"]


def test_nobody_else_looks_licenses_up(acme: Organization, client_of: Client) -> None:
    licenses.assign(plan_uuid=acme.plan().uuid, addresses=[BOB.email], by=None)
    query = {"user_email": BOB.email, "enterprise_customer_uuid": str(acme.uuid)}
    for member in (ALICE, BOB, STRAY):
        assert client_of(member).get(VIEW, query).status_code == 403
        assert client_of(member).post(LOOKUP, {"user_email": BOB.email}).status_code == 403
    assert client_of(None).get(VIEW, query).status_code == 401


def test_a_program_that_operates_the_platform_looks_licenses_up(
    acme: Organization, client_of: Client
) -> None:
    program = ServiceAccountToSave("id", "secret", "worker", roles=(Grant(OPERATOR, ANY_CUSTOMER),))
    identity.save_service_accounts([program])
    worker = identity.find_people_by_username(["worker"])["worker"]
    client = client_of(Member(worker.username, worker.email, worker.lms_user_id))
    query = {"user_email": BOB.email, "enterprise_customer_uuid": str(acme.uuid)}

    assert client.get(VIEW, query).json()["count"] == 0


@pytest.mark.parametrize("sent", [{}, {"user_email": ""}, {"user_email": 5}])
def test_an_address_is_needed(client_of: Client, sent: dict[str, Any]) -> None:
    answer = client_of(OLGA).post(LOOKUP, sent)
    page = client_of(OLGA).get(VIEW, {"enterprise_customer_uuid": str(NOWHERE), "user_email": " "})

    assert answer.status_code == page.status_code == 400
    assert isinstance(answer.json(), str)
    assert isinstance(page.json(), str)


def test_an_address_without_licenses_is_an_empty_page_or_a_mute_404(client_of: Client) -> None:
    query = {"user_email": "nobody@acme.test", "enterprise_customer_uuid": str(NOWHERE)}

    missing = client_of(OLGA).post(LOOKUP, {"user_email": "nobody@acme.test"})

    assert (missing.status_code, missing.content) == (404, b"")
    assert client_of(OLGA).get(VIEW, query).json()["results"] == []
    assert client_of(OLGA).get(VIEW, {**query, "enterprise_customer_uuid": "zz"}).status_code == 400
    assert client_of(OLGA).get(VIEW, {"user_email": BOB.email}).status_code == 400


def test_twenty_licenses_of_an_address_take_the_statements_of_one(
    acme: Organization, client_of: Client
) -> None:
    client, query = client_of(OLGA), {"user_email": BOB.email, "enterprise_customer_uuid": str(acme.uuid)}
    licenses.assign(plan_uuid=acme.plan(free=1).uuid, addresses=[BOB.email], by=None)
    with counted() as one:
        client.get(VIEW, query)
    for _ in range(19):
        licenses.assign(plan_uuid=acme.plan(free=1).uuid, addresses=[BOB.email], by=None)

    with counted() as twenty:
        assert client.get(VIEW, query).json()["count"] == 20

    assert one.count == twenty.count <= 3 + 2  # the user and the roles are authentication
