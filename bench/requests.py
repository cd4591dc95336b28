"""Lists, counts, makes, approves and declines the 5,000 requests of one customer; reads them among 1,000,000.

The limit of the list is a view of the framework that authenticates in the same way, reads one request by its
key and answers it. Both take turns in the same run, called as a server calls them: through WSGI and all
middleware. A client and a network would be the same for both, and make the list look better.

What is read among 1,000,000 requests of 1,000 customers (elsewhere than on PostgreSQL: 200,000) cannot take
turns with the same among 5,000, for that comes before. So each is measured in one-row views of its minute.
The customer's requests are spread evenly over the table.
"""

import logging
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import cache
from io import BytesIO
from itertools import count, cycle, islice
from statistics import median
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import measuring
from measuring import Figures, seconds

database = measuring.choose_database()  # before the imports below, for these read the settings

from django.db import connection, transaction
from django.urls import path
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIClient, APIRequestFactory
from rest_framework.views import APIView

from bursar.catalog import api as catalog
from bursar.catalog.data import EVERYTHING, CatalogToSave, CourseToSave, ModeToSave, PartnerToSave, RunToSave
from bursar.config import urls
from bursar.config.wsgi import application
from bursar.customers import api as customers
from bursar.customers.data import CustomerToSave
from bursar.identity import api as identity
from bursar.identity.data import ADMIN as ADMINISTRATOR
from bursar.identity.data import ANY_CUSTOMER, OPERATOR, Grant, PersonToSave
from bursar.lib import clock, sets
from bursar.licenses import api as licenses
from bursar.licenses.data import AgreementToSave, PlanToSave
from bursar.notifications.models import Message
from bursar.outbox import api as outbox
from bursar.subsidy_requests import api, models
from bursar.subsidy_requests.data import ConfigurationToSave, State, SubsidyType
from tests.statements import counted

ROUNDS = 25
SIZE, OTHER_CUSTOMERS = 5_000, 999
IN_ALL = 1_000_000 if database == "postgres" else 200_000  # elsewhere a million takes too long to write
PEER = {"list": 123, "approve": 605, "decline": 505, "create": 15}
STATEMENTS = {"list": 4, "overview": 2, "approve": 12, "decline": 10, "create": 10}
AUTHENTICATION = 2  # the user, the roles
# Goals are PostgreSQL's; the others are measured and said.
RATE_GOALS = {"postgres": 0.3}
SCALE_GOALS = {"postgres": 2.0}

CUSTOMER = UUID("a0000000-0000-4000-8000-000000000001")
PLAN = UUID("a0000000-0000-4000-8000-000000000002")
OTHERS = [UUID(int=number << 64) for number in range(1, OTHER_CUSTOMERS + 1)]
ADMIN, BOB, OLGA = 1, 2, 3
LEARNERS = range(1_000, 1_000 + SIZE)
COURSE, RUN = "MITx+6.00.1x", "course-v1:MITx+6.00.1x+2T2027"
REQUESTS = "/api/v1/license-requests/"
OF_CUSTOMER = {"enterprise_customer_uuid": str(CUSTOMER)}
# In each ten requests of a customer; the rest is open.
STATES = [State.REQUESTED] * 6 + [State.APPROVED] * 2 + [State.DECLINED, State.ERROR]


class OneRowView(APIView):
    """Reads one request by its key, behind the authentication of the list."""

    def get(self, request: Request, key: UUID) -> Response:
        identity.get_caller(request)
        return Response(models.LicenseRequest.objects.values().get(pk=key))


urls.urlpatterns.insert(0, path("bench/one-row/<uuid:key>/", OneRowView.as_view()))


def main() -> int:
    logging.getLogger("bursar.access").setLevel(logging.WARNING)
    prepare()
    fill(others=0)
    figures = Figures(of=database)
    alone = measure_reads()
    one_row, listed = alone[ONE_ROW], alone["list"]
    figures.add("one row, behind the same authentication", one_row * 1000, " ms")
    figures.add("list of 100", listed * 1000, " ms")
    rate_goal = RATE_GOALS.get(database)
    figures.add("list of 100: its rate to one row's", one_row / listed, " x", at_least=rate_goal)
    compare_statements(figures)
    models.LicenseRequest.objects.all().delete()
    analyze()
    figures.add(f"{IN_ALL:,} requests written", seconds(lambda: fill(others=IN_ALL - SIZE)), " s")
    compare_sizes(figures, alone, measure_reads())
    return figures.exit_code()


def prepare() -> None:
    """A customer that takes requests and has a plan, its people, an operator, a course."""
    customers.save_customers([CustomerToSave(CUSTOMER, "Acme", "acme")])
    catalog.save_catalogs([CatalogToSave(CUSTOMER, CUSTOMER, "Everything", (EVERYTHING,))])
    runs = (RunToSave(RUN, modes=(ModeToSave("verified", price_cents=14_900),)),)
    partners = (PartnerToSave("MITx", "Massachusetts Institute of Technology"),)
    catalog.save_courses([CourseToSave(COURSE, "Programming in Python", partners=partners, runs=runs)])
    administers, operates = (Grant(ADMINISTRATOR, str(CUSTOMER)),), (Grant(OPERATOR, ANY_CUSTOMER),)
    people = [
        PersonToSave("alice@acme.test", "alice", lms_user_id=ADMIN, roles=administers),
        PersonToSave("bob@acme.test", "bob", lms_user_id=BOB),
        PersonToSave("olga@bursar.test", "olga", lms_user_id=OLGA, is_staff=True, roles=operates),
        *(PersonToSave(address(number), f"learner{number}", lms_user_id=number) for number in LEARNERS),
    ]
    identity.save_people(people)
    learners = ["bob@acme.test", *(address(number) for number in LEARNERS)]
    for part in sets.chunks(learners):
        customers.link_learners(customer_uuid=CUSTOMER, emails=part, by=None)
    licenses.save_agreements([AgreementToSave(CUSTOMER, "acme", "Acme")])
    day, now = timedelta(days=1), clock.now()
    licenses.save_plans([PlanToSave(PLAN, CUSTOMER, "Plan", None, now - day, now + 99 * day, SIZE)])
    wanted = ConfigurationToSave(CUSTOMER, is_enabled=True, subsidy_type=SubsidyType.LICENSE)
    api.save_configurations([wanted], by=None)
    outbox.relay()


def address(lms_user_id: int) -> str:
    return f"learner{lms_user_id}@acme.test"


COLUMNS = (
    "uuid",
    "customer_uuid",
    "lms_user_id",
    "email",
    "course_key",
    "course_title",
    "course_partners",
    "state",
    "plan_uuid",
    "license_uuid",
    "is_notification_wanted",
    "is_removed",
    "created_at",
    "modified_at",
)


def fill(*, others: int) -> None:
    """The customer's requests; between them those of other customers, so that none stand side by side."""
    rows = made_rows(others)
    with widened(), transaction.atomic():
        while chunk := list(islice(rows, sets.CHUNK)):
            sets.insert(models.LicenseRequest, COLUMNS, chunk)
    analyze()


@contextmanager
def widened() -> Iterator[None]:
    """SQLite keeps what is written in memory meanwhile; otherwise it would write most pages many times."""
    if connection.vendor != "sqlite":
        yield
        return
    with connection.cursor() as cursor:
        (usual,) = cursor.execute("PRAGMA cache_size").fetchone()
        cursor.execute("PRAGMA cache_size = -2000000")  # 2 GB
        yield
        cursor.execute(f"PRAGMA cache_size = {usual}")


def made_rows(others: int) -> Iterator[tuple[Any, ...]]:
    """Of the customer 5,000, a hundred of them Bob's, the oldest first; after each its share of others."""
    start = clock.now() - timedelta(days=200)
    partners = [{"uuid": str(CUSTOMER), "name": "Massachusetts Institute of Technology"}]
    customers_, strangers, moments = cycle(OTHERS), count(10_000_000), count()

    def row(customer: UUID, lms_user_id: int, state: State) -> tuple[Any, ...]:
        moment = start + timedelta(seconds=10 * next(moments))
        given = (PLAN, uuid.uuid4()) if state is State.APPROVED else (None, None)
        who = (customer, lms_user_id, f"learner{lms_user_id}@acme.test")
        course = (COURSE, "Programming in Python", partners)
        return uuid.uuid4(), *who, *course, state.value, *given, False, False, moment, moment

    for number, learner in enumerate(LEARNERS):
        is_bobs = number % 50 == 0
        yield row(CUSTOMER, BOB, State.DECLINED) if is_bobs else row(CUSTOMER, learner, STATES[number % 10])
        for place in range(others // SIZE):
            yield row(next(customers_), next(strangers), STATES[place % 10])


def analyze() -> None:
    table = models.LicenseRequest._meta.db_table
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(f"VACUUM ANALYZE {table}")
        elif connection.vendor == "sqlite":
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            cursor.execute("ANALYZE")
        else:
            cursor.execute(f"ANALYZE TABLE {table}")
            cursor.fetchall()


# Reading


def reads() -> dict[str, Callable[[], object]]:
    """What is read, by name."""
    key = models.LicenseRequest.objects.filter(customer_uuid=CUSTOMER).values_list("pk", flat=True)[0]
    hundred = {**OF_CUSTOMER, "page_size": 100}
    everything = {"page_size": 100}
    portal = {**OF_CUSTOMER, "page_size": 20, "state": "requested,approved"}
    return {
        ONE_ROW: reading(f"/bench/one-row/{key}/"),
        "list": reading(REQUESTS, hundred),
        "list, page 25": reading(REQUESTS, {**hundred, "page": 25}),
        "list of what waits": reading(REQUESTS, {**hundred, "state": "requested"}),
        "list of the portal": reading(REQUESTS, portal),
        "overview": reading(f"{REQUESTS}overview/", OF_CUSTOMER),
        "capacity": reading(f"{REQUESTS}capacity/", OF_CUSTOMER),
        "learner's list": reading(REQUESTS, OF_CUSTOMER, by=BOB),
        "learner's list of all": reading(REQUESTS, by=BOB),
        "list, searched": reading(REQUESTS, {**hundred, "search": "ner17"}),
        "list by address": reading(REQUESTS, {**hundred, "ordering": "email"}),
        "list without customer": reading(REQUESTS, everything),
        "operator's list": reading(REQUESTS, everything, by=OLGA),
        "operator's list of what waits": reading(REQUESTS, {**everything, "state": "requested"}, by=OLGA),
        "operator's search": reading(REQUESTS, {**everything, "search": "ner1717"}, by=OLGA),
    }


ONE_ROW = "one row"
READS_ALL_ROWS = ("list, searched", "list by address", "list without customer")
"""What reads all rows of the customer: they lie together in a small table, and apart in a large one."""
OPERATORS = "operator's"
"""What reads all customers' requests: measured fewer times, and said in seconds."""


def measure_reads() -> dict[str, float]:
    """Seconds of each, in turn."""
    acts = reads()
    times: dict[str, list[float]] = {name: [] for name in acts}
    for number in range(ROUNDS):
        for name, act in acts.items():
            if number < 3 or not name.startswith(OPERATORS):
                times[name].append(seconds(act))
    return {name: median(taken) for name, taken in times.items()}


def reading(path: str, query: dict[str, object] | None = None, *, by: int = ADMIN) -> Callable[[], object]:
    """What a server does when somebody reads this path."""
    address = f"{path}?{urlencode(query)}" if query else path
    headers = {"HTTP_AUTHORIZATION": f"JWT {token_of(by)}"}
    environ = APIRequestFactory().get(address, SERVER_NAME="127.0.0.1", **headers).environ
    statuses: list[str] = []

    def read() -> bytes:
        answer = application({**environ, "wsgi.input": BytesIO()}, lambda status, _: statuses.append(status))
        body = b"".join(answer)
        answer.close()
        assert statuses.pop() == "200 OK", body
        return body

    return read


@cache
def token_of(lms_user_id: int) -> str:
    return identity.issue_token(lms_user_id=lms_user_id)


def compare_sizes(figures: Figures, alone: dict[str, float], among: dict[str, float]) -> None:
    """The same read of 5,000 requests, when they are all there are and when they are among 1,000,000."""
    for name in alone:
        if name == ONE_ROW:
            continue
        if name.startswith(OPERATORS):
            figures.add(f"{name}: {IN_ALL:,}", among[name], " s")
            continue
        ratio = (among[name] / among[ONE_ROW]) / (alone[name] / alone[ONE_ROW])
        goal = None if name in READS_ALL_ROWS else SCALE_GOALS.get(database)
        figures.add(f"{name}: {IN_ALL:,} / 5,000", ratio, " x", at_most=goal)


# Statements


def compare_statements(figures: Figures) -> None:
    """Counts them after authentication."""
    waiting = iter(
        models.LicenseRequest.objects.filter(customer_uuid=CUSTOMER, state=State.REQUESTED).values_list(
            "pk", flat=True
        )
    )

    def add(name: str, key: str, act: Callable[[], object]) -> None:
        with counted() as statements:
            act()
        peer = f", peer {PEER[key]}" if key in PEER else ""
        figures.add(f"statements: {name}{peer}", statements.count - AUTHENTICATION, at_most=STATEMENTS[key])

    hundred = {**OF_CUSTOMER, "page_size": 100}
    add("list of 100", "list", reading(REQUESTS, hundred))
    add("overview", "overview", reading(f"{REQUESTS}overview/", OF_CUSTOMER))
    asked = {**OF_CUSTOMER, "course_id": COURSE, "course_run_id": RUN}
    add("create, with course and run", "create", lambda: submit("", asked, by=BOB, status=201))

    def answer(what: str, size: int, **more: object) -> None:
        uuids = [str(pk) for pk in islice(waiting, size)]
        submit(what, {**OF_CUSTOMER, "subsidy_request_uuids": uuids, **more})

    no: dict[str, object] = {"decline_reason": "Next year."}
    add("decline 100", "decline", lambda: answer("decline/", 100, **no))
    no["send_notification"] = True
    add("decline 100, with mails", "decline", lambda: answer("decline/", 100, **no))
    no["unlink_users_from_enterprise"] = True
    add("the same, and unlinked", "decline", lambda: answer("decline/", 100, **no))
    outbox.relay()
    yes = {"subscription_plan_uuid": str(PLAN), "send_notification": True}
    in_the_background = {}
    for size in (1, 100, 1_000):
        if size == 100:
            add("approve 100", "approve", lambda: answer("approve/", 100, **yes))
        else:
            answer("approve/", size, **yes)
        before = Message.objects.count()
        with counted() as statements:
            outbox.relay()
        assert Message.objects.count() - before == size
        in_the_background[size] = statements.count
    of_one = in_the_background.pop(1)
    figures.add("statements: after 1 approval", of_one)
    for size, number in in_the_background.items():
        figures.add(f"statements: after {size:,} approvals", number, at_most=of_one)


def submit(action: str, body: dict[str, Any], *, by: int = ADMIN, status: int = 200) -> None:
    client = APIClient(SERVER_NAME="127.0.0.1", headers={"Authorization": f"JWT {token_of(by)}"})
    answer = client.post(f"{REQUESTS}{action}", body, "json")
    assert answer.status_code == status, answer.content


if __name__ == "__main__":
    sys.exit(main())
