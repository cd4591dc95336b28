"""Giving licenses to people."""

import uuid
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from bursar.events.licenses import (
    ASSIGNMENTS_REFUSED,
    LICENSES_ACTIVATED,
    LICENSES_ASSIGNED,
    AssignmentRefused,
    LicenseActivated,
    LicenseAssigned,
)
from bursar.events.subsidy_requests import LicenseRequestApproved
from bursar.lib import clock, emails, sets
from bursar.lib.outcomes import Refusal
from bursar.licenses import models
from bursar.licenses.data import (
    LIVE,
    AssignOutcome,
    NothingToApply,
    Status,
)
from bursar.licenses.service import plans, seats
from bursar.outbox import api as outbox
from bursar.outbox.data import Delivery

FULFIL_APPROVALS = "licenses.fulfil_approvals"


@transaction.atomic(durable=True)
def assign(
    *, plan_uuid: UUID, addresses: Sequence[str], by: int | None, must_be_usable: bool = True
) -> list[AssignOutcome]:
    """Gives each address a license of the plan; one outcome per address, in order.

    Who holds a live one keeps it, whatever the spelling of the address. A seat that is held for an
    address is used for it. What isn't an address is refused by itself; too few free seats refuse
    the whole set. ``must_be_usable`` false assigns on a plan that grants nothing now, for imports.

    Errors: PlanNotFound, PlanUnavailable, NotEnoughLicenses.
    Effects: locks the plan; at most ten statements; records LICENSES_ASSIGNED for the new ones.
    """
    plan = seats.lock_plan(plan_uuid)
    moment = clock.now()
    if must_be_usable:
        seats.check_usable(plan, moment)
    normalized = [emails.normalize(address) for address in addresses]
    valid = {address for address in normalized if emails.is_valid(address)}
    kept = {email: (each.pk, each.activation_key) for email, each in seats.live_licenses(plan, valid).items()}
    taken = _take_seats(plan, valid - kept.keys(), by=by, at=moment)
    facts = [
        LicenseAssigned(license_uuid, plan.pk, plan.customer_uuid, email, is_new=True)
        for email, (license_uuid, _key) in taken.items()
    ]
    outbox.record(LICENSES_ASSIGNED, key=str(plan.pk), facts=facts, by=by)
    return _outcomes(normalized, kept, taken)


def _outcomes(
    addresses: Sequence[str], kept: dict[str, tuple[UUID, UUID | None]], taken: dict[str, tuple[UUID, UUID]]
) -> list[AssignOutcome]:
    outcomes = []
    reported: set[str] = set()
    for email in addresses:
        if email in taken:
            outcomes.append(AssignOutcome(email, *taken[email], is_new=email not in reported))
        elif email in kept:
            outcomes.append(AssignOutcome(email, *kept[email]))
        else:
            refusal = Refusal(
                "invalid_email", _("“%(address)s” is not an e-mail address.") % {"address": email}
            )
            outcomes.append(AssignOutcome(email, refusal=refusal))
        reported.add(email)
    return outcomes


def _take_seats(
    plan: models.Plan, addresses: Collection[str], *, by: int | None, at: datetime
) -> dict[str, tuple[UUID, UUID]]:
    """Assigns a seat to each address, its own held one first: license and activation key by address.

    The caller holds the plan's lock and knows that none of them has a live license.
    """
    if not addresses:
        return {}
    wanted = sorted(addresses)
    held = set(models.Hold.objects.filter(plan=plan, email__in=wanted).values_list("email", flat=True))
    seats.check_free(plan, len(wanted) - len(held))
    free = models.License.objects.filter(plan=plan, status=Status.UNASSIGNED).order_by("pk")
    uuids = list(free.values_list("pk", flat=True)[: len(wanted)])
    taken = {email: (pk, uuid.uuid4()) for email, pk in zip(wanted, uuids, strict=True)}
    sets.update(
        models.License,
        ("uuid", "status", "email", "activation_key", "assigned_at", "reminded_at", "modified_at"),
        [(pk, Status.ASSIGNED.value, email, key, at, at, at) for email, (pk, key) in taken.items()],
    )
    sets.record_history(models.License, uuids, kind="~", by=by, reason="assigned", at=at)
    if held:
        models.Hold.objects.filter(plan=plan, email__in=held).delete()
    seats.move_counts(plan, {Status.UNASSIGNED: -len(uuids), Status.ASSIGNED: len(uuids)})
    return taken


def fulfil_approvals(deliveries: Sequence[Delivery[LicenseRequestApproved]]) -> None:
    """Gives approved requests their licenses: one transaction for each plan and administrator.

    Every approval ends here, as LICENSES_ASSIGNED or as ASSIGNMENTS_REFUSED. One whose hold is gone is
    refused, so that a replay of an old event takes no seat.
    """
    groups: dict[tuple[UUID, int | None], list[Delivery[LicenseRequestApproved]]] = defaultdict(list)
    for delivery in deliveries:
        groups[delivery.facts[0].plan_uuid, delivery.by].append(delivery)
    for (plan_uuid, by), group in groups.items():
        _fulfil_on_plan(plan_uuid, group, by=by)


@transaction.atomic(durable=True)
def _fulfil_on_plan(
    plan_uuid: UUID, deliveries: Sequence[Delivery[LicenseRequestApproved]], *, by: int | None
) -> None:
    plan = seats.lock_plan(plan_uuid)
    fresh = outbox.accept(FULFIL_APPROVALS, deliveries)
    facts = [fact for delivery in fresh for fact in delivery.facts]
    if not facts:
        return
    moment = clock.now()
    holds = models.Hold.objects.filter(pk__in=[each.approval_uuid for each in facts])
    held = dict(holds.values_list("pk", "email"))
    # A hold goes along when its person gets another address; the event cannot.
    approvals = [replace(each, email=held.get(each.approval_uuid, each.email)) for each in facts]
    kept = {
        email: each.pk
        for email, each in seats.live_licenses(plan, {each.email for each in approvals}).items()
    }
    unavailable = seats.unavailable_reason(plan, moment)
    to_take = {each.email for each in approvals if each.approval_uuid in held and each.email not in kept}
    taken = {} if unavailable else _take_seats(plan, to_take, by=by, at=moment)
    if held:
        models.Hold.objects.filter(pk__in=held).delete()
    assigned, refused = [], []
    for each in approvals:
        license_uuid = taken[each.email][0] if each.email in taken else kept.get(each.email)
        if unavailable or license_uuid is None:
            refused.append(_refused(plan, each, unavailable or "hold_gone"))
        else:
            assigned.append(
                LicenseAssigned(
                    license_uuid,
                    plan.pk,
                    plan.customer_uuid,
                    each.email,
                    is_new=each.email in taken,
                    request_uuid=each.request_uuid,
                    approval_uuid=each.approval_uuid,
                )
            )
    outbox.record(LICENSES_ASSIGNED, key=str(plan.pk), facts=assigned, by=by)
    outbox.record(ASSIGNMENTS_REFUSED, key=str(plan.pk), facts=refused, by=by)


def _refused(plan: models.Plan, approval: LicenseRequestApproved, code: str) -> AssignmentRefused:
    message = (
        _("The seat that was kept for this approval is gone. Approve the request again.")
        if code == "hold_gone"
        else seats.unavailable_message(code, plan.title)
    )
    return AssignmentRefused(
        approval.request_uuid,
        approval.approval_uuid,
        plan.pk,
        plan.customer_uuid,
        approval.email,
        code,
        message,
    )


@transaction.atomic(durable=True)
def activate(*, activation_key: UUID, email: str, lms_user_id: int) -> UUID:
    """Activates the license with this key for its holder and returns its uuid. Repeatable.

    ``email`` is the caller's normalized and confirmed address: a key alone opens nothing.

    Errors: LicenseNotFound, LicenseRevoked.
    Effects: locks the plan; records LICENSES_ACTIVATED the first time.
    """
    own, _plan = plans.get_own_license(activation_key=activation_key, email=email)
    plan = seats.lock_plan(own.plan_uuid)
    license_ = models.License.objects.get(pk=own.uuid)
    moment = clock.now()
    plans.check_not_revoked(license_.status)
    if license_.status == Status.ASSIGNED:
        _activate([license_.pk], plan, {license_.pk: lms_user_id}, by=lms_user_id, at=moment)
        fact = LicenseActivated(license_.pk, plan.pk, plan.customer_uuid, email, lms_user_id)
        outbox.record(LICENSES_ACTIVATED, key=str(plan.pk), facts=[fact], by=lms_user_id)
    return license_.pk


@transaction.atomic(durable=True)
def activate_for(*, plan_uuid: UUID, holders: dict[str, int], by: int | None) -> int:
    """Activates assigned licenses for their holders (address to LMS user id); returns how many."""
    plan = seats.lock_plan(plan_uuid)
    moment = clock.now()
    live = seats.live_licenses(plan, holders)
    assigned = {email: each.pk for email, each in live.items() if each.status == Status.ASSIGNED}
    people = {pk: holders[email] for email, pk in assigned.items()}
    _activate(sorted(people), plan, people, by=by, at=moment)
    facts = [
        LicenseActivated(pk, plan.pk, plan.customer_uuid, email, holders[email])
        for email, pk in assigned.items()
    ]
    outbox.record(LICENSES_ACTIVATED, key=str(plan.pk), facts=facts, by=by)
    return len(facts)


def _activate(
    uuids: Sequence[UUID], plan: models.Plan, people: dict[UUID, int], *, by: int | None, at: datetime
) -> None:
    sets.update(
        models.License,
        ("uuid", "status", "lms_user_id", "activated_at", "modified_at"),
        [(pk, Status.ACTIVATED.value, people[pk], at, at) for pk in uuids],
    )
    sets.record_history(models.License, uuids, kind="~", by=by, reason="activated", at=at)
    seats.move_counts(plan, {Status.ASSIGNED: -len(uuids), Status.ACTIVATED: len(uuids)})


@transaction.atomic(durable=True)
def auto_apply(*, customer_uuid: UUID, email: str, lms_user_id: int) -> AssignOutcome:
    """Gives the person an activated license of the plan that hands them out by itself.

    Who holds a live license of it keeps that, untouched. Held seats are left alone.

    Errors: NothingToApply (no such plan, or the person's license of it was revoked), NotEnoughLicenses.
    """
    moment = clock.now()
    usable = models.Plan.objects.filter(
        customer_uuid=customer_uuid, is_active=True, starts_at__lte=moment, expires_at__gte=moment
    )
    plan_uuid = (
        usable.filter(should_auto_apply=True).order_by("-starts_at").values_list("pk", flat=True).first()
    )
    if plan_uuid is None:
        raise NothingToApply(_("No subscription plan of this customer hands out licenses by itself."))
    plan = seats.lock_plan(plan_uuid)
    own = models.License.objects.filter(plan=plan, email=email) | models.License.objects.filter(
        plan=plan, lms_user_id=lms_user_id
    )
    existing = {each.status: each for each in own}
    live = next((existing[status] for status in LIVE if status in existing), None)
    if live is not None:
        return AssignOutcome(email, live.pk, live.activation_key)
    if Status.REVOKED in existing:
        raise NothingToApply(
            _("Your license of this plan was revoked. Ask your administrator for another one.")
        )
    taken = _take_seats(plan, [email], by=lms_user_id, at=moment)
    license_uuid, key = taken[email]
    models.License.objects.filter(pk=license_uuid).update(is_auto_applied=True)
    _activate([license_uuid], plan, {license_uuid: lms_user_id}, by=lms_user_id, at=moment)
    assigned = LicenseAssigned(license_uuid, plan.pk, plan.customer_uuid, email, is_new=True)
    activated = LicenseActivated(license_uuid, plan.pk, plan.customer_uuid, email, lms_user_id)
    outbox.record(LICENSES_ASSIGNED, key=str(plan.pk), facts=[assigned], by=lms_user_id)
    outbox.record(LICENSES_ACTIVATED, key=str(plan.pk), facts=[activated], by=lms_user_id)
    return AssignOutcome(email, license_uuid, key, is_new=True)
