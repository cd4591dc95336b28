"""What a customer's administrators change about it: what its portals show."""

from collections.abc import Mapping
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from bursar.customers import models
from bursar.customers.data import SWITCHES, CustomerNotFound
from bursar.lib.saving import save_row


@transaction.atomic(durable=True)
def change_portals(
    *, customer_uuid: UUID, switches: Mapping[str, bool], contacts: Mapping[str, str], by: int | None
) -> None:
    """Turns some of ``SWITCHES`` on or off, and writes the addresses and names that mails to learners show.

    ``contacts`` has columns of the customer by name. Turning on what is on changes nothing.
    Errors: CustomerNotFound (missing or inactive). Effects: locks the customer's row; history.
    """
    row = models.Customer.objects.select_for_update().filter(uuid=customer_uuid, is_active=True).first()
    if row is None:
        raise CustomerNotFound(_("There is no such organization."))
    is_on = {name: name in row.features for name in SWITCHES} | dict(switches)
    others = [name for name in row.features if name not in SWITCHES]
    features = others + [name for name in SWITCHES if is_on[name]]
    if sorted(features) == sorted(row.features):
        features = row.features
    save_row(row, {"features": features, **contacts}, by=by)
