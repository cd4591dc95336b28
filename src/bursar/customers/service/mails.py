"""Mails about bulk enrollment: one per learner, about all their new courses."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.utils import formats

from bursar.catalog.data import Run
from bursar.customers.data import Customer
from bursar.customers.service.pairs import WaitingWish, Wish
from bursar.lib import clock
from bursar.notifications.data import NewMessage


def enrolled_messages(customer: Customer, wishes: Sequence[Wish], *, batch: UUID) -> list[NewMessage]:
    """Tells learners in which courses they are now."""
    return _messages("customers/enrolled", customer, wishes, batch)


def pending_messages(customer: Customer, wishes: Sequence[WaitingWish], *, batch: UUID) -> list[NewMessage]:
    """Tells people without a confirmed account which courses wait for them."""
    return _messages("customers/pending_enrollment", customer, wishes, batch)


def _messages(
    template: str, customer: Customer, wishes: Sequence[Wish] | Sequence[WaitingWish], batch: UUID
) -> list[NewMessage]:
    by_learner: dict[tuple[str, int | None], list[Wish | WaitingWish]] = defaultdict(list)
    # Courses are described once, not once for each of a thousand learners.
    courses = {wish.run.key: _course(wish.run) for wish in wishes}
    for wish in wishes:
        if wish.email:  # a program's account has none
            by_learner[wish.email, wish.lms_user_id].append(wish)
    return [
        NewMessage(
            template=template,
            customer_uuid=customer.uuid,
            email=email,
            about=f"bulk_enrollment:{batch}",
            context={
                "customer_name": customer.name,
                "customer_slug": customer.slug,
                "contact_email": customer.contact_email,
                "courses": [courses[wish.run.key] for wish in mine],
                # One license is accepted once, however many courses it pays for.
                "activation_urls": list(dict.fromkeys(link for wish in mine if (link := _link(wish)))),
            },
            lms_user_id=lms_user_id,
        )
        for (email, lms_user_id), mine in by_learner.items()
    ]


def _link(wish: Wish | WaitingWish) -> str:
    link = wish.pair.activation_link or ""
    return link if link.startswith(("https://", "http://")) else ""


def _course(run: Run) -> dict[str, Any]:
    starts_later = run.start is not None and run.start > clock.now()
    return {
        "title": run.title,
        "run_key": run.key,
        "starts_on": formats.date_format(run.start, "j F Y") if starts_later and run.start else "",
    }
