"""What becomes of requests when their learners change or are retired."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from django.db import transaction

from bursar.events.identity import AddressConfirmed, PersonRetired
from bursar.identity import api as identity
from bursar.identity.data import StandIns
from bursar.lib import clock, sets
from bursar.outbox import api as outbox
from bursar.outbox.data import Delivery
from bursar.subsidy_requests import models
from bursar.subsidy_requests.data import ANSWERABLE
from bursar.subsidy_requests.service import mails
from bursar.subsidy_requests.service.answers import write
from bursar.subsidy_requests.service.kinds import KINDS, Kind
from bursar.subsidy_requests.service.locking import lock_chosen

FOLLOW_ADDRESSES = "subsidy_requests.follow_addresses"
FORGET_RETIRED_PEOPLE = "subsidy_requests.forget_retired_people"


@transaction.atomic(durable=True)
def follow_addresses(deliveries: Sequence[Delivery[AddressConfirmed]]) -> None:
    """Gives the requests of people the address that they have confirmed.

    Effects: a constant number of statements per 1,000 people and 1,000 requests of a kind.
    """
    facts = [fact for each in outbox.accept(FOLLOW_ADDRESSES, deliveries) for fact in each.facts]
    for chunk in sets.chunks(sorted({fact.lms_user_id for fact in facts})):
        people = identity.find_people_by_lms_user_id(chunk)  # facts may be older than what is so now
        addresses = {each.lms_user_id: each.email for each in people.values() if each.is_confirmed}
        for kind in KINDS.values():
            rows = [row for row in _lock(kind, addresses) if row.email != addresses[row.lms_user_id]]
            moment = clock.now()
            for part in sets.chunks(rows):
                for row in part:
                    row.email, row.modified_at = addresses[row.lms_user_id], moment
                write(kind, part, ("email",), by=None, reason="address changed")


@transaction.atomic(durable=True)
def forget_retired_people(deliveries: Sequence[Delivery[PersonRetired]]) -> None:
    """Puts stand-ins for the addresses of retired people, history included, and withdraws what they asked.

    Free text about them goes, and so do the lines about them in digests. What is pending ends by itself.
    Effects: a constant number of statements per 1,000 people and 1,000 requests of a kind.
    """
    facts = [fact for each in outbox.accept(FORGET_RETIRED_PEOPLE, deliveries) for fact in each.facts]
    for chunk in sets.chunks(facts):
        addresses = StandIns.of(chunk).by_id
        for kind in KINDS.values():
            moment = clock.now()
            for part in sets.chunks(_lock(kind, addresses)):
                _forget(kind, part, addresses, moment)


def _forget(
    kind: Kind, rows: Sequence[models.SubsidyRequest], addresses: Mapping[int, str], moment: datetime
) -> None:
    for row in rows:
        row.email, row.modified_at = addresses[row.lms_user_id], moment
        row.decline_reason = row.error_message = None
        row.is_removed = row.is_removed or row.state in ANSWERABLE
    # First what the history says, then what is added to it.
    sets.rewrite_history(
        kind.model,
        ("uuid", "email", "decline_reason", "error_message"),
        [(row.pk, row.email, "", "") for row in rows],
    )
    columns = ("email", "decline_reason", "error_message", "is_removed")
    write(kind, rows, columns, by=None, reason="retired")
    mails.forget_in_digests(rows)


def _lock(kind: Kind, addresses: Mapping[int, str]) -> list[models.SubsidyRequest]:
    """Every request of these people, in the order of their keys, as whoever answers locks them."""
    return lock_chosen(kind, kind.model._default_manager.filter(lms_user_id__in=list(addresses)))
