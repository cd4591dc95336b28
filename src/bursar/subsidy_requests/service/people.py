"""What becomes of requests when their learners change or are retired."""

from collections.abc import Mapping, Sequence

from django.db import transaction

from bursar.events.identity import AddressConfirmed, PersonRetired
from bursar.identity import api as identity
from bursar.identity.data import StandIns
from bursar.lib import clock, sets
from bursar.outbox import api as outbox
from bursar.outbox.data import Delivery
from bursar.subsidy_requests import models
from bursar.subsidy_requests.data import ANSWERABLE

FOLLOW_ADDRESSES = "subsidy_requests.follow_addresses"
FORGET_RETIRED_PEOPLE = "subsidy_requests.forget_retired_people"


@transaction.atomic(durable=True)
def follow_addresses(deliveries: Sequence[Delivery[AddressConfirmed]]) -> None:
    """Gives the requests of people the address that they have confirmed.

    Effects: a constant number of statements per 1,000 people and 1,000 requests.
    """
    facts = [fact for each in outbox.accept(FOLLOW_ADDRESSES, deliveries) for fact in each.facts]
    for chunk in sets.chunks(sorted({fact.lms_user_id for fact in facts})):
        people = identity.find_people_by_lms_user_id(chunk)  # facts may be older than what is so now
        addresses = {each.lms_user_id: each.email for each in people.values() if each.is_confirmed}
        rows = [row for row in _lock_requests(addresses) if row.email != addresses[row.lms_user_id]]
        moment = clock.now()
        for part in sets.chunks(rows):
            sets.update(
                models.LicenseRequest,
                ("uuid", "email", "modified_at"),
                [(row.pk, addresses[row.lms_user_id], moment) for row in part],
            )
            _record(part, "address changed")


@transaction.atomic(durable=True)
def forget_retired_people(deliveries: Sequence[Delivery[PersonRetired]]) -> None:
    """Puts stand-ins for the addresses of retired people, history included, and withdraws what they asked.

    Free text about them goes. What is pending ends by itself.
    Effects: a constant number of statements per 1,000 people and 1,000 requests.
    """
    facts = [fact for each in outbox.accept(FORGET_RETIRED_PEOPLE, deliveries) for fact in each.facts]
    for chunk in sets.chunks(facts):
        addresses = StandIns.of(chunk).by_id
        moment = clock.now()
        for part in sets.chunks(_lock_requests(addresses)):
            sets.update(
                models.LicenseRequest,
                ("uuid", "email", "decline_reason", "error_message", "is_removed", "modified_at"),
                [
                    (
                        row.pk,
                        addresses[row.lms_user_id],
                        None,
                        None,
                        row.is_removed or row.state in ANSWERABLE,
                        moment,
                    )
                    for row in part
                ],
            )
            sets.rewrite_history(
                models.LicenseRequest,
                ("uuid", "email", "decline_reason", "error_message"),
                [(row.pk, addresses[row.lms_user_id], "", "") for row in part],
            )
            _record(part, "retired")


def _lock_requests(addresses: Mapping[int, str]) -> list[models.LicenseRequest]:
    """Every request of these people, in the order of their keys, as whoever answers locks them."""
    rows = models.LicenseRequest.objects.select_for_update().filter(lms_user_id__in=addresses)
    return list(rows.order_by("pk"))


def _record(rows: Sequence[models.LicenseRequest], reason: str) -> None:
    keys = [row.pk for row in rows]
    sets.record_history(models.LicenseRequest, keys, kind="~", by=None, reason=reason)
