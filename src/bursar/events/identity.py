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
    """The account proved that the address is its own; what waited for the address may be given to it.

    ``old_email`` is the address that the account had proved before, and that is nobody else's now: what
    belongs to it goes over to ``email``. Empty if there is none.
    """

    lms_user_id: int
    username: str
    email: str
    old_email: str = ""


@dataclass(frozen=True, slots=True)
class PersonChanged:
    """An account has another address, username or name; what did not change stands twice.

    Addresses are normalized. The new one proves nothing: what belongs to the old one goes over with
    AddressConfirmed.
    """

    lms_user_id: int
    old_email: str
    email: str
    old_username: str
    username: str
    old_name: str
    name: str


@dataclass(frozen=True, slots=True)
class PersonRetired:
    """An account was retired: ``email`` and ``username`` stand in for what it had, its name is gone.

    ``old_email`` is an address that the account had proved and that is nobody else's now; an account that
    had several has a fact for each, the last one for the latest. Empty if it never proved any: then what
    belongs to an address alone is not this account's.
    """

    lms_user_id: int
    old_email: str
    old_username: str
    email: str
    username: str


ADDRESS_CONFIRMATIONS_REQUESTED = EventType(
    "identity.address_confirmation_requested", AddressConfirmationRequested, keyed_by="person"
)
"""Sent by identity; notifications mails the link."""

ADDRESSES_CONFIRMED = EventType("identity.address_confirmed", AddressConfirmed, keyed_by="person")
"""Sent by identity; customers does what waited for the address. What belonged to the former one follows:
waiting mails (notifications), places that wait (customers), licenses, requests."""

PEOPLE_CHANGED = EventType("identity.person_changed", PersonChanged, keyed_by="person")
"""Sent by identity; notifications cancels confirmation mails whose link is dead."""

PEOPLE_RETIRED = EventType("identity.person_retired", PersonRetired, keyed_by="person")
"""Sent by identity; everybody removes the person from what they keep: the outbox, notifications,
customers, licenses, subsidy_requests."""
