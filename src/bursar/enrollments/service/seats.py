"""The room of runs: taken one after the other, under a lock for each run."""

from collections.abc import Collection, Iterable, Mapping

from django.db.models import Count, Exists, OuterRef

from bursar.enrollments import models
from bursar.enrollments.data import TAKES_NO_SEAT
from bursar.enrollments.service.places import Pair
from bursar.lib import sets


def make_seat_locks(run_keys: Iterable[str]) -> None:
    """Makes the locks of these runs, before and outside of the transaction that takes them."""
    wanted = set(run_keys)
    if wanted:
        there = models.SeatLock.objects.filter(run_key__in=wanted).values_list("run_key", flat=True)
        missing = sorted(wanted.difference(there))
        sets.insert_new(models.SeatLock, ("run_key",), [(key,) for key in missing], unique=("run_key",))


def lock_seats(limits: Mapping[str, int]) -> dict[str, int]:
    """Locks the runs against everybody else who puts people into them; gives each one's free seats.

    The course's own team takes none (the LMS's rule).
    """
    list(models.SeatLock.objects.select_for_update().filter(run_key__in=limits).order_by("run_key"))
    team = models.CourseRole.objects.filter(
        run_key=OuterRef("run_key"), lms_user_id=OuterRef("lms_user_id"), role__in=TAKES_NO_SEAT
    )
    taken = models.Enrollment.objects.filter(~Exists(team), run_key__in=limits, is_active=True).order_by()
    counts = dict(taken.values_list("run_key").annotate(Count("uuid")))
    return {key: limit - counts.get(key, 0) for key, limit in limits.items()}


def find_seatless(pairs: Collection[Pair]) -> set[Pair]:
    """The pairs of these people and runs whose places take no seat, and perhaps some more. One query."""
    team = models.CourseRole.objects.filter(
        run_key__in={run_key for _, run_key in pairs},
        lms_user_id__in={lms_user_id for lms_user_id, _ in pairs},
        role__in=TAKES_NO_SEAT,
    )
    return set(team.order_by().values_list("lms_user_id", "run_key"))
