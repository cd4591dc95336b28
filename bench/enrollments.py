"""Puts 1,000 people into 10 runs: through the door of enrollments, and by raw SQL that writes the same rows.

The raw SQL (``raw/enrollments/``) is the limit: one statement on PostgreSQL, one for each table elsewhere. It
checks no rule and gives no answer. Both take turns in the same run, on the same tables.
"""

import sys
from collections.abc import Callable
from operator import truediv
from pathlib import Path
from statistics import median
from uuid import UUID

import orjson

import measuring
from measuring import Figures, peak_megabytes, seconds

database = measuring.choose_database()  # before the imports below, for these read the settings

from django.db import connection, transaction

from bursar.catalog import api as catalog
from bursar.catalog.data import CourseToSave, ModeToSave, RunToSave
from bursar.config.reactions import REACTIONS
from bursar.enrollments import api
from bursar.enrollments.data import EnrollmentEntry
from bursar.enrollments.models import Enrollment
from bursar.events.enrollments import ENROLLMENTS_CREATED
from bursar.identity import api as identity
from bursar.identity.data import PersonToSave
from bursar.lib import clock
from bursar.outbox.models import Delivery, Event
from tests.statements import counted

ROUNDS = 9
OTHERS = 50_000  # people who are in a run already
PEOPLE = range(OTHERS + 1, OTHERS + 1_001)
RUNS = [f"course-v1:Acme+C{number}+2027" for number in range(10)]
OTHER_RUN = "course-v1:Acme+Other+2027"
ONE_BY_ONE = 300  # pairs
MODE = "verified"
CUSTOMER = UUID("a0000000-0000-4000-8000-000000000001")
ADMIN = 1
TITLE = "Course"
HANDLERS = [each.handler for each in REACTIONS if each.on is ENROLLMENTS_CREATED]
GOALS = {"postgres": 2.0}  # the door's time to that of raw SQL, at most

ENTRIES = [EnrollmentEntry(person, run, MODE, customer_uuid=CUSTOMER) for person in PEOPLE for run in RUNS]
RAW = (Path(__file__).parent / "raw" / "enrollments" / f"{database}.sql").read_text().split(";\n")


def main() -> int:
    prepare()
    assert written_by(enroll) == written_by(write_raw), "the raw SQL writes something else"
    figures = Figures(of=database)
    per_pair = compare_times(figures)
    compare_statements(figures)
    compare_one_by_one(figures, per_pair)
    figures.add("door: most memory at a time", peak_megabytes(enroll), " MB")
    return figures.exit_code()


def prepare() -> None:
    """Many people, of whom most are in another run already."""
    runs = tuple(RunToSave(key, modes=(ModeToSave(MODE, price_cents=100),)) for key in [*RUNS, OTHER_RUN])
    catalog.save_courses([CourseToSave("Acme+C", TITLE, runs=runs)])
    identity.save_people(
        [
            PersonToSave(f"learner{number}@acme.test", f"learner{number}", lms_user_id=number)
            for number in range(1, PEOPLE.stop)
        ]
    )
    api.enroll([EnrollmentEntry(number, OTHER_RUN) for number in range(1, OTHERS + 1)], by=ADMIN)
    empty()


def enroll() -> None:
    outcomes = api.enroll(ENTRIES, by=ADMIN)
    assert all(outcome.refusal is None for outcome in outcomes)


def write_raw() -> None:
    people, runs = list(PEOPLE), RUNS
    is_array = connection.vendor == "postgresql"
    values = {
        "people": people if is_array else orjson.dumps(people).decode(),
        "runs": runs if is_array else orjson.dumps(runs).decode(),
        "handlers": HANDLERS if is_array else orjson.dumps(HANDLERS).decode(),
        "title": TITLE,
        "mode": MODE,
        "customer": str(CUSTOMER),
        "customer_hex": CUSTOMER.hex,
        "moment": connection.ops.adapt_datetimefield_value(clock.now()),
        "by": ADMIN,
    }
    with transaction.atomic(), connection.cursor() as cursor:
        for statement in RAW:
            cursor.execute(statement, values)


def written_by(write: Callable[[], None]) -> list[object]:
    """What it writes, but for uuids and moments: of each table the columns that matter."""
    write()
    place = ("lms_user_id", "run_key", "mode", "is_active", "customer_uuid")
    rows = Enrollment.objects.exclude(run_key=OTHER_RUN)
    past = Enrollment.history.exclude(run_key=OTHER_RUN)
    events = list(Event.objects.all())
    facts = [fact for event in events for fact in event.facts]
    uuids = {str(uuid) for uuid in rows.values_list("uuid", flat=True)}
    assert {fact.pop("enrollment_uuid") for fact in facts} == uuids
    assert {str(uuid) for uuid in past.values_list("uuid", flat=True)} == uuids
    assert {len(fact.pop("created_at")) for fact in facts} == {len("2027-01-01T00:00:00.000000+00:00")}
    written = [
        sorted(rows.values_list(*place)),
        sorted(past.values_list(*place, "history_type", "history_user_id", "history_change_reason")),
        [(event.type, event.key, event.recorded_by, len(event.facts)) for event in events],
        sorted(facts, key=lambda fact: (fact["lms_user_id"], fact["run_key"])),
        sorted(Delivery.objects.values_list("handler", "key", "state", "attempt_count", "last_error")),
    ]
    empty()
    return written


def empty() -> None:
    """Takes away what was written, so that the next one finds the same tables."""
    tables = ("enrollments_enrollment", "enrollments_historicalenrollment", "outbox_delivery", "outbox_event")
    with connection.cursor() as cursor:
        for table in tables:
            others = [OTHER_RUN] if table.startswith("enrollments") else []
            cursor.execute(f"DELETE FROM {table}" + (" WHERE run_key <> %s" if others else ""), others)
        if connection.vendor == "postgresql":
            cursor.execute(f"VACUUM ANALYZE identity_user, {', '.join(tables)}")


def compare_times(figures: Figures) -> float:
    """Takes the times in turn; returns the door's seconds for a pair."""
    door, again, raw = list[float](), list[float](), list[float]()
    for _ in range(ROUNDS):
        door.append(seconds(enroll))
        again.append(seconds(enroll))
        empty()
        raw.append(seconds(write_raw))
        empty()
    figures.add("door: 10,000 new pairs", median(door), " s")
    figures.add("raw SQL: the same rows", median(raw), " s")
    figures.add("door / raw SQL", median(map(truediv, door, raw)), " x", at_most=GOALS.get(database))
    figures.add("door: the same request again", 100 * median(map(truediv, again, door)), " %")
    figures.add("door: pairs in a second", len(ENTRIES) / median(door))
    return median(door) / len(ENTRIES)


def compare_statements(figures: Figures) -> None:
    counts = []
    for size in (1, 1_000):
        with counted() as statements:
            api.enroll(ENTRIES[:size], by=ADMIN)
        counts.append(statements.count)
        empty()
    figures.add("door: statements for one pair", counts[0])
    figures.add("door: statements for 1,000 pairs", counts[1], at_most=counts[0])


def compare_one_by_one(figures: Figures, per_pair: float) -> None:
    took = seconds(lambda: [api.enroll([entry], by=ADMIN) for entry in ENTRIES[:ONE_BY_ONE]])
    empty()
    figures.add("one by one: 10,000 pairs, from 300", took / ONE_BY_ONE * len(ENTRIES), " s")
    figures.add("one by one / door", took / ONE_BY_ONE / per_pair, " x")


if __name__ == "__main__":
    sys.exit(main())
