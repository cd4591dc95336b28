"""What is written about requests, to learners and to administrators.

Templates: ``templates/mail/subsidy_requests/``.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings

from bursar.customers.data import Customer
from bursar.identity.data import RoleHolder
from bursar.notifications import api as notifications
from bursar.notifications.data import NewMessage
from bursar.subsidy_requests import models
from bursar.subsidy_requests.data import Capacity
from bursar.subsidy_requests.service.kinds import Kind

DIGEST_LISTS = 25
"""Requests that a digest names; of the others it says how many there are."""


def send_received(kind: Kind, row: models.SubsidyRequest, customer: Customer, *, by: int | None) -> None:
    """The request has arrived."""
    notifications.send([_message("received", kind, row, customer)], by=by)


def send_approved(
    kind: Kind,
    rows: Iterable[tuple[models.SubsidyRequest, Mapping[str, Any]]],
    customers: Mapping[Any, Customer],
) -> None:
    """What was asked for is there; each row comes with what names the learner's next step."""
    template = f"{kind.subsidy_type}_approved"
    notifications.send(
        [_message(template, kind, row, customers[row.customer_uuid], **step) for row, step in rows], by=None
    )


def send_declined(
    kind: Kind,
    rows: Iterable[models.SubsidyRequest],
    customer: Customer,
    *,
    reason: str | None,
    is_unlinked: bool,
    can_ask_again: bool,
    by: int | None,
) -> None:
    """An administrator said no, or the customer pays in another way now."""
    why = {"reason": reason, "is_unlinked": is_unlinked, "can_ask_again": can_ask_again}
    notifications.send([_message("declined", kind, row, customer, **why) for row in rows], by=by)


def send_digest(
    kind: Kind,
    customer: Customer,
    administrators: Iterable[RoleHolder],
    rows: Sequence[models.SubsidyRequest],
    capacity: Capacity,
    *,
    at: datetime,
) -> None:
    """These requests, the newest first, are new to the administrators; ``at`` is their ``announced_at``."""
    listed = rows[:DIGEST_LISTS]
    context = {
        "customer_name": customer.name,
        "customer_slug": customer.slug,
        "portal_page": kind.portal_page,
        "requests": [
            {"uuid": str(row.pk), "email": row.email, "course_title": row.course_title or row.course_key}
            for row in listed
        ],
        "new_count": len(rows),
        "more_count": len(rows) - len(listed),
        "waiting_count": capacity.waiting_count,
        "unmet_count": capacity.unmet_count,
    }
    template, about = "subsidy_requests/digest", _about_digest(customer.uuid, at)
    notifications.send(
        [
            NewMessage(template, customer.uuid, each.email, about, context, each.lms_user_id)
            for each in administrators
        ],
        by=None,
    )


def forget_in_digests(rows: Iterable[models.SubsidyRequest]) -> None:
    """Strikes these requests, which their caller has locked, from the digests that list them."""
    forgotten = {str(row.pk) for row in rows}
    digests = {_about_digest(row.customer_uuid, row.announced_at) for row in rows if row.announced_at}

    def strike(context: Mapping[str, Any]) -> dict[str, Any]:
        kept = [each for each in context.get("requests", ()) if each["uuid"] not in forgotten]
        return {**context, "requests": kept} if context else {}

    notifications.revise(digests, strike)


def _about_digest(customer_uuid: UUID, at: datetime) -> str:
    # No two digests of a customer have the same moment, so a request finds the one that lists it.
    return f"request_digest:{customer_uuid}:{at.isoformat()}"


def _message(
    template: str, kind: Kind, row: models.SubsidyRequest, customer: Customer, **more: Any
) -> NewMessage:
    return NewMessage(
        template=f"subsidy_requests/{template}",
        customer_uuid=row.customer_uuid,
        email=row.email,
        lms_user_id=row.lms_user_id,
        about=kind.about_request(row.pk),
        context={
            "customer_name": customer.name,
            "customer_slug": customer.slug,
            "contact_email": customer.contact_email,
            "course_title": row.course_title or row.course_key,
            "course_run_key": row.course_run_key,
            # Our own portal has no page for a course.
            "course_path": f"/{customer.slug}/course/{row.course_key}"
            if row.course_key and settings.HAS_LEARNER_PORTAL
            else None,
            **more,
        },
    )
