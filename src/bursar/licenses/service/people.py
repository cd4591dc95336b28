"""What becomes of licenses when their holders change or are retired."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from bursar.events.identity import AddressConfirmed, PersonRetired
from bursar.identity.data import StandIns, moved_addresses
from bursar.lib import clock, emails, sets
from bursar.licenses import models
from bursar.licenses.data import LIVE
from bursar.outbox import api as outbox
from bursar.outbox.data import Delivery

FOLLOW_ADDRESSES = "licenses.follow_addresses"
FORGET_RETIRED_PEOPLE = "licenses.forget_retired_people"


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
    plans = _lock_plans(theirs, theirs)
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
    _write_addresses(changes, reason="address changed")
    _write_holds(plans, moved)


@transaction.atomic(durable=True)
def forget_retired_people(deliveries: Sequence[Delivery[PersonRetired]]) -> None:
    """Puts stand-ins for the addresses of retired people, in licenses, their history and holds.

    Nobody's seat becomes free: an administrator revokes such a license like any other.
    Effects: locks the plans; a constant number of statements per 1,000 people and 1,000 licenses.
    """
    facts = [fact for each in outbox.accept(FORGET_RETIRED_PEOPLE, deliveries) for fact in each.facts]
    for chunk in sets.chunks(facts):
        _forget(StandIns.of(chunk))


def _forget(people: StandIns) -> None:
    by_address = Q(email__in=people.by_address)
    theirs = by_address | Q(lms_user_id__in=people.by_id, email__isnull=False)
    plans = _lock_plans(theirs, by_address)
    rows = models.License.objects.filter(theirs, plan__in=plans).order_by("pk")
    changes = [
        (row.pk, people.of_row(row.pk, email=row.email, lms_user_id=row.lms_user_id))
        for row in rows
        if not emails.is_retired(row.email or "")
    ]
    for part in sets.chunks(changes):
        sets.rewrite_history(models.License, ("uuid", "email"), part)
    _write_addresses(changes, reason="retired")
    _write_holds(plans, people.by_address)


def _lock_plans(licenses: Q, holds: Q) -> list[UUID]:
    """Locks the plans of these licenses and holds, in the order of their keys, as who takes seats does."""
    concerned = {
        *models.License.objects.filter(licenses).values_list("plan_id", flat=True),
        *models.Hold.objects.filter(holds).values_list("plan_id", flat=True),
    }
    plans = models.Plan.objects.select_for_update().filter(pk__in=concerned).order_by("pk")
    return list(plans.values_list("pk", flat=True))


def _write_addresses(changes: Sequence[tuple[UUID, str]], *, reason: str) -> None:
    moment = clock.now()
    for part in sets.chunks(changes):
        sets.update(models.License, ("uuid", "email", "modified_at"), [(*each, moment) for each in part])
        keys = [pk for pk, _ in part]
        sets.record_history(models.License, keys, kind="~", by=None, reason=reason, at=moment)


def _write_holds(plans: Sequence[UUID], addresses: Mapping[str, str]) -> None:
    holds = models.Hold.objects.filter(plan__in=plans, email__in=addresses).order_by("pk")
    rows = [(pk, addresses[email]) for pk, email in holds.values_list("pk", "email")]
    for part in sets.chunks(rows):
        sets.update(models.Hold, ("approval_uuid", "email"), part)
