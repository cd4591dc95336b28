"""Events of people and their accounts."""

from dataclasses import dataclass
from uuid import UUID

from bursar.events.base import EventType


@dataclass(frozen=True, slots=True)
class AddressConfirmationRequested:
    """Someone signed up (or asked again): the address needs a mail with its link."""

    lms_user_id: int
    email: str
    name: str
    token: str
    confirmation_uuid: UUID


@dataclass(frozen=True, slots=True)
class AddressConfirmed:
    """The account proved that the address is its own; what waited for the address may be given to it."""

    lms_user_id: int
    username: str
    email: str


ADDRESS_CONFIRMATIONS_REQUESTED = EventType(
    "identity.address_confirmation_requested", AddressConfirmationRequested, keyed_by="person"
)
"""Sent by identity; notifications mails the link."""

ADDRESSES_CONFIRMED = EventType("identity.address_confirmed", AddressConfirmed, keyed_by="person")
"""Sent by identity; customers does what waited for the address."""
