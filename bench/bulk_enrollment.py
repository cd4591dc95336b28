"""Enrolls 1,000 people in 10 runs at a customer's expense: at the door, as a job, and by raw SQL.

The raw SQL (``raw/bulk_enrollment/``) is the limit: it writes the same rows, as one statement on PostgreSQL
and one for each table elsewhere, checks no rule and gives no answer. Both take turns in the same run, on the
same tables. The people are new to the customer: links, roles, enrollments, sponsored enrollments,
fulfillments, the history of each, and events. As a job the licenses are looked up as well, and the job's own
rows are written.
"""

import sys
from collections.abc import Callable
from datetime import timedelta
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
from bursar.catalog.data import EVERYTHING, CatalogToSave, CourseToSave, ModeToSave, RunToSave
from bursar.config.reactions import REACTIONS
from bursar.customers import api, models
from bursar.customers.data import BULK_LIMIT, BulkPair, CustomerToSave, PairVerdict
from bursar.enrollments.models import Enrollment
from bursar.events.enrollments import ENROLLMENTS_CREATED
from bursar.identity import api as identity
from bursar.identity.data import ADMIN as ADMINISTRATOR
from bursar.identity.data import LEARNER, Grant, PersonToSave
from bursar.identity.models import RoleAssignment
from bursar.jobs import api as jobs
from bursar.lib import clock, sets
from bursar.licenses import api as licenses
from bursar.licenses.data import AgreementToSave, BulkRow, PlanToSave
from bursar.outbox.models import Delivery, Event
from tests.statements import counted

ROUNDS = 9
OTHERS = 50_000  # people whom the customer sponsors in another run already
PEOPLE = range(OTHERS + 1, OTHERS + 1_001)
RUNS = [f"course-v1:Acme+C{number}+2027" for number in range(10)]
OTHER_RUN = "course-v1:Acme+Other+2027"
MODE = "verified"
CUSTOMER = UUID("a0000000-0000-4000-8000-000000000001")
PLAN = UUID("a0000000-0000-4000-8000-000000000002")
ADMIN = 1
TITLE = "Course"
HANDLERS = [each.handler for each in REACTIONS if each.on is ENROLLMENTS_CREATED]
EMAILS = [f"learner{number}@acme.test" for number in PEOPLE]
LICENSES = [UUID(int=number << 64) for number in PEOPLE]

DOOR_GOALS = {"postgres": 2.0}  # the door's time to that of raw SQL, at most
REPEAT_GOALS = {"postgres": 10.0}  # percent of the first request, at most
JOB_GOALS = {"postgres": 3.0}
REPEATED_JOB_GOALS = {"postgres": 25.0}
# For 1,000 pairs at the door, and for each chunk of a job; MariaDB looks before it inserts.
STATEMENTS, JOB_STATEMENTS = (20, 24) if database == "mariadb" else (18, 22)
POST_SECONDS = 1.0

PAIRS = [
    BulkPair(run, email, license_uuid=str(license_uuid))
    for email, license_uuid in zip(EMAILS, LICENSES, strict=True)
    for run in RUNS
]
SQL = Path(__file__).parent / "raw"
OF_THE_PEOPLE = f"lms_user_id >= {PEOPLE.start}"
IN_THE_RUNS = f"run_key <> '{OTHER_RUN}'"
PAYS_FOR_THE_RUNS = (
    f"sponsored_enrollment_id IN (SELECT uuid FROM customers_sponsoredenrollment WHERE {IN_THE_RUNS})"
)
WRITTEN = {
    "customers_fulfillment": PAYS_FOR_THE_RUNS,
    "customers_historicalfulfillment": PAYS_FOR_THE_RUNS,
    "customers_sponsoredenrollment": IN_THE_RUNS,
    "customers_historicalsponsoredenrollment": IN_THE_RUNS,
    "customers_learnerlink": OF_THE_PEOPLE,
    "customers_historicallearnerlink": OF_THE_PEOPLE,
    "identity_roleassignment": OF_THE_PEOPLE,
    "identity_historicalroleassignment": OF_THE_PEOPLE,
    "enrollments_enrollment": IN_THE_RUNS,
    "enrollments_historicalenrollment": IN_THE_RUNS,
    "outbox_delivery": "1 = 1",
    "outbox_event": "1 = 1",
    "jobs_chunk": "1 = 1",
    "jobs_job": "1 = 1",
    "notifications_message": "1 = 1",
}
"""Where what was written stands: tables, and which of their rows."""


def main() -> int:
    prepare()
    assert written_by(enroll) == written_by(write_raw), "the raw SQL writes something else"
    figures = Figures(of=database)
    compare_times(figures)
    compare_statements(figures)
    figures.add("door: most memory at a time", peak_megabytes(enroll), " MB")
    empty()
    figures.add("job: most memory at a time", peak_megabytes(lambda: work(begin())), " MB")
    empty()
    time_the_post(figures)
    return figures.exit_code()


def prepare() -> None:
    """A customer whose catalog has everything, and many people, most of whom are in another run already."""
    runs = tuple(RunToSave(key, modes=(ModeToSave(MODE, price_cents=100),)) for key in [*RUNS, OTHER_RUN])
    catalog.save_courses([CourseToSave("Acme+C", TITLE, runs=runs)])
    api.save_customers([CustomerToSave(CUSTOMER, "Acme", "acme")])
    catalog.save_catalogs([CatalogToSave(CUSTOMER, CUSTOMER, "Everything", (EVERYTHING,))])
    identity.save_people(
        [
            PersonToSave(f"learner{number}@acme.test", f"learner{number}", lms_user_id=number)
            for number in range(1, PEOPLE.stop)
        ]
    )
    administers = (Grant(ADMINISTRATOR, str(CUSTOMER)),)
    identity.save_people(
        [PersonToSave("learner1@acme.test", "learner1", lms_user_id=ADMIN, roles=administers)]
    )
    others = [
        BulkPair(OTHER_RUN, f"learner{number}@acme.test", license_uuid=str(UUID(int=number)))
        for number in range(1, OTHERS + 1)
    ]
    for part in sets.chunks(others, BULK_LIMIT):
        api.enroll_in_bulk(customer_uuid=CUSTOMER, pairs=part, by=ADMIN)
    licenses.save_agreements([AgreementToSave(CUSTOMER, "acme", "Acme")])
    day, now = timedelta(days=1), clock.now()
    licenses.save_plans([PlanToSave(PLAN, CUSTOMER, "Plan", None, now - day, now + day, len(EMAILS))])
    licenses.assign(plan_uuid=PLAN, addresses=EMAILS, by=ADMIN)
    empty()


def begin(size: int = len(PAIRS)) -> UUID:
    """What the POST of the license-guarded endpoint does after it has read its body."""
    rows = [BulkRow(number, str(pair.email), pair.run_key) for number, pair in enumerate(PAIRS[:size])]
    return licenses.start_bulk_enrollment(
        customer_uuid=CUSTOMER, plan_uuid=PLAN, rows=rows, notify=False, by=ADMIN
    )


def work(job_uuid: UUID) -> None:
    """What a worker does."""
    jobs.run()
    assert jobs.get_job(job_uuid).counts == {"success": len(PAIRS)}


def enroll() -> None:
    outcomes = api.enroll_in_bulk(customer_uuid=CUSTOMER, pairs=PAIRS, by=ADMIN)
    assert all(outcome.verdict is PairVerdict.ENROLLED for outcome in outcomes)


def raw_statements() -> list[str]:
    ours = (SQL / "bulk_enrollment" / f"{database}.sql").read_text()
    if database == "postgres":
        return [ours]
    enrollments = (SQL / "enrollments" / f"{database}.sql").read_text()
    return ours.replace("-- enrollments\n", enrollments).split(";\n")


RAW = raw_statements()


def write_raw() -> None:
    def listed(values: list[Any]) -> Any:
        return values if connection.vendor == "postgresql" else orjson.dumps(values).decode()

    is_sqlite = connection.vendor == "sqlite"
    values = {
        "emails": listed(EMAILS),
        "licenses": listed([each.hex if is_sqlite else str(each) for each in LICENSES]),
        "people": listed(list(PEOPLE)),
        "first": PEOPLE.start,
        "runs": listed(RUNS),
        "handlers": listed(HANDLERS),
        "title": TITLE,
        "mode": MODE,
        "role": LEARNER,
        "source": "customer_admin",
        "discount": 100.0,
        "customer": str(CUSTOMER),
        "customer_hex": CUSTOMER.hex,
        "moment": connection.ops.adapt_datetimefield_value(clock.now()),
        "by": ADMIN,
    }
    with transaction.atomic(), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # It misjudges the joins by far, and then compiles them for longer than they take.
            cursor.execute("SET LOCAL jit = off")
        for statement in RAW:
            cursor.execute(statement, values)


def written_by(write: Callable[[], None]) -> list[object]:
    """What it writes, but for uuids and moments: of each table the columns that matter."""
    write()
    people: dict[str, Any] = {"lms_user_id__in": PEOPLE}
    runs: dict[str, Any] = {"run_key__in": RUNS}
    columns: dict[Any, tuple[dict[str, Any], tuple[str, ...]]] = {
        models.LearnerLink: (
            people,
            ("customer_id", "lms_user_id", "is_linked", "is_relinkable", "is_active"),
        ),
        RoleAssignment: (people, ("lms_user_id", "role", "context")),
        Enrollment: (runs, ("lms_user_id", "run_key", "mode", "is_active", "customer_uuid")),
        models.SponsoredEnrollment: (runs, ("run_key", "source", "is_saved_for_later", "is_unenrolled")),
        models.Fulfillment: ({"subsidy_uuid__in": LICENSES}, ("kind", "subsidy_uuid", "is_revoked")),
    }
    written: list[object] = []
    for model, (ours, names) in columns.items():
        present, past = model.objects.filter(**ours), model.history.filter(**ours)
        by_whom = ("history_type", "history_user_id", "history_change_reason")
        written += [sorted(present.values_list(*names)), sorted(past.values_list(*names, *by_whom))]
        assert set(present.values_list("uuid")) == set(past.values_list("uuid"))
    paid = models.Fulfillment.objects.filter(subsidy_uuid__in=LICENSES)
    written.append(sorted(paid.values_list(*_PLACE, "subsidy_uuid")))
    events = list(Event.objects.order_by("type", "id"))
    facts = [fact for event in events for fact in event.facts]
    for fact in facts:
        made = [fact.pop(name, None) for name in ("enrollment_uuid", "created_at", "fulfillment_uuid")]
        assert sum(value is not None for value in made) in (1, 2)
        if "discount_percent" in fact:
            fact["discount_percent"] = float(fact["discount_percent"])  # JSON's 100 is 100.0
    written += [
        [(event.type, event.key, event.recorded_by, len(event.facts)) for event in events],
        sorted(orjson.dumps(fact, option=orjson.OPT_SORT_KEYS) for fact in facts),
        sorted(Delivery.objects.values_list("handler", "key", "state", "attempt_count", "last_error")),
    ]
    empty()
    return written


_PLACE = ("sponsored_enrollment__link__lms_user_id", "sponsored_enrollment__run_key")


def empty() -> None:
    """Takes away what was written, so that the next one finds the same tables."""
    with connection.cursor() as cursor:
        for table, ours in WRITTEN.items():
            cursor.execute(f"DELETE FROM {table} WHERE {ours}")
        if connection.vendor == "postgresql":
            cursor.execute(f"VACUUM ANALYZE identity_user, {', '.join(WRITTEN)}")


def compare_times(figures: Figures) -> None:
    """Takes the times in turn."""
    door, again, raw = list[float](), list[float](), list[float]()
    job, job_again = list[float](), list[float]()
    for _ in range(ROUNDS):
        door.append(seconds(enroll))
        again.append(seconds(enroll))
        empty()
        raw.append(seconds(write_raw))
        empty()
        job.append(seconds(lambda: work(begin())))
        job_again.append(seconds(lambda: work(begin())))
        empty()
    figures.add("door: 10,000 new pairs", median(door), " s")
    figures.add("raw SQL: the same rows", median(raw), " s")
    figures.add("door / raw SQL", median(map(truediv, door, raw)), " x", at_most=DOOR_GOALS.get(database))
    repeat = 100 * median(map(truediv, again, door))
    figures.add("door: the same request again", repeat, " %", at_most=REPEAT_GOALS.get(database))
    figures.add("door: pairs in a second", len(PAIRS) / median(door))
    figures.add("job: 10,000 new pairs", median(job), " s")
    figures.add("job / raw SQL", median(map(truediv, job, raw)), " x", at_most=JOB_GOALS.get(database))
    repeated = 100 * median(map(truediv, job_again, job))
    figures.add("job: the same again", repeated, " %", at_most=REPEATED_JOB_GOALS.get(database))


def compare_statements(figures: Figures) -> None:
    counts = []
    for size in (1, 1_000):
        with counted() as statements:
            api.enroll_in_bulk(customer_uuid=CUSTOMER, pairs=PAIRS[:size], by=ADMIN)
        counts.append(statements.count)
        empty()
    figures.add("door: statements for one pair", counts[0])
    figures.add("door: statements for 1,000 pairs", counts[1], at_most=STATEMENTS)
    of_jobs = []
    for size in (1_000, 2_000):  # what comes once for a job is in both
        begin(size)
        with counted() as statements:
            jobs.run()
        of_jobs.append(statements.count)
        empty()
    figures.add("job: statements for each chunk", of_jobs[1] - of_jobs[0], at_most=JOB_STATEMENTS)


def time_the_post(figures: Figures) -> None:
    """The request that begins a job of 10,000 pairs, with the client's making of JSON and all middleware."""
    token = identity.issue_token(lms_user_id=ADMIN)
    client = APIClient(SERVER_NAME="127.0.0.1", headers={"Authorization": f"JWT {token}"})
    body = {"emails": EMAILS, "course_run_keys": RUNS, "notify": False}
    query = {"enterprise_customer_uuid": str(CUSTOMER), "subscription_uuid": str(PLAN)}

    def post() -> None:
        answer = client.post("/api/v1/bulk-license-enrollment/", body, "json", query_params=query)
        assert answer.status_code == 201, answer.content

    took = [seconds(post) for _ in range(ROUNDS)]
    empty()
    figures.add("POST of 10,000 pairs for a job", median(took), " s", at_most=POST_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
