"""Setting up agreements and plans over HTTP, and plans that grow by themselves."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4, uuid5

import pytest
from django.core.exceptions import ValidationError
from rest_framework.test import APIClient

from bursar.customers import api as customers
from bursar.customers.data import CustomerToSave
from bursar.identity import api as identity
from bursar.identity.data import PROVISIONER, RoleAssignment
from bursar.jobs import api as jobs
from bursar.jobs.models import Job
from bursar.lib import clock
from bursar.licenses import api as licenses
from bursar.licenses import models
from bursar.licenses.data import Plan, Seat, Status
from bursar.licenses.service import provisioning
from tests.cast import ACME, ALICE, DANA, GLOBEX, NOWHERE, OLGA, Client, Organization
from tests.statements import counted

AGREEMENTS = "/api/v1/provisioning-admins/customer-agreement/"
PLANS = "/api/v1/provisioning-admins/subscriptions/"
CATALOG = uuid5(ACME, "catalog")
INITECH = UUID("c0000000-0000-4000-8000-000000000001")


@pytest.fixture
def dana(client_of: Client) -> APIClient:
    """A client of somebody who has the provisioning role and no other one for all customers."""
    identity.assign_roles([RoleAssignment(DANA.lms_user_id, PROVISIONER, None)], by=None)
    return client_of(DANA)


@pytest.fixture
def product(db: None) -> models.Product:
    kind = models.PlanType.objects.create(label="Standard Paid", description="Paid")
    return models.Product.objects.create(name="B2B", plan_type=kind, netsuite_id=1)


@pytest.fixture
def body(acme: Organization, product: models.Product) -> dict[str, Any]:
    """A plan for Acme."""
    now = clock.now()
    return {
        "customer_agreement": str(models.Agreement.objects.get(customer_uuid=ACME).pk),
        "title": "Acme 2027",
        "start_date": (now - timedelta(days=1)).isoformat(),
        "expiration_date": (now + timedelta(days=365)).isoformat(),
        "desired_num_licenses": 3,
        "change_reason": "new",
        "product": product.pk,
        "salesforce_opportunity_line_item": "00k" + "a" * 15,
        "enterprise_catalog_uuid": str(CATALOG),
        "is_active": True,
    }


def made(client: APIClient, body: dict[str, Any]) -> models.Plan:
    answer = client.post(PLANS, body, format="json")
    assert answer.status_code == 201, answer.content
    return models.Plan.objects.get(pk=answer.json()["uuid"])


def change(client: APIClient, plan: models.Plan, **changes: Any) -> Any:
    return client.patch(f"{PLANS}{plan.pk}/", {"change_reason": "other", **changes}, format="json")


def test_an_agreement_is_made_once_and_changed(dana: APIClient) -> None:
    customers.save_customers([CustomerToSave(INITECH, "Initech", "initech")])
    new = {"enterprise_customer_uuid": str(INITECH), "default_enterprise_catalog_uuid": None}

    answer = dana.post(AGREEMENTS, new, format="json")
    again = dana.post(AGREEMENTS.rstrip("/"), new, format="json")

    shape = answer.json()
    assert answer.status_code == 201
    assert (shape["enterprise_customer_slug"], shape["subscriptions"]) == ("initech", [])
    row = models.Agreement.objects.get(customer_uuid=INITECH)
    assert (row.customer_name, row.history.get().history_user_id) == ("Initech", DANA.lms_user_id)
    assert again.status_code == 400
    assert again.json()["error"].keys() == {"enterprise_customer_uuid"}

    path = f"{AGREEMENTS}{row.pk}/"
    changes = {"disable_onboarding_notifications": True, "disable_expiration_notifications": True}
    changed = dana.patch(path, changes, format="json")
    moved = dana.patch(path, {"enterprise_customer_uuid": str(ACME)}, format="json")

    assert changed.json() == dana.get(path).json() == {**shape, "disable_expiration_notifications": True}
    row.refresh_from_db()
    assert row.disable_onboarding_notifications
    assert (moved.status_code, moved.json()) == (400, "enterprise_customer_uuid cannot be updated")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"enterprise_customer_uuid": str(NOWHERE)}, "enterprise_customer_uuid"),
        ({"enterprise_customer_uuid": 7}, "enterprise_customer_uuid"),
        ({"default_enterprise_catalog_uuid": str(CATALOG)}, "default_enterprise_catalog_uuid"),
        ({"enterprise_customer_slug": "acme"}, "enterprise_customer_slug"),
        ({"enable_auto_scaling_of_current_plan": True}, "enable_auto_scaling_of_current_plan"),
        ({"auto_scaling_threshold_percentage": 101}, "auto_scaling_threshold_percentage"),
    ],
)
def test_an_agreement_that_cannot_be_is_refused_with_the_field(
    dana: APIClient, changes: dict[str, Any], field: str
) -> None:
    customers.save_customers([CustomerToSave(INITECH, "Initech", "initech")])

    answer = dana.post(AGREEMENTS, {"enterprise_customer_uuid": str(INITECH), **changes}, format="json")

    assert answer.status_code == 400
    assert answer.json()["error"].keys() == {field}
    assert not models.Agreement.objects.filter(customer_uuid=INITECH).exists()


def test_a_plan_is_made_with_its_licenses_and_read_back(dana: APIClient, body: dict[str, Any]) -> None:
    plan = made(dana, body)

    shape = dana.get(f"{PLANS}{plan.pk}").json()
    listed = dana.get(PLANS, {"enterprise_customer_uuid": str(ACME)}).json()

    assert (plan.unassigned_count, licenses.count_by_status(plan.pk)) == (3, {Status.UNASSIGNED: 3})
    assert (shape["title"], shape["desired_num_licenses"], shape["plan_type"]) == (
        "Acme 2027",
        3,
        "Standard Paid",
    )
    assert (shape["change_reason"], shape["product"], shape["is_current"]) == ("new", body["product"], True)
    assert shape["customer_agreement"] == body["customer_agreement"]
    assert list(listed) == ["count", "next", "previous", "results"]
    assert listed["results"] == [shape]
    assert dana.get(PLANS, {"enterprise_customer_uuid": str(GLOBEX)}).json()["count"] == 0
    entry = plan.history.earliest("history_id")
    assert (entry.history_change_reason, entry.history_user_id) == ("new", DANA.lms_user_id)
    missing = dana.get(f"{PLANS}{NOWHERE}/")
    assert (missing.status_code, missing.json()) == (404, {"error": "No record found."})


def test_a_list_of_plans_costs_the_same_for_one_and_for_twenty(
    client_of: Client, acme: Organization, globex: Organization
) -> None:
    client = client_of(OLGA)
    acme.plan(free=1)
    client.get(PLANS)
    with counted() as of_one:
        client.get(PLANS)
    for _ in range(19):
        globex.plan(free=1)
    with counted() as of_twenty:
        assert client.get(PLANS).json()["count"] == 20

    assert of_one.count == of_twenty.count


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"product": None}, "An error occurred: Product is required."),
        ({"product": 999_999}, {"product": ['Invalid pk "999999" - object does not exist.']}),
        ({"change_reason": "because"}, {"change_reason"}),
        ({"change_reason": None}, {"change_reason"}),
        ({"title": None}, {"title"}),
        ({"start_date": "2026-13-01"}, {"start_date"}),
        ({"start_date": "2199-01-01T00:00:00Z"}, {"expiration_date"}),
        ({"salesforce_opportunity_line_item": "00k123"}, {"salesforce_opportunity_line_item"}),
        ({"salesforce_opportunity_line_item": "a" * 18}, {"salesforce_opportunity_line_item"}),
        ({"enterprise_catalog_uuid": str(uuid5(GLOBEX, "catalog"))}, {"enterprise_catalog_uuid"}),
        ({"desired_num_licenses": -1}, {"desired_num_licenses"}),
        ({"desired_num_licenses": 10**12}, {"desired_num_licenses"}),
        ({"customer_agreement": str(NOWHERE)}, {"customer_agreement"}),
        (
            {"title": "Taken"},
            {"non_field_errors": ["The fields title, customer_agreement must make a unique set."]},
        ),
    ],
)
def test_a_plan_that_cannot_be_is_refused_with_what_to_mend(
    dana: APIClient, acme: Organization, body: dict[str, Any], changes: dict[str, Any], error: Any
) -> None:
    """Weakness E21: everything was a 400, faults of the service as well."""
    acme.plan(free=1, title="Taken")
    plan = made(dana, body)

    new = dana.post(PLANS, {**body, "title": "Another", **changes}, format="json")
    changed = change(dana, plan, **changes)

    for answer in (new, changed):
        told = answer.json()["error"]
        assert answer.status_code == 400
        assert told == error or set(told) == error
    assert models.Plan.objects.count() == 2
    assert plan.history.count() == models.Plan.objects.get(pk=plan.pk).history.count() == 1


def test_what_is_required_must_be_there(dana: APIClient, body: dict[str, Any]) -> None:
    asked = dana.post(PLANS, {"product": body["product"]}, format="json").json()["error"]

    assert asked.keys() == {
        "customer_agreement",
        "title",
        "start_date",
        "expiration_date",
        "desired_num_licenses",
        "salesforce_opportunity_line_item",
        "change_reason",
    }


def test_a_change_keeps_its_reason_and_only_adds_licenses(dana: APIClient, body: dict[str, Any]) -> None:
    plan = made(dana, body)
    models.Plan.objects.update(is_expiration_processed=True)
    later = (clock.now() + timedelta(days=400)).isoformat()

    fewer = change(dana, plan, desired_num_licenses=1, change_reason="incorrect_user_input")
    more = change(dana, plan, desired_num_licenses=5, title="Acme for ever", expiration_date=later)
    moved = change(dana, plan, customer_agreement=str(models.Agreement.objects.get(customer_uuid=GLOBEX).pk))

    assert fewer.status_code == 200
    assert fewer.json()["change_reason"] == "incorrect_user_input"
    assert not {"created", "plan_type", "is_current"} & fewer.json().keys()
    assert (more.json()["title"], more.json()["expiration_processed"]) == ("Acme for ever", False)
    assert licenses.count_by_status(plan.pk) == {Status.UNASSIGNED: 5}
    assert moved.json()["error"].keys() == {"customer_agreement"}
    reasons = plan.history.order_by("history_id").values_list("history_change_reason", flat=True)
    assert list(reasons) == ["new", "incorrect_user_input", "other"]


def test_a_frozen_plan_gets_no_more_licenses(dana: APIClient, body: dict[str, Any]) -> None:
    plan = made(dana, body)
    licenses.freeze_unused(plan_uuid=plan.pk, by=None)

    same = change(dana, plan, desired_num_licenses=3, title="Frozen")
    more = change(dana, plan, desired_num_licenses=4)

    assert (same.status_code, licenses.count_by_status(plan.pk)) == (200, {})
    assert more.json()["error"].keys() == {"desired_num_licenses"}


def test_one_plan_of_an_agreement_hands_out_licenses_by_itself(
    dana: APIClient, globex: Organization, body: dict[str, Any]
) -> None:
    globex.plan(free=1, title="Globex's", should_auto_apply=True)
    first = made(dana, {**body, "should_auto_apply_licenses": True})
    second = made(dana, {**body, "title": "Second", "should_auto_apply_licenses": True})

    def flagged() -> set[str]:
        return set(models.Plan.objects.filter(should_auto_apply=True).values_list("title", flat=True))

    assert flagged() == {"Globex's", "Second"}
    change(dana, first, should_auto_apply_licenses=True)
    assert flagged() == {"Globex's", "Acme 2027"}
    change(dana, second, title="Still not")
    assert flagged() == {"Globex's", "Acme 2027"}


def test_many_licenses_are_added_in_the_background(
    dana: APIClient, body: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provisioning, "AT_ONCE", 2)
    monkeypatch.setattr(provisioning, "_BATCH", 2)
    plan = made(dana, {**body, "desired_num_licenses": 5})
    assert licenses.count_by_status(plan.pk) == {}

    jobs.run()
    change(dana, plan, desired_num_licenses=6)

    assert licenses.count_by_status(plan.pk) == {Status.UNASSIGNED: 6}
    job = Job.objects.get()
    results = list(jobs.read_results(job.pk))
    assert [(each["row"], each["outcome"], each["count"]) for each in results] == [
        (1, "added", 2),
        (2, "added", 2),
        (3, "added", 1),
    ]
    work = provisioning.Work(job.pk, ACME, None, {"plan_uuid": str(plan.pk)}, [[1, 2]])
    assert [each["count"] for each in licenses.provision_batches(work)] == [0]
    assert dana.get(f"/api/jobs/v1/jobs/{job.pk}/").json()["state"] == "done"


@pytest.mark.parametrize("member", [ALICE, None])
def test_administrators_of_a_customer_set_nothing_up(
    client_of: Client, acme: Organization, member: Any
) -> None:
    plan, status = acme.plan(free=1), 403 if member else 401
    client = client_of(member)

    assert client.get(PLANS).status_code == status
    assert client.post(PLANS, {}, format="json").status_code == status
    assert client.patch(f"{PLANS}{plan.uuid}/", {}, format="json").status_code == status
    assert client.get(f"{PLANS}{uuid4()}/").status_code == status


def scale(plan: Plan, **fields: Any) -> list[tuple[str, int, int]]:
    wanted = {
        "enable_auto_scaling": True,
        "auto_scaling_max_licenses": 14,
        "auto_scaling_threshold_percent": 80,
        "auto_scaling_increment_percent": 25,
    }
    models.Agreement.objects.filter(customer_uuid=ACME).update(**{**wanted, **fields})
    return [(each.title, each.added_count, each.license_count) for each in licenses.scale_plans()]


def test_a_plan_that_runs_out_grows_up_to_its_limit(acme: Organization) -> None:
    plan = acme.plan(free=10, title="Grows")
    acme.plan(free=0, title="Empty")
    addresses = [f"{number}@acme.test" for number in range(12)]

    licenses.assign(plan_uuid=plan.uuid, addresses=addresses[:8], by=None)
    assert scale(plan) == []
    licenses.hold(plan_uuid=plan.uuid, customer_uuid=ACME, seats=[Seat(uuid4(), addresses[8])])
    assert scale(plan, enable_auto_scaling=False) == []
    assert scale(plan) == [("Grows", 3, 13)]
    assert scale(plan) == []
    licenses.assign(plan_uuid=plan.uuid, addresses=addresses, by=None)
    assert scale(plan) == [("Grows", 1, 14)]
    assert scale(plan) == []

    row = models.Plan.objects.get(pk=plan.uuid)
    assert (row.desired_license_count, row.unassigned_count) == (14, 2)
    assert row.history.latest("history_id").history_change_reason == "auto-scaled"


@pytest.mark.parametrize("fields", [{"days_left": -1}, {"is_active": False}])
def test_a_plan_that_grants_nothing_does_not_grow(acme: Organization, fields: dict[str, Any]) -> None:
    plan = acme.plan(free=1, **fields)
    licenses.assign(plan_uuid=plan.uuid, addresses=["a@acme.test"], by=None, must_be_usable=False)

    assert scale(plan) == []


@pytest.mark.parametrize(
    "fields",
    [
        {"enable_auto_scaling": True},
        {"auto_scaling_threshold_percent": 0},
        {"auto_scaling_increment_percent": 101},
    ],
)
def test_an_operator_is_told_which_scaling_makes_no_sense(acme: Organization, fields: dict[str, Any]) -> None:
    agreement = models.Agreement.objects.get(customer_uuid=ACME)
    for name, value in fields.items():
        setattr(agreement, name, value)

    with pytest.raises(ValidationError, match=r"[Aa]uto-scaling"):
        agreement.full_clean()
