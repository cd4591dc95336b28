"""Taking licenses back."""

import uuid
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from bursar.events.licenses import LICENSES_REVOKED, LicenseRevoked
from bursar.jobs import api as jobs
from bursar.jobs.data import Result, Work
from bursar.lib import clock, emails, sets
from bursar.lib.outcomes import Refusal
from bursar.licenses import models
from bursar.licenses.data import (
    LIVE,
    REQUEST_LIMIT,
    LicenseFilter,
    NotEnoughRevocations,
    RevocationsCapped,
    RevokeOutcome,
    Status,
    TooManyLicenses,
)
from bursar.licenses.service import notices, seats, selection
from bursar.outbox import api as outbox
from bursar.outbox.data import Delivery

REVOKE_RENEWED = "licenses.revoke_renewed"

REVOCATION = "licenses.revocation"
"""The kind of jobs that revoke a whole plan."""


@transaction.atomic(durable=True)
def revoke(*, plan_uuid: UUID, addresses: Sequence[str], by: int | None) -> list[RevokeOutcome]:
    """Takes the live license of each address back; one outcome per address, in order.

    A new free license takes the place of each revoked one, so the plan keeps its size. Held seats
    stay held. If the plan's cap allows fewer of the active ones, nothing is revoked.

    Errors: PlanNotFound, NotEnoughRevocations.
    Effects: locks the plan; a constant number of statements for each 1,000. Records LICENSES_REVOKED, after
    which customers ends what the licenses paid for. Mails customer success when the cap is reached.
    """
    plan = seats.lock_plan(plan_uuid)
    normalized = [emails.normalize(address) for address in addresses]
    live = {
        email: _Live(each.pk, Status(each.status), email, each.lms_user_id)
        for email, each in seats.live_licenses(plan, normalized).items()
    }
    _revoke(plan, list(live.values()), by=by)
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
def revoke_matching(*, plan_uuid: UUID, wanted: LicenseFilter, by: int | None) -> list[RevokeOutcome]:
    """Takes back the live licenses that match, and nothing else; one outcome for each, by address.

    Errors: PlanNotFound, NotEnoughRevocations, TooManyLicenses (more than REQUEST_LIMIT; nothing is done).
    Effects: as ``revoke``.
    """
    plan = seats.lock_plan(plan_uuid)
    rows = selection.matching(plan.pk, wanted, among=LIVE).order_by("email", "pk")
    live = _list_live(rows[: REQUEST_LIMIT + 1])
    if len(live) > REQUEST_LIMIT:
        raise TooManyLicenses(
            _("More than %(limit)s licenses match. Choose fewer, or revoke the whole plan.")
            % {"limit": REQUEST_LIMIT},
            limit=REQUEST_LIMIT,
        )
    _revoke(plan, live, by=by)
    return [RevokeOutcome(each.email, each.uuid, each.was) for each in live]


@transaction.atomic
def start_revoking_all(*, plan_uuid: UUID, by: int | None) -> UUID | None:
    """Begins a job that takes every live license of the plan back, and gives its uuid; None if there is none.

    Errors: PlanNotFound, RevocationsCapped.
    Effects: reads every live license; a few statements for each 1,000.
    """
    plan = seats.lock_plan(plan_uuid)
    if plan.is_revocation_cap_enabled:
        raise RevocationsCapped(
            _("Cannot revoke all licenses when revocation cap is enabled for the subscription plan")
        )
    live = models.License.objects.filter(plan=plan, status__in=LIVE).order_by("pk")
    items = [str(pk) for pk in live.values_list("pk", flat=True)]
    return (
        jobs.start(
            kind=REVOCATION,
            customer_uuid=plan.customer_uuid,
            parameters={"plan_uuid": str(plan.pk)},
            chunks=list(sets.chunks(items)),
            by=by,
        )
        if items
        else None
    )


@transaction.atomic(durable=True)
def revoke_chunk(work: Work) -> list[Result]:
    """What the job does with 1,000 licenses. Those that are live no more are passed over."""
    plan = seats.lock_plan(UUID(work.parameters["plan_uuid"]))
    keys = [UUID(item) for item in work.items]
    live = _list_live(models.License.objects.filter(plan=plan, pk__in=keys, status__in=LIVE))
    _revoke(plan, live, by=work.by)
    revoked = {each.uuid: each.email for each in live}
    return [
        {
            "license_uuid": str(key),
            "email": revoked.get(key, ""),
            "outcome": "revoked" if key in revoked else "passed_over",
        }
        for key in keys
    ]


def revoke_renewed(deliveries: Sequence[Delivery[LicenseRevoked]]) -> None:
    """Reaction: whoever lost a license before the plan that renews it begins loses the renewed one as well.

    It needs no inbox: only what is live is revoked. The cap of the plan before was looked at; that of the
    renewed one counts what is revoked there.
    Effects: a query for each event, and for each renewed plan a transaction as of ``revoke``.
    """
    for delivery in deliveries:
        lost = [fact.license_uuid for fact in delivery.facts]
        ahead = models.License.objects.filter(
            renewed_from__in=lost, status__in=LIVE, plan__starts_at__gt=delivery.recorded_at
        )
        for plan_uuid in sorted(set(ahead.values_list("plan_id", flat=True))):
            _revoke_successors(plan_uuid, lost, by=delivery.by)


@transaction.atomic(durable=True)
def _revoke_successors(plan_uuid: UUID, lost: Sequence[UUID], *, by: int | None) -> None:
    plan = seats.lock_plan(plan_uuid)
    live = _list_live(models.License.objects.filter(plan=plan, renewed_from__in=lost, status__in=LIVE))
    _revoke(plan, live, by=by, is_capped=False)


class _Live(NamedTuple):
    """A license that somebody holds."""

    uuid: UUID
    was: Status
    email: str
    lms_user_id: int | None


def _list_live(rows: "QuerySet[models.License]") -> list[_Live]:
    columns = rows.values_list("pk", "status", "email", "lms_user_id")
    return [_Live(pk, Status(was), email or "", lms_user_id) for pk, was, email, lms_user_id in columns]


def _revoke(plan: models.Plan, licenses: Sequence[_Live], *, by: int | None, is_capped: bool = True) -> None:
    if not licenses:
        return
    was = Counter(each.was for each in licenses)
    remaining = revocations_remaining(plan) if is_capped else None
    if remaining is not None and was[Status.ACTIVATED] > remaining:
        raise NotEnoughRevocations(
            _("Plan does not have enough revocations remaining."),
            remaining=remaining,
            needed=was[Status.ACTIVATED],
        )
    moment = clock.now()
    for chunk in sets.chunks(licenses):
        uuids = sorted(each.uuid for each in chunk)
        sets.update(
            models.License,
            ("uuid", "status", "revoked_at", "modified_at"),
            [(pk, Status.REVOKED.value, moment, moment) for pk in uuids],
        )
        sets.record_history(models.License, uuids, kind="~", by=by, reason="revoked", at=moment)
    added = insert_licenses(plan, len(licenses), by=by, at=moment)
    seats.move_counts(
        plan,
        {
            Status.ASSIGNED: -was[Status.ASSIGNED],
            Status.ACTIVATED: -was[Status.ACTIVATED],
            Status.REVOKED: len(licenses),
            Status.UNASSIGNED: added,
        },
        revoked_now=was[Status.ACTIVATED] if is_capped else 0,
    )
    facts = [
        LicenseRevoked(each.uuid, plan.pk, plan.customer_uuid, each.email, each.lms_user_id, each.was.value)
        for each in licenses
    ]
    outbox.record(LICENSES_REVOKED, key=str(plan.pk), facts=facts, by=by)
    if remaining is not None and was[Status.ACTIVATED] and revocations_remaining(plan) == 0:
        notices.mail_revocations_used_up(plan, by=by)


def revocations_remaining(plan: models.Plan) -> int | None:
    """How many active licenses may still be revoked; None without a cap. Revoked ones are not in the sum.

    True until the lock on the plan is given up.
    """
    if not plan.is_revocation_cap_enabled:
        return None
    size = plan.unassigned_count + plan.assigned_count + plan.activated_count
    return max(0, -(-size * plan.revoke_max_percent // 100) - plan.revocation_count)


@transaction.atomic(durable=True)
def freeze_unused(*, plan_uuid: UUID, by: int | None) -> int:
    """Deletes the plan's free licenses, but not those that are held, and returns how many.

    Effects: locks the plan; four statements for each 1,000.
    """
    plan = seats.lock_plan(plan_uuid)
    free = seats.free_count(plan)
    unused = models.License.objects.filter(plan=plan, status=Status.UNASSIGNED).order_by("email", "pk")
    uuids = sorted(unused.values_list("pk", flat=True)[: max(free, 0)])
    for chunk in sets.chunks(uuids):
        sets.record_history(models.License, chunk, kind="-", by=by, reason="frozen")
        models.License.objects.filter(renewed_to__in=chunk).update(renewed_to=None)
        models.LicenseSource.objects.filter(license__in=chunk).delete()
        # Django's own delete would look each of them up, and what refers to it.
        doomed = models.License.objects.filter(pk__in=chunk)
        doomed._raw_delete(doomed.db)
    seats.move_counts(plan, {Status.UNASSIGNED: -len(uuids)})
    plan.frozen_at = clock.now()
    plan.save(update_fields=["frozen_at"])
    return len(uuids)


def add_licenses(plan: models.Plan, count: int, *, by: int | None, at: datetime) -> None:
    """Adds free licenses to the plan, whose lock the caller holds. Three statements per 1,000."""
    seats.move_counts(plan, {Status.UNASSIGNED: insert_licenses(plan, count, by=by, at=at)})


def insert_licenses(plan: models.Plan, count: int, *, by: int | None, at: datetime) -> int:
    """The same without the counts, which the caller moves."""
    for chunk in sets.chunks(range(count)):
        uuids = sorted(uuid.uuid4() for _ in chunk)
        sets.insert(
            models.License,
            ("uuid", "plan", "status", "created_at", "modified_at"),
            [(pk, plan.pk, Status.UNASSIGNED.value, at, at) for pk in uuids],
        )
        sets.record_history(models.License, uuids, kind="+", by=by, at=at)
    return count
