"""A learner's licenses, activation and the overview, over HTTP."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from bursar.identity import api as identity
from bursar.identity.data import PersonToSave
from bursar.lib import clock
from bursar.licenses import api as licenses
from bursar.licenses.data import Plan, Status
from bursar.licenses.models import License
from bursar.licenses.models import Plan as PlanRow
from tests.cast import ALICE, BOB, CAROL, DANA, NOWHERE, OLGA, STRAY, Client, Member, Organization
from tests.statements import counted

LICENSES = "/api/v1/learner-licenses/"
ACTIVATION = "/api/v1/license-activation"


def give(plan: Plan, member: Member) -> tuple[UUID, UUID]:
    """A license for the member: its uuid and its activation key."""
    (outcome,) = licenses.assign(plan_uuid=plan.uuid, addresses=[member.email], by=None)
    assert outcome.license_uuid is not None
    assert outcome.activation_key is not None
    return outcome.license_uuid, outcome.activation_key


def test_a_learner_sees_the_own_license_with_its_plan_and_agreement(
    acme: Organization, client_of: Client
) -> None:
    plan = acme.plan(free=2, title="Acme 2026")
    license_uuid, key = give(plan, BOB)
    give(plan, DANA)

    page = client_of(BOB).get(LICENSES, {"enterprise_customer_uuid": str(acme.uuid)}).json()

    assert page["count"] == 1
    assert page["customer_agreement"]["enterprise_customer_slug"] == "acme"
    assert page["customer_agreement"]["net_days_until_expiration"] == 99
    (row,) = page["results"]
    assert (row["uuid"], row["activation_key"]) == (str(license_uuid), str(key))
    assert (row["status"], row["user_email"]) == ("assigned", BOB.email)
    assert row["subscription_plan"]["title"] == "Acme 2026"
    assert row["subscription_plan"]["is_current"] is True
    assert row["customer_agreement"] == page["customer_agreement"]


@pytest.mark.parametrize(
    ("params", "count"),
    [
        ({}, 1),
        ({"include_revoked": "true"}, 2),
        ({"current_plans_only": "false"}, 2),
        ({"current_plans_only": "false", "active_plans_only": "false", "include_revoked": "true"}, 4),
        ({"include_revoked": "true", "status": "revoked"}, 1),
        ({"search": "BOB@", "active_only": "1"}, 1),
        ({"search": "dana"}, 0),
    ],
)
def test_which_licenses_are_listed(
    acme: Organization, client_of: Client, params: dict[str, str], count: int
) -> None:
    current, expired, inactive, revoked = (acme.plan(free=1) for _ in range(4))
    for plan in (current, expired, inactive, revoked):
        give(plan, BOB)
    licenses.revoke(plan_uuid=revoked.uuid, addresses=[BOB.email], by=None)
    PlanRow.objects.filter(pk=expired.uuid).update(expires_at=clock.now() - timedelta(days=1))
    PlanRow.objects.filter(pk=inactive.uuid).update(is_active=False)

    page = client_of(BOB).get(LICENSES, {"enterprise_customer_uuid": str(acme.uuid), **params}).json()

    assert page["count"] == count


def test_own_licenses_come_in_the_order_asked_for(acme: Organization, client_of: Client) -> None:
    lasting, ending = acme.plan(free=1, days_left=90), acme.plan(free=1, days_left=10)
    for plan in (ending, lasting):
        give(plan, BOB)
    moments = {lasting: clock.now(), ending: clock.now() - timedelta(days=1)}
    for plan, moment in moments.items():
        License.objects.filter(plan=plan.uuid).update(reminded_at=moment)
    License.objects.filter(email=BOB.email).update(email="bob@old.test", lms_user_id=BOB.lms_user_id)
    its = {"enterprise_customer_uuid": str(acme.uuid)}

    usual = client_of(BOB).get(LICENSES, its).json()["results"]
    ordered = client_of(BOB).get(LICENSES, {**its, "ordering": "last_remind_date"}).json()["results"]

    assert [each["subscription_plan_uuid"] for each in usual] == [str(lasting.uuid), str(ending.uuid)]
    assert [each["uuid"] for each in ordered] == [each["uuid"] for each in reversed(usual)]
    assert set(License.objects.values_list("email", flat=True)) == {"bob@old.test"}  # reading writes nothing


def test_an_unconfirmed_address_opens_nothing(acme: Organization, client_of: Client) -> None:
    plan = acme.plan(free=1)
    thief = Member("thief", "victim@acme.test", 500)
    identity.save_people([PersonToSave(thief.email, thief.username, lms_user_id=500, is_confirmed=False)])
    from bursar.identity.data import LEARNER, RoleAssignment

    identity.assign_roles([RoleAssignment(500, LEARNER, acme.uuid)], by=None)
    _license_uuid, key = give(plan, thief)

    client = client_of(thief)

    assert client.get(LICENSES, {"enterprise_customer_uuid": str(acme.uuid)}).json()["results"] == []
    assert client.post(f"{ACTIVATION}/?activation_key={key}").status_code == 400
    assert License.objects.get(email=thief.email).status == Status.ASSIGNED


def test_twenty_licenses_take_the_statements_of_one(acme: Organization, client_of: Client) -> None:
    """Weaknesses E24, E25: nine queries for each license, and a GET that writes."""
    client = client_of(BOB)
    give(acme.plan(free=1), BOB)
    with counted() as one:
        client.get(LICENSES, {"enterprise_customer_uuid": str(acme.uuid)})
    for _ in range(19):
        give(acme.plan(free=1), BOB)

    with counted() as twenty:
        page = client.get(LICENSES, {"enterprise_customer_uuid": str(acme.uuid)}).json()

    assert len(page["results"]) == 20
    assert all(each.startswith("SELECT") for each in twenty.listed)
    assert one.count == twenty.count <= 6 + 2  # the user and the roles are authentication


@pytest.mark.parametrize("member", [CAROL, STRAY])
def test_who_does_not_belong_to_the_customer_sees_nothing(
    acme: Organization, client_of: Client, member: Member
) -> None:
    foreign = client_of(member).get(LICENSES, {"enterprise_customer_uuid": str(acme.uuid)})
    missing = client_of(member).get(LICENSES, {"enterprise_customer_uuid": str(NOWHERE)})

    assert foreign.status_code == missing.status_code == 403
    assert foreign.json() == missing.json()


def test_a_missing_or_bad_customer_says_what_to_mend(acme: Organization, client_of: Client) -> None:
    assert client_of(BOB).get(LICENSES).status_code == 400
    bad = client_of(BOB).get(LICENSES, {"enterprise_customer_uuid": "acme"})
    assert (bad.status_code, bad.json()) == (400, {"detail": "acme is not a valid uuid."})
    flag = client_of(BOB).get(
        LICENSES, {"enterprise_customer_uuid": str(acme.uuid), "include_revoked": "maybe"}
    )
    assert flag.status_code == 400


# Activation


@pytest.mark.parametrize("slash", ["", "/"])
def test_a_learner_activates_the_own_license_as_often_as_they_like(
    acme: Organization, client_of: Client, slash: str
) -> None:
    license_uuid, key = give(acme.plan(free=1), BOB)

    first = client_of(BOB).post(f"{ACTIVATION}{slash}?activation_key={key}")
    again = client_of(BOB).post(f"{ACTIVATION}{slash}?activation_key={key}")

    assert first.status_code == again.status_code == 200
    assert first.json() == again.json()
    assert first.json()["status"] == "activated"
    activated = License.objects.get(pk=license_uuid)
    assert activated.lms_user_id == BOB.lms_user_id
    assert [change.status for change in licenses.tell_story(license_uuid)] == [
        Status.UNASSIGNED,
        Status.ASSIGNED,
        Status.ACTIVATED,
    ]


def test_a_key_works_for_its_holder_alone(acme: Organization, client_of: Client) -> None:
    """Weakness E24: administrators see keys, in the list and in the table."""
    _license_uuid, key = give(acme.plan(free=1), BOB)

    for member in (DANA, ALICE, OLGA, STRAY):
        foreign = client_of(member).post(f"{ACTIVATION}?activation_key={key}")
        missing = client_of(member).post(f"{ACTIVATION}?activation_key={uuid4()}")
        assert foreign.status_code == missing.status_code == 404
        assert foreign.json() == missing.json() == {"detail": "No License matches the given query."}


def test_a_revoked_license_is_never_activated(acme: Organization, client_of: Client) -> None:
    plan = acme.plan(free=1)
    _license_uuid, key = give(plan, BOB)
    licenses.revoke(plan_uuid=plan.uuid, addresses=[BOB.email], by=None)

    response = client_of(BOB).post(f"{ACTIVATION}?activation_key={key}")

    assert response.status_code == 422
    assert isinstance(response.json(), str)


def test_a_license_of_an_expired_plan_is_not_activated(acme: Organization, client_of: Client) -> None:
    plan = acme.plan(free=1)
    _license_uuid, key = give(plan, BOB)
    PlanRow.objects.filter(pk=plan.uuid).update(expires_at=clock.now() - timedelta(days=1))

    assert client_of(BOB).post(f"{ACTIVATION}?activation_key={key}").status_code == 404


@pytest.mark.parametrize(
    ("query", "detail"),
    [
        ("", "activation_key is a required parameter"),
        ("?activation_key=zz", "zz is not a valid activation key."),
    ],
)
def test_a_bad_key_says_what_to_mend(acme: Organization, client_of: Client, query: str, detail: str) -> None:
    response = client_of(BOB).post(f"{ACTIVATION}{query}")

    assert (response.status_code, response.json()) == (400, {"detail": detail})


# Overview


def test_an_administrator_counts_the_licenses_of_a_plan(acme: Organization, client_of: Client) -> None:
    plan = acme.plan(free=5)
    give(plan, BOB)
    give(plan, DANA)
    licenses.revoke(plan_uuid=plan.uuid, addresses=[DANA.email], by=None)
    client = client_of(ALICE)
    path = f"/api/v1/subscriptions/{plan.uuid}/licenses/overview"

    assert client.get(path).json() == [
        {"status": "unassigned", "count": 4},
        {"status": "assigned", "count": 1},
        {"status": "revoked", "count": 1},
    ]
    assert client.get(f"{path}/", {"status": "revoked,assigned"}).json() == [
        {"status": "assigned", "count": 1},
        {"status": "revoked", "count": 1},
    ]
    assert client.get(path, {"search": "BOB"}).json() == [{"status": "assigned", "count": 1}]
    assert client.get(path, {"active_only": "1"}).json() == [{"status": "assigned", "count": 1}]
    assert sum(row["count"] for row in client.get(path, {"ignore_null_emails": "1"}).json()) == 6


@pytest.mark.parametrize("member", [BOB, CAROL, STRAY])
def test_a_foreign_plan_and_a_missing_one_look_the_same(
    acme: Organization, client_of: Client, member: Member
) -> None:
    foreign = client_of(member).get(f"/api/v1/subscriptions/{acme.plan().uuid}/licenses/overview/")
    missing = client_of(member).get(f"/api/v1/subscriptions/{NOWHERE}/licenses/overview/")

    assert foreign.status_code == missing.status_code == 403
    assert foreign.json() == missing.json()
    assert client_of(OLGA).get(f"/api/v1/subscriptions/{NOWHERE}/licenses/overview/").status_code == 404
    assert client_of(member).get("/api/v1/subscriptions/zz/licenses/overview/").status_code == 400
