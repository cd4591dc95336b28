"""The room of runs: taken one after the other, under a lock for each run."""

from collections.abc import Collection, Iterable, Mapping

from django.db.models import BigIntegerField, Count, Exists, OuterRef, Value

from bursar.enrollments import models
from bursar.enrollments.data import TAKES_NO_SEAT
from bursar.enrollments.service.places import Pair
from bursar.lib import sets


def make_seat_locks(run_keys: Iterable[str]) -> None:
    """Makes the locks of these runs, before and outside of the transaction that takes them.

    One statement, none without runs. To look first would be one more for each run's first learner.
    """
    rows = [(key,) for key in sorted(set(run_keys))]
    sets.insert_new(models.SeatLock, ("run_key",), rows, unique=("run_key",))


def lock_seats(limits: Mapping[str, int], pairs: Collection[Pair]) -> tuple[dict[str, int], set[Pair]]:
    """Locks the runs against everybody else who puts people into them, and counts. Two statements."""
    list(models.SeatLock.objects.select_for_update().filter(run_key__in=limits).order_by("run_key"))
    return count_seats(limits, pairs)


def count_seats(limits: Mapping[str, int], pairs: Collection[Pair]) -> tuple[dict[str, int], set[Pair]]:
    """Each run's free seats, and those of the pairs that take none. One statement.

    The latter are the course's own team (the LMS's rule), perhaps with some more of the same people in the
    same runs.
    """
    team = models.CourseRole.objects.filter(role__in=TAKES_NO_SEAT).order_by()
    is_seatless = Exists(team.filter(run_key=OuterRef("run_key"), lms_user_id=OuterRef("lms_user_id")))
    taken = models.Enrollment.objects.filter(~is_seatless, run_key__in=limits, is_active=True).order_by()
    comers = team.filter(run_key__in=limits, lms_user_id__in={lms_user_id for lms_user_id, _ in pairs})
    # One statement for both: a run's count, which is never 0, and in rows with 0 who takes no seat.
    rows = (
        taken.values("run_key")
        .annotate(count=Count("uuid"), who=Value(0, BigIntegerField()))
        .values_list("run_key", "count", "who")
        .union(comers.values_list("run_key", Value(0, BigIntegerField()), "lms_user_id"), all=True)
    )
    counts: dict[str, int] = {}
    seatless: set[Pair] = set()
    for run_key, count, who in rows:
        if count:
            counts[run_key] = count
        else:
            seatless.add((who, run_key))
    return {key: limit - counts.get(key, 0) for key, limit in limits.items()}, seatless
