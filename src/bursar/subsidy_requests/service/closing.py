"""How pending ends: with what was asked for, or with an error that says why."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, TypeVar
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from bursar.customers import api as customers
from bursar.customers.data import Customer
from bursar.events.outbox import DeliveryDied
from bursar.lib import clock, emails
from bursar.outbox import api as outbox
from bursar.outbox.data import Delivery
from bursar.subsidy_requests import models
from bursar.subsidy_requests.data import Assigned, State
from bursar.subsidy_requests.service import changing, mails
from bursar.subsidy_requests.service.answers import write
from bursar.subsidy_requests.service.configuration import lock_configurations
from bursar.subsidy_requests.service.kinds import KINDS, Kind
from bursar.subsidy_requests.service.locking import lock_chosen
from bursar.subsidy_requests.service.subsidies import INSTALLED, get_subsidies

CLOSE_DEAD = "subsidy_requests.close_dead"
STALE_AFTER = timedelta(minutes=15)

AnswerT = TypeVar("AnswerT")


def close_fulfilled(kind: Kind, deliveries: Sequence[Delivery[Any]]) -> None:
    """Makes requests approved whose license or code is there, and writes to the learners if that was wanted.

    A fact whose approval is not the pending one's (a replay, an answer that ended otherwise) changes nothing.
    """
    answers = [fact for delivery in deliveries for fact in delivery.facts if fact.approval_uuid is not None]
    if answers:
        customers_ = customers.find_customers({fact.customer_uuid for fact in answers})
        assigned = {getattr(fact, kind.assigned) for fact in answers}
        steps = get_subsidies(kind.subsidy_type).tell_next_steps(assigned)
        _close_fulfilled(kind, deliveries, customers_, steps)


@transaction.atomic(durable=True)
def _close_fulfilled(
    kind: Kind,
    deliveries: Sequence[Delivery[Any]],
    customers_: Mapping[UUID, Customer],
    steps: Mapping[Assigned, Mapping[str, Any]],
) -> None:
    facts = {
        fact.approval_uuid: fact
        for delivery in outbox.accept(kind.closed_by[0], deliveries)
        for fact in delivery.facts
        if fact.approval_uuid is not None
    }
    rows = _lock_pending(kind, facts)
    moment = clock.now()
    for row, fact in rows:
        row.state = State.APPROVED.value
        row.fulfilled_at = row.modified_at = moment
        for column in (kind.container, kind.assigned):
            setattr(row, column, getattr(fact, column))
    columns = ("state", kind.container, kind.assigned, "fulfilled_at")
    write(kind, [row for row, _fact in rows], columns, by=None, reason="fulfilled")
    wanted = [(row, steps[getattr(row, kind.assigned)]) for row, _fact in rows if row.is_notification_wanted]
    mails.send_approved(kind, wanted, customers_)


@transaction.atomic(durable=True)
def close_refused(kind: Kind, deliveries: Sequence[Delivery[Any]]) -> None:
    """Makes pending requests errors for which nothing could be assigned, with the reason."""
    facts = [fact for each in outbox.accept(kind.closed_by[1], deliveries) for fact in each.facts]
    reasons = {fact.approval_uuid: (fact.code, fact.message) for fact in facts}
    _write_errors(kind, reasons, {fact.customer_uuid for fact in facts})


def close_dead(deliveries: Sequence[Delivery[DeliveryDied]]) -> None:
    """Ends the waiting for a reaction that failed at every try, and gives the held seats up.

    The requests become errors and can be approved again; the dead delivery, if an operator replays
    it, then finds no hold and no pending request and changes nothing.
    """
    with transaction.atomic(durable=True):
        fresh = outbox.accept(CLOSE_DEAD, deliveries)
        message = _("What was asked for could not be assigned. Try again, or tell the operator of this site.")
        for kind in KINDS.values():
            dead = dict(approval for delivery in fresh for approval in _approvals_of(kind, delivery))
            reasons = dict.fromkeys(dead, ("assignment_failed", message))
            _write_errors(kind, reasons, set(dead.values()))
    # Released again at each delivery: a crash between the two steps leaves no seat behind.
    for subsidy_type, subsidies in INSTALLED.items():
        kind = KINDS[subsidy_type]
        every = [approval for each in deliveries for approval, _customer in _approvals_of(kind, each)]
        if every:
            subsidies.release(approval_uuids=every)


def _approvals_of(kind: Kind, delivery: Delivery[DeliveryDied]) -> Iterable[tuple[UUID, UUID]]:
    """Each approval of what died, with its customer."""
    for died in delivery.facts:
        if died.handler in (kind.assigned_by, *kind.closed_by):
            for fact in died.facts:
                if fact.get("approval_uuid"):
                    yield UUID(fact["approval_uuid"]), UUID(fact["customer_uuid"])


def _write_errors(
    kind: Kind, reasons: Mapping[UUID, tuple[str, str]], customer_uuids: Collection[UUID]
) -> None:
    if not reasons:
        return
    configurations = lock_configurations(customer_uuids)
    rows = _lock_pending(kind, reasons)
    moment = clock.now()
    for row, (code, message) in rows:
        row.state = State.ERROR.value
        row.error_code, row.error_message, row.modified_at = code, message, moment
        row.is_removed = emails.is_retired(row.email)  # who is retired asks for nothing any more
    failed = [row for row, _reason in rows]
    write(kind, failed, ("state", "error_code", "error_message", "is_removed"), by=None, reason="failed")
    changing.note_failed(kind, failed, configurations)


def _lock_pending(
    kind: Kind, by_approval: Mapping[UUID, AnswerT]
) -> list[tuple[models.SubsidyRequest, AnswerT]]:
    """The pending requests of these approvals, locked, in the order of their keys, each with its answer."""
    rows = lock_chosen(kind, kind.model._default_manager.filter(approval_uuid__in=list(by_approval)))
    return [
        (row, by_approval[row.approval_uuid])
        for row in rows
        if row.state == State.PENDING and row.approval_uuid is not None and row.approval_uuid in by_approval
    ]


def release_stale_holds() -> int:
    """Gives up seats that are held since 15 minutes for approvals that are not pending; returns how many.

    Such a hold is left by a crash between holding and writing the approval down.
    """
    released = 0
    for subsidy_type, subsidies in INSTALLED.items():
        stale = subsidies.list_stale_holds(older_than=STALE_AFTER)
        pending = set(
            KINDS[subsidy_type]
            .model._default_manager.filter(approval_uuid__in=stale, state=State.PENDING)
            .values_list("approval_uuid", flat=True)
        )
        abandoned = [approval for approval in stale if approval not in pending]
        released += subsidies.release(approval_uuids=abandoned) if abandoned else 0
    return released
