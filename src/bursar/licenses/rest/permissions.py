"""Who may do what with licenses. Contract: subsidies A.1."""

from uuid import UUID

from django.utils.translation import gettext as _
from rest_framework.exceptions import NotFound, PermissionDenied
from rest_framework.request import Request

from bursar.identity import api as identity
from bursar.identity.data import ADMIN, LEARNER, OPERATOR, PROVISIONER, Caller
from bursar.lib.rest import parse_uuid
from bursar.licenses import models
from bursar.licenses.service import reads

ADMINISTER = (ADMIN, OPERATOR)
LEARN_OR_ADMINISTER = (LEARNER, ADMIN, OPERATOR)
PROVISION = (PROVISIONER, OPERATOR)


def check_role(caller: Caller, roles: tuple[str, ...], customer_uuid: UUID | None) -> None:
    """Raises a 403 unless the caller has one of the roles for this customer; no customer is a 403, too."""
    if not caller.has_role(roles, customer_uuid):
        raise no_permission()


def check_provisioner(request: Request) -> None:
    """Raises a 403 unless the caller sets up agreements and plans, which is a role for every customer."""
    if identity.get_caller(request).customers_with(PROVISION) is not None:
        raise no_permission()


def no_permission() -> PermissionDenied:
    """The 403 of license-manager, the same for what is foreign and what is missing."""
    return PermissionDenied(_("You do not have permission to perform this action."))


def get_administered_plan(request: Request, plan_uuid: str) -> models.Plan:
    """The plan, for who may administer it; missing and foreign look the same (403), as the wire has it."""
    return _check_plan(request, reads.find_plan(parse_uuid(plan_uuid)), ADMINISTER)


def get_full_plan(request: Request, plan_uuid: str, roles: tuple[str, ...]) -> models.Plan:
    """The same with the names that a plan is shown with, for who has one of the roles at its customer."""
    return _check_plan(request, reads.find_full_plan(parse_uuid(plan_uuid)), roles)


def _check_plan(request: Request, plan: models.Plan | None, roles: tuple[str, ...]) -> models.Plan:
    caller = identity.get_caller(request)
    if plan is None:
        raise no_plan() if caller.customers_with(roles) is None else no_permission()
    check_role(caller, roles, plan.customer_uuid)
    return plan


def get_agreement(request: Request, agreement_uuid: str) -> models.Agreement:
    """The agreement, for who learns at its customer or administers it; missing and foreign look the same."""
    agreement = reads.find_agreement(parse_uuid(agreement_uuid))
    caller = identity.get_caller(request)
    if agreement is None:
        raise no_agreement() if caller.customers_with(LEARN_OR_ADMINISTER) is None else no_permission()
    check_role(caller, LEARN_OR_ADMINISTER, agreement.customer_uuid)
    return agreement


def choose_customers(request: Request, roles: tuple[str, ...]) -> frozenset[UUID] | None:
    """The customer that ``enterprise_customer_uuid`` names, or all for which the caller has a role.

    None means every customer. Raises a 403 when the caller has no such role, there or anywhere.
    """
    caller = identity.get_caller(request)
    named = request.query_params.get("enterprise_customer_uuid")
    if named:
        customer_uuid = parse_uuid(named)
        check_role(caller, roles, customer_uuid)
        return frozenset({customer_uuid})
    customers = caller.customers_with(roles)
    if customers is not None and not customers:
        raise no_permission()
    return customers


def check_staff(caller: Caller) -> None:
    """Raises a 403 unless the caller is staff, or a program or person that operates the platform."""
    if not caller.is_staff and caller.customers_with((OPERATOR,)) is not None:
        raise no_permission()


def no_plan() -> NotFound:
    """The 404 for an operator."""
    return NotFound("No SubscriptionPlan matches the given query.")


def no_agreement() -> NotFound:
    """The 404 for an operator."""
    return NotFound("No CustomerAgreement matches the given query.")
