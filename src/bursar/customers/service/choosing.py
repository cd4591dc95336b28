"""The customer that a learner acts for."""

from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from bursar.customers import models
from bursar.customers.data import NotLinked
from bursar.customers.service.organizations import get_active_customer
from bursar.identity import api as identity
from bursar.lib import clock, sets


@transaction.atomic(durable=True)
def choose_customer(*, customer_uuid: UUID, lms_user_id: int) -> None:
    """Makes this link the learner's only active one, because the learner asks for it; tokens name it first.

    The one place where a link to another customer changes. Choosing again changes nothing.
    Errors: CustomerNotFound (missing or inactive), NotLinked. Effects: locks the links; six statements.
    """
    get_active_customer(customer_uuid)
    links = models.LearnerLink.objects.filter(lms_user_id=lms_user_id, is_linked=True)
    keys = list(links.order_by().values_list("uuid", flat=True))
    locked = models.LearnerLink.objects.select_for_update().filter(uuid__in=keys, is_linked=True)
    rows = list(locked.order_by("customer_id").values_list("uuid", "customer_id", "is_active"))
    if customer_uuid not in {each for _, each, _ in rows}:
        raise NotLinked(_("You are not a learner of this organization."))
    moment = clock.now()
    changes = [
        (uuid, each == customer_uuid, moment)
        for uuid, each, is_active in rows
        if is_active != (each == customer_uuid)
    ]
    if changes:
        sets.update(models.LearnerLink, ("uuid", "is_active", "modified_at"), changes)
        sets.record_history(models.LearnerLink, [uuid for uuid, *_ in changes], kind="~", by=lms_user_id)
    identity.set_active_customer(lms_user_id=lms_user_id, customer_uuid=customer_uuid)
