"""Seats of a plan: the lock, what is free, holds."""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from functools import wraps
from typing import ParamSpec, TypeVar
from uuid import UUID

from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext as _

from bursar.lib import clock, sets
from bursar.licenses import models
from bursar.licenses.data import (
    LIVE,
    HoldOutcome,
    NotEnoughLicenses,
    PlanNotFound,
    PlanUnavailable,
    Seat,
    StaleHold,
    Status,
)

_P = ParamSpec("_P")
_T = TypeVar("_T")


def lock_plan(plan_uuid: UUID) -> models.Plan:
    """The plan's row, locked until the transaction ends."""
    try:
        return models.Plan.objects.select_for_update().get(pk=plan_uuid)
    except models.Plan.DoesNotExist:
        raise PlanNotFound(_("There is no such subscription plan.")) from None


class LicenseMoved(Exception):
    """A license went to another plan before we had the lock of its own."""


def begins_again(command: Callable[_P, _T]) -> Callable[_P, _T]:
    """Has a command that begins with a license begin again when that has gone to another plan meanwhile.

    In a new transaction: whoever holds a plan's lock does not wait for another one's, out of order.
    """

    @wraps(command)
    def wrapper(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        while True:
            try:
                return command(*args, **kwargs)
            except LicenseMoved:
                continue

    return wrapper


def unavailable_reason(plan: models.Plan, at: datetime) -> str | None:
    """Why the plan grants nothing now: ``plan_inactive``, ``plan_not_started``, ``plan_expired``."""
    if not plan.is_active:
        return "plan_inactive"
    if at < plan.starts_at:
        return "plan_not_started"
    return "plan_expired" if at > plan.expires_at else None


def check_usable(plan: models.Plan, at: datetime) -> None:
    """Raises PlanUnavailable unless the plan is active, started and not expired."""
    reason = unavailable_reason(plan, at)
    if reason is not None:
        raise PlanUnavailable(unavailable_message(reason, plan.title), reason=reason)


def unavailable_message(reason: str, title: str) -> str:
    """The sentence for people that goes with a reason."""
    return {
        "plan_inactive": _("The subscription plan “%(plan)s” is not active."),
        "plan_not_started": _("The subscription plan “%(plan)s” has not started yet."),
        "plan_expired": _("The subscription plan “%(plan)s” has expired."),
    }[reason] % {"plan": title}


def live_licenses(plan: models.Plan, emails: Collection[str]) -> dict[str, models.License]:
    """Who of these holds a live license of the plan. One query for each 1,000 addresses."""
    live: dict[str, models.License] = {}
    for chunk in sets.chunks(sorted(set(emails))):
        licenses = models.License.objects.filter(plan=plan, email__in=chunk, status__in=LIVE)
        live |= {each.email: each for each in licenses if each.email is not None}
    return live


def free_count(plan: models.Plan) -> int:
    """What can still be promised. True until the lock on the plan is given up."""
    held: int = models.Hold.objects.filter(plan=plan).values("email").distinct().count()  # shared ones once
    return plan.unassigned_count - held


def check_free(plan: models.Plan, needed: int) -> None:
    """Raises NotEnoughLicenses unless that many seats are free."""
    free = free_count(plan) if needed else 0
    if needed > free:
        raise NotEnoughLicenses(
            _("%(needed)s licenses are needed, but “%(plan)s” has only %(free)s free.")
            % {"needed": needed, "plan": plan.title, "free": max(free, 0)},
            needed=needed,
            free=max(free, 0),
        )


def move_counts(plan: models.Plan, changes: dict[Status, int], *, revoked_now: int = 0) -> None:
    """Adds to the plan's counts by status, in the row and in the object. The caller holds the lock.

    ``revoked_now``: how many of the changes count against the plan's revocation cap.
    """
    changed = {f"{status}_count": by for status, by in changes.items() if by}
    if revoked_now:
        changed["revocation_count"] = revoked_now
    if not changed:
        return
    models.Plan.objects.filter(pk=plan.pk).update(**{name: F(name) + by for name, by in changed.items()})
    for name, by in changed.items():
        setattr(plan, name, getattr(plan, name) + by)


@transaction.atomic(durable=True)
def hold(*, plan_uuid: UUID, customer_uuid: UUID, seats: Sequence[Seat]) -> list[HoldOutcome]:
    """Keeps a seat for each address until its approval is through; one outcome per seat, in order.

    All or nothing. The same approval again holds nothing more; an address that holds a live license
    of the plan needs no seat, and two approvals of one address share one.

    Errors: PlanNotFound, PlanUnavailable, NotEnoughLicenses.
    Effects: locks the plan; five statements.
    """
    plan = lock_plan(plan_uuid)
    moment = clock.now()
    licensed, held = _check_holdable(plan, customer_uuid, {seat.email for seat in seats}, moment)
    rows = sorted(
        (seat.approval_uuid, plan.pk, seat.email, moment)
        for seat in seats
        if seat.email not in licensed and seat.approval_uuid not in held
    )
    sets.insert_new(
        models.Hold, ("approval_uuid", "plan", "email", "created_at"), rows, unique=("approval_uuid",)
    )
    return [HoldOutcome(seat, is_held=seat.email not in licensed) for seat in seats]


def check_seats(*, plan_uuid: UUID, customer_uuid: UUID, emails: Collection[str]) -> None:
    """Raises what ``hold`` would raise now for seats of these people. Holds and locks nothing.

    Errors: PlanNotFound, PlanUnavailable, NotEnoughLicenses.
    Effects: two queries, and two for each 1,000 people.
    """
    plan = models.Plan.objects.filter(pk=plan_uuid).first()
    if plan is None:
        raise PlanNotFound(_("There is no such subscription plan."))
    _check_holdable(plan, customer_uuid, emails, clock.now())


def _check_holdable(
    plan: models.Plan, customer_uuid: UUID, emails: Collection[str], at: datetime
) -> tuple[set[str], dict[UUID, str]]:
    """Who of these needs no seat, and what is held; raises unless there are seats for all others."""
    if plan.customer_uuid != customer_uuid:
        raise PlanNotFound(_("There is no such subscription plan."))
    check_usable(plan, at)
    wanted = set(emails)
    licensed = set(live_licenses(plan, wanted))
    held: dict[UUID, str] = {}
    for chunk in sets.chunks(sorted(wanted)):
        holds = models.Hold.objects.filter(plan=plan, email__in=chunk)
        held |= dict(holds.values_list("approval_uuid", "email"))
    check_free(plan, len(wanted - licensed - set(held.values())))
    return licensed, held


@transaction.atomic(durable=True)
def release(*, approval_uuids: Collection[UUID]) -> int:
    """Gives up the seats kept for these approvals; returns how many holds there were. Repeatable.

    Effects: locks the plans, in the order of their keys: whoever counts seats counts each of them once.
    """
    holds = models.Hold.objects.filter(pk__in=approval_uuids)
    plans = set(holds.values_list("plan_id", flat=True))
    if not plans:
        return 0
    list(models.Plan.objects.select_for_update().filter(pk__in=plans).order_by("pk").values_list("pk"))
    deleted, _models = holds.delete()
    return deleted


def list_stale_holds(*, older_than: timedelta, limit: int = sets.CHUNK) -> list[StaleHold]:
    """The oldest holds that are older than this."""
    holds = models.Hold.objects.filter(created_at__lt=clock.now() - older_than).order_by("created_at")
    return [StaleHold(*row) for row in holds.values_list("approval_uuid", "plan_id")[:limit]]
