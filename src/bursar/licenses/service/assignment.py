"""Giving licenses to people."""

import uuid
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
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
from bursar.identity import api as identity
from bursar.lib import clock, emails, sets
from bursar.lib.outcomes import Refusal
from bursar.licenses import models
from bursar.licenses.data import (
    LIVE,
    AssignOutcome,
    MailKind,
    NothingToApply,
    Notice,
    Status,
)
from bursar.licenses.service import notices, plans, seats
from bursar.licenses.service.notices import Recipient
from bursar.outbox import api as outbox
from bursar.outbox.data import Delivery

FULFIL_APPROVALS = "licenses.fulfil_approvals"

_SOURCE_TYPE = "AMT"
"""The only source that license-manager's requests can name."""


@transaction.atomic(durable=True)
def assign(
    *,
    plan_uuid: UUID,
    addresses: Sequence[str],
    by: int | None,
    must_be_usable: bool = True,
    notice: Notice | None = None,
    sources: Mapping[str, str] | None = None,
) -> list[AssignOutcome]:
    """Gives each address a license of the plan; one outcome per address, in order.

    Who holds a live one keeps it, whatever the spelling of the address. A seat that is held for an
    address is used for it. What isn't an address is refused by itself; too few free seats refuse
    the whole set. ``must_be_usable`` false assigns on a plan that grants nothing now, for imports.
    With a ``notice`` the new holders are mailed. ``sources`` says, by address, which order in the customer's
    own system the license came from.

    Errors: PlanNotFound, PlanUnavailable, NotEnoughLicenses.
    Effects: locks the plan; at most ten statements for 1,000 addresses, three more for mails and one for
    sources; records LICENSES_ASSIGNED for the new ones.
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
    _write_sources(taken, sources or {}, at=moment)
    if notice is not None:
        recipients = [Recipient(pk, email, key, str(key)) for email, (pk, key) in taken.items()]
        notices.mail_holders(MailKind.ASSIGNMENT, plan, recipients, notice=notice, by=by)
    return _outcomes(normalized, kept, taken)


def _write_sources(
    taken: Mapping[str, tuple[UUID, UUID]], sources: Mapping[str, str], *, at: datetime
) -> None:
    wanted = {emails.normalize(address): source for address, source in sources.items()}
    sourced = [(pk, wanted[email]) for email, (pk, _key) in taken.items() if wanted.get(email)]
    rows = sorted((pk, source, _SOURCE_TYPE, at) for pk, source in sourced)
    columns = ("license", "source_id", "source_type", "created_at")
    for chunk in sets.chunks(rows):
        sets.insert_new(models.LicenseSource, columns, chunk, unique=("license",))


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
    # In the order of the index, or the database would sort all that are free.
    free = models.License.objects.filter(plan=plan, status=Status.UNASSIGNED).order_by("email", "pk")
    uuids = sorted(free.values_list("pk", flat=True)[: len(wanted)])
    taken = {email: (pk, uuid.uuid4()) for email, pk in zip(wanted, uuids, strict=True)}
    rows = [(pk, Status.ASSIGNED.value, email, key, at, at, at) for email, (pk, key) in taken.items()]
    for chunk in sets.chunks(rows):
        sets.update(models.License, _ASSIGNED_COLUMNS, chunk)
        keys = [row[0] for row in chunk]
        sets.record_history(models.License, keys, kind="~", by=by, reason="assigned", at=at)
    if held:
        models.Hold.objects.filter(plan=plan, email__in=held).delete()
    seats.move_counts(plan, {Status.UNASSIGNED: -len(uuids), Status.ASSIGNED: len(uuids)})
    return taken


_ASSIGNED_COLUMNS = ("uuid", "status", "email", "activation_key", "assigned_at", "reminded_at", "modified_at")


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
    kept = _kept(plan, approvals)
    lost = [each for each in approvals if each.approval_uuid not in held and each.email not in kept]
    if lost:  # nor does it know where a license has gone that was there already, or used the hold
        found = _at_current_addresses(lost)
        approvals = [found.get(each.approval_uuid, each) for each in approvals]
        kept |= _kept(plan, found.values())
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


def _kept(plan: models.Plan, approvals: Iterable[LicenseRequestApproved]) -> dict[str, UUID]:
    """The live licenses of the plan that are at these addresses already."""
    live = seats.live_licenses(plan, {each.email for each in approvals})
    return {email: each.pk for email, each in live.items()}


def _at_current_addresses(
    approvals: Sequence[LicenseRequestApproved],
) -> dict[UUID, LicenseRequestApproved]:
    """The approvals whose learners have confirmed an address, each with that of now. One query."""
    people = identity.find_people_by_lms_user_id({each.lms_user_id for each in approvals})
    return {
        each.approval_uuid: replace(each, email=people[each.lms_user_id].email)
        for each in approvals
        if each.lms_user_id in people and people[each.lms_user_id].is_confirmed
    }


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


@seats.begins_again
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
    if license_.plan_id != plan.pk:
        raise seats.LicenseMoved
    if (license_.activation_key, license_.email) != (activation_key, email):
        # It was freed before we had the lock: it is nobody's now, or somebody else's.
        raise plans.no_license_of_yours()
    moment = clock.now()
    plans.check_not_revoked(license_.status)
    if license_.status == Status.ASSIGNED:
        _activate([license_.pk], plan, {license_.pk: lms_user_id}, by=lms_user_id, at=moment)
        fact = LicenseActivated(license_.pk, plan.pk, plan.customer_uuid, email, lms_user_id)
        outbox.record(LICENSES_ACTIVATED, key=str(plan.pk), facts=[fact], by=lms_user_id)
        holder = Recipient(
            license_.pk, email, activation_key, f"{activation_key}:activated", lms_user_id=lms_user_id
        )
        notices.mail_holders(MailKind.ACTIVATION, plan, [holder], notice=Notice(), by=lms_user_id)
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

    Who holds a live license of it, by account or by address, keeps that, untouched. Held seats are left
    alone.

    Errors: NothingToApply (no such plan, or the person's license of it was revoked), NotEnoughLicenses.
    Effects: locks the plan; records LICENSES_ASSIGNED and LICENSES_ACTIVATED; mails the learner.
    """
    moment = clock.now()
    plan = _lock_auto_applied_plan(customer_uuid, moment)
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
    holder = Recipient(license_uuid, email, key, f"{key}:auto_applied", lms_user_id=lms_user_id)
    notices.mail_holders(MailKind.AUTO_APPLY, plan, [holder], notice=Notice(), by=lms_user_id)
    return AssignOutcome(email, license_uuid, key, is_new=True)


def _lock_auto_applied_plan(customer_uuid: UUID, moment: datetime) -> models.Plan:
    """The customer's plan that hands out licenses by itself, the one that started last, locked."""
    usable = models.Plan.objects.filter(
        customer_uuid=customer_uuid,
        is_active=True,
        should_auto_apply=True,
        starts_at__lte=moment,
        expires_at__gte=moment,
    )
    plan_uuid = usable.order_by("-starts_at").values_list("pk", flat=True).first()
    plan = seats.lock_plan(plan_uuid) if plan_uuid is not None else None
    # It may have been closed, or have handed over to another one, before we had the lock.
    if plan is None or not plan.should_auto_apply or seats.unavailable_reason(plan, moment):
        raise NothingToApply(_("No subscription plan of this customer hands out licenses by itself."))
    return plan
