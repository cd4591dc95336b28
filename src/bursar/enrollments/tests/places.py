"""Places that people have in a run, and what can be wrong with the run."""

from dataclasses import replace
from datetime import timedelta

from bursar.catalog.data import ModeToSave
from bursar.enrollments import api, models
from bursar.enrollments.data import CourseRoleName
from bursar.enrollments.tests.scenes import RUN, give_role
from bursar.lib import clock
from bursar.outbox.models import Event
from tests.cast import Member

Place = tuple[str, bool]
"""A mode, and whether the person is in."""

AUDIT, HONOR = ModeToSave("audit"), ModeToSave("honor")
VERIFIED = ModeToSave("verified", price_cents=9_900)

YESTERDAY, TOMORROW = clock.now() - timedelta(days=1), clock.now() + timedelta(days=1)
EXPIRED_VERIFIED = replace(VERIFIED, expires_at=YESTERDAY)
WINDOW_CLOSED = {"enrollment_end": YESTERDAY}


def give_place(member: Member, mode: str = "audit", run_key: str = RUN, *, is_active: bool = True) -> None:
    """Has the person be in the run, or have been in it."""
    api.add_enrollment(member.username, run_key, mode=mode)
    if not is_active:
        api.update_enrollment(member.username, run_key, is_active=False)


def place_of(member: Member, run_key: str = RUN) -> Place | None:
    """How the person is or was in the run, if ever."""
    found = api.get_enrollment(member.username, run_key)
    return (found["mode"], found["is_active"]) if found else None


def events() -> list[tuple[str, str | None, bool | None]]:
    """What was told to others so far, in order: the kind, and the person's place then."""
    return [
        (row.type, fact.get("mode"), fact.get("is_active"))
        for row in Event.objects.filter(type__startswith="enrollment.").order_by("id")
        for fact in sorted(row.facts, key=lambda fact: fact["lms_user_id"])
    ]


def let_in(member: Member, *, used_by: Member | None = None, run_key: str = RUN) -> None:
    """Lets the person's address into the run; somebody may have made use of that already."""
    models.EnrollmentAllowed.objects.create(
        email=member.email,
        run_key=run_key,
        lms_user_id=used_by.lms_user_id if used_by else None,
        created_at=clock.now(),
    )


def join_team(member: Member, role: str, *, org: str = "Test", run_key: str = RUN) -> None:
    """Makes somebody one of the run's own people; with an empty key, of all runs of the organization."""
    give_role(member, CourseRoleName(role), org=org, run_key=run_key)
