"""Who gets into a run that is closed to others: addresses that staff let in, and the course's own team."""

from collections.abc import Collection, Mapping

from django.db.models import Q

from bursar.catalog.data import Run
from bursar.enrollments import models
from bursar.enrollments.data import COURSE_TEAM, CourseRole
from bursar.enrollments.service.places import Pair
from bursar.identity.data import Person


def find_allowed(pairs: Collection[Pair], people: Mapping[int, Person]) -> set[Pair]:
    """Those of the pairs whom staff let in by their address, unless somebody else made use of that.

    One query, none without pairs. An address lets nobody in who has not confirmed it.
    """
    owners = {people[pair[0]].email: pair[0] for pair in pairs if people[pair[0]].is_confirmed}
    if not owners:
        return set()
    rows = models.EnrollmentAllowed.objects.filter(
        email__in=owners, run_key__in={run_key for _, run_key in pairs}
    ).order_by()
    return {
        (owners[email], run_key)
        for email, run_key, user in rows.values_list("email", "run_key", "lms_user_id")
        if user in (None, owners[email])
    }


def find_team(pairs: Collection[Pair], runs: Mapping[str, Run]) -> set[Pair]:
    """Those of the pairs in which the person is of the course's own team. One query, none without pairs."""
    if not pairs:
        return set()
    run_keys = {run_key for _, run_key in pairs}
    in_run = Q(run_key__in=run_keys) | Q(run_key="", org__in={runs[run_key].org for run_key in run_keys})
    rows = models.CourseRole.objects.filter(
        in_run, lms_user_id__in={lms_user_id for lms_user_id, _ in pairs}, role__in=COURSE_TEAM
    ).order_by()
    held = set(rows.values_list("lms_user_id", "run_key", "org"))
    return {
        (lms_user_id, run_key)
        for lms_user_id, run_key in pairs
        if (lms_user_id, run_key, runs[run_key].org) in held or (lms_user_id, "", runs[run_key].org) in held
    }


def list_course_roles(*, lms_user_id: int, run_key: str | None = None) -> list[CourseRole]:
    """A person's roles in courses; with a ``run_key`` those that name exactly this run. One query."""
    rows = models.CourseRole.objects.filter(lms_user_id=lms_user_id)
    if run_key is not None:
        rows = rows.filter(run_key=run_key)
    return [CourseRole(*row) for row in rows.values_list("org", "run_key", "role")]


def list_led_runs(*, lms_user_id: int) -> list[str]:
    """The runs in whose team the person is by a role for that very run. One query."""
    rows = models.CourseRole.objects.filter(lms_user_id=lms_user_id, role__in=COURSE_TEAM).exclude(run_key="")
    return sorted(set(rows.values_list("run_key", flat=True)))
