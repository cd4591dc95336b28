"""What the processes of a crowd can be told to do about bulk enrollment."""

import math
import multiprocessing
import random
import signal
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Exists, OuterRef

from bursar.catalog import api as catalog
from bursar.catalog.data import EVERYTHING, CatalogToSave, CourseToSave, ModeToSave, RunToSave
from bursar.customers import api as customers
from bursar.customers.data import BulkPair
from bursar.customers.models import Fulfillment, LearnerLink, SponsoredEnrollment
from bursar.enrollments.models import Enrollment
from bursar.identity import api as identity
from bursar.identity.data import LEARNER, PersonToSave
from bursar.identity.models import RoleAssignment
from bursar.jobs import api as jobs
from bursar.jobs.models import Chunk
from bursar.licenses import api as licenses
from bursar.licenses.data import BulkRow
from bursar.notifications.models import Message
from bursar.outbox.models import Event
from tests.faults.actions import find_holders, open_plan

RUNS = [f"course-v1:Acme+C{number}+2027" for number in range(10)]

World = dict[str, Any]
Place = tuple[int, str]
"""A learner and a run."""

# Before


def open_enrollment(*, people: int) -> World:
    """A new customer with a plan, of which that many people with accounts hold licenses; ten runs."""
    world = open_plan(free=people, requests=())
    customer_uuid = world["customer"]
    runs = tuple(RunToSave(key, modes=(ModeToSave("verified", price_cents=100),)) for key in RUNS)
    catalog.save_courses([CourseToSave("Acme+C", "Course", runs=runs)])
    catalog.save_catalogs([CatalogToSave(customer_uuid, customer_uuid, "Everything", (EVERYTHING,))])
    slug = f"l{customer_uuid.hex[:12]}"
    learners = [f"{slug}n{number}" for number in range(people)]
    identity.save_people([PersonToSave(f"{name}@acme.test", name) for name in learners])
    licenses.assign(plan_uuid=world["plan"], addresses=[f"{name}@acme.test" for name in learners], by=None)
    admin = identity.find_people_by_email([world["admin"]])[world["admin"]]
    return {**world, "by": admin.lms_user_id}


def start_job(*, world: World, shuffle: int | None = None) -> str:
    """Asks for everybody in every run, with a mail to each learner; in another order for each ``shuffle``."""
    pairs = _pairs(world, shuffle)
    job_uuid = licenses.start_bulk_enrollment(
        customer_uuid=UUID(world["customer"]),
        plan_uuid=UUID(world["plan"]),
        rows=[BulkRow(number, email, run) for number, (email, _, run) in enumerate(pairs)],
        notify=True,
        by=world["by"],
    )
    return str(job_uuid)


def _pairs(world: World, shuffle: int | None) -> list[tuple[str, str, str]]:
    """Address, license and run of each pair."""
    pairs = [(*holder, run) for holder in sorted(find_holders(plan=world["plan"])) for run in RUNS]
    if shuffle is not None:
        random.Random(shuffle).shuffle(pairs)
    return pairs


# All at once


def enroll(*, world: World, shuffle: int | None = None) -> dict[str, int]:
    """The same through the door of customers; how often which verdict was given, and how many are new."""
    outcomes = customers.enroll_in_bulk(
        customer_uuid=UUID(world["customer"]),
        pairs=[BulkPair(run, email, license_uuid=held) for email, held, run in _pairs(world, shuffle)],
        by=world["by"],
        notify=True,
    )
    return Counter(outcome.verdict.value for outcome in outcomes) + Counter(
        created=sum(outcome.created for outcome in outcomes)
    )


def work() -> float:
    """Does jobs until none is left, and says how many seconds that took."""
    begun = time.monotonic()
    jobs.run()
    return time.monotonic() - begun


def work_until_killed(*, job: str, chunks: int, seconds: float) -> bool:
    """Has a process do jobs, and kills it so long after that many chunks of the job are done.

    If they are done already, the seconds begin when the process does. They end early when one more chunk is
    done, however fast the machine is. False: the process had ended by itself.
    """
    connection.close()  # the process needs one of its own
    worker = multiprocessing.get_context("fork").Process(target=jobs.run)
    worker.start()
    until = math.inf
    while worker.is_alive() and time.monotonic() < until:
        done = count_done(job=job)
        if done > chunks:
            break
        if done == chunks:
            until = min(until, time.monotonic() + seconds)
        worker.join(min(0.01, max(0, until - time.monotonic())))
    worker.kill()
    worker.join()
    return worker.exitcode == -signal.SIGKILL


# Afterwards


def count_done(*, job: str) -> int:
    """How many chunks of the job are done."""
    return Chunk.objects.filter(job=job, state=Chunk.State.DONE).count()


def find_contradictions_of_job(*, world: World, job: str) -> list[str]:
    """Sentences about whatever the end of a job is not: each pair once and successful, one receipt."""
    return list(_contradictions_of_job(world, job))


def find_contradictions_of_enrollment(*, world: World) -> list[str]:
    """Sentences about whatever is not there exactly once after everybody was put into every run."""
    customer_uuid = UUID(world["customer"])
    emails = [email for email, _ in find_holders(plan=world["plan"])]
    people = sorted(each.lms_user_id for each in identity.find_people_by_email(emails).values())
    return [
        *_contradictions_of_rows(customer_uuid, people),
        *_contradictions_of_links(customer_uuid, [*people, world["by"]]),
        *_contradictions_of_history(customer_uuid),
        *_contradictions_of_facts(customer_uuid, people),
        *_contradictions_of_mails(customer_uuid, emails),
        *_orphans(),
    ]


def _contradictions_of_job(world: World, job: str) -> Iterator[str]:
    found = jobs.get_job(UUID(job))
    if found.state != "done":
        yield f"the job is {found.state}"
    errors = Chunk.objects.filter(job=job).exclude(failure_count=0).values_list("last_error", flat=True)
    yield from (f"a chunk failed: {error}" for error in errors)
    results = jobs.read_results(UUID(job))
    wanted = [(email, run) for email, _, run in _pairs(world, None)]
    yield from _not_once("result", [(row["email"], row["course_run_key"]) for row in results], wanted)
    outcomes = Counter(row["outcome"] for row in results)
    if outcomes != {"success": len(wanted)}:
        yield f"the outcomes are {dict(outcomes)}"
    receipts = Message.objects.filter(template="licenses/bulk_enrollment_done", about=f"job:{job}")
    yield from _not_once("receipt", receipts.values_list("email", flat=True), [world["admin"]])


def _contradictions_of_rows(customer_uuid: UUID, people: Sequence[int]) -> Iterator[str]:
    places = [(person, run) for person in people for run in RUNS]
    enrollments = Enrollment.objects.filter(customer_uuid=customer_uuid, is_active=True)
    sponsored = SponsoredEnrollment.objects.filter(link__customer=customer_uuid, is_unenrolled=False)
    paid = Fulfillment.objects.filter(
        sponsored_enrollment__link__customer=customer_uuid, is_revoked=False
    ).values_list("sponsored_enrollment__link__lms_user_id", "sponsored_enrollment__run_key")
    yield from _not_once("enrollment", enrollments.values_list("lms_user_id", "run_key"), places)
    yield from _not_once(
        "sponsored enrollment", sponsored.values_list("link__lms_user_id", "run_key"), places
    )
    yield from _not_once("fulfillment", paid, places)


def _contradictions_of_links(customer_uuid: UUID, people: Sequence[int]) -> Iterator[str]:
    """The administrator is linked, too."""
    links = LearnerLink.objects.filter(customer=customer_uuid, is_linked=True)
    roles = RoleAssignment.objects.filter(role=LEARNER, context=str(customer_uuid))
    yield from _not_once("link", links.values_list("lms_user_id", flat=True), people)
    yield from _not_once("role", roles.values_list("lms_user_id", flat=True), people)


def _contradictions_of_history(customer_uuid: UUID) -> Iterator[str]:
    """Every row was made once, and nothing was changed since."""
    of_customer: list[tuple[Any, dict[str, Any]]] = [
        (Enrollment, {"customer_uuid": customer_uuid}),
        (SponsoredEnrollment, {"link__customer": customer_uuid}),
        (Fulfillment, {"sponsored_enrollment__link__customer": customer_uuid}),
        (LearnerLink, {"customer": customer_uuid}),
        (RoleAssignment, {"role": LEARNER, "context": str(customer_uuid)}),
    ]
    for model, ours in of_customer:
        written = model.history.filter(**ours).values_list("uuid", "history_type")
        wanted = [(pk, "+") for pk in model.objects.filter(**ours).values_list("uuid", flat=True)]
        yield from _not_once(f"{model.__name__} in the history", written, wanted)


def _contradictions_of_facts(customer_uuid: UUID, people: Sequence[int]) -> Iterator[str]:
    places = [(person, run) for person in people for run in RUNS]
    for name in ("enrollment.created", "customer.learner_enrolled"):
        facts = [fact for event in Event.objects.filter(type=name) for fact in event.facts]
        ours = [fact for fact in facts if fact["customer_uuid"] == str(customer_uuid)]
        yield from _not_once(name, [(fact["lms_user_id"], fact["run_key"]) for fact in ours], places)


def _contradictions_of_mails(customer_uuid: UUID, emails: Sequence[str]) -> Iterator[str]:
    """Of two requests at once each mails what it enrolled; no course is told twice."""
    mails = Message.objects.filter(customer_uuid=customer_uuid, template="customers/enrolled")
    told = [
        (email, course["run_key"])
        for email, context in mails.values_list("email", "context")
        for course in context["courses"]
    ]
    yield from _not_once("course in a mail", told, [(email, run) for email in emails for run in RUNS])


def _orphans() -> Iterator[str]:
    """Foreign keys should prevent the second one; SQLite looks at them only if it is told to."""
    enrolled = Enrollment.objects.filter(
        lms_user_id=OuterRef("link__lms_user_id"), run_key=OuterRef("run_key")
    )
    alone = SponsoredEnrollment.objects.filter(~Exists(enrolled)).count()
    if alone:
        yield f"{alone} sponsored enrollments without an enrollment"
    sponsored = SponsoredEnrollment.objects.filter(pk=OuterRef("sponsored_enrollment_id"))
    unplaced = Fulfillment.objects.filter(~Exists(sponsored)).count()
    if unplaced:
        yield f"{unplaced} fulfillments without a sponsored enrollment"


def _not_once(what: str, found: Any, wanted: Sequence[Any]) -> Iterator[str]:
    counts = Counter(found)
    lost = [each for each in wanted if each not in counts]
    extra = counts - Counter(wanted)
    if lost:
        yield f"no {what} for {len(lost)} of {len(wanted)}, such as {lost[0]}"
    if extra:
        yield f"{extra.total()} too many of {what}, such as {next(iter(extra))}"
