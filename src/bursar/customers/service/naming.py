"""Enrollments that name a customer: the learner becomes the customer's, the course is written down.

Stands for what the LMS did with ``linked_enterprise_customer``: a call to edx-enterprise before it enrolled.
"""

import logging
from collections.abc import Sequence
from uuid import UUID

from django.db import transaction

from bursar.customers.data import EnrollmentSource
from bursar.customers.service.linking import link_people
from bursar.customers.service.organizations import find_customers
from bursar.customers.service.sponsoring import Pair, ensure_sponsored
from bursar.events.enrollments import CustomerNamed
from bursar.outbox import api as outbox
from bursar.outbox.data import Delivery

SPONSOR_ENROLLED_PEOPLE = "customers.sponsor_enrolled_people"

log = logging.getLogger(__name__)


@transaction.atomic(durable=True)
def sponsor_enrolled_people(deliveries: Sequence[Delivery[CustomerNamed]]) -> None:
    """Reaction: links the people and writes down the courses, with the source ``enterprise_api``.

    A customer that there is not, or that has removed the person for good, is passed over and logged: nobody
    who waits could mend it.
    """
    for delivery in outbox.accept(SPONSOR_ENROLLED_PEOPLE, deliveries):
        customer_uuid = UUID(delivery.key)
        customer = find_customers([customer_uuid]).get(customer_uuid)
        if customer is None or not customer.is_active:
            log.warning("an enrollment names a customer that there is not", extra={"customer": delivery.key})
            continue
        _sponsor(customer_uuid, [(fact.lms_user_id, fact.run_key) for fact in delivery.facts], delivery.by)


def _sponsor(customer_uuid: UUID, pairs: Sequence[Pair], by: int | None) -> None:
    links = link_people(customer_uuid, {lms_user_id for lms_user_id, _ in pairs}, by=by)
    barred = {lms_user_id for lms_user_id, _ in pairs} - links.uuids.keys()
    if barred:
        log.warning(
            "an enrollment names a customer that has removed the person for good",
            extra={"customer": str(customer_uuid), "people": sorted(barred)},
        )
    ensure_sponsored(
        links, [pair for pair in pairs if pair[0] in links.uuids], EnrollmentSource.ENTERPRISE_API, by=by
    )
