"""Assigns 1,000 licenses, revokes 100, reads plans and licenses; and does the same in a plan of 400,000.

The raw SQL (``raw/licenses/``) is the limit of assigning: it writes the same rows (licenses, their history,
the plan's counts, the event, a mail for each), as one statement on PostgreSQL and one for each table
elsewhere, checks no rule and gives no answer. Both take turns in the same run, on the same tables.
"""

import logging
import sys
import uuid
from collections.abc import Callable
from datetime import timedelta
from functools import cache
from itertools import islice
from operator import truediv
from pathlib import Path
from statistics import median
from typing import Any
from uuid import UUID

import orjson

import measuring
from measuring import Figures, peak_megabytes, seconds

database = measuring.choose_database()  # before the imports below, for these read the settings

from django.db import connection, transaction
from rest_framework.test import APIClient

from bursar.catalog import api as catalog
from bursar.catalog.data import EVERYTHING, CatalogToSave
from bursar.config.reactions import REACTIONS
from bursar.customers import api as customers
from bursar.customers.data import CustomerToSave
from bursar.events.licenses import LICENSES_ASSIGNED
from bursar.identity import api as identity
from bursar.identity.data import ADMIN as ADMINISTRATOR
from bursar.identity.data import LEARNER, Grant, PersonToSave
from bursar.lib import clock, sets
from bursar.licenses import api, models
from bursar.licenses.data import AgreementToSave, Notice, PlanToSave, Status
from bursar.notifications.models import Message
from bursar.outbox.models import Delivery, Event
from tests.statements import counted

ROUNDS = 9
COUNT = 1_000
SMALL, LARGE = 5_000, 400_000
PEER = {"assign": 208, "revoke": 805, "plans": 124, "learner": 193}
STATEMENTS = {"assign": 15, "revoke": 15, "list": 5, "plans": 6, "learner": 6}
AUTHENTICATION = 2  # the user, the roles
# Goals are PostgreSQL's; the others are measured and said.
ASSIGN_GOALS = {"postgres": 2.0}
SCALE_GOALS = {"postgres": 2.0}
SEARCH_GOALS = {"postgres": 1.0}
PEAK_GOAL_MB = 10.0

CUSTOMER = UUID("a0000000-0000-4000-8000-000000000001")
SMALL_PLAN = UUID("a0000000-0000-4000-8000-000000000002")
LARGE_PLAN = UUID("a0000000-0000-4000-8000-000000000003")
ADMIN, BOB = 1, 2
HANDLERS = [each.handler for each in REACTIONS if each.on is LICENSES_ASSIGNED]
EMAILS = sorted(f"new{number}@acme.test" for number in range(COUNT))
NOTICE = Notice(greeting="Hello", closing="Your training team")
RAW = (Path(__file__).parent / "raw" / "licenses" / f"{database}.sql").read_text()
STATEMENTS_RAW = [RAW] if database == "postgres" else RAW.split(";\n")
API = "/api/v1"
BY_ADDRESS_IN_THE_MIDDLE = "list by address, in the middle"


def main() -> int:
    logging.getLogger("bursar.access").setLevel(logging.WARNING)
    prepare()
    for number in (ADMIN, BOB):
        client_for(number)  # or their tokens would be counted
    assert written_by(assign) == written_by(write_raw), "the raw SQL writes something else"
    figures = Figures(of=database)
    compare_assigning(figures)
    compare_statements(figures)
    compare_sizes(figures)
    return figures.exit_code()


def prepare() -> None:
    """A customer with a plan of 5,000 licenses and one of 400,000, a learner, and an administrator."""
    customers.save_customers([CustomerToSave(CUSTOMER, "Acme", "acme")])
    catalog.save_catalogs([CatalogToSave(CUSTOMER, CUSTOMER, "Everything", (EVERYTHING,))])
    roles = {ADMIN: ADMINISTRATOR, BOB: LEARNER}
    identity.save_people(
        [
            PersonToSave(f"{role}@acme.test", role, lms_user_id=number, roles=(Grant(role, str(CUSTOMER)),))
            for number, role in roles.items()
        ]
    )
    api.save_agreements([AgreementToSave(CUSTOMER, "acme", "Acme")])
    save_plan(SMALL_PLAN, "Small", 0)
    save_plan(LARGE_PLAN, "Large", 0)
    fill(SMALL_PLAN, SMALL)
    fill(LARGE_PLAN, LARGE)
    empty()
    analyze()


def save_plan(plan: UUID, title: str, size: int) -> None:
    day, now = timedelta(days=1), clock.now()
    api.save_plans([PlanToSave(plan, CUSTOMER, title, None, now - day, now + 99 * day, size)])


def fill(plan: UUID, size: int) -> None:
    """Half of the licenses are active, a quarter is assigned, some are revoked, the rest is free."""
    shares = {Status.ACTIVATED: size // 2, Status.ASSIGNED: size // 4, Status.REVOKED: size // 20}
    shares[Status.UNASSIGNED] = size - sum(shares.values())
    now = clock.now()
    rows = iter(
        [
            (uuid.uuid4(), plan, status.value, now, now, *holder(plan, status, number, now))
            for status, count in shares.items()
            for number in range(count)
        ]
    )
    columns = ("uuid", "plan", "status", "created_at", "modified_at", *HOLDER)
    while chunk := list(islice(rows, sets.CHUNK)):
        with transaction.atomic():
            sets.insert(models.License, columns, chunk)
    models.Plan.objects.filter(pk=plan).update(
        **{f"{status}_count": count for status, count in shares.items()}
    )


HOLDER = (
    "email",
    "activation_key",
    "assigned_at",
    "reminded_at",
    "activated_at",
    "revoked_at",
    "lms_user_id",
)


def holder(plan: UUID, status: Status, number: int, now: Any) -> tuple[Any, ...]:
    if status is Status.UNASSIGNED:
        return (None,) * len(HOLDER)
    activated = now if status is Status.ACTIVATED else None
    revoked = now if status is Status.REVOKED else None
    email = f"{status}{number}@{str(plan)[-4:]}.test"
    return email, uuid.uuid4(), now, now, activated, revoked, 1_000_000 + number if activated else None


def analyze() -> None:
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("VACUUM ANALYZE licenses_license")
            cursor.execute("VACUUM ANALYZE notifications_message")
        elif connection.vendor == "sqlite":
            cursor.execute("ANALYZE")
        else:
            cursor.execute("ANALYZE TABLE licenses_license")
            cursor.fetchall()


# Assigning


def assign(plan: UUID = SMALL_PLAN) -> None:
    outcomes = api.assign(plan_uuid=plan, addresses=EMAILS, by=ADMIN, notice=NOTICE)
    assert all(outcome.is_new for outcome in outcomes)


def write_raw() -> None:
    def listed(values: list[str]) -> Any:
        return values if connection.vendor == "postgresql" else orjson.dumps(values).decode()

    plan = models.Plan.objects.get(pk=SMALL_PLAN)
    context = {
        "customer_name": "Acme",
        "customer_slug": "acme",
        "contact_email": "",
        "greeting": NOTICE.greeting,
        "closing": NOTICE.closing,
        "expires_on": plan.expires_at.date().isoformat(),
    }
    values = {
        "emails": listed(EMAILS),
        "count": COUNT,
        "plan": str(SMALL_PLAN),
        "plan_hex": SMALL_PLAN.hex,
        "customer": str(CUSTOMER),
        "customer_hex": CUSTOMER.hex,
        "handlers": listed(HANDLERS),
        "context": orjson.dumps(context).decode(),
        "moment": connection.ops.adapt_datetimefield_value(clock.now()),
        "by": ADMIN,
    }
    with transaction.atomic(), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL jit = off")
        for statement in STATEMENTS_RAW:
            cursor.execute(statement, values)


def written_by(write: Callable[[], None]) -> list[object]:
    """What it writes, but for uuids, keys and moments."""
    write()
    given = models.License.objects.filter(plan=SMALL_PLAN, email__in=EMAILS).order_by("email")
    plan = models.Plan.objects.get(pk=SMALL_PLAN)
    messages = Message.objects.order_by("email")
    keys = {str(key) for key in given.values_list("activation_key", flat=True)}
    listed = list(messages)
    assert {row.context.pop("activation_key") for row in listed} == keys
    (event,) = Event.objects.all()
    for fact in event.facts:
        assert UUID(fact.pop("license_uuid"))
    past = models.License.history.filter(email__in=EMAILS).order_by("email")
    written: list[object] = [
        list(given.values_list("email", "status", "lms_user_id", "is_auto_applied")),
        list(past.values_list("email", "status", "history_type", "history_user_id", "history_change_reason")),
        (plan.unassigned_count, plan.assigned_count),
        [(row.template, row.email, row.context, row.state, row.created_by) for row in listed],
        (event.type, event.key, event.recorded_by, sorted(event.facts, key=lambda fact: str(fact["email"]))),
        sorted(Delivery.objects.values_list("handler", "key", "state", "attempt_count", "last_error")),
    ]
    empty()
    return written


def empty() -> None:
    """Takes back what was given, so that the next one finds the same tables."""
    Delivery.objects.all().delete()
    Event.objects.all().delete()
    Message.objects.all().delete()
    for plan in (SMALL_PLAN, LARGE_PLAN):
        given = models.License.objects.filter(plan=plan, email__in=EMAILS)
        models.License.history.filter(uuid__in=list(given.values_list("pk", flat=True))).delete()
        count = given.update(
            status=Status.UNASSIGNED.value,
            email=None,
            activation_key=None,
            assigned_at=None,
            reminded_at=None,
        )
        row = models.Plan.objects.get(pk=plan)
        row.unassigned_count += count
        row.assigned_count -= count
        row.save(update_fields=["unassigned_count", "assigned_count"])
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("VACUUM licenses_license, notifications_message, licenses_plan")


def compare_assigning(figures: Figures) -> None:
    """Takes the times in turn."""
    ours, raw, large = list[float](), list[float](), list[float]()
    for _ in range(ROUNDS):
        for times, write in ((ours, assign), (raw, write_raw), (large, lambda: assign(LARGE_PLAN))):
            times.append(seconds(write))
            empty()
    figures.add("assign 1,000, with mails", median(ours), " s")
    figures.add("raw SQL: the same rows", median(raw), " s")
    goal = ASSIGN_GOALS.get(database)
    figures.add("assign / raw SQL", median(map(truediv, ours, raw)), " x", at_most=goal)
    goal = SCALE_GOALS.get(database)
    figures.add("assign: 400,000 / 5,000", median(map(truediv, large, ours)), " x", at_most=goal)
    figures.add("assign: most memory at a time", peak_megabytes(assign), " MB")
    empty()


# Reading, and statements


@cache
def client_for(lms_user_id: int) -> APIClient:
    token = identity.issue_token(lms_user_id=lms_user_id)
    return APIClient(SERVER_NAME="127.0.0.1", headers={"Authorization": f"JWT {token}"})


def get(path: str, *, by: int = ADMIN, **query: object) -> Any:
    answer = client_for(by).get(f"{API}/{path}", query)
    assert answer.status_code == 200, answer.content
    return answer


def post(action: str, emails: list[str]) -> None:
    path = f"{API}/subscriptions/{SMALL_PLAN}/licenses/{action}/"
    answer = client_for(ADMIN).post(path, {"user_emails": emails}, "json")
    assert answer.status_code == 200, answer.content


def compare_statements(figures: Figures) -> None:
    """Counts them after authentication."""

    def add(name: str, key: str, act: Callable[[], object]) -> None:
        with counted() as statements:
            act()
        count = statements.count - AUTHENTICATION
        peer = f", peer {PEER[key]}" if key in PEER else ""
        figures.add(f"statements: {name}{peer}", count, at_most=STATEMENTS[key])

    add("assign 1,000", "assign", lambda: post("assign", EMAILS))
    add("revoke 100", "revoke", lambda: post("bulk-revoke", EMAILS[:100]))
    models.License.history.filter(email__in=EMAILS).delete()
    models.License.objects.filter(email__in=EMAILS, status=Status.REVOKED).update(email=None)
    empty()
    add("list of 100", "list", lambda: get(f"subscriptions/{SMALL_PLAN}/licenses/", page_size=100))
    for number in range(20):
        plan = uuid.uuid4()
        save_plan(plan, f"Plan {number}", 1)
        address = f"{LEARNER}@acme.test"
        api.assign(plan_uuid=plan, addresses=[address], by=ADMIN)
        api.activate_for(plan_uuid=plan, holders={address: BOB}, by=ADMIN)
    customer = {"enterprise_customer_uuid": str(CUSTOMER)}
    add("20 plans", "plans", lambda: get("subscriptions/", **customer))
    add("20 learner licenses", "learner", lambda: get("learner-licenses/", by=BOB, **customer))
    empty()


def compare_sizes(figures: Figures) -> None:
    """The same read of the plan of 5,000 and of that of 400,000, in turn."""
    analyze()
    portal = {
        "page_size": 20,
        "ignore_null_emails": 1,
        "status": "assigned,activated,revoked",
        "ordering": "",
    }
    reads: dict[str, dict[str, object]] = {
        "list": {"page_size": 100},
        "list of the portal": portal,
        "list by address": {"page_size": 100, "ordering": "user_email"},
        "list, page 20": {"page_size": 100, "page": 20},
        "list, in the middle": {"page_size": 100, "page": "middle"},
        BY_ADDRESS_IN_THE_MIDDLE: {"page_size": 100, "ordering": "user_email", "page": "middle"},
        "overview": {},
    }
    for name, query in reads.items():
        last = "overview/" if name == "overview" else ""
        small, large = list[float](), list[float]()
        for _ in range(ROUNDS):
            for plan, size, times in ((SMALL_PLAN, SMALL, small), (LARGE_PLAN, LARGE, large)):
                path = f"subscriptions/{plan}/licenses/{last}"
                asked = {**query, "page": size // 200} if query.get("page") == "middle" else query
                times.append(seconds(lambda path=path, asked=asked: get(path, **asked)))  # type: ignore[misc]
        ratio = median(map(truediv, large, small))
        # In the middle of this order the database walks 140,000 entries of an index: measured, and said.
        goal = None if name == BY_ADDRESS_IN_THE_MIDDLE else SCALE_GOALS.get(database)
        figures.add(f"{name}: 400,000 / 5,000", ratio, " x", at_most=goal)
    licenses = f"subscriptions/{LARGE_PLAN}/licenses/"
    search = [seconds(lambda: get(licenses, search="ted1234", page_size=100)) for _ in range(ROUNDS)]
    figures.add("search in 400,000", median(search), " s", at_most=SEARCH_GOALS.get(database))
    last_page = (LARGE + 99) // 100
    deep = [seconds(lambda: get(licenses, page=last_page, page_size=100)) for _ in range(ROUNDS)]
    figures.add("the last page of 400,000", median(deep), " s")

    def stream(plan: UUID) -> None:
        answer = get(f"subscriptions/{plan}/licenses/csv/")
        size = sum(len(part) for part in answer)
        assert size > SMALL

    figures.add("csv of 400,000", seconds(lambda: stream(LARGE_PLAN)), " s")
    figures.add(
        "csv of 400,000: most memory at a time",
        peak_megabytes(lambda: stream(LARGE_PLAN)),
        " MB",
        at_most=PEAK_GOAL_MB,
    )


if __name__ == "__main__":
    sys.exit(main())
