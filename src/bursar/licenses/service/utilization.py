"""Telling a customer's administrators how much of a plan is given out. Contract: subsidies A.2 and A.5."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction

from bursar.customers import api as customers
from bursar.identity import api as identity
from bursar.identity.data import ADMIN
from bursar.lib import clock, sets
from bursar.licenses import models
from bursar.licenses.data import Sweep
from bursar.notifications import api as notifications
from bursar.notifications.data import NewMessage

UTILIZATION = "licenses/utilization"
"""The template of these mails."""

_LOW_PERCENT = 75
_MONTH = timedelta(days=30)


def send_utilization_notices() -> Sweep:
    """Tells administrators of plans that hand out licenses by themselves how much is given out.

    Once when it is three quarters, once when it is all, and every 30 days from the plan's beginning. Only
    plans that are active, started and not over, of customers that are active.
    Effects: a transaction and five statements for each 1,000 plans.
    """
    moment = clock.now()
    usable = models.Plan.objects.filter(
        is_active=True, starts_at__lte=moment, expires_at__gte=moment, should_auto_apply=True
    )
    plan_count = message_count = 0
    for chunk in sets.chunks(list(usable.order_by("customer_uuid", "pk"))):
        with transaction.atomic(durable=True):
            messages = _find_new(chunk, moment)
            notifications.send(messages, by=None)
        plan_count += len({message.context["plan_uuid"] for message in messages})
        message_count += len(messages)
    return Sweep(plan_count, message_count)


def _find_new(plans: Sequence[models.Plan], moment: datetime) -> list[NewMessage]:
    """The messages to be sent, less those that were."""
    customer_uuids = {plan.customer_uuid for plan in plans}
    addresses: dict[UUID, list[tuple[str, int]]] = defaultdict(list)
    for holder in identity.find_role_holders(customer_uuids=customer_uuids, role=ADMIN):
        addresses[holder.customer_uuid].append((holder.email, holder.lms_user_id))
    names = {
        customer.uuid: customer.name
        for customer in customers.find_customers(customer_uuids).values()
        if customer.is_active
    }
    wanted = [
        NewMessage(UTILIZATION, plan.customer_uuid, email, about, context, lms_user_id)
        for plan in plans
        if plan.customer_uuid in names
        for about, context in _notices(plan, names[plan.customer_uuid], moment)
        for email, lms_user_id in addresses[plan.customer_uuid]
    ]
    sent = {
        (message.email, message.about)
        for message in notifications.find_messages({message.about for message in wanted})
    }
    return [message for message in wanted if (message.email, message.about) not in sent]


def _notices(
    plan: models.Plan, customer_name: str, moment: datetime
) -> Iterator[tuple[str, Mapping[str, object]]]:
    """What each notice that is due is about, with what its mail needs."""
    allocated = plan.assigned_count + plan.activated_count
    total = allocated + plan.unassigned_count
    is_used_up = 0 < total == allocated
    is_running_low = not is_used_up and 100 * allocated >= _LOW_PERCENT * total > 0
    context = {
        "plan_uuid": str(plan.pk),
        "plan_title": plan.title,
        "customer_name": customer_name,
        "allocated_count": allocated,
        "total_count": total,
        "expires_on": plan.expires_at.date().isoformat(),
        "is_used_up": is_used_up,
        "is_running_low": is_running_low,
    }
    if is_used_up:
        yield f"plan:{plan.pk}:used_up", context
    if is_running_low:
        yield f"plan:{plan.pk}:running_low", context
    if month := (moment - plan.starts_at) // _MONTH:
        yield f"plan:{plan.pk}:month:{month}", context | {"is_used_up": False, "is_running_low": False}
