"""Learners whose request was declined and whom the customer wants to part with."""

from collections import defaultdict
from collections.abc import Sequence
from uuid import UUID

from django.db import transaction

from bursar.customers import api as customers
from bursar.events.subsidy_requests import LearnerDeclined
from bursar.outbox import api as outbox
from bursar.outbox.data import Delivery

UNLINK_DECLINED = "subsidy_requests.unlink_declined"


def unlink_declined(deliveries: Sequence[Delivery[LearnerDeclined]]) -> None:
    """Has customers unlink them, for good: who is declined does not come back with the next invitation.

    Once: whom support brings back afterwards stays, even if the event comes again.
    Effects: one command for each event.
    """
    for delivery in outbox.find_fresh(UNLINK_DECLINED, deliveries):
        by_customer: dict[UUID, set[int]] = defaultdict(set)
        for fact in delivery.facts:
            by_customer[fact.customer_uuid].add(fact.lms_user_id)
        for customer_uuid, lms_user_ids in by_customer.items():
            customers.unlink_people(
                customer_uuid=customer_uuid, lms_user_ids=lms_user_ids, is_relinkable=False, by=delivery.by
            )
        with transaction.atomic(durable=True):
            outbox.accept(UNLINK_DECLINED, [delivery])
