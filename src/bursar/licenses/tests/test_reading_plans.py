"""Agreements and plans over HTTP."""

from datetime import timedelta
from itertools import pairwise
from uuid import UUID, uuid4

import pytest

from bursar.lib import clock
from bursar.licenses import api as licenses
from bursar.licenses.data import Plan
from bursar.licenses.models import Agreement, PlanType, Product, Renewal
from bursar.licenses.models import Plan as PlanRow
from tests.cast import ALICE, BOB, CAROL, DANA, GUS, NOWHERE, OLGA, STRAY, Client, Member, Organization
from tests.statements import counted

PLANS = "/api/v1/subscriptions"
LEARNERS_PLANS = "/api/v1/learner-subscriptions"
AGREEMENTS = "/api/v1/customer-agreement"

MINIMAL_PLAN = [
    "title",
    "uuid",
    "start_date",
    "expiration_date",
    "enterprise_customer_uuid",
    "enterprise_catalog_uuid",
    "is_active",
    "is_current",
    "is_revocation_cap_enabled",
    "days_until_expiration",
    "days_until_expiration_including_renewals",
    "is_locked_for_renewal_processing",
    "should_auto_apply_licenses",
    "created",
    "plan_type",
    "salesforce_opportunity_line_item",
]
MINIMAL_AGREEMENT = [
    "uuid",
    "enterprise_customer_uuid",
    "enterprise_customer_slug",
    "default_enterprise_catalog_uuid",
    "disable_expiration_notifications",
    "net_days_until_expiration",
    "subscription_for_auto_applied_licenses",
    "available_subscription_catalogs",
    "enable_auto_applied_subscriptions_with_universal_link",
    "has_custom_license_expiration_messaging_v2",
    "modal_header_text_v2",
    "expired_subscription_modal_messaging_v2",
    "button_label_in_modal_v2",
    "url_for_button_in_modal_v2",
]


def renew(
    prior: Plan, renewed: Plan | None, *, in_hours: float, days: int, is_processed: bool = False
) -> None:
    """A renewal that takes effect in so many hours and lasts so many days from now."""
    now = clock.now()
    Renewal.objects.create(
        prior_plan_id=prior.uuid,
        renewed_plan_id=renewed.uuid if renewed else None,
        license_count=5,
        effective_at=now + timedelta(hours=in_hours),
        renewed_expires_at=now + timedelta(days=days, hours=1),
        is_processed=is_processed,
    )


def uuids(answer: dict[str, list[dict[str, str]]]) -> list[str]:
    return [row["uuid"] for row in answer["results"]]


@pytest.mark.parametrize("slash", ["", "/"])
def test_an_administrator_reads_a_plan_with_its_numbers(
    acme: Organization, client_of: Client, slash: str
) -> None:
    plan = acme.plan(free=21, title="Acme 2026", revocation_cap_percent=5)
    licenses.assign(plan_uuid=plan.uuid, addresses=[BOB.email, DANA.email], by=None)
    licenses.activate_for(plan_uuid=plan.uuid, holders={BOB.email: BOB.lms_user_id}, by=None)
    licenses.revoke(plan_uuid=plan.uuid, addresses=[DANA.email], by=None)
    trial = PlanType.objects.create(label="self-service-trial", description="")
    product = Product.objects.create(name="Trial", plan_type=trial)
    PlanRow.objects.filter(pk=plan.uuid).update(product=product, revocation_count=1)

    shown = client_of(ALICE).get(f"{PLANS}/{plan.uuid}{slash}").json()

    assert list(shown) == [*MINIMAL_PLAN, "licenses", "revocations", "prior_renewals"]
    assert (shown["title"], shown["plan_type"]) == ("Acme 2026", "self-service-trial")
    assert (shown["is_current"], shown["days_until_expiration"]) == (True, 99)
    assert shown["licenses"] == {
        "activated": 1,
        "assigned": 0,
        "unassigned": 20,
        "revoked": 1,
        "total": 21,
        "allocated": 1,
    }
    assert shown["revocations"] == {"applied": 1, "remaining": 1}  # 5 % of 21 are 2, rounded up
    assert shown["prior_renewals"] == []


def test_a_plan_without_cap_and_catalog_says_so_and_takes_the_agreements_catalog(
    acme: Organization, client_of: Client
) -> None:
    plan, default = acme.plan(), uuid4()
    Agreement.objects.filter(customer_uuid=acme.uuid).update(default_catalog_uuid=default)

    shown = client_of(ALICE).get(f"{PLANS}/{plan.uuid}/").json()

    assert (shown["revocations"], shown["enterprise_catalog_uuid"]) == (None, str(default))


def test_a_chain_of_renewals_is_followed_both_ways(acme: Organization, client_of: Client) -> None:
    first, second, third = acme.plan(days_left=-2), acme.plan(days_left=30), acme.plan(days_left=60)
    renew(first, second, in_hours=-24, days=30, is_processed=True)
    renew(second, third, in_hours=6, days=400)
    renew(third, None, in_hours=200, days=300)
    client = client_of(ALICE)

    rows = {row["uuid"]: row for row in client.get(f"{PLANS}/").json()["results"]}

    one, two, three = (rows[str(each.uuid)] for each in (first, second, third))
    days = "days_until_expiration_including_renewals"
    assert [each[days] for each in (one, two, three)] == [400, 400, 300]
    assert (one["days_until_expiration"], one["is_current"]) == (-3, False)
    locked = [each["is_locked_for_renewal_processing"] for each in (one, two, three)]
    assert locked == [False, True, False]  # done; within twelve hours; later than that
    starts = dict(PlanRow.objects.values_list("pk", "starts_at"))
    assert three["prior_renewals"] == [
        {
            "prior_subscription_plan_id": str(prior.uuid),
            "prior_subscription_plan_start_date": str(starts[prior.uuid]),
            "renewed_subscription_plan_id": str(renewed.uuid),
            "renewed_subscription_plan_start_date": str(starts[renewed.uuid]),
        }
        for prior, renewed in ((first, second), (second, third))
    ]
    assert " " in three["prior_renewals"][0]["prior_subscription_plan_start_date"]
    assert client.get(f"{PLANS}/{third.uuid}").json() == three
    agreement = client.get(f"{AGREEMENTS}/", {"enterprise_customer_uuid": str(acme.uuid)}).json()
    assert agreement["results"][0]["net_days_until_expiration"] == 400


def test_renewals_in_a_ring_end_somewhere(acme: Organization, client_of: Client) -> None:
    one, other = acme.plan(), acme.plan()
    renew(one, other, in_hours=100, days=200)
    renew(other, one, in_hours=100, days=300)

    shown = client_of(ALICE).get(f"{PLANS}/{one.uuid}/").json()

    assert shown["days_until_expiration_including_renewals"] == 300
    assert len(shown["prior_renewals"]) == 2


def test_which_plans_are_listed(acme: Organization, globex: Organization, client_of: Client) -> None:
    old, new, closed, foreign = acme.plan(), acme.plan(), acme.plan(is_active=False), globex.plan()
    for days, plan in enumerate((new, old, closed), start=1):
        PlanRow.objects.filter(pk=plan.uuid).update(starts_at=clock.now() - timedelta(days=days))
    alice, its = client_of(ALICE), {"enterprise_customer_uuid": str(acme.uuid)}

    every = alice.get(PLANS).json()

    assert list(every) == ["count", "next", "previous", "results"]
    assert uuids(every) == [str(each.uuid) for each in (new, old, closed)]
    assert uuids(alice.get(PLANS, its).json()) == [str(new.uuid), str(old.uuid)]
    current = alice.get(PLANS, {**its, "current": "true"}).json()
    assert (current["count"], uuids(current)) == (1, [str(new.uuid)])  # made last
    assert str(foreign.uuid) in uuids(client_of(OLGA).get(PLANS).json())
    without = alice.get(PLANS, {"current": "true"})
    assert without.json() == {"detail": "Current plan cannot be used without enterprise_uuid"}
    bad = alice.get(PLANS, {"enterprise_customer_uuid": "zz"})
    assert (bad.status_code, bad.json()) == (400, {"detail": "zz is not a valid uuid."})
    beyond = alice.get(PLANS, {"page": "2"})
    assert (beyond.status_code, beyond.json()) == (404, {"detail": "Invalid page."})


def test_a_learner_sees_active_plans_of_the_customer_alone(acme: Organization, client_of: Client) -> None:
    plan, closed = acme.plan(), acme.plan(is_active=False)
    bob = client_of(BOB)

    page = bob.get(f"{LEARNERS_PLANS}/", {"enterprise_customer_uuid": str(acme.uuid)}).json()

    assert uuids(page) == [str(plan.uuid)]
    assert "licenses" in page["results"][0]
    assert uuids(bob.get(LEARNERS_PLANS).json()) == []
    assert bob.get(f"{LEARNERS_PLANS}/{plan.uuid}").json() == page["results"][0]
    assert bob.get(f"{LEARNERS_PLANS}/{closed.uuid}/").status_code == 404


def test_an_agreement_has_its_active_plans_or_all(acme: Organization, client_of: Client) -> None:
    plan, closed = acme.plan(should_auto_apply=True), acme.plan(is_active=False)
    bob, its = client_of(BOB), {"enterprise_customer_uuid": str(acme.uuid)}

    page = bob.get(AGREEMENTS, its).json()

    assert list(page) == ["count", "next", "previous", "results"]
    (shown,) = page["results"]
    assert list(shown) == [*MINIMAL_AGREEMENT, "subscriptions"]
    assert uuids({"results": shown["subscriptions"]}) == [str(plan.uuid)]
    assert shown["subscription_for_auto_applied_licenses"] == str(plan.uuid)
    one = bob.get(f"{AGREEMENTS}/{shown['uuid']}/", {"active_plans_only": "false"}).json()
    assert {each["uuid"] for each in one["subscriptions"]} == {str(plan.uuid), str(closed.uuid)}
    assert bob.get(AGREEMENTS).json() == page
    assert client_of(OLGA).get(AGREEMENTS).json()["count"] == 2
    assert bob.get(AGREEMENTS, {"active_plans_only": "maybe"}).status_code == 400


def test_who_has_no_role_at_the_customer_sees_nothing(
    acme: Organization, globex: Organization, client_of: Client
) -> None:
    plan = acme.plan().uuid
    agreement = Agreement.objects.get(customer_uuid=acme.uuid).pk

    def denied(member: Member, path: str, customer: UUID | None = None) -> bool:
        query = {"enterprise_customer_uuid": str(customer)} if customer else {}
        return client_of(member).get(path, query).status_code == 403

    for member in (BOB, CAROL, STRAY):
        assert denied(member, f"{PLANS}/{plan}/")
        assert denied(member, f"{PLANS}/{NOWHERE}/")
        assert denied(member, PLANS, acme.uuid)
    for member in (GUS, CAROL, STRAY):
        for path in (LEARNERS_PLANS, AGREEMENTS):
            assert denied(member, path, acme.uuid)
        for path in (f"{LEARNERS_PLANS}/{plan}", f"{AGREEMENTS}/{agreement}", f"{AGREEMENTS}/{NOWHERE}"):
            assert denied(member, path)
    assert denied(BOB, PLANS)
    assert all(denied(STRAY, path) for path in (PLANS, LEARNERS_PLANS, AGREEMENTS))
    for path in (PLANS, LEARNERS_PLANS, AGREEMENTS):
        missing = client_of(OLGA).get(f"{path}/{NOWHERE}/")
        assert missing.status_code == 404
        assert missing.json()["detail"].endswith("matches the given query.")


@pytest.mark.parametrize("path", [PLANS, LEARNERS_PLANS, AGREEMENTS])
def test_twenty_plans_and_their_renewals_take_the_statements_of_one(
    acme: Organization, client_of: Client, path: str
) -> None:
    """Weakness E25: six queries for each plan, three for each agreement."""
    client, its = client_of(ALICE), {"enterprise_customer_uuid": str(acme.uuid)}
    plans = [acme.plan(free=1)]
    with counted() as one:
        client.get(path, its)
    plans += [acme.plan(free=1) for _ in range(19)]
    for prior, renewed in pairwise(plans):
        renew(prior, renewed, in_hours=100, days=200)

    with counted() as twenty:
        page = client.get(path, its).json()

    shown = page["results"] if path != AGREEMENTS else page["results"][0]["subscriptions"]
    assert len(shown) == 20
    assert one.count == twenty.count <= 6 + 2  # the user and the roles are authentication
