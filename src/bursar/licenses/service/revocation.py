"""Taking licenses back."""

import uuid
from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from bursar.events.licenses import LICENSES_REVOKED, LicenseRevoked
from bursar.lib import clock, emails, sets
from bursar.lib.outcomes import Refusal
from bursar.licenses import models
from bursar.licenses.data import LIVE, RevokeOutcome, Status
from bursar.licenses.service import seats
from bursar.outbox import api as outbox


@transaction.atomic(durable=True)
def revoke(*, plan_uuid: UUID, addresses: Sequence[str], by: int | None) -> list[RevokeOutcome]:
    """Takes the live license of each address back; one outcome per address, in order.

    A new free license takes the place of each revoked one, so the plan keeps its size. Held seats
    stay held.

    Errors: PlanNotFound.
    Effects: locks the plan; a constant number of statements. Records LICENSES_REVOKED, after which customers
    ends what the licenses paid for.
    """
    plan = seats.lock_plan(plan_uuid)
    normalized = [emails.normalize(address) for address in addresses]
    live = {
        email: _Live(each.pk, Status(each.status), email, each.lms_user_id)
        for email, each in seats.live_licenses(plan, normalized).items()
    }
    _revoke(plan, live.values(), by=by, at=clock.now())
    return [
        RevokeOutcome(email, live[email].uuid, live[email].was)
        if email in live
        else RevokeOutcome(
            email,
            refusal=Refusal(
                "license_not_found", _("%(email)s holds no license of this plan.") % {"email": email}
            ),
        )
        for email in normalized
    ]


@transaction.atomic(durable=True)
def revoke_all(*, plan_uuid: UUID, by: int | None) -> int:
    """Takes every live license of the plan back and returns how many. Held seats stay held."""
    plan = seats.lock_plan(plan_uuid)
    rows = models.License.objects.filter(plan=plan, status__in=LIVE).order_by("pk")
    columns = rows.values_list("pk", "status", "email", "lms_user_id")
    live = [_Live(pk, Status(was), email or "", lms_user_id) for pk, was, email, lms_user_id in columns]
    for chunk in sets.chunks(live):
        _revoke(plan, chunk, by=by, at=clock.now())
    return len(live)


class _Live(NamedTuple):
    """A license that somebody holds."""

    uuid: UUID
    was: Status
    email: str
    lms_user_id: int | None


def _revoke(plan: models.Plan, licenses: Collection[_Live], *, by: int | None, at: datetime) -> None:
    if not licenses:
        return
    uuids = sorted(each.uuid for each in licenses)
    sets.update(
        models.License,
        ("uuid", "status", "revoked_at", "modified_at"),
        [(pk, Status.REVOKED.value, at, at) for pk in uuids],
    )
    sets.record_history(models.License, uuids, kind="~", by=by, reason="revoked", at=at)
    was = Counter(each.was for each in licenses)
    seats.move_counts(
        plan,
        {
            Status.ASSIGNED: -was[Status.ASSIGNED],
            Status.ACTIVATED: -was[Status.ACTIVATED],
            Status.REVOKED: len(uuids),
        },
    )
    add_licenses(plan, len(uuids), by=by, at=at)
    facts = [
        LicenseRevoked(each.uuid, plan.pk, plan.customer_uuid, each.email, each.lms_user_id, each.was.value)
        for each in licenses
    ]
    outbox.record(LICENSES_REVOKED, key=str(plan.pk), facts=facts, by=by)


@transaction.atomic(durable=True)
def freeze_unused(*, plan_uuid: UUID, by: int | None) -> int:
    """Deletes the plan's free licenses, but not those that are held, and returns how many."""
    plan = seats.lock_plan(plan_uuid)
    free = seats.free_count(plan)
    unused = models.License.objects.filter(plan=plan, status=Status.UNASSIGNED).order_by("pk")
    uuids = list(unused.values_list("pk", flat=True)[: max(free, 0)])
    for chunk in sets.chunks(uuids):
        sets.record_history(models.License, chunk, kind="-", by=by, reason="frozen")
        models.License.objects.filter(pk__in=chunk).delete()
    seats.move_counts(plan, {Status.UNASSIGNED: -len(uuids)})
    plan.frozen_at = clock.now()
    plan.save(update_fields=["frozen_at"])
    return len(uuids)


def add_licenses(plan: models.Plan, count: int, *, by: int | None, at: datetime) -> None:
    """Adds free licenses to the plan, whose lock the caller holds. Three statements per 1,000."""
    for chunk in sets.chunks(range(count)):
        uuids = sorted(uuid.uuid4() for _ in chunk)
        sets.insert(
            models.License,
            ("uuid", "plan", "status", "created_at", "modified_at"),
            [(pk, plan.pk, Status.UNASSIGNED.value, at, at) for pk in uuids],
        )
        sets.record_history(models.License, uuids, kind="+", by=by, at=at)
    seats.move_counts(plan, {Status.UNASSIGNED: count})
