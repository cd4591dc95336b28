"""Telling administrators who waits for their answer, as often as their customer wants.

A request is new until a digest has announced it. Whoever asks locks the configuration, and so does the
digest, which reads what is new, writes the mails and marks what they announce in one transaction: nothing
arrives in between, and what one digest announces no other does.
"""

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from bursar.customers import api as customers
from bursar.customers.data import Customer
from bursar.identity import api as identity
from bursar.identity.data import ADMIN, RoleHolder
from bursar.lib import clock, sets
from bursar.subsidy_requests import models
from bursar.subsidy_requests.data import Capacity, Digest, DigestSweep, State
from bursar.subsidy_requests.service import mails, reads
from bursar.subsidy_requests.service.configuration import lock_configuration
from bursar.subsidy_requests.service.kinds import KINDS, Kind
from bursar.subsidy_requests.service.locking import lock_chosen
from bursar.subsidy_requests.service.subsidies import INSTALLED, get_subsidies

log = logging.getLogger(__name__)

_PAUSES: Mapping[str, timedelta] = {
    # Not none at all: a customer's digests are told apart by their moments.
    Digest.IMMEDIATELY: timedelta(microseconds=1),
    Digest.DAILY: timedelta(days=1),
    Digest.WEEKLY: timedelta(weeks=1),
}
"""How long a digest waits after the one before; without a pause there is none."""


def send_digests() -> DigestSweep:
    """Tells administrators of the requests that no digest has announced yet, where one is due.

    A customer that is inactive, whose portal is off or that nobody administers is passed over; its requests
    wait. One that fails is logged and left to the next run. However many runs there are at once, each request
    is announced once. Effects: for each way to pay three statements, and two more for each further 1,000
    customers; for each customer that is told a transaction and nine, and two more for each further 1,000
    requests.
    """
    moment = clock.now()
    customer_count = request_count = 0
    failed: list[UUID] = []
    for kind in (KINDS[each] for each in INSTALLED):
        for customer, administrators in _find_readers(_find_due(kind, moment)):
            try:
                announced = _send_digest(kind, customer, administrators)
            except Exception:
                log.exception("digest failed", extra={"customer": str(customer.uuid)})
                failed.append(customer.uuid)
                continue
            customer_count += announced > 0
            request_count += announced
    return DigestSweep(customer_count, request_count, tuple(failed))


def _find_due(kind: Kind, moment: datetime) -> list[UUID]:
    """The customers that have new requests and are to be told of them now."""
    new = _new_requests(kind).filter(customer_uuid=OuterRef("pk"))
    found = models.Configuration.objects.filter(
        Exists(new), is_enabled=True, subsidy_type=kind.subsidy_type.value
    )
    return [each.pk for each in found.order_by("pk") if _is_due(kind, each, moment)]


def _is_due(kind: Kind, configuration: models.Configuration, moment: datetime) -> bool:
    pause = _PAUSES.get(configuration.digest)
    if pause is None or not configuration.is_enabled or configuration.subsidy_type != kind.subsidy_type:
        return False
    return configuration.digest_sent_at is None or configuration.digest_sent_at + pause <= moment


def _new_requests(kind: Kind) -> QuerySet[models.SubsidyRequest]:
    # `in`, not `=`: Django writes NOT is_removed on SQLite, which then does not use the index for it.
    return kind.model._default_manager.filter(
        state=State.REQUESTED, is_removed__in=[False], announced_at=None
    )


def _find_readers(customer_uuids: Sequence[UUID]) -> list[tuple[Customer, list[RoleHolder]]]:
    """Those of the customers whose administrators can do something with a digest, with these."""
    administrators: dict[UUID, list[RoleHolder]] = defaultdict(list)
    for holder in identity.find_role_holders(customer_uuids=customer_uuids, role=ADMIN):
        administrators[holder.customer_uuid].append(holder)
    found = customers.find_customers(customer_uuids)
    return [
        (found[each], administrators[each])
        for each in customer_uuids
        if each in administrators
        and each in found
        and found[each].is_active
        and found[each].enable_learner_portal
    ]


def _send_digest(kind: Kind, customer: Customer, administrators: Sequence[RoleHolder]) -> int:
    """How many requests were announced."""
    supplies = get_subsidies(kind.subsidy_type).list_supplies(customer_uuid=customer.uuid)
    with transaction.atomic(durable=True):
        configuration = lock_configuration(customer.uuid)
        moment = clock.now()
        if configuration is None or not _is_due(kind, configuration, moment):
            return 0
        found = lock_chosen(kind, _new_requests(kind).filter(customer_uuid=customer.uuid))
        rows = [row for row in found if row.state == State.REQUESTED and not row.is_removed]
        if not rows:
            return 0
        for chunk in sets.chunks(rows):
            sets.update(kind.model, ("uuid", "announced_at"), [(row.pk, moment) for row in chunk])
        rows.sort(key=lambda row: row.created_at, reverse=True)
        capacity = Capacity(reads.count_waiting(kind, customer.uuid), tuple(supplies))
        mails.send_digest(kind, customer, administrators, rows, capacity, at=moment)
        # Neither is a change that somebody made: history and modified_at stay as they are.
        models.Configuration.objects.filter(pk=customer.uuid).update(digest_sent_at=moment)
    return len(rows)
