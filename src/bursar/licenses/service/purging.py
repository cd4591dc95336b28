"""Forgetting who held licenses, once that is long over. Contract: subsidies A.3."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from bursar.customers import api as customers
from bursar.lib import clock, sets
from bursar.licenses import models
from bursar.licenses.data import LIVE, Status, Sweep
from bursar.licenses.service import resetting, seats
from bursar.licenses.service.sweeping import sweep

_MOST_DAYS = 36_500
"""Of agreements that keep everything: the calendar has a beginning, and a hundred years are enough."""


def purge_personal_data() -> Sweep:
    """Forgets people when their agreement's ``purge_after_days`` are over; the licenses stay.

    Days after a plan is over its licenses are revoked, without their holders; revoked ones of any plan lose
    theirs days after they were revoked; assigned ones that nobody activated are free again days after they
    were assigned, and what they paid for ends. History and sources go, too. While learners of a plan that is
    over are still to be unlinked, its live licenses wait.
    Effects: locks each plan, for 1,000 licenses at a time, in a constant number of statements; counts move.
    """
    moment = clock.now()
    ages = models.Agreement.objects.order_by().values_list("purge_after_days", flat=True).distinct()
    due = Q(pk__in=[])
    for days in ages:
        before = _before(moment, days)
        to_purge = _to_forget(before) | _to_free(before, moment)
        due |= Q(plan__agreement__purge_after_days=days) & to_purge
    plans = (
        models.License.objects.filter(due).order_by("plan_id").values_list("plan_id", flat=True).distinct()
    )
    return sweep("purge_personal_data", list(plans), _purge)


def _before(moment: datetime, days: int) -> datetime:
    return moment - timedelta(days=min(days, _MOST_DAYS))


def _to_forget(before: datetime) -> Q:
    """Licenses whose holder is to be forgotten: of plans over before this moment, or revoked before it."""
    is_kept = Q(email__isnull=False) | Q(lms_user_id__isnull=False)
    is_over = Q(plan__is_expiration_processed=True, plan__expires_at__lt=before) & ~_awaits_unlinking(before)
    return is_kept & (is_over | Q(status=Status.REVOKED, revoked_at__lt=before))


def _to_free(before: datetime, moment: datetime) -> Q:
    """Licenses that were assigned before the first moment, and that nobody activated."""
    is_over = Q(plan__is_expiration_processed=True, plan__expires_at__lt=before)
    is_stale = Q(status=Status.ASSIGNED, assigned_at__lt=before)
    return is_stale & ~is_over & ~_awaits_unlinking(moment)


def _awaits_unlinking(moment: datetime) -> Q:
    if settings.UNLINK_EXPIRED_LEARNERS_AFTER is None:
        return Q(pk__in=[])
    return Q(plan__unlinked_at__isnull=True, plan__expires_at__lt=moment)


def _purge(plan_uuid: UUID) -> int:
    """How many licenses were purged."""
    days = models.Agreement.objects.values_list("purge_after_days", flat=True).get(plans=plan_uuid)
    moment = clock.now()
    before = _before(moment, days)
    count = 0
    for chunk in _find(plan_uuid, _to_forget(before)):
        count += _forget_chunk(plan_uuid, chunk, before)
    for chunk in _find(plan_uuid, _to_free(before, moment)):
        # First, and outside of our transaction: afterwards the license may be somebody else's.
        customers.end_sponsorships(chunk, by=None)
        count += _free_chunk(plan_uuid, chunk, _to_free(before, moment))
    return count


def _find(plan_uuid: UUID, wanted: Q) -> Iterator[list[UUID]]:
    """The licenses of the plan that are wanted, by their keys, 1,000 at a time."""
    licenses = models.License.objects.filter(wanted, plan=plan_uuid).order_by("pk")
    keys = licenses.values_list("pk", flat=True)
    chunk = list(keys[: sets.CHUNK])
    while chunk:
        yield chunk
        chunk = list(keys.filter(pk__gt=chunk[-1])[: sets.CHUNK])


@transaction.atomic(durable=True)
def _forget_chunk(plan_uuid: UUID, license_uuids: Sequence[UUID], before: datetime) -> int:
    plan = seats.lock_plan(plan_uuid)
    moment = clock.now()
    due = models.License.objects.filter(_to_forget(before), pk__in=license_uuids, plan=plan).order_by("pk")
    rows = list(due.values_list("pk", "status", "revoked_at"))
    uuids = [pk for pk, *_ in rows]
    sets.rewrite_history(models.License, ("uuid", "email", "lms_user_id"), [(pk, None, None) for pk in uuids])
    sets.update(
        models.License,
        ("uuid", "status", "email", "lms_user_id", "revoked_at", "modified_at"),
        [(pk, Status.REVOKED.value, None, None, revoked_at or moment, moment) for pk, _, revoked_at in rows],
    )
    sets.record_history(models.License, uuids, kind="~", by=None, reason="purged", at=moment)
    models.LicenseSource.objects.filter(pk__in=uuids).delete()
    was = Counter(Status(status) for _, status, _ in rows)
    moves = {status: -was[status] for status in LIVE}
    seats.move_counts(plan, {**moves, Status.REVOKED: sum(was[status] for status in LIVE)})
    return len(rows)


@transaction.atomic(durable=True)
def _free_chunk(plan_uuid: UUID, license_uuids: Sequence[UUID], wanted: Q) -> int:
    plan = seats.lock_plan(plan_uuid)
    # Meanwhile one may have been activated, be somebody else's, or have gone to another plan.
    stale = models.License.objects.filter(wanted, pk__in=license_uuids, plan=plan)
    licenses = [resetting.Held(*row) for row in stale.values_list(*resetting.HELD_COLUMNS)]
    # Of people who are retired the history keeps the number; of these it keeps nothing.
    sets.rewrite_history(models.License, ("uuid", "lms_user_id"), [(each.uuid, None) for each in licenses])
    resetting.reset(licenses, {plan.pk: plan}, reason="purged", at=clock.now())
    return len(licenses)
