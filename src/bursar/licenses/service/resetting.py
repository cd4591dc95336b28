"""Licenses that somebody loses without having done anything: they become free, as if never given."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from bursar.lib import sets
from bursar.licenses import models
from bursar.licenses.data import LIVE, Status


class Held(NamedTuple):
    """A license that somebody holds, or held until it was revoked."""

    uuid: UUID
    plan_uuid: UUID
    status: str


HELD_COLUMNS = ("pk", "plan_id", "status")
"""In the order of ``Held``'s fields."""

_RESET_COLUMNS = (
    "uuid", "status", "email", "lms_user_id", "activation_key", "assigned_at", "activated_at", "reminded_at",
    "is_auto_applied", "renewed_to", "modified_at",
)  # fmt: skip


def reset(licenses: Sequence[Held], plans: Mapping[UUID, models.Plan], *, reason: str, at: datetime) -> None:
    """Makes live licenses free again, in the caller's transaction, which has locked their plans.

    The address goes from their history, too, and where they came from. The plans' counts move.
    What was renewed by one of them is so no more, for the next holder goes on for nobody.
    Effects: six statements per 1,000 licenses, whatever the number of plans; three more if some were renewed.
    """
    for chunk in sets.chunks(sorted(licenses)):
        uuids = [each.uuid for each in chunk]
        sets.rewrite_history(models.License, ("uuid", "email"), [(each, None) for each in uuids])
        free = (Status.UNASSIGNED.value, *[None] * (len(_RESET_COLUMNS) - 3), at)
        sets.update(models.License, _RESET_COLUMNS, [(each, *free) for each in uuids])
        sets.record_history(models.License, uuids, kind="~", by=None, reason=reason, at=at)
        models.LicenseSource.objects.filter(pk__in=uuids).delete()
        _part_from_prior(uuids, reason=reason, at=at)
        _move_counts(chunk, plans)


def _part_from_prior(uuids: Sequence[UUID], *, reason: str, at: datetime) -> None:
    # Their plan need not be locked: nothing but renewals, which lock both, sees this column.
    prior = sorted(models.License.objects.filter(renewed_to__in=uuids).values_list("pk", flat=True))
    sets.update(models.License, ("uuid", "renewed_to", "modified_at"), [(pk, None, at) for pk in prior])
    sets.record_history(models.License, prior, kind="~", by=None, reason=reason, at=at)


def _move_counts(licenses: Sequence[Held], plans: Mapping[UUID, models.Plan]) -> None:
    were: dict[UUID, Counter[str]] = defaultdict(Counter)
    for each in licenses:
        were[each.plan_uuid][each.status] += 1
    for plan_uuid, was in were.items():
        plan = plans[plan_uuid]
        plan.unassigned_count += was.total()
        plan.assigned_count -= was[Status.ASSIGNED]
        plan.activated_count -= was[Status.ACTIVATED]
    columns = ("unassigned_count", "assigned_count", "activated_count")
    rows = [(pk, *[getattr(plans[pk], name) for name in columns]) for pk in sorted(were)]
    sets.update(models.Plan, ("uuid", *columns), rows)


def let_go(licenses: Sequence[Held], plans: Mapping[UUID, models.Plan], *, at: datetime) -> None:
    """Takes a retired person's licenses from them: live ones become free, revoked ones lose the address.

    In the caller's transaction, which has locked the plans. A constant number of statements per 1,000.
    """
    reset([each for each in licenses if each.status in LIVE], plans, reason="retired", at=at)
    for chunk in sets.chunks(sorted(each.uuid for each in licenses if each.status == Status.REVOKED)):
        sets.rewrite_history(models.License, ("uuid", "email"), [(each, None) for each in chunk])
        sets.update(models.License, ("uuid", "email", "modified_at"), [(each, None, at) for each in chunk])
        sets.record_history(models.License, chunk, kind="~", by=None, reason="retired", at=at)
