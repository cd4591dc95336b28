"""Renewals over HTTP."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from rest_framework.test import APIClient

from bursar.lib import clock
from bursar.licenses import api as licenses
from bursar.licenses import models
from bursar.licenses.data import Plan
from tests.cast import BOB, CAROL, OLGA, Client, Organization
from tests.statements import counted

RENEWALS = "/api/v1/provisioning-admins/subscription-plan-renewals/"
LINE_ITEM = "00k" + "b" * 15


@pytest.fixture
def olga(client_of: Client) -> APIClient:
    return client_of(OLGA)


@pytest.fixture
def plan(acme: Organization) -> Plan:
    return acme.plan(free=2, title="Acme 2026")


def body(plan: Plan, **fields: Any) -> dict[str, Any]:
    wanted = {
        "prior_subscription_plan": str(plan.uuid),
        "renewed_subscription_plan": None,
        "number_of_licenses": 3,
        "effective_date": plan.expires_at.isoformat(),
        "renewed_expiration_date": (plan.expires_at + timedelta(days=365)).isoformat(),
    }
    return {**wanted, **fields}


def made(client: APIClient, plan: Plan, **fields: Any) -> dict[str, Any]:
    answer = client.post(RENEWALS, body(plan, **fields), format="json")
    assert answer.status_code == 201, answer.content
    shape: dict[str, Any] = answer.json()
    return shape


def path_of(shape: dict[str, Any], ending: str = "") -> str:
    return f"{RENEWALS}{shape['id']}/{ending}"


def test_a_renewal_is_made_once_and_a_conflict_shows_the_one_that_is_there(
    olga: APIClient, acme: Organization, plan: Plan
) -> None:
    renewed, other = acme.plan(free=1, title="Acme 2027"), acme.plan(free=1)
    named = {"renewed_subscription_plan": str(renewed.uuid)}
    shape = made(olga, plan, **named, salesforce_opportunity_id=LINE_ITEM)

    again = olga.post(RENEWALS, body(plan, **named), format="json")
    same_prior = olga.post(RENEWALS, body(plan), format="json")
    same_renewed = olga.post(RENEWALS, body(other, **named), format="json")

    assert [shape[name] for name in ("prior_subscription_plan_title", "renewed_subscription_plan_title")] == [
        "Acme 2026",
        "Acme 2027",
    ]
    assert shape["license_types_to_copy"] == "assigned_and_activated"
    assert shape["enterprise_customer_uuid"] == str(acme.uuid)
    assert (again.status_code, same_prior.status_code, same_renewed.status_code) == (200, 422, 422)
    assert again.json() == same_prior.json() == same_renewed.json() == shape
    assert models.Renewal.objects.count() == 1
    assert models.Renewal.history.get().history_user_id == OLGA.lms_user_id


def test_renewals_are_found_by_their_plans_and_their_line_item(
    olga: APIClient, acme: Organization, plan: Plan
) -> None:
    renewed = acme.plan(free=1)
    named = {"renewed_subscription_plan": str(renewed.uuid)}
    first = made(olga, plan, **named, salesforce_opportunity_id=LINE_ITEM)
    second = made(olga, renewed)

    def found(**wanted: Any) -> list[int]:
        return [each["id"] for each in olga.get(RENEWALS, wanted).json()["results"]]

    assert found() == [first["id"], second["id"]]
    assert found(prior_subscription_plan=renewed.uuid) == [second["id"]]
    assert found(renewed_subscription_plan=renewed.uuid) == [first["id"]]
    assert found(salesforce_opportunity_id=LINE_ITEM) == [first["id"]]
    assert olga.get(RENEWALS, {"prior_subscription_plan": "zz"}).status_code == 400
    assert olga.get(path_of(second)).json() == second
    with counted() as of_two:
        found()
    with counted() as of_one:
        found(prior_subscription_plan=renewed.uuid)
    assert of_two.count == of_one.count


def _of_another_customer(acme: Organization, globex: Organization, plan: Plan) -> dict[str, Any]:
    return {"renewed_subscription_plan": str(globex.plan(free=1).uuid)}


def _itself(acme: Organization, globex: Organization, plan: Plan) -> dict[str, Any]:
    return {"renewed_subscription_plan": str(plan.uuid)}


def _what_it_renewed(acme: Organization, globex: Organization, plan: Plan) -> dict[str, Any]:
    before = acme.plan(free=1)
    now = clock.now()
    models.Renewal.objects.create(
        prior_plan_id=before.uuid,
        renewed_plan_id=plan.uuid,
        license_count=1,
        effective_at=now,
        renewed_expires_at=now + timedelta(days=1),
    )
    return {"renewed_subscription_plan": str(before.uuid)}


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        (_of_another_customer, "renewed_subscription_plan"),
        (_itself, "renewed_subscription_plan"),
        (_what_it_renewed, "renewed_subscription_plan"),
        (lambda *_: {"renewed_subscription_plan": str(uuid4())}, "renewed_subscription_plan"),
        (lambda *_: {"number_of_licenses": 0}, "number_of_licenses"),
        (lambda *_: {"license_types_to_copy": "all"}, "license_types_to_copy"),
        (lambda *_: {"salesforce_opportunity_id": "short"}, "salesforce_opportunity_id"),
        (lambda *_: {"effective_date": "2001-01-01T00:00:00Z"}, "effective_date"),
        (lambda *_: {"renewed_expiration_date": clock.now().isoformat()}, "renewed_expiration_date"),
    ],
)
def test_a_renewal_that_makes_no_sense_is_refused_with_the_field(
    olga: APIClient, acme: Organization, globex: Organization, plan: Plan, wrong: Any, field: str
) -> None:
    fields = wrong(acme, globex, plan)
    new = olga.post(RENEWALS, body(plan, **fields), format="json")
    renewal = made(olga, plan)
    changed = olga.patch(path_of(renewal), fields, format="json")

    for answer in (new, changed):
        assert (answer.status_code, answer.json()["error"].keys()) == (400, {field})
    assert olga.get(path_of(renewal)).json() == renewal


def test_a_renewal_is_changed_and_taken_away_until_it_is_processed(olga: APIClient, plan: Plan) -> None:
    renewal = made(olga, plan)

    patched = olga.patch(path_of(renewal), {"number_of_licenses": 7}, format="json")
    put = olga.put(path_of(renewal), {**patched.json(), "renewed_plan_title": "Next"}, format="json")
    moved = olga.patch(path_of(renewal), {"prior_subscription_plan": str(uuid4())}, format="json")
    gone = olga.delete(path_of(renewal))

    assert (patched.status_code, patched.json()["number_of_licenses"]) == (200, 7)
    assert (put.status_code, put.json()["renewed_plan_title"]) == (200, "Next")
    assert (moved.status_code, moved.json()["error"]) == (
        400,
        "Field(s) are not updatable: prior_subscription_plan",
    )
    assert gone.status_code == 204
    for call in (olga.get, olga.delete):
        assert call(path_of(renewal)).status_code == 404
    history = models.Renewal.history.order_by("history_id").values_list("history_type", "history_user_id")
    assert list(history) == [("+", 1), ("~", 1), ("~", 1), ("-", 1)]


def test_a_renewal_is_processed_once_and_then_stays(olga: APIClient, plan: Plan) -> None:
    licenses.assign(plan_uuid=plan.uuid, addresses=[BOB.email], by=None)
    renewal = made(olga, plan, renewed_plan_title="Next")

    first, again = (olga.post(path_of(renewal, "process/")) for _ in range(2))

    assert (first.status_code, again.status_code) == (201, 200)
    shape = first.json()
    assert shape == again.json() == olga.get(path_of(renewal)).json()
    assert (shape["processed"], shape["renewed_subscription_plan_title"]) == (True, "Next")
    changed = olga.patch(path_of(renewal), {"number_of_licenses": 7}, format="json")
    deleted = olga.delete(path_of(renewal))
    assert (changed.status_code, deleted.status_code) == (400, 400)
    assert "processed" in deleted.json()["error"]
    assert models.License.objects.filter(plan=shape["renewed_subscription_plan"]).count() == 3


def test_what_cannot_be_processed_says_why_and_does_nothing(olga: APIClient, plan: Plan) -> None:
    licenses.assign(plan_uuid=plan.uuid, addresses=[BOB.email, "b@acme.test"], by=None)
    renewal = made(olga, plan, number_of_licenses=1)

    refused = olga.post(path_of(renewal, "process/"))
    missing = olga.post(f"{RENEWALS}987654/process/")

    assert (refused.status_code, refused.json()["error"]) == (
        500,
        "2 licenses are to be renewed, but the renewal asks for 1: ask for more.",
    )
    assert (missing.status_code, missing.json()) == (404, {"error": "Renewal not found"})
    assert olga.get(path_of(renewal)).json() == renewal


def test_a_customers_administrator_renews_nothing(
    client_of: Client, globex: Organization, olga: APIClient
) -> None:
    renewal = made(olga, globex.plan(free=1))
    carol = client_of(CAROL)

    answers = [
        carol.get(RENEWALS),
        carol.post(RENEWALS, {}, format="json"),
        carol.get(path_of(renewal)),
        carol.put(path_of(renewal), {}, format="json"),
        carol.delete(path_of(renewal)),
        carol.post(path_of(renewal, "process/")),
    ]

    assert {each.status_code for each in answers} == {403}
    assert not models.Renewal.objects.get().is_processed
