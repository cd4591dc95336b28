"""Approving and declining: hold seats, write intent, let the background assign."""

import uuid
from collections.abc import Collection, Sequence
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from bursar.customers import api as customers
from bursar.customers.data import Customer
from bursar.events.subsidy_requests import LICENSE_REQUESTS_APPROVED, LicenseRequestApproved
from bursar.lib import clock, sets
from bursar.lib.outcomes import Refusal
from bursar.licenses import api as licenses
from bursar.licenses.data import Seat
from bursar.notifications import api as notifications
from bursar.notifications.data import NewMessage
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
    State,
)

_RACES = 3
"""Tries when a learner asks again in the very moment in which an old request is approved."""


def approve(approval: Approval, *, by: int) -> list[AnswerOutcome]:
    """Says yes to the requests: they become pending at once, the background assigns the licenses.

    One outcome per request, in order. Seats are held first, all or none, so every yes has its
    license; a request that is approved or pending already, unknown or another customer's is passed over.
    A request in error whose learner has a newer open one is refused by itself (``superseded``).

    Errors: BatchInvalid, NotAnswerable (one of them was declined), and from licenses PlanNotFound,
    PlanUnavailable, NotEnoughLicenses. Then nothing is changed.
    Effects: locks the plan, then the requests; records LICENSE_REQUESTS_APPROVED.
    """
    check_batch(approval.request_uuids)
    found = _answerable(approval.customer_uuid, approval.request_uuids, refused=(State.DECLINED,))
    approvable = {pk: email for pk, email in found.items() if email is not None}
    if not approvable:
        return _outcomes(approval.request_uuids, {}, {})
    approval_uuids = {pk: uuid.uuid4() for pk in approvable}
    licenses.hold(
        plan_uuid=approval.plan_uuid,
        customer_uuid=approval.customer_uuid,
        seats=[Seat(approval_uuids[pk], email) for pk, email in approvable.items()],
    )
    try:
        pending, superseded = _write_pending(approval, approval_uuids, by=by)
    except BaseException:
        licenses.release(approval_uuids=approval_uuids.values())
        raise
    unused = [approval_uuids[pk] for pk in approvable if pk not in pending]
    if unused:
        licenses.release(approval_uuids=unused)
    return _outcomes(approval.request_uuids, dict.fromkeys(pending, State.PENDING), superseded)


def _write_pending(
    approval: Approval, approval_uuids: dict[UUID, UUID], *, by: int
) -> tuple[set[UUID], dict[UUID, Refusal]]:
    for remaining in reversed(range(_RACES)):
        try:
            return _try_to_write_pending(approval, approval_uuids, by=by)
        except IntegrityError:
            if not remaining:
                raise
    raise AssertionError("unreachable")


@transaction.atomic(durable=True)
def _try_to_write_pending(
    approval: Approval, approval_uuids: dict[UUID, UUID], *, by: int
) -> tuple[set[UUID], dict[UUID, Refusal]]:
    """Makes those requests pending that can still be approved now that their rows are locked."""
    rows = _lock(approval.customer_uuid, approval_uuids)
    _refuse_states(rows, (State.DECLINED,))
    superseded = _superseded([row for row in rows if row.state == State.ERROR])
    moment = clock.now()
    pending = [row for row in rows if row.state in ANSWERABLE and row.pk not in superseded]
    sets.update(
        models.LicenseRequest,
        (
            "uuid",
            "state",
            "approval_uuid",
            "plan_uuid",
            "reviewed_at",
            "reviewer_lms_user_id",
            "is_notification_wanted",
            "error_code",
            "error_message",
            "modified_at",
        ),
        [
            (
                row.pk,
                State.PENDING.value,
                approval_uuids[row.pk],
                approval.plan_uuid,
                moment,
                by,
                approval.is_notification_wanted,
                None,
                None,
                moment,
            )
            for row in pending
        ],
    )
    sets.record_history(
        models.LicenseRequest, [row.pk for row in pending], kind="~", by=by, reason="approved", at=moment
    )
    facts = [
        LicenseRequestApproved(
            row.pk, approval_uuids[row.pk], row.customer_uuid, approval.plan_uuid, row.lms_user_id, row.email
        )
        for row in pending
    ]
    outbox.record(LICENSE_REQUESTS_APPROVED, key=str(approval.plan_uuid), facts=facts, by=by)
    return {row.pk for row in pending}, superseded


def decline(answer: Decline, *, by: int) -> list[AnswerOutcome]:
    """Says no to the requests; one outcome per request, in order.

    What is declined already, unknown or another customer's is passed over.

    Errors: BatchInvalid, NotAnswerable (one of them is approved or pending). Then nothing is changed.
    Effects: locks the requests; messages to the learners if wanted.
    """
    check_batch(answer.request_uuids)
    customer = customers.get_customer(answer.customer_uuid) if answer.is_notification_wanted else None
    declined = _write_declined(answer, customer, by=by)
    return _outcomes(answer.request_uuids, dict.fromkeys(declined, State.DECLINED), {})


@transaction.atomic(durable=True)
def _write_declined(answer: Decline, customer: Customer | None, *, by: int) -> list[UUID]:
    rows = _lock(answer.customer_uuid, answer.request_uuids)
    _refuse_states(rows, (State.APPROVED, State.PENDING))
    to_decline = [row for row in rows if row.state in ANSWERABLE]
    moment = clock.now()
    sets.update(
        models.LicenseRequest,
        ("uuid", "state", "decline_reason", "reviewed_at", "reviewer_lms_user_id", "modified_at"),
        [(row.pk, State.DECLINED.value, answer.reason, moment, by, moment) for row in to_decline],
    )
    uuids = [row.pk for row in to_decline]
    sets.record_history(models.LicenseRequest, uuids, kind="~", by=by, reason="declined", at=moment)
    if customer is not None:
        notifications.send([_declined_message(row, customer, answer.reason) for row in to_decline], by=by)
    return uuids


def _declined_message(row: models.LicenseRequest, customer: Customer, reason: str | None) -> NewMessage:
    return NewMessage(
        template="subsidy_requests/license_declined",
        customer_uuid=row.customer_uuid,
        email=row.email,
        lms_user_id=row.lms_user_id,
        about=about(row.pk),
        context={
            "customer_name": customer.name,
            "contact_email": customer.contact_email,
            "course_title": row.course_title or row.course_key,
            "reason": reason,
        },
    )


def about(request_uuid: UUID) -> str:
    """What messages about a request are filed under."""
    return f"license_request:{request_uuid}"


def check_batch(request_uuids: Collection[UUID]) -> None:
    """Raises BatchInvalid unless there are 1 to 1,000."""
    if not request_uuids:
        raise BatchInvalid(_("Name at least one request."))
    if len(request_uuids) > MAX_BATCH:
        raise BatchInvalid(
            _("%(count)s requests are too many for one call. Send at most %(most)s.")
            % {"count": len(request_uuids), "most": MAX_BATCH}
        )


def _answerable(
    customer_uuid: UUID, request_uuids: Collection[UUID], *, refused: Collection[State]
) -> dict[UUID, str]:
    """Address by request, of those that can be answered as far as one can see without a lock."""
    rows = models.LicenseRequest.objects.filter(
        customer_uuid=customer_uuid, pk__in=request_uuids, is_removed=False
    ).only("uuid", "state", "email")
    listed = list(rows)
    _refuse_states(listed, refused)
    return {row.pk: row.email for row in listed if row.state in ANSWERABLE}


def _lock(customer_uuid: UUID, request_uuids: Collection[UUID]) -> list[models.LicenseRequest]:
    """The customer's rows among these, locked, in the order of their keys."""
    return list(
        models.LicenseRequest.objects.select_for_update()
        .filter(customer_uuid=customer_uuid, pk__in=request_uuids, is_removed=False)
        .order_by("pk")
    )


def _refuse_states(rows: Sequence[models.LicenseRequest], refused: Collection[State]) -> None:
    for row in rows:
        if row.state in refused:
            raise NotAnswerable(
                _("The request of %(email)s is %(state)s. Nothing was changed.")
                % {"email": row.email, "state": row.state},
                state=row.state,
                request_uuid=row.pk,
            )


def _superseded(in_error: Sequence[models.LicenseRequest]) -> dict[UUID, Refusal]:
    """Those whose learner has a newer open request, or a newer one in error among these."""
    if not in_error:
        return {}
    asking_again = set(
        models.LicenseRequest.objects.filter(
            customer_uuid=in_error[0].customer_uuid,
            lms_user_id__in={row.lms_user_id for row in in_error},
            state__in=OPEN,
            is_removed=False,
        ).values_list("lms_user_id", flat=True)
    )
    superseded = {}
    for row in sorted(in_error, key=lambda row: row.created_at, reverse=True):
        if row.lms_user_id in asking_again:
            message = _("%(email)s has asked again since. Answer the newer request.") % {"email": row.email}
            superseded[row.pk] = Refusal("superseded", message)
        asking_again.add(row.lms_user_id)
    return superseded


def _outcomes(
    request_uuids: Sequence[UUID], states: dict[UUID, State], refusals: dict[UUID, Refusal]
) -> list[AnswerOutcome]:
    passed_over = Refusal("passed_over", _("There is nothing to answer here."))
    return [
        AnswerOutcome(pk, state=states[pk])
        if pk in states
        else AnswerOutcome(pk, refusal=refusals.get(pk, passed_over))
        for pk in request_uuids
    ]
