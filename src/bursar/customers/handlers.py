"""Reactions of customers to what happens elsewhere; config/reactions.py lists them."""

from collections.abc import Sequence

from bursar.customers.service import waiting
from bursar.customers.service.ending import END_REVOKED, end_revoked
from bursar.customers.service.following import FOLLOW_ENROLLMENTS, note_back, note_left
from bursar.customers.service.members import LINK_LICENSED_PEOPLE, link_licensed_people
from bursar.customers.service.naming import SPONSOR_ENROLLED_PEOPLE, sponsor_enrolled_people
from bursar.customers.service.people import (
    FOLLOW_ADDRESSES,
    FORGET_RETIRED_PEOPLE,
    follow_addresses,
    forget_retired_people,
)
from bursar.customers.service.renewing import pay_with_renewed
from bursar.events.identity import ADDRESSES_CONFIRMED, AddressConfirmed
from bursar.events.outbox import DeliveryDied
from bursar.outbox.data import Delivery

__all__ = [
    "END_REVOKED",
    "ENROLL_CONFIRMED_PEOPLE",
    "FOLLOW_ADDRESSES",
    "FOLLOW_ENROLLMENTS",
    "FORGET_RETIRED_PEOPLE",
    "LINK_LICENSED_PEOPLE",
    "SPONSOR_ENROLLED_PEOPLE",
    "end_revoked",
    "enroll_confirmed_people",
    "follow_addresses",
    "forget_retired_people",
    "give_up_waiting",
    "link_licensed_people",
    "note_back",
    "note_left",
    "pay_with_renewed",
    "sponsor_enrolled_people",
]

ENROLL_CONFIRMED_PEOPLE = "customers.enroll_confirmed_people"


def enroll_confirmed_people(deliveries: Sequence[Delivery[AddressConfirmed]]) -> None:
    """Links and enrolls the people whose addresses were waited for.

    Its effect is in other contexts as well, so no single transaction holds it, and the inbox could not
    say whether it is complete. The waiting rows say so: each is marked in the last transaction of its work.
    """
    waiting.enroll_waiting({fact.email for delivery in deliveries for fact in delivery.facts})


def give_up_waiting(deliveries: Sequence[Delivery[DeliveryDied]]) -> None:
    """Marks as failed what could not be done at any try. Safe to repeat: only what waits is marked."""
    for delivery in deliveries:
        for fact in delivery.facts:
            if fact.event_type == ADDRESSES_CONFIRMED.name and fact.handler == ENROLL_CONFIRMED_PEOPLE:
                confirmed = [ADDRESSES_CONFIRMED.load(stored) for stored in fact.facts]
                waiting.give_up({each.email for each in confirmed}, fact.error)
