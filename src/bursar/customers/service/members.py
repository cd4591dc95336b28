"""Making people learners and administrators of a customer."""

from collections import defaultdict
from collections.abc import Sequence
from uuid import UUID

from django.db import transaction

from bursar.customers.data import LinkOutcome
from bursar.customers.service.linking import (
    add_pending_learners,
    assign_role,
    invalid_email,
    link_people,
    not_relinkable,
)
from bursar.customers.service.organizations import get_customer
from bursar.customers.service.waiting import enroll_waiting
from bursar.events.licenses import LicenseAssigned
from bursar.identity import api as identity
from bursar.identity.data import ADMIN
from bursar.lib import emails, sets
from bursar.outbox.data import Delivery

LINK_LICENSED_PEOPLE = "customers.link_licensed_people"


def link_learners(*, customer_uuid: UUID, emails: Sequence[str], by: int | None) -> list[LinkOutcome]:
    """Links the people whose confirmed addresses these are; other addresses wait to be confirmed.

    One outcome per address, in order. Refusals: ``invalid_email``, ``not_relinkable`` (the customer
    unlinked this learner for good). A link to another customer stays as it is.
    Errors: CustomerNotFound. Effects: the role of a learner, in the same transaction; at most 14
    statements per 1,000 addresses.
    """
    return _link_addresses(customer_uuid, emails, becomes_admin=False, by=by)


def make_admins(*, customer_uuid: UUID, emails: Sequence[str], by: int | None) -> list[LinkOutcome]:
    """Makes these people administrators of the customer, and links them as ``link_learners`` does.

    An address that nobody has confirmed yet becomes an administrator's when that happens.
    """
    return _link_addresses(customer_uuid, emails, becomes_admin=True, by=by)


def link_licensed_people(deliveries: Sequence[Delivery[LicenseAssigned]]) -> None:
    """Reaction: whoever was given a license learns at the customer, or will once the address is confirmed.

    Who asked for it does so already. Nothing happens twice, for who is linked stays so.
    Effects: as ``link_learners``, for each customer and whoever gave the licenses.
    """
    licensed: dict[tuple[UUID, int | None], list[str]] = defaultdict(list)
    for delivery in deliveries:
        for fact in delivery.facts:
            if fact.is_new and fact.request_uuid is None:
                licensed[fact.customer_uuid, delivery.by].append(fact.email)
    for (customer_uuid, by), addresses in licensed.items():
        link_learners(customer_uuid=customer_uuid, emails=addresses, by=by)


def _link_addresses(
    customer_uuid: UUID, written: Sequence[str], *, becomes_admin: bool, by: int | None
) -> list[LinkOutcome]:
    get_customer(customer_uuid)
    wanted = {raw: emails.normalize(raw) for raw in dict.fromkeys(written)}
    outcomes: dict[str, LinkOutcome] = {}
    for chunk in sets.chunks(list(dict.fromkeys(wanted.values()))):
        outcomes.update(_link_chunk(customer_uuid, chunk, becomes_admin=becomes_admin, by=by))
    seen: set[str] = set()
    answers: list[LinkOutcome] = []
    for raw in written:
        outcome = outcomes[wanted[raw]]
        is_first = wanted[raw] not in seen
        seen.add(wanted[raw])
        answers.append(LinkOutcome(raw, outcome.lms_user_id, outcome.created and is_first, outcome.refusal))
    return answers


def _link_chunk(
    customer_uuid: UUID, addresses: Sequence[str], *, becomes_admin: bool, by: int | None
) -> dict[str, LinkOutcome]:
    valid = [address for address in addresses if emails.is_valid(address)]
    people = identity.find_people_by_email(valid)
    confirmed = {address: person for address, person in people.items() if person.is_confirmed}
    waiting = [address for address in valid if address not in confirmed]
    with transaction.atomic(durable=True):
        links = link_people(customer_uuid, [each.lms_user_id for each in confirmed.values()], by=by)
        if becomes_admin:
            assign_role(customer_uuid, ADMIN, links.uuids, by=by)
        pending = add_pending_learners(customer_uuid, waiting, becomes_admin=becomes_admin, by=by)
    # Somebody may have confirmed an address after we looked and before these rows could be seen.
    enroll_waiting(waiting)
    outcomes = {address: LinkOutcome(address, created=pending.has_changed(address)) for address in waiting}
    for address, person in confirmed.items():
        if person.lms_user_id in links.uuids:
            outcomes[address] = LinkOutcome(address, person.lms_user_id, person.lms_user_id in links.created)
        else:
            outcomes[address] = LinkOutcome(address, refusal=not_relinkable(address))
    return outcomes | {
        address: LinkOutcome(address, refusal=invalid_email(address))
        for address in addresses
        if address not in outcomes
    }
