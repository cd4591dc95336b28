"""What becomes of licenses when their holders change or are retired."""

from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from bursar.events.identity import AddressConfirmed, PersonRetired
from bursar.identity.data import StandIns, moved_addresses
from bursar.lib import clock, sets
from bursar.licenses import models
from bursar.licenses.data import LIVE
from bursar.licenses.service import resetting, seats
from bursar.outbox import api as outbox
from bursar.outbox.data import Delivery

FOLLOW_ADDRESSES = "licenses.follow_addresses"
FORGET_RETIRED_PEOPLE = "licenses.forget_retired_people"


@seats.begins_again
@transaction.atomic(durable=True)
def follow_addresses(deliveries: Sequence[Delivery[AddressConfirmed]]) -> None:
    """Moves licenses and holds from a person's former address to the one they confirmed.

    Where the new address holds a live license of the plan already, the old one stays as it is: an
    address has one at most.
    Effects: locks the plans; a constant number of statements per 1,000 people and 1,000 licenses.
    """
    facts = [fact for each in outbox.accept(FOLLOW_ADDRESSES, deliveries) for fact in each.facts]
    moved = moved_addresses(facts)
    for chunk in sets.chunks(sorted(moved)):
        _move({old: moved[old] for old in chunk})


def _move(moved: Mapping[str, str]) -> None:
    theirs = Q(email__in=moved)
    plans = list(_lock_plans(theirs, theirs))
    rows = models.License.objects.filter(theirs, plan__in=plans).order_by("pk")
    there = models.License.objects.filter(plan__in=plans, email__in=moved.values(), status__in=LIVE)
    taken = set(there.exclude(theirs).values_list("plan_id", "email"))
    changes: list[tuple[UUID, str]] = []
    for row in rows:
        seat = (row.plan_id, moved[row.email or ""])
        if row.status not in LIVE or seat not in taken:
            changes.append((row.pk, seat[1]))
        if row.status in LIVE:
            taken.add(seat)
    _write_addresses(changes)
    _write_holds(plans, moved)


@seats.begins_again
@transaction.atomic(durable=True)
def forget_retired_people(deliveries: Sequence[Delivery[PersonRetired]]) -> None:
    """Takes their licenses from retired people: live ones become free, revoked ones stay without an address.

    The history loses the address, too, and seats that are held for them are held for a stand-in.
    Effects: locks the plans; a constant number of statements per 1,000 people and 1,000 licenses.
    """
    facts = [fact for each in outbox.accept(FORGET_RETIRED_PEOPLE, deliveries) for fact in each.facts]
    for chunk in sets.chunks(facts):
        people = StandIns.of(chunk)
        by_address = Q(email__in=people.by_address)
        theirs = by_address | Q(lms_user_id__in=people.by_id, email__isnull=False)
        plans = _lock_plans(theirs, by_address)
        _let_go(theirs, plans)
        _write_holds(plans, people.by_address)


@seats.begins_again
@transaction.atomic(durable=True)
def retire_holder(*, lms_user_id: int, email: str | None) -> None:
    """Takes the licenses of one person, by account and by ``email`` (confirmed, normalized), from them.

    As ``forget_retired_people`` does, for who is retired by another service while the account is still here.
    Held seats wait for the account's own retirement. Repeatable. Effects: locks the plans.
    """
    theirs = Q(lms_user_id=lms_user_id, email__isnull=False)
    if email is not None:
        theirs |= Q(email=email)
    _let_go(theirs, _lock_plans(theirs))


def _let_go(theirs: Q, plans: Mapping[UUID, models.Plan]) -> None:
    rows = models.License.objects.filter(theirs, plan__in=list(plans)).values_list(*resetting.HELD_COLUMNS)
    resetting.let_go([resetting.Held(*row) for row in rows], plans, at=clock.now())


def _lock_plans(licenses: Q, holds: Q | None = None) -> dict[UUID, models.Plan]:
    """Locks the plans of these licenses and holds, in the order of their keys, as who takes seats does.

    Errors: LicenseMoved, when one went to another plan before we had the lock.
    """
    concerned = _find_plans(licenses, holds)
    rows = models.Plan.objects.select_for_update().filter(pk__in=concerned).order_by("pk")
    locked = {plan.pk: plan for plan in rows}
    if not _find_plans(licenses, holds) <= locked.keys():
        raise seats.LicenseMoved
    return locked


def _find_plans(licenses: Q, holds: Q | None) -> set[UUID]:
    concerned = set(models.License.objects.filter(licenses).values_list("plan_id", flat=True))
    if holds is not None:
        concerned |= set(models.Hold.objects.filter(holds).values_list("plan_id", flat=True))
    return concerned


def _write_addresses(changes: Sequence[tuple[UUID, str]]) -> None:
    moment = clock.now()
    for part in sets.chunks(changes):
        sets.update(models.License, ("uuid", "email", "modified_at"), [(*each, moment) for each in part])
        keys = [pk for pk, _ in part]
        sets.record_history(models.License, keys, kind="~", by=None, reason="address changed", at=moment)


def _write_holds(plans: Iterable[UUID], addresses: Mapping[str, str]) -> None:
    holds = models.Hold.objects.filter(plan__in=list(plans), email__in=addresses).order_by("pk")
    rows = [(pk, addresses[email]) for pk, email in holds.values_list("pk", "email")]
    for part in sets.chunks(rows):
        sets.update(models.Hold, ("approval_uuid", "email"), part)
