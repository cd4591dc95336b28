"""Learners whose request was declined and whom the customer wants to part with."""

from collections import defaultdict
from collections.abc import Sequence
from uuid import UUID

from bursar.customers import api as customers
from bursar.events.subsidy_requests import LearnerDeclined
from bursar.identity import api as identity
from bursar.outbox.data import Delivery

UNLINK_DECLINED = "subsidy_requests.unlink_declined"


def unlink_declined(deliveries: Sequence[Delivery[LearnerDeclined]]) -> None:
    """Has customers unlink them, for good: who is declined does not come back with the next invitation.

    It needs no inbox: who is unlinked is unlinked. Effects: one command for each event.
    """
    for delivery in deliveries:
        by_customer: dict[UUID, set[int]] = defaultdict(set)
        for fact in delivery.facts:
            by_customer[fact.customer_uuid].add(fact.lms_user_id)
        for customer_uuid, lms_user_ids in by_customer.items():
            people = identity.find_people_by_lms_user_id(lms_user_ids)
            customers.unlink_learners(
                customer_uuid=customer_uuid,
                emails=sorted(person.email for person in people.values()),
                is_relinkable=False,
                by=delivery.by,
            )
