"""What several tests of the enrollment API set up and look at."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from bursar.catalog import api as catalog
from bursar.catalog.data import CourseToSave, ModeToSave, RunToSave
from bursar.enrollments import api, models
from bursar.enrollments.data import CourseRoleName, EnrollmentEntry, OnExisting
from bursar.identity import api as identity
from bursar.identity.data import PersonToSave
from bursar.outbox.models import Event
from tests.cast import PYTHON_RUN, Member

RUN = "course-v1:Test+T1+1"
OLD_RUN = "Test/T1/1"
"""A key as courses had it at first; both separators are in paths still."""

NO_SUCH_RUN = "course-v1:No+Such+Run"

LONG_AGO, FAR_AHEAD = datetime(2000, 1, 1, tzinfo=UTC), datetime(2099, 1, 1, tzinfo=UTC)

CLOSED = (
    {"invitation_only": True},
    {"is_enrollable": False},
    {"enrollment_start": FAR_AHEAD},
    {"enrollment_end": LONG_AGO},
)
"""Each of these closes a run to whoever is not let in."""

NEWT = Member("newt", "newt@nowhere.test", 50)
"""Somebody whose account is made in a test."""


def make_run(key: str = RUN, **fields: Any) -> None:
    """A run of the course Test+T1, open to all and with two modes unless ``fields`` say otherwise."""
    modes = (ModeToSave("audit"), ModeToSave("verified", price_cents=100))
    run = replace(RunToSave(key, modes=modes, drop_other_modes=True), **fields)
    catalog.save_courses([CourseToSave("Test+T1", "Testing & Trying", runs=(run,))])


def make_person(member: Member = NEWT, **fields: Any) -> Member:
    """An account."""
    person = PersonToSave(
        member.email, member.username, member.username.title(), member.lms_user_id, "demo", **fields
    )
    identity.save_people([person])
    return member


def put_in(member: Member, run_key: str = PYTHON_RUN, mode: str = "audit") -> models.Enrollment:
    """Puts somebody into a run, closed or not, and gives the row."""
    (outcome,) = api.enroll([EnrollmentEntry(member.lms_user_id, run_key, mode, force=True)], by=None)
    assert outcome.refusal is None
    return models.Enrollment.objects.get(uuid=outcome.enrollment_uuid)


def take_out(member: Member, run_key: str = PYTHON_RUN) -> None:
    """Ends somebody's place."""
    entry = EnrollmentEntry(member.lms_user_id, run_key, existing=OnExisting.SET, is_active=False)
    api.enroll([entry], by=None)


def is_in(member: Member, run_key: str = RUN) -> bool:
    """Whether somebody has an active place."""
    rows = models.Enrollment.objects.filter(lms_user_id=member.lms_user_id, run_key=run_key)
    return rows.filter(is_active=True).exists()


def make_cohort(name: str, run_key: str = RUN) -> models.Cohort:
    """A cohort of a run."""
    return models.Cohort.objects.create(run_key=run_key, name=name)


def cohort_of(member: Member, run_key: str = RUN) -> str | None:
    """The name of the cohort in which somebody is."""
    row = models.CohortMember.objects.filter(lms_user_id=member.lms_user_id, run_key=run_key).first()
    return row.cohort.name if row else None


def give_role(member: Member, role: CourseRoleName, *, org: str = "MITx", run_key: str = "") -> None:
    """A role in a run, or (without one) in all runs of the organization."""
    models.CourseRole.objects.create(lms_user_id=member.lms_user_id, role=role, org=org, run_key=run_key)


def facts_of(kind: str) -> list[Any]:
    """The facts of all events of this type, in order."""
    return [fact for event in Event.objects.filter(type=kind).order_by("id") for fact in event.facts]
