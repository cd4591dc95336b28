"""What notifications does when something happens elsewhere.

Identity stands below it and therefore only says what happened; its mails are written here.
"""

from collections.abc import Sequence

from django.db import transaction

from bursar.events.identity import AddressConfirmationRequested
from bursar.identity.data import CONFIRMATION_LASTS
from bursar.notifications.data import NewMessage
from bursar.notifications.people import (
    CANCEL_DEAD_LINKS,
    CONFIRM_ADDRESS,
    FOLLOW_ADDRESSES,
    FORGET_RETIRED_PEOPLE,
    cancel_dead_links,
    follow_addresses,
    forget_retired_people,
)
from bursar.notifications.sending import send
from bursar.outbox import api as outbox
from bursar.outbox.data import Delivery

__all__ = [
    "CANCEL_DEAD_LINKS",
    "FOLLOW_ADDRESSES",
    "FORGET_RETIRED_PEOPLE",
    "cancel_dead_links",
    "follow_addresses",
    "forget_retired_people",
    "send_confirmation_mails",
]


def send_confirmation_mails(deliveries: Sequence[Delivery[AddressConfirmationRequested]]) -> None:
    """Mails the link that confirms an address, one mail for each time that it was asked for."""
    with transaction.atomic():
        accepted = outbox.accept("notifications.send_confirmation_mails", deliveries)
        send([_to_message(fact) for delivery in accepted for fact in delivery.facts], by=None)


def _to_message(fact: AddressConfirmationRequested) -> NewMessage:
    return NewMessage(
        template=CONFIRM_ADDRESS,
        customer_uuid=None,
        email=fact.email,
        about=f"address_confirmation:{fact.confirmation_uuid}",
        context={
            "name": fact.name,
            "path": f"/confirm-email/{fact.token}/",
            "days": CONFIRMATION_LASTS.days,
        },
        lms_user_id=fact.lms_user_id,
    )
