"""Who may do what with licenses. Contract: subsidies A.1."""

from uuid import UUID

from django.utils.translation import gettext as _
from rest_framework.exceptions import NotFound, PermissionDenied
from rest_framework.request import Request

from bursar.identity import api as identity
from bursar.identity.data import ADMIN, LEARNER, OPERATOR, Caller
from bursar.lib.rest import parse_uuid
from bursar.licenses import models
from bursar.licenses.service import reads

ADMINISTER = (ADMIN, OPERATOR)
LEARN_OR_ADMINISTER = (LEARNER, ADMIN, OPERATOR)


def check_role(caller: Caller, roles: tuple[str, ...], customer_uuid: UUID | None) -> None:
    """Raises a 403 unless the caller has one of the roles for this customer; no customer is a 403, too."""
    if not caller.has_role(roles, customer_uuid):
        raise no_permission()


def no_permission() -> PermissionDenied:
    """The 403 of license-manager, the same for what is foreign and what is missing."""
    return PermissionDenied(_("You do not have permission to perform this action."))


def get_administered_plan(request: Request, plan_uuid: str) -> models.Plan:
    """The plan, for who may administer it; missing and foreign look the same (403), as the wire has it."""
    uuid = parse_uuid(plan_uuid)
    plan = reads.find_plan(uuid)
    caller = identity.get_caller(request)
    if plan is None and caller.customers_with(ADMINISTER) is None:
        raise NotFound("No SubscriptionPlan matches the given query.")
    if plan is None:
        raise no_permission()
    check_role(caller, ADMINISTER, plan.customer_uuid)
    return plan
