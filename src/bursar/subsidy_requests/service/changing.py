"""A customer pays for requests in another way: what waits for the old one is declined.

Whoever asks locks the configuration first, so after the change nobody can ask for the old type any more, and
the reaction finds every request of before.
"""

from collections.abc import Sequence
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from bursar.customers import api as customers
from bursar.customers.data import Customer
from bursar.events.subsidy_requests import SUBSIDY_TYPES_CHANGED, SubsidyTypeChanged
from bursar.lib import sets
from bursar.outbox import api as outbox
from bursar.outbox.data import Delivery
from bursar.subsidy_requests import models
from bursar.subsidy_requests.data import ANSWERABLE, SubsidyType
from bursar.subsidy_requests.service.answers import write_declined
from bursar.subsidy_requests.service.configuration import lock_configuration
from bursar.subsidy_requests.service.kinds import KINDS, Kind
from bursar.subsidy_requests.service.locking import lock_chosen

DECLINE_OTHER_TYPES = "subsidy_requests.decline_other_types"


def note_failed(
    kind: Kind, rows: Sequence[models.SubsidyRequest], configurations: Sequence[models.Configuration]
) -> None:
    """Has requests declined that ended as errors after their customer had changed the type.

    They were pending, so the change waited for them. In the caller's transaction, which has locked the
    customers' configurations.
    """
    wanted = {row.customer_uuid: row.is_notification_wanted for row in rows}
    for each in configurations:
        if each.customer_uuid in wanted and each.subsidy_type != kind.subsidy_type:
            fact = SubsidyTypeChanged(each.customer_uuid, kind.subsidy_type, wanted[each.customer_uuid])
            outbox.record(SUBSIDY_TYPES_CHANGED, key=str(each.customer_uuid), facts=[fact], by=None)


def decline_other_types(deliveries: Sequence[Delivery[SubsidyTypeChanged]]) -> None:
    """Declines what waits for an answer and is not of the customer's type now, with the reason.

    Pending requests end by themselves. A customer that has gone back to the old type keeps its requests. It
    needs no inbox: what is declined is declined, and a second run goes on where the first one ended.
    Effects: for each customer a transaction and at most eight statements for each 1,000 requests.
    """
    for delivery in deliveries:
        for fact in delivery.facts:
            customer = customers.get_customer(fact.customer_uuid) if fact.is_notification_wanted else None
            while _decline_chunk(KINDS[SubsidyType(fact.was)], fact.customer_uuid, customer, by=delivery.by):
                pass


@transaction.atomic(durable=True)
def _decline_chunk(kind: Kind, customer_uuid: UUID, customer: Customer | None, *, by: int | None) -> bool:
    """Whether there may be more."""
    configuration = lock_configuration(customer_uuid)
    if configuration is None or configuration.subsidy_type == kind.subsidy_type:
        return False
    waiting = kind.model._default_manager.filter(
        customer_uuid=customer_uuid, state__in=ANSWERABLE, is_removed=False
    )
    rows = lock_chosen(kind, waiting, limit=sets.CHUNK)
    waiting_still = [row for row in rows if row.state in ANSWERABLE and not row.is_removed]
    if configuration.subsidy_type is None:
        reason = _("Your organization does not pay for requested courses any more.")
    else:
        reason = _("Your organization pays for courses in another way now.")
    can_ask_again = configuration.is_enabled and configuration.subsidy_type is not None
    write_declined(kind, waiting_still, customer, reason=reason, can_ask_again=can_ask_again, by=by)
    return len(rows) == sets.CHUNK
