"""How pending ends: with the license, or with an error that says why."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import TypeVar
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from bursar.customers import api as customers
from bursar.customers.data import Customer
from bursar.events.licenses import AssignmentRefused, LicenseAssigned
from bursar.events.outbox import DeliveryDied
from bursar.lib import clock, sets
from bursar.licenses import api as licenses
from bursar.licenses.data import License, Status
from bursar.notifications import api as notifications
from bursar.notifications.data import NewMessage
from bursar.outbox import api as outbox
from bursar.outbox.data import Delivery
from bursar.subsidy_requests import models
from bursar.subsidy_requests.data import State
from bursar.subsidy_requests.service.answers import about

CLOSE_FULFILLED = "subsidy_requests.close_fulfilled"
CLOSE_REFUSED = "subsidy_requests.close_refused"
CLOSE_DEAD = "subsidy_requests.close_dead"
STALE_AFTER = timedelta(minutes=15)

AnswerT = TypeVar("AnswerT")


def close_fulfilled(deliveries: Sequence[Delivery[LicenseAssigned]]) -> None:
    """Makes requests approved whose license is there, and writes to the learners if that was wanted.

    A fact whose approval is not the pending one's (a replay, an answer that ended otherwise) changes nothing.
    """
    answers = [fact for delivery in deliveries for fact in delivery.facts if fact.approval_uuid is not None]
    if answers:
        customers_ = customers.find_customers({fact.customer_uuid for fact in answers})
        licenses_ = licenses.find_licenses({fact.license_uuid for fact in answers})
        _close_fulfilled(deliveries, customers_, licenses_)


@transaction.atomic(durable=True)
def _close_fulfilled(
    deliveries: Sequence[Delivery[LicenseAssigned]],
    customers_: Mapping[UUID, Customer],
    licenses_: Mapping[UUID, License],
) -> None:
    facts = {
        fact.approval_uuid: fact
        for delivery in outbox.accept(CLOSE_FULFILLED, deliveries)
        for fact in delivery.facts
        if fact.approval_uuid is not None
    }
    rows = _lock_pending(facts)
    moment = clock.now()
    sets.update(
        models.LicenseRequest,
        ("uuid", "state", "plan_uuid", "license_uuid", "fulfilled_at", "modified_at"),
        [
            (row.pk, State.APPROVED.value, fact.plan_uuid, fact.license_uuid, moment, moment)
            for row, fact in rows
        ],
    )
    uuids = [row.pk for row, _fact in rows]
    sets.record_history(models.LicenseRequest, uuids, kind="~", by=None, reason="fulfilled", at=moment)
    messages = [
        _approved_message(row, customers_[row.customer_uuid], licenses_[fact.license_uuid])
        for row, fact in rows
        if row.is_notification_wanted
    ]
    notifications.send(messages, by=None)


def _approved_message(row: models.LicenseRequest, customer: Customer, license_: License) -> NewMessage:
    return NewMessage(
        template="subsidy_requests/license_approved",
        customer_uuid=row.customer_uuid,
        email=row.email,
        lms_user_id=row.lms_user_id,
        about=about(row.pk),
        context={
            "customer_name": customer.name,
            "customer_slug": customer.slug,
            "contact_email": customer.contact_email,
            "course_title": row.course_title or row.course_key,
            "activation_key": str(license_.activation_key),
            "is_activated": license_.status == Status.ACTIVATED,
        },
    )


@transaction.atomic(durable=True)
def close_refused(deliveries: Sequence[Delivery[AssignmentRefused]]) -> None:
    """Makes pending requests errors whose license could not be assigned, with the reason."""
    fresh = outbox.accept(CLOSE_REFUSED, deliveries)
    reasons = {fact.approval_uuid: (fact.code, fact.message) for delivery in fresh for fact in delivery.facts}
    _write_errors(reasons)


def close_dead(deliveries: Sequence[Delivery[DeliveryDied]]) -> None:
    """Ends the waiting for a reaction that failed at every try, and gives the held seats up.

    The requests become errors and can be approved again; the dead delivery, if an operator replays
    it, then finds no hold and no pending request and changes nothing.
    """
    with transaction.atomic(durable=True):
        fresh = outbox.accept(CLOSE_DEAD, deliveries)
        approvals = [fact for delivery in fresh for fact in _approvals_of(delivery)]
        message = _("The license could not be assigned. Try again, or tell the operator of this site.")
        _write_errors(dict.fromkeys(approvals, ("assignment_failed", message)))
    # Released again at each delivery: a crash between the two steps leaves no seat behind.
    every = [approval for delivery in deliveries for approval in _approvals_of(delivery)]
    licenses.release(approval_uuids=every)


def _approvals_of(delivery: Delivery[DeliveryDied]) -> Iterable[UUID]:
    for died in delivery.facts:
        if died.handler in ("licenses.fulfil_approvals", CLOSE_FULFILLED, CLOSE_REFUSED):
            for fact in died.facts:
                if fact.get("approval_uuid"):
                    yield UUID(fact["approval_uuid"])


def _write_errors(reasons: Mapping[UUID, tuple[str, str]]) -> None:
    rows = _lock_pending(reasons)
    moment = clock.now()
    sets.update(
        models.LicenseRequest,
        ("uuid", "state", "error_code", "error_message", "modified_at"),
        [(row.pk, State.ERROR.value, code, message, moment) for row, (code, message) in rows],
    )
    uuids = [row.pk for row, _reason in rows]
    sets.record_history(models.LicenseRequest, uuids, kind="~", by=None, reason="failed", at=moment)


def _lock_pending(by_approval: Mapping[UUID, AnswerT]) -> list[tuple[models.LicenseRequest, AnswerT]]:
    """The pending requests of these approvals, locked, in the order of their keys, each with its answer."""
    rows = (
        models.LicenseRequest.objects.select_for_update()
        .filter(approval_uuid__in=list(by_approval), state=State.PENDING)
        .order_by("pk")
    )
    return [(row, by_approval[row.approval_uuid]) for row in rows if row.approval_uuid is not None]


def release_stale_holds() -> int:
    """Gives up seats that are held since 15 minutes for approvals that are not pending; returns how many.

    Such a hold is left by a crash between holding and writing the approval down.
    """
    stale = [each.approval_uuid for each in licenses.list_stale_holds(older_than=STALE_AFTER)]
    pending = set(
        models.LicenseRequest.objects.filter(approval_uuid__in=stale, state=State.PENDING).values_list(
            "approval_uuid", flat=True
        )
    )
    abandoned = [approval for approval in stale if approval not in pending]
    return licenses.release(approval_uuids=abandoned) if abandoned else 0
