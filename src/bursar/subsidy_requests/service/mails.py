"""What is written to learners about their requests. Templates: ``templates/mail/subsidy_requests/``."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.conf import settings

from bursar.customers.data import Customer
from bursar.notifications import api as notifications
from bursar.notifications.data import NewMessage
from bursar.subsidy_requests import models
from bursar.subsidy_requests.service.kinds import Kind


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
    is_unlinked: bool = False,
    by: int | None,
) -> None:
    """An administrator said no, or the customer pays in another way now."""
    notifications.send(
        [_message("declined", kind, row, customer, reason=reason, is_unlinked=is_unlinked) for row in rows],
        by=by,
    )


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
