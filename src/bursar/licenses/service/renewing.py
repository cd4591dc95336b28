"""Processing renewals: the licenses of a plan are copied to the plan that takes its place.

Contract: subsidies A.3 and A.5. Holds stay with the plan before.
"""

import logging
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from bursar.customers import api as customers
from bursar.events.licenses import LICENSES_RENEWED, LicenseRenewed
from bursar.lib import clock, sets
from bursar.lib.errors import DomainError
from bursar.lib.outcomes import Refusal
from bursar.lib.saving import save_row
from bursar.licenses import models
from bursar.licenses.data import LIVE, CopiedStatuses, RenewalImpossible, RenewalOutcome, Renewed, Status
from bursar.licenses.service import provisioning, revocation, seats
from bursar.licenses.service.agreements import lock_plans
from bursar.licenses.service.renewals import lock_renewal
from bursar.outbox import api as outbox

log = logging.getLogger(__name__)

AHEAD = timedelta(hours=12)
"""How long before a renewal is effective it is processed, so that nobody waits for their license."""

GOES_ON = Q(renewed_to__status__in=LIVE)
"""Licenses whose holder still has the one that they were renewed by. What was revoked pays for nothing."""

_REASON = "renewed"

COPIED = {
    CopiedStatuses.LIVE: LIVE,
    CopiedStatuses.ACTIVATED: (Status.ACTIVATED,),
    CopiedStatuses.NONE: (),
}


def process_due_renewals(*, by: int | None = None) -> list[RenewalOutcome]:
    """Processes every renewal that is effective within ``AHEAD`` or has been for long; one outcome for each.

    Those that are exempt wait for somebody to process them. One that fails is logged and comes again next
    time; it stops no other.
    """
    due = models.Renewal.objects.filter(
        is_processed=False, is_exempt_from_batch=False, effective_at__lte=clock.now() + AHEAD
    )
    listed = due.order_by("effective_at", "pk").values_list("pk", "prior_plan__title")
    return [_try(renewal_id, title, by=by) for renewal_id, title in list(listed)]


def count_overdue_renewals() -> int:
    """How many renewals should have been processed and were not: something keeps them from it."""
    due = models.Renewal.objects.filter(is_processed=False, is_exempt_from_batch=False)
    return due.filter(effective_at__lte=clock.now()).count()


def _try(renewal_id: int, prior_title: str, *, by: int | None) -> RenewalOutcome:
    try:
        return RenewalOutcome(renewal_id, prior_title, process_renewal(renewal_id=renewal_id, by=by))
    except DomainError as error:
        log.error("renewal refused", extra={"renewal": renewal_id, "code": error.code, "error": str(error)})
        return RenewalOutcome(renewal_id, prior_title, refusal=Refusal(error.code, error.message))
    except Exception as error:  # whatever it is, the others are due as well
        log.exception("renewal failed", extra={"renewal": renewal_id})
        return RenewalOutcome(renewal_id, prior_title, refusal=Refusal("failed", repr(error)))


@transaction.atomic(durable=True)
def process_renewal(*, renewal_id: int, by: int | None) -> Renewed:
    """Copies the licenses of the prior plan to the renewed one, which is made if there is none. Repeatable.

    A copy has the status, holder and key of the license before, which says by which one it was renewed; what
    is not copied stays where it is. The renewed plan hands out licenses by itself from then on if the prior
    one did, unless the renewal says otherwise.

    Errors: RenewalNotFound, RenewalImpossible. Nothing is done then.
    Effects: locks the agreement, the renewal, both plans; eight statements per 1,000 copies, three per 1,000
    other licenses; records LICENSES_RENEWED.
    """
    renewal = lock_renewal(renewal_id)
    if renewal.is_processed:
        return _renewed(renewal, 0, is_new=False)
    prior, plan = lock_both(renewal)
    moment = clock.now()
    statuses = COPIED[CopiedStatuses(renewal.copied_statuses)]
    if plan is None:
        plan = _make_plan(renewal, prior, by=by)
    _check_possible(renewal, prior, plan, statuses)
    copying = Copying(prior, plan, by, moment, plan.unassigned_count)
    copied = sum(copying.run(status) for status in statuses)
    missing = renewal.license_count - provisioning.count_licenses(plan)
    revocation.add_licenses(plan, missing, by=by, at=moment)
    _move_auto_apply(renewal, prior, plan, by=by)
    save_row(plan, {"desired_license_count": renewal.license_count}, by=by, reason=_REASON)
    if not plan.is_active:
        # Whoever set it up may mean to activate it later; until then its licenses pay for nothing.
        log.warning("renewed to a plan that is not active", extra={"plan": str(plan.pk)})
    done = {"renewed_plan": plan, "is_processed": True, "processed_at": moment}
    save_row(renewal, done, by=by, reason=_REASON)
    return _renewed(renewal, copied, is_new=True)


def pass_on_payments(plan_uuid: UUID) -> None:
    """Has renewed licenses pay for what those of the plan came to pay for since then. Repeatable.

    A renewed license that was revoked since pays for nothing.
    For a plan that is over: it was renewed hours before, and used until its end.
    Effects: a query, and for each 1,000 renewed licenses one more and ``customers.api.replace_licenses``.
    """
    licenses = models.License.objects.filter(GOES_ON, plan=plan_uuid).order_by("pk")
    rows = licenses.values_list("pk", "renewed_to_id")
    chunk = list(rows[: sets.CHUNK])
    while chunk:
        customers.replace_licenses(dict(chunk), by=None)
        chunk = list(rows.filter(pk__gt=chunk[-1][0])[: sets.CHUNK])


def default_title(prior_title: str, effective_at: datetime) -> str:
    """What a renewed plan is called if nobody says otherwise."""
    ending = f" - Renewal {effective_at.year}"
    return prior_title[: _TITLE_LENGTH - len(ending)] + ending


_TITLE_LENGTH = 128


def _renewed(renewal: models.Renewal, count: int, *, is_new: bool) -> Renewed:
    title = renewal.renewed_plan.title if renewal.renewed_plan else ""
    return Renewed(renewal.pk, renewal.prior_plan.title, title, count, is_new)


def lock_both(renewal: models.Renewal) -> tuple[models.Plan, models.Plan | None]:
    """The prior plan and the one that takes its place, if it is there already."""
    wanted = [pk for pk in (renewal.prior_plan_id, renewal.renewed_plan_id) if pk is not None]
    plans = lock_plans(wanted)
    plan = plans[renewal.renewed_plan_id] if renewal.renewed_plan_id is not None else None
    return plans[renewal.prior_plan_id], plan


def _make_plan(renewal: models.Renewal, prior: models.Plan, *, by: int | None) -> models.Plan:
    title = renewal.renewed_plan_title or default_title(prior.title, renewal.effective_at)
    if models.Plan.objects.filter(agreement=prior.agreement_id, title=title).exists():
        raise RenewalImpossible(
            _("Another plan of the agreement is called “%(title)s”: give the renewed plan another title.")
            % {"title": title}
        )
    values: dict[str, Any] = {name: getattr(prior, name) for name in _TAKEN_OVER}
    values |= {
        "title": title,
        "starts_at": renewal.effective_at,
        "expires_at": renewal.renewed_expires_at,
        "is_active": True,
        "salesforce_opportunity_line_item": renewal.salesforce_opportunity_id,
    }
    plan = models.Plan()
    save_row(plan, values, by=by, reason=_REASON)
    return plan


_TAKEN_OVER = (
    "agreement_id", "customer_uuid", "catalog_uuid", "product_id", "is_revocation_cap_enabled",
    "revoke_max_percent", "is_for_internal_use_only", "can_freeze_unused_licenses",
)  # fmt: skip


def _check_possible(
    renewal: models.Renewal, prior: models.Plan, plan: models.Plan, statuses: Sequence[Status]
) -> None:
    wanted = renewal.license_count
    copies = sum(getattr(prior, f"{status}_count") for status in statuses)
    held = plan.unassigned_count - seats.free_count(plan)
    if plan.assigned_count + plan.activated_count + plan.revoked_count:
        text = _("Licenses of “%(plan)s” were given out already: renew to another plan.")
    elif plan.unassigned_count > wanted:
        text = _("“%(plan)s” has more licenses than the renewal asks for: ask for %(free)s at least.")
    elif plan.unassigned_count < wanted and plan.frozen_at is not None:
        text = _("The unused licenses of “%(plan)s” were frozen: it gets no more. Renew to another plan.")
    elif copies + held > wanted:
        text = _("%(needed)s licenses are to be renewed, but the renewal asks for %(wanted)s: ask for more.")
    else:
        return
    fields = {
        "plan": plan.title,
        "free": plan.unassigned_count,
        "needed": copies + held,
        "wanted": wanted,
    }
    raise RenewalImpossible(text % fields)


def _move_auto_apply(
    renewal: models.Renewal, prior: models.Plan, plan: models.Plan, *, by: int | None
) -> None:
    if prior.should_auto_apply and not renewal.disable_auto_apply:
        if plan.starts_at <= clock.now():  # until then the prior one goes on: of two, the later one counts
            provisioning.stop_auto_apply([prior], by=by, reason=_REASON)
        save_row(plan, {"should_auto_apply": True}, by=by, reason=_REASON)


class LicenseToCopy(NamedTuple):
    """What is copied of a license."""

    uuid: UUID
    email: str
    lms_user_id: int | None
    activation_key: UUID | None
    reminded_at: datetime | None
    is_auto_applied: bool | None


@dataclass
class Copying:
    """Copies of a plan's licenses, 1,000 at a time. Both plans are locked."""

    prior: models.Plan
    plan: models.Plan
    by: int | None
    at: datetime
    free: int
    """How many licenses of the renewed plan wait to be used; once there are none, copies are new rows."""

    def run(self, status: Status) -> int:
        """Copies all licenses with this status, and returns how many they were."""
        count = 0
        after = ""
        while licenses := self._read(status, after):
            after = licenses[-1].email
            self.copy(sorted(licenses), status)
            count += len(licenses)
        return count

    def _read(self, status: Status, after: str) -> list[LicenseToCopy]:
        # As the index is ordered; among live licenses of a plan an address comes once.
        rows = models.License.objects.filter(plan=self.prior, status=status, email__gt=after)
        return [
            LicenseToCopy(*row)
            for row in rows.order_by("email").values_list(*LicenseToCopy._fields)[: sets.CHUNK]
        ]

    def copy(self, licenses: Sequence[LicenseToCopy], status: Status) -> None:
        """Copies these licenses, which have this status. Sorted by uuid, at most 1,000."""
        used = self._take(len(licenses))
        made = sorted(uuid.uuid4() for _ in licenses[len(used) :])
        pairs = list(zip(licenses, [*used, *made], strict=True))
        activated_at = self.plan.starts_at if status is Status.ACTIVATED else None
        rows = [(new, status.value, *old[1:], self.at, activated_at, self.at) for old, new in pairs]
        sets.update(models.License, _COPY_COLUMNS, rows[: len(used)])
        sets.insert(
            models.License,
            (*_COPY_COLUMNS, "plan", "created_at"),
            [(*row, self.plan.pk, self.at) for row in rows[len(used) :]],
        )
        self._record(used, kind="~")
        self._record(made, kind="+")
        olds = [old.uuid for old in licenses]
        sets.update(
            models.License,
            ("uuid", "renewed_to", "modified_at"),
            [(old.uuid, new, self.at) for old, new in pairs],
        )
        self._record(olds, kind="~")
        seats.move_counts(self.plan, {Status.UNASSIGNED: -len(used), status: len(pairs)})
        outbox.record(
            LICENSES_RENEWED,
            key=str(self.plan.pk),
            facts=[self._fact(old, new, status) for old, new in pairs],
            by=self.by,
        )

    def _take(self, wanted: int) -> list[UUID]:
        if not self.free:
            return []
        rows = models.License.objects.filter(plan=self.plan, status=Status.UNASSIGNED)
        taken = list(rows.order_by("email", "pk").values_list("pk", flat=True)[:wanted])
        self.free -= len(taken)
        return sorted(taken)

    def _record(self, uuids: Sequence[UUID], *, kind: str) -> None:
        sets.record_history(models.License, uuids, kind=kind, by=self.by, reason=_REASON, at=self.at)

    def _fact(self, old: LicenseToCopy, new: UUID, status: Status) -> LicenseRenewed:
        return LicenseRenewed(
            license_uuid=new,
            prior_license_uuid=old.uuid,
            plan_uuid=self.plan.pk,
            prior_plan_uuid=self.prior.pk,
            customer_uuid=self.plan.customer_uuid,
            email=old.email,
            lms_user_id=old.lms_user_id,
            status=status.value,
        )


_COPY_COLUMNS = (
    "uuid", "status", "email", "lms_user_id", "activation_key", "reminded_at", "is_auto_applied",
    "assigned_at", "activated_at", "modified_at",
)  # fmt: skip
