"""Assigning licenses to the addresses of a file: a rehearsal, then a job."""

from typing import Any
from uuid import UUID

import pytest

from bursar.jobs import api as jobs
from bursar.jobs.data import Work
from bursar.lib.errors import InvalidInputError
from bursar.licenses import api as licenses
from bursar.licenses.data import (
    NotEnoughLicenses,
    Notice,
    PlanNotFound,
    PlanUnavailable,
    RehearsedAssigning,
    Seat,
    Status,
)
from bursar.notifications.models import Message
from tests.cast import BOB, DANA, ERIN, NOWHERE, OLGA, Organization
from tests.statements import counted

FILE = [(1, BOB.email), (2, "no address"), (3, f" {BOB.email.upper()}"), (4, DANA.email), (5, ERIN.email)]


def done(job_uuid: UUID) -> list[tuple[Any, ...]]:
    jobs.run()
    return [
        (each["row"], each["email"], each["outcome"], bool(each["license_uuid"]))
        for each in jobs.read_results(job_uuid)
    ]


def work_on(plan_uuid: UUID, emails: list[str]) -> Work:
    parameters = {"plan_uuid": str(plan_uuid), "notify": False}
    items = [[row, email] for row, email in enumerate(emails, 1)]
    return Work(NOWHERE, NOWHERE, OLGA.lms_user_id, parameters, items)


def test_each_line_of_a_file_has_a_result_and_repeats_are_folded(acme: Organization) -> None:
    """Weakness E26: all assignment was done while somebody waited, for minutes."""
    plan = acme.plan(free=3)
    licenses.assign(plan_uuid=plan.uuid, addresses=[DANA.email], by=None)

    job_uuid = licenses.start_assigning(plan_uuid=plan.uuid, lines=FILE, notice=None, by=OLGA.lms_user_id)

    assert done(job_uuid) == [
        (1, BOB.email, "assigned", True),
        (2, "no address", "invalid_email", False),
        (4, DANA.email, "kept", True),
        (5, ERIN.email, "assigned", True),
    ]
    assert licenses.count_by_status(plan.uuid) == {Status.ASSIGNED: 3}
    assert not Message.objects.filter(template="licenses/assigned").exists()
    bobs = licenses.find_holders(plan_uuid=plan.uuid, emails=[BOB.email])
    assert bobs == {BOB.email}


def test_the_rehearsal_says_what_the_job_would_do_and_writes_nothing(acme: Organization) -> None:
    plan = acme.plan(free=4)
    licenses.assign(plan_uuid=plan.uuid, addresses=[DANA.email], by=None)
    licenses.hold(plan_uuid=plan.uuid, customer_uuid=acme.uuid, seats=[Seat(NOWHERE, ERIN.email)])

    with counted() as statements:
        rehearsed = licenses.rehearse_assigning(plan_uuid=plan.uuid, lines=FILE)

    assert rehearsed == RehearsedAssigning(
        new_count=2,
        kept_count=1,
        repeated_count=1,
        bad_count=1,
        bad_lines=((2, "no address"),),
        needed_count=1,
        free_count=2,
        unavailable_reason=None,
    )
    assert rehearsed.is_possible
    assert all(each.startswith("SELECT") for each in statements.listed)


def test_who_is_new_gets_the_mail_once(acme: Organization) -> None:
    plan = acme.plan(free=3)
    notice = Notice("Good morning", "Yours, Acme")

    for _again in range(2):
        licenses.start_assigning(plan_uuid=plan.uuid, lines=FILE, notice=notice, by=None)
        jobs.run()

    mails = Message.objects.filter(template="licenses/assigned")
    assert {mail.email: mail.context["greeting"] for mail in mails} == dict.fromkeys(
        (BOB.email, DANA.email, ERIN.email), "Good morning"
    )
    assert mails.count() == 3


def test_too_few_seats_refuse_the_whole_file_before_anything_begins(acme: Organization) -> None:
    plan = acme.plan(free=2)

    with pytest.raises(NotEnoughLicenses) as refused:
        licenses.start_assigning(plan_uuid=plan.uuid, lines=FILE, notice=None, by=None)

    assert refused.value.fields == {"needed": 3, "free": 2}
    assert jobs.run() == 0
    assert licenses.count_by_status(plan.uuid) == {Status.UNASSIGNED: 2}


def test_seats_that_went_meanwhile_are_told_line_by_line(acme: Organization) -> None:
    plan = acme.plan(free=3)
    job_uuid = licenses.start_assigning(plan_uuid=plan.uuid, lines=FILE, notice=None, by=None)
    licenses.assign(plan_uuid=plan.uuid, addresses=[DANA.email, "x@acme.test"], by=None)

    assert [each[2] for each in done(job_uuid)] == [
        "not_enough_licenses",
        "invalid_email",
        "kept",
        "not_enough_licenses",
    ]
    assert licenses.count_by_status(plan.uuid) == {Status.ASSIGNED: 2, Status.UNASSIGNED: 1}


def test_a_chunk_that_is_done_twice_assigns_once_with_as_many_statements_for_200(acme: Organization) -> None:
    plan = acme.plan(free=300)
    emails = [f"many{number}@acme.test" for number in range(200)]
    with counted() as for_one:
        licenses.assign_chunk(work_on(plan.uuid, [BOB.email]))

    with counted() as for_many:
        first = licenses.assign_chunk(work_on(plan.uuid, emails))
    again = licenses.assign_chunk(work_on(plan.uuid, emails))

    assert for_one.count == for_many.count
    assert [each["license_uuid"] for each in first] == [each["license_uuid"] for each in again]
    assert licenses.count_by_status(plan.uuid) == {Status.ASSIGNED: 201, Status.UNASSIGNED: 99}


def test_what_cannot_begin_says_why(acme: Organization) -> None:
    plan, closed = acme.plan(free=3), acme.plan(free=3, is_active=False)

    def start(plan_uuid: UUID, lines: list[tuple[int, str]]) -> None:
        licenses.start_assigning(plan_uuid=plan_uuid, lines=lines, notice=None, by=None)

    with pytest.raises(PlanNotFound):
        start(NOWHERE, FILE)
    with pytest.raises(PlanUnavailable):
        start(closed.uuid, FILE)
    with pytest.raises(InvalidInputError, match="empty"):
        start(plan.uuid, [])
    with pytest.raises(InvalidInputError, match="No line"):
        start(plan.uuid, [(1, "no address")])
    with pytest.raises(InvalidInputError, match="500000 lines"):
        licenses.rehearse_assigning(plan_uuid=plan.uuid, lines=((1, BOB.email) for _ in range(500_001)))
    assert licenses.rehearse_assigning(plan_uuid=closed.uuid, lines=FILE).unavailable_reason
