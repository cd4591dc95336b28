"""Moving licenses to another plan of the same agreement, with their holders, keys and dates.

Contract: subsidies A.2, LicenseTransferJob. Who asked for it, when, and what became of each license is in its
job.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, NoReturn
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from bursar.jobs import api as jobs
from bursar.jobs.data import Item, Result, Work
from bursar.lib import clock, sets
from bursar.lib.errors import InvalidInputError
from bursar.lib.outcomes import Refusal
from bursar.licenses import models
from bursar.licenses.data import LIVE, PlanNotFound, Status, TransferImpossible, TransferOutcome
from bursar.licenses.service import seats
from bursar.licenses.service.agreements import lock_plans

TRANSFER = "licenses.transfer"
"""The kind of its jobs."""

TRANSFERRED, ALREADY_THERE = "transferred", "already_there"
"""Outcomes of its results; others are codes of refusals."""

TRANSFER_LIMIT = 500_000
"""Licenses that may be named; all of a plan may be more."""

_NAME_MAX_LENGTH = 100  # a uuid has 36 characters; what is longer is shown as far as this


def read_names(text: str) -> list[str]:
    """What the text names, each once, in order: apart by new lines, commas, semicolons, pipes or spaces.

    A first word ``uuid`` or ``license_uuid`` is taken for the header of a column.
    """
    names = [name for name in re.split(r"[\s,;|]+", text.lstrip("\ufeff")) if name]
    if names and names[0].lower() in ("uuid", "license_uuid"):
        del names[0]
    return _fold(names)


def rehearse_transfer(
    *, plan_uuid: UUID, to_plan_uuid: UUID, names: Sequence[str] | None
) -> Iterator[TransferOutcome]:
    """What would become of each license now, in order; writes nothing. ``names`` None: all of the plan.

    Errors: as ``start_transferring``, before the first outcome.
    Effects: reads only, two queries for each 1,000 licenses, as they are asked for.
    """
    wanted = _list_names(plan_uuid, names)
    plans = _check_plans(plan_uuid, to_plan_uuid)
    return _rehearse(_Transfer(*plans, moves_all=names is None), wanted)


def start_transferring(
    *, plan_uuid: UUID, to_plan_uuid: UUID, names: Sequence[str] | None, by: int | None
) -> UUID:
    """Begins a job that moves licenses, by their uuids, from one plan to the other; gives its uuid.

    ``names`` None moves all of the plan. By name only assigned and activated ones are moved. Each takes its
    seat along. A seat that is held for an approval stays, and so does a license whose holder has one there.
    A plan that is over expires again with what it gets.

    Errors: PlanNotFound, TransferImpossible, InvalidInputError (nothing to move, or too much).
    """
    wanted = _list_names(plan_uuid, names)
    plan, _to_plan = _check_plans(plan_uuid, to_plan_uuid)
    return jobs.start(
        kind=TRANSFER,
        customer_uuid=plan.customer_uuid,
        parameters={
            "plan_uuid": str(plan_uuid),
            "to_plan_uuid": str(to_plan_uuid),
            "moves_all": names is None,
        },
        chunks=list(sets.chunks(wanted)),
        by=by,
    )


@transaction.atomic(durable=True)
def transfer_chunk(work: Work) -> list[Result]:
    """What the kind does with 1,000 licenses. What is there already stays there, so a repeat is harmless.

    Effects: locks both plans; a constant number of statements.
    """
    both = UUID(work.parameters["plan_uuid"]), UUID(work.parameters["to_plan_uuid"])
    plan, to_plan = _pair(lock_plans(both), *both)
    transfer = _Transfer(plan, to_plan, moves_all=work.parameters["moves_all"])
    outcomes = transfer.judge(work.items)
    _move(plan, to_plan, transfer.moved, by=work.by)
    return [as_result(outcome) for outcome in outcomes]


def describe_named(item: Item) -> Result:
    """What a result says of its license."""
    return {"license_uuid": item}


def as_result(outcome: TransferOutcome) -> Result:
    """The outcome as results have it."""
    result = {"license_uuid": outcome.named, "email": outcome.email or ""}
    if outcome.refusal is not None:
        code = outcome.refusal.code
        return {**result, "outcome": code, "code": code, "message": outcome.refusal.message}
    return {**result, "outcome": TRANSFERRED if outcome.is_moved else ALREADY_THERE}


class _Row(NamedTuple):
    """A license as it is now."""

    uuid: UUID
    plan_uuid: UUID
    status: str
    email: str | None


@dataclass(slots=True)
class _Transfer:
    """What becomes of licenses, chunk by chunk; ``moved`` are those of the last one that go."""

    plan: models.Plan
    to_plan: models.Plan
    moves_all: bool
    moved: list[_Row] = field(default_factory=list)
    _free: int = field(init=False)

    def __post_init__(self) -> None:
        self._free = max(seats.free_count(self.plan), 0)

    def judge(self, names: Sequence[str]) -> list[TransferOutcome]:
        """One outcome for each name, in order. Two queries."""
        keys = [_parse(name) for name in names]
        rows = _find_rows([key for key in keys if key is not None])
        here = [row.email for row in rows.values() if row.plan_uuid == self.plan.pk and row.status in LIVE]
        there = models.License.objects.filter(plan=self.to_plan, status__in=LIVE, email__in=here)
        taken = set(there.values_list("email", flat=True))
        self.moved = []
        found = [rows.get(key) if key else None for key in keys]
        return [self._judge(name, row, taken) for name, row in zip(names, found, strict=True)]

    def _judge(self, name: str, row: _Row | None, taken: Collection[str | None]) -> TransferOutcome:
        if row is None or row.plan_uuid not in (self.plan.pk, self.to_plan.pk):
            text = _("The plan has no such license.")
            return TransferOutcome(name, refusal=Refusal("license_not_found", text))
        if row.plan_uuid == self.to_plan.pk:
            return TransferOutcome(name, row.email)
        refusal = self._refuse(row, taken)
        if refusal is None:
            self.moved.append(row)
        return TransferOutcome(name, row.email, is_moved=refusal is None, refusal=refusal)

    def _refuse(self, row: _Row, taken: Collection[str | None]) -> Refusal | None:
        if row.status in LIVE:
            if row.email not in taken:
                return None
            return Refusal("holds_one_there", _("Its holder has a license of the other plan already."))
        if not self.moves_all:
            return Refusal("not_live", _("Only assigned and activated licenses are moved one by one."))
        if row.status == Status.UNASSIGNED:
            if not self._free:
                return Refusal("held", _("This seat is kept for a request that is being approved."))
            self._free -= 1
        return None


def _rehearse(transfer: _Transfer, names: Sequence[str]) -> Iterator[TransferOutcome]:
    for chunk in sets.chunks(names):
        yield from transfer.judge(chunk)


def _move(plan: models.Plan, to_plan: models.Plan, rows: Iterable[_Row], *, by: int | None) -> None:
    moment = clock.now()
    moved = sorted(rows)
    if not moved:
        return
    sets.update(
        models.License,
        ("uuid", "plan", "modified_at"),
        [(row.uuid, to_plan.pk, moment) for row in moved],
    )
    keys = [row.uuid for row in moved]
    sets.record_history(models.License, keys, kind="~", by=by, reason="transferred", at=moment)
    counts = Counter(Status(row.status) for row in moved)
    seats.move_counts(plan, {status: -count for status, count in counts.items()})
    seats.move_counts(to_plan, dict(counts))
    # Or the plan that they left would be filled up again.
    moved_seats = counts.total() - counts[Status.REVOKED]
    for each, change in ((plan, -moved_seats), (to_plan, moved_seats)):
        if each.desired_license_count is not None:
            each.desired_license_count = max(each.desired_license_count + change, 0)
            models.Plan.objects.filter(pk=each.pk).update(desired_license_count=each.desired_license_count)
    if to_plan.is_expiration_processed and any(counts[status] for status in LIVE):
        # It expires again: what these licenses pay for ends as well, and their learners are unlinked in time.
        models.Plan.objects.filter(pk=to_plan.pk).update(is_expiration_processed=False, unlinked_at=None)
        sets.record_history(models.Plan, [to_plan.pk], kind="~", by=by, reason="transferred", at=moment)


def _list_names(plan_uuid: UUID, names: Sequence[str] | None) -> Sequence[str]:
    if names is None:
        # Of those that nobody holds some may have to stay: they come last.
        rows = models.License.objects.filter(plan=plan_uuid).order_by("status", "pk")
        names = [str(pk) for pk in rows.values_list("pk", flat=True).iterator()]
        return names or _nothing()
    names = _fold(names)
    if len(names) > TRANSFER_LIMIT:
        text = _("More than %(limit)s licenses are named. Name fewer, or all of the plan.")
        raise InvalidInputError(text % {"limit": TRANSFER_LIMIT}, limit=TRANSFER_LIMIT)
    return names or _nothing()


def _nothing() -> NoReturn:
    raise InvalidInputError(_("There is no license to be moved."))


def _fold(names: Iterable[str]) -> list[str]:
    """Each license once, however it is spelled."""
    return list(dict.fromkeys(str(_parse(name) or name[:_NAME_MAX_LENGTH]) for name in names))


def _check_plans(plan_uuid: UUID, to_plan_uuid: UUID) -> tuple[models.Plan, models.Plan]:
    rows = models.Plan.objects.filter(pk__in=(plan_uuid, to_plan_uuid))
    return _pair({row.pk: row for row in rows}, plan_uuid, to_plan_uuid)


def _pair(
    rows: dict[UUID, models.Plan], plan_uuid: UUID, to_plan_uuid: UUID
) -> tuple[models.Plan, models.Plan]:
    if not {plan_uuid, to_plan_uuid} <= rows.keys():
        raise PlanNotFound(_("There is no such subscription plan."))
    plan, to_plan = rows[plan_uuid], rows[to_plan_uuid]
    if plan.pk == to_plan.pk or plan.agreement_id != to_plan.agreement_id:
        raise TransferImpossible(_("Choose another plan of the same agreement."))
    return plan, to_plan


def _find_rows(keys: Sequence[UUID]) -> dict[UUID, _Row]:
    rows = models.License.objects.filter(pk__in=keys).values_list("pk", "plan_id", "status", "email")
    return {row[0]: _Row(*row) for row in rows}


def _parse(name: str) -> UUID | None:
    try:
        return UUID(name)
    except ValueError:
        return None
