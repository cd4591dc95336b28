"""Approving and declining: hold seats, write intent, let the background assign."""

import uuid
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from bursar.customers import api as customers
from bursar.customers.data import Customer
from bursar.events.subsidy_requests import LEARNERS_DECLINED, LearnerDeclined
from bursar.lib import clock, sets
from bursar.lib.outcomes import Refusal
from bursar.outbox import api as outbox
from bursar.subsidy_requests import models
from bursar.subsidy_requests.data import (
    ANSWERABLE,
    MAX_BATCH,
    OPEN,
    AnswerOutcome,
    Approval,
    BatchInvalid,
    Decline,
    NotAnswerable,
    Seat,
    State,
)
from bursar.subsidy_requests.service import mails
from bursar.subsidy_requests.service.kinds import KINDS, Kind
from bursar.subsidy_requests.service.subsidies import get_subsidies

_RACES = 3
"""Tries when a learner asks again in the very moment in which an old request is approved."""


class Answered(NamedTuple):
    """One outcome per request, in order, and the rows that were changed, as they were written, in order."""

    outcomes: list[AnswerOutcome]
    rows: list[models.SubsidyRequest]


def approve(approval: Approval, *, by: int | None, is_strict: bool = True) -> Answered:
    """Says yes to the requests: they become pending at once, the background assigns what they ask for.

    Seats are held first, all or none, so every yes has its license or code; a request that is approved
    or pending already, unknown or another customer's is passed over. A request in error whose learner has a
    newer open one is refused by itself (``superseded``), and so is one whose learner gets another address in
    this very moment (``address_changed``). ``is_strict`` false: what is declined already is passed over, too.

    Errors: BatchInvalid, SubsidyNotAvailable, NotAnswerable (one of them was declined), and what
    ``Subsidies.hold`` raises. Then nothing is changed.
    Effects: locks the plan or coupon, then the requests; records the approval's event.
    """
    check_batch(approval.request_uuids)
    kind = KINDS[approval.subsidy_type]
    subsidies = get_subsidies(approval.subsidy_type)
    refused = (State.DECLINED,) if is_strict else ()
    listed = list(_find(kind, approval.customer_uuid, approval.request_uuids).only("uuid", "state", "email"))
    _refuse_states(listed, refused)
    seats = {row.pk: Seat(uuid.uuid4(), row.email) for row in listed if row.state in ANSWERABLE}
    if not seats:
        return _answered(approval.request_uuids, listed, changed={}, refusals={})
    subsidies.hold(
        container=approval.container, customer_uuid=approval.customer_uuid, seats=list(seats.values())
    )
    try:
        rows, pending, refusals = _write_pending(kind, approval, seats, refused, by=by)
    except BaseException:
        subsidies.release(approval_uuids=[seat.approval_uuid for seat in seats.values()])
        raise
    unused = [seat.approval_uuid for pk, seat in seats.items() if pk not in pending]
    if unused:
        subsidies.release(approval_uuids=unused)
    # One that could be approved and has no row any more was withdrawn meanwhile.
    seen = [*(row for row in listed if row.pk not in seats), *rows]
    return _answered(approval.request_uuids, seen, pending, refusals)


_Written = tuple[list[models.SubsidyRequest], dict[UUID, models.SubsidyRequest], dict[UUID, Refusal]]
"""All rows as they are now, those that were changed, and why some were not."""


def _write_pending(
    kind: Kind,
    approval: Approval,
    seats: Mapping[UUID, Seat],
    refused: Collection[State],
    *,
    by: int | None,
) -> _Written:
    for remaining in reversed(range(_RACES)):
        try:
            return _try_to_write_pending(kind, approval, seats, refused, by=by)
        except IntegrityError:
            if not remaining:
                raise
    raise AssertionError("unreachable")


@transaction.atomic(durable=True)
def _try_to_write_pending(
    kind: Kind,
    approval: Approval,
    seats: Mapping[UUID, Seat],
    refused: Collection[State],
    *,
    by: int | None,
) -> _Written:
    """Makes those requests pending that can still be approved now that their rows are locked."""
    rows = _lock(kind, approval.customer_uuid, seats)
    _refuse_states(rows, refused)
    answerable = [row for row in rows if row.state in ANSWERABLE]
    refusals = {
        **_superseded(kind, [row for row in answerable if row.state == State.ERROR]),
        **{row.pk: _address_changed(row) for row in answerable if row.email != seats[row.pk].email},
    }
    moment = clock.now()
    pending = [row for row in answerable if row.pk not in refusals]
    for row in pending:
        row.state = State.PENDING.value
        row.approval_uuid = seats[row.pk].approval_uuid
        setattr(row, kind.container, approval.container)
        row.reviewed_at = row.modified_at = moment
        row.reviewer_lms_user_id = by
        row.is_notification_wanted = approval.is_notification_wanted
        row.error_code = row.error_message = None
    write(
        kind,
        pending,
        (
            "state",
            "approval_uuid",
            kind.container,
            "reviewed_at",
            "reviewer_lms_user_id",
            "is_notification_wanted",
            "error_code",
            "error_message",
        ),
        by=by,
        reason="approved",
    )
    facts = [
        kind.approved.fact(
            request_uuid=row.pk,
            approval_uuid=row.approval_uuid,
            customer_uuid=row.customer_uuid,
            lms_user_id=row.lms_user_id,
            email=row.email,
            **{kind.container: approval.container},
        )
        for row in pending
    ]
    outbox.record(kind.approved, key=str(approval.container), facts=facts, by=by)
    return rows, {row.pk: row for row in pending}, refusals


def decline(answer: Decline, *, by: int | None, is_strict: bool = True) -> Answered:
    """Says no to the requests.

    What is declined already, unknown or another customer's is passed over. ``is_strict`` false: what is
    approved or pending is passed over as well.

    Errors: BatchInvalid, NotAnswerable (one of them is approved or pending). Then nothing is changed.
    Effects: locks the requests; messages to the learners if wanted; LEARNERS_DECLINED if they are to be
    unlinked.
    """
    check_batch(answer.request_uuids)
    customer = customers.get_customer(answer.customer_uuid) if answer.is_notification_wanted else None
    return _write_declined(KINDS[answer.subsidy_type], answer, customer, by=by, is_strict=is_strict)


@transaction.atomic(durable=True)
def _write_declined(
    kind: Kind, answer: Decline, customer: Customer | None, *, by: int | None, is_strict: bool
) -> Answered:
    rows = _lock(kind, answer.customer_uuid, answer.request_uuids)
    _refuse_states(rows, (State.APPROVED, State.PENDING) if is_strict else ())
    declined = [row for row in rows if row.state in ANSWERABLE]
    write_declined(kind, declined, customer, reason=answer.reason, is_unlinked=answer.is_unlinking, by=by)
    if answer.is_unlinking:
        facts = [LearnerDeclined(row.pk, row.customer_uuid, row.lms_user_id) for row in declined]
        outbox.record(LEARNERS_DECLINED, key=str(answer.customer_uuid), facts=facts, by=by)
    return _answered(answer.request_uuids, rows, {row.pk: row for row in declined}, {})


def write_declined(
    kind: Kind,
    rows: Sequence[models.SubsidyRequest],
    customer: Customer | None,
    *,
    reason: str | None,
    is_unlinked: bool = False,
    can_ask_again: bool = True,
    by: int | None,
) -> None:
    """Declines locked rows, in the caller's transaction; with a customer, the learners get a mail."""
    moment = clock.now()
    for row in rows:
        row.state = State.DECLINED.value
        row.decline_reason = reason
        row.reviewed_at = row.modified_at = moment
        row.reviewer_lms_user_id = by
    columns = ("state", "decline_reason", "reviewed_at", "reviewer_lms_user_id")
    write(kind, rows, columns, by=by, reason="declined")
    if customer is not None:
        mails.send_declined(
            kind,
            rows,
            customer,
            reason=reason,
            is_unlinked=is_unlinked,
            can_ask_again=can_ask_again,
            by=by,
        )


def write(
    kind: Kind, rows: Sequence[models.SubsidyRequest], columns: Sequence[str], *, by: int | None, reason: str
) -> None:
    """Writes these columns of locked rows, and when that was, with its history. Two statements."""
    written = ("uuid", *columns, "modified_at")
    sets.update(kind.model, written, [tuple(getattr(row, name) for name in written) for row in rows])
    at = rows[0].modified_at if rows else None
    sets.record_history(kind.model, [row.pk for row in rows], kind="~", by=by, reason=reason, at=at)


def check_batch(request_uuids: Collection[UUID]) -> None:
    """Raises BatchInvalid unless there are 1 to 1,000."""
    if not request_uuids:
        raise BatchInvalid(_("Name at least one request."))
    if len(request_uuids) > MAX_BATCH:
        raise BatchInvalid(
            _("%(count)s requests are too many for one call. Send at most %(most)s.")
            % {"count": len(request_uuids), "most": MAX_BATCH}
        )


def _find(kind: Kind, customer_uuid: UUID, uuids: Collection[UUID]) -> QuerySet[models.SubsidyRequest]:
    """The customer's rows among these, in the order of their keys."""
    rows = kind.model._default_manager.filter(
        customer_uuid=customer_uuid, pk__in=list(uuids), is_removed=False
    )
    return rows.order_by("pk")


def _lock(kind: Kind, customer_uuid: UUID, uuids: Collection[UUID]) -> list[models.SubsidyRequest]:
    return list(_find(kind, customer_uuid, uuids).select_for_update())


def _refuse_states(rows: Sequence[models.SubsidyRequest], refused: Collection[State]) -> None:
    for row in rows:
        if row.state in refused:
            raise NotAnswerable(
                _("The request of %(email)s is %(state)s. Leave it out; nothing was changed.")
                % {"email": row.email, "state": row.state},
                state=row.state,
                request_uuid=row.pk,
            )


def _superseded(kind: Kind, in_error: Sequence[models.SubsidyRequest]) -> dict[UUID, Refusal]:
    """Those whose learner has a newer open request for the same, or a newer one in error among these."""
    if not in_error:
        return {}
    asking_again = set(
        kind.model._default_manager.filter(
            customer_uuid=in_error[0].customer_uuid,
            lms_user_id__in={row.lms_user_id for row in in_error},
            state__in=OPEN,
            is_removed=False,
        ).values_list(*kind.one_open_per)
    )
    superseded = {}
    for row in sorted(in_error, key=lambda row: row.created_at, reverse=True):
        asked_for = tuple(getattr(row, name) for name in kind.one_open_per)
        if asked_for in asking_again:
            message = _("%(email)s has asked again since. Answer the newer request.") % {"email": row.email}
            superseded[row.pk] = Refusal("superseded", message)
        asking_again.add(asked_for)
    return superseded


def _address_changed(row: models.SubsidyRequest) -> Refusal:
    """Something is held for the address of before, which nobody follows any more."""
    message = _("%(email)s is a new address, of this very moment. Answer the request again.")
    return Refusal("address_changed", message % {"email": row.email})


def _answered(
    request_uuids: Sequence[UUID],
    seen: Collection[models.SubsidyRequest],
    changed: Mapping[UUID, models.SubsidyRequest],
    refusals: Mapping[UUID, Refusal],
) -> Answered:
    states = {row.pk: State(row.state) for row in seen}
    outcomes = [
        AnswerOutcome(
            pk,
            states.get(pk),
            None if pk in changed else refusals.get(pk) or _passed_over(states.get(pk)),
        )
        for pk in request_uuids
    ]
    return Answered(outcomes, [changed[pk] for pk in request_uuids if pk in changed])


def _passed_over(state: State | None) -> Refusal:
    if state is None:
        return Refusal("request_not_found", _("There is no such request."))
    return Refusal(f"already_{state}", _("This request is %(state)s already.") % {"state": state})
