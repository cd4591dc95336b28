"""Groups of the people in a run: everybody is in one at the most."""

import uuid
from collections.abc import Collection, Mapping
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from bursar.enrollments import models
from bursar.enrollments.data import CohortNotFound
from bursar.enrollments.service.places import Pair
from bursar.lib import sets

CohortKey = tuple[str, str]
"""A run key and a cohort's name."""


def find_cohorts(keys: Collection[CohortKey]) -> dict[CohortKey, models.Cohort]:
    """The cohorts of these names in these runs. One query."""
    wanted = set(keys)
    rows = models.Cohort.objects.filter(
        run_key__in={run_key for run_key, _ in wanted}, name__in={name for _, name in wanted}
    ).order_by()
    return {(row.run_key, row.name): row for row in rows if (row.run_key, row.name) in wanted}


def get_cohort(*, run_key: str, name: str) -> models.Cohort:
    """The cohort of this name in the run; raises CohortNotFound."""
    cohort = find_cohorts([(run_key, name)]).get((run_key, name))
    if cohort is None:
        text = _("There is no cohort %(name)s in %(run_key)s.")
        raise CohortNotFound(text % {"name": name[:255], "run_key": run_key})
    return cohort


def find_cohort_names(pairs: Collection[Pair]) -> dict[Pair, str]:
    """In which cohort of these runs these people are. One query, none without pairs."""
    if not pairs:
        return {}
    rows = models.CohortMember.objects.filter(
        lms_user_id__in={pair[0] for pair in pairs}, run_key__in={pair[1] for pair in pairs}
    ).order_by()
    return {(row[0], row[1]): row[2] for row in rows.values_list("lms_user_id", "run_key", "cohort__name")}


def join_cohorts(wanted: Mapping[Pair, models.Cohort], *, moves: bool = True, by: int | None) -> None:
    """Puts people into cohorts of their runs; who was in another one of the run leaves it, if ``moves``.

    Effects: two statements if nobody was in one. Those who move do so in a second transaction, since on
    MariaDB the INSERT locks the rows that it passes over, and two who then change one block each other.
    """
    if not wanted:
        return
    with transaction.atomic():
        rows = [(uuid.uuid4(), cohort.uuid, pair[1], pair[0]) for pair, cohort in _in_order(wanted)]
        inserted = sets.insert_new(
            models.CohortMember,
            ("uuid", "cohort", "run_key", "lms_user_id"),
            rows,
            unique=("run_key", "lms_user_id"),
        )
        sets.record_history(models.CohortMember, sorted(inserted), kind="+", by=by)
    if moves and len(inserted) < len(rows):
        _move(wanted, by)


def _in_order(wanted: Mapping[Pair, models.Cohort]) -> list[tuple[Pair, models.Cohort]]:
    return sorted(wanted.items(), key=lambda item: (item[0][1], item[0][0]))


@transaction.atomic
def _move(wanted: Mapping[Pair, models.Cohort], by: int | None) -> None:
    rows = models.CohortMember.objects.filter(
        lms_user_id__in={pair[0] for pair in wanted}, run_key__in={pair[1] for pair in wanted}
    ).order_by("run_key", "lms_user_id")
    moves: list[tuple[Any, ...]] = []
    for row_uuid, cohort, lms_user_id, run_key in rows.select_for_update().values_list(
        "uuid", "cohort_id", "lms_user_id", "run_key"
    ):
        target = wanted.get((lms_user_id, run_key))
        if target is not None and target.uuid != cohort:
            moves.append((row_uuid, target.uuid))
    sets.update(models.CohortMember, ("uuid", "cohort"), moves)
    sets.record_history(models.CohortMember, [row[0] for row in moves], kind="~", by=by)
