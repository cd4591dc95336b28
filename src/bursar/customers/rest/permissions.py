"""Who may do what with customers. Contract: customers A1 and A8."""

from uuid import UUID

from django.utils.translation import gettext as _
from rest_framework.exceptions import PermissionDenied

from bursar.customers.data import CustomerNotFound, Viewer
from bursar.identity.data import ADMIN, LEARNER, OPERATOR, Caller

CAN_ENROLL_LEARNERS = "enterprise.can_enroll_learners"
CAN_ACCESS_ADMIN_DASHBOARD = "enterprise.can_access_admin_dashboard"

_HOLDERS = {
    CAN_ENROLL_LEARNERS: (ADMIN, OPERATOR),
    CAN_ACCESS_ADMIN_DASHBOARD: (ADMIN, OPERATOR),
}
"""Permissions of edx-enterprise, and the roles that have them."""

MEMBERS = (LEARNER, ADMIN, OPERATOR)
"""The roles of those who may know that a customer exists."""


def has_permission(caller: Caller, permission: str, customer_uuid: UUID) -> bool:
    """Whether the caller has the permission for this customer."""
    return caller.has_role(_HOLDERS[permission], customer_uuid)


def check_permission(caller: Caller, permission: str, customer_uuid: UUID) -> None:
    """Raises a 403 that names the permission unless the caller has it for this customer."""
    if not has_permission(caller, permission, customer_uuid):
        raise PermissionDenied(f"Missing: {permission}")


def check_everywhere(caller: Caller, permission: str) -> None:
    """Raises the same 403 unless the caller has the permission for every customer."""
    if caller.customers_with(_HOLDERS[permission]) is not None:
        raise PermissionDenied(f"Missing: {permission}")


def check_knows(caller: Caller, customer_uuid: UUID) -> None:
    """Raises CustomerNotFound for who has no role at this customer, as if there were none; staff know all."""
    if not caller.is_staff and not caller.has_role(MEMBERS, customer_uuid):
        raise CustomerNotFound(_("There is no such organization."))


def check_staff(caller: Caller) -> None:
    """Raises a 403 unless the caller is staff or operates the platform, so that every customer is theirs."""
    if not caller.is_staff and caller.customers_with((OPERATOR,)) is not None:
        raise PermissionDenied


def must_be_linked(caller: Caller, customer_uuid: UUID) -> bool:
    """Whether this caller only sees customers to which they are linked: everybody but staff and operators."""
    return not caller.is_staff and not caller.has_role((OPERATOR,), customer_uuid)


def viewer_of(caller: Caller) -> Viewer:
    """What the caller sees of customers: staff and operators all, others their own."""
    if caller.is_staff:
        return Viewer(caller.lms_user_id, belongs_to=None, administers=None)
    return Viewer(
        caller.lms_user_id,
        belongs_to=caller.customers_with(MEMBERS),
        administers=caller.customers_with((ADMIN, OPERATOR)),
    )
