"""The licenses of a plan over HTTP: list, one, own, overview, table."""

import csv
import io
from datetime import timedelta
from itertools import pairwise
from typing import Any
from uuid import uuid4

import pytest
from django.http import StreamingHttpResponse

from bursar.lib import clock, sets
from bursar.licenses import api as licenses
from bursar.licenses.data import Plan
from bursar.licenses.models import License
from bursar.licenses.models import Plan as PlanRow
from tests.cast import ALICE, BOB, CAROL, DANA, ERIN, NOWHERE, OLGA, STRAY, Client, Organization
from tests.statements import counted

LICENSE = [
    "uuid",
    "status",
    "user_email",
    "activation_date",
    "last_remind_date",
    "subscription_plan_uuid",
    "revoked_date",
    "activation_key",
]


def path_of(plan: Plan, rest: str = "") -> str:
    return f"/api/v1/subscriptions/{plan.uuid}/licenses{rest}"


def fill(plan: Plan, **counts: int) -> None:
    """Licenses with so many of each status; ``purged`` ones are revoked and have no address any more."""
    moment = clock.now()
    rows = []
    for name, count in counts.items():
        status = "revoked" if name == "purged" else name
        for number in range(count):
            has_address = name not in ("unassigned", "purged")
            email = f"{number:04}-{name}@acme.test" if has_address else None
            at = moment - timedelta(minutes=number)
            rows.append((uuid4(), plan.uuid, status, email, at, moment, moment))
    columns = ("uuid", "plan", "status", "email", "activated_at", "created_at", "modified_at")
    for chunk in sets.chunks(sorted(rows)):
        sets.insert(License, columns, chunk)
    counts["revoked"] = counts.get("revoked", 0) + counts.pop("purged", 0)
    PlanRow.objects.filter(pk=plan.uuid).update(**{f"{name}_count": count for name, count in counts.items()})


@pytest.fixture
def plan(acme: Organization) -> Plan:
    """Two activated, three assigned, two revoked, two purged, four free."""
    made = acme.plan(free=0)
    fill(made, activated=2, assigned=3, revoked=2, purged=2, unassigned=4)
    return made


def told(row: dict[str, Any]) -> str:
    return str(row["user_email"] or row["status"])


@pytest.mark.parametrize("slash", ["", "/"])
def test_a_page_of_licenses_is_in_order_of_status_and_address(
    plan: Plan, client_of: Client, slash: str
) -> None:
    page = client_of(ALICE).get(path_of(plan, slash), {"page_size": "5"}).json()

    assert list(page) == ["count", "next", "previous", "num_pages", "results"]
    assert (page["count"], page["num_pages"]) == (13, 3)
    assert "page=2" in page["next"]
    assert list(page["results"][0]) == LICENSE
    assert [told(row) for row in page["results"]] == [
        "0000-activated@acme.test",
        "0001-activated@acme.test",
        "0000-assigned@acme.test",
        "0001-assigned@acme.test",
        "0002-assigned@acme.test",
    ]
    one = client_of(ALICE).get(path_of(plan, f"/{page['results'][0]['uuid']}{slash}"))
    assert one.json() == page["results"][0]


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ({}, "activated assigned revoked unassigned"),
        ({"status": "revoked,assigned"}, "assigned revoked"),
        ({"status": "unassigned, activated"}, "activated unassigned"),
        ({"status": "nonsense"}, ""),
        ({"active_only": "1"}, "activated assigned"),
        ({"active_only": "1", "status": "assigned,revoked"}, "assigned"),
        ({"ignore_null_emails": "1"}, "activated assigned addressed unassigned"),
        ({"ignore_null_emails": "1", "status": "revoked"}, "addressed"),
        ({"search": "000"}, "activated assigned addressed"),
        ({"search": " 0001-A "}, "second"),
        ({"search": "00_1"}, ""),
        ({"search": "ACME", "status": "assigned", "ignore_null_emails": "1"}, "assigned"),
    ],
)
def test_filters_choose_the_same_for_the_list_and_for_the_overview(
    plan: Plan, client_of: Client, query: dict[str, str], wanted: str
) -> None:
    has = {
        "activated": lambda row: row.status == "activated",
        "assigned": lambda row: row.status == "assigned",
        "revoked": lambda row: row.status == "revoked",
        "addressed": lambda row: row.status == "revoked" and row.email,
        "unassigned": lambda row: row.status == "unassigned",
        "second": lambda row: (row.email or "").startswith("0001-a"),
    }
    expected = {
        str(row.pk)
        for row in License.objects.filter(plan=plan.uuid)
        if any(has[word](row) for word in wanted.split())
    }
    client = client_of(ALICE)

    page = client.get(path_of(plan), query).json()
    overview = client.get(path_of(plan, "/overview"), query).json()

    assert {row["uuid"] for row in page["results"]} == expected
    assert page["count"] == len(expected) == sum(row["count"] for row in overview)
    statuses = [row["status"] for row in page["results"]]
    assert {row["status"]: row["count"] for row in overview} == {s: statuses.count(s) for s in set(statuses)}


@pytest.mark.parametrize("query", [{}, {"ignore_null_emails": "1"}, {"status": "assigned,revoked"}])
@pytest.mark.parametrize(
    "ordering",
    ["", "status", "-status", "user_email", "-user_email", "activation_date", "-status,user_email", "zz"],
)
def test_pages_put_together_are_the_whole_list_in_order(
    plan: Plan, client_of: Client, query: dict[str, str], ordering: str
) -> None:
    client, query = client_of(ALICE), {**query, "ordering": ordering}
    whole = client.get(path_of(plan), query).json()
    pages = [
        client.get(path_of(plan), {**query, "page_size": "3", "page": str(number)}).json()["results"]
        for number in range(1, -(-whole["count"] // 3) + 1)
    ]

    assert [row for page in pages for row in page] == whole["results"]
    assert len({row["uuid"] for row in whole["results"]}) == whole["count"]
    key = ordering.split(",")[0].removeprefix("-")
    column = key if key in ("user_email", "activation_date") else "status"
    values = [row[column] for row in whole["results"] if row[column]]
    assert values == sorted(values, reverse=ordering.startswith("-"))
    if column == "status" and not ordering.startswith("-"):
        for one, other in pairwise(whole["results"]):
            if one["status"] == other["status"] and one["user_email"] and other["user_email"]:
                assert one["user_email"] < other["user_email"]


def test_a_page_is_at_most_500_and_must_exist(plan: Plan, client_of: Client) -> None:
    client = client_of(ALICE)
    fill(plan, assigned=0, unassigned=600)
    PlanRow.objects.filter(pk=plan.uuid).update(
        activated_count=2, assigned_count=3, revoked_count=4, unassigned_count=604
    )

    assert len(client.get(path_of(plan), {"page_size": "1000"}).json()["results"]) == 500
    assert len(client.get(path_of(plan)).json()["results"]) == 100
    for page in ("0", "9", "zz", "9" * 30):
        beyond = client.get(path_of(plan), {"page": page})
        assert (beyond.status_code, beyond.json()) == (404, {"detail": "Invalid page."})


@pytest.mark.parametrize("query", [{"search": "a\x00b"}, {"active_only": "maybe"}])
def test_a_filter_that_makes_no_sense_is_refused(
    plan: Plan, client_of: Client, query: dict[str, str]
) -> None:
    for rest in ("", "/overview"):
        assert client_of(ALICE).get(path_of(plan, rest), query).status_code == 400


def test_only_the_administrators_of_the_customer_read_licenses(
    plan: Plan, globex: Organization, client_of: Client
) -> None:
    license_uuid = License.objects.filter(plan=plan.uuid).values_list("pk", flat=True)[0]
    foreign = globex.plan()
    for rest in ("", f"/{license_uuid}", "/csv", "/overview"):
        for member in (BOB, CAROL, STRAY):
            refused = client_of(member).get(path_of(plan, rest))
            missing = client_of(member).get(f"/api/v1/subscriptions/{NOWHERE}/licenses{rest}")
            assert refused.status_code == missing.status_code == 403
            assert refused.json() == missing.json()
        assert client_of(OLGA).get(f"/api/v1/subscriptions/{NOWHERE}/licenses{rest}").status_code == 404
    for nobody in (license_uuid, NOWHERE):
        answer = client_of(CAROL).get(path_of(foreign, f"/{nobody}"))
        assert (answer.status_code, answer.json()) == (404, {"detail": "No License matches the given query."})
    assert client_of(CAROL).get(path_of(foreign, f"/{'-' * 36}")).status_code == 400


def test_one_hundred_licenses_take_the_statements_of_one(acme: Organization, client_of: Client) -> None:
    client = client_of(ALICE)
    few, many = acme.plan(free=0), acme.plan(free=0)
    fill(few, assigned=1)
    fill(many, activated=30, assigned=30, revoked=20, purged=10, unassigned=10)
    portal = {"status": "assigned,activated,revoked", "ignore_null_emails": "1", "ordering": "user_email"}
    for query in ({}, portal, {"search": "0"}):
        with counted() as one:
            client.get(path_of(few), query)
        with counted() as hundred:
            client.get(path_of(many), query)

        assert one.count <= hundred.count <= 5 + 2  # the user and the roles are authentication


# One's own


def test_a_person_sees_the_own_licenses_of_a_plan(acme: Organization, client_of: Client) -> None:
    plan = acme.plan(free=3)
    licenses.assign(plan_uuid=plan.uuid, addresses=[BOB.email, DANA.email, ERIN.email], by=None)
    licenses.revoke(plan_uuid=plan.uuid, addresses=[ERIN.email], by=None)
    path = f"/api/v1/subscriptions/{plan.uuid}/license"

    page = client_of(BOB).get(f"{path}/").json()

    assert [row["user_email"] for row in page["results"]] == [BOB.email]
    assert page["count"] == page["num_pages"] == 1
    assert client_of(ERIN).get(path).json()["results"] == []
    for member in (CAROL, STRAY):
        refused, missing = (
            client_of(member).get(f"/api/v1/subscriptions/{each}/license/") for each in (plan.uuid, NOWHERE)
        )
        assert refused.status_code == missing.status_code == 403
        assert refused.json() == missing.json()


# The table


def test_the_table_has_everything_that_was_given_out(
    plan: Plan, client_of: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bursar.licenses.service.reads.licenses._CSV_CHUNK", 2)
    given = License.objects.filter(plan=plan.uuid, email="0000-assigned@acme.test")
    key = uuid4()
    given.update(email="=cmd@acme.test", activation_key=key, reminded_at="2026-11-20T18:09:27.140154Z")

    response = client_of(ALICE).get(path_of(plan, "/csv/"), headers={"Accept": "application/json"})

    assert isinstance(response, StreamingHttpResponse)
    assert (response.status_code, response["Content-Type"]) == (200, "text/csv")
    text = b"".join(response).decode()  # type: ignore[arg-type]
    rows = list(csv.DictReader(io.StringIO(text)))
    assert text.splitlines()[0] == "activation_date,activation_link,last_remind_date,status,user_email"
    assert [row["status"] for row in rows] == ["activated"] * 2 + ["assigned"] * 3 + ["revoked"] * 4
    assert sorted(row["user_email"] for row in rows if row["user_email"]) == [
        "'=cmd@acme.test",
        "0000-activated@acme.test",
        "0000-revoked@acme.test",
        "0001-activated@acme.test",
        "0001-assigned@acme.test",
        "0001-revoked@acme.test",
        "0002-assigned@acme.test",
    ]
    row = next(row for row in rows if row["user_email"].startswith("'"))
    assert row["activation_link"].endswith(f"/acme/licenses/{key}/activate")
    assert row["last_remind_date"] == "2026-11-20T18:09:27.140154Z"
