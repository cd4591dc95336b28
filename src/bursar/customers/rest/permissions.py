"""Who may do what with customers. Contract: customers A1."""

from uuid import UUID

from rest_framework.exceptions import PermissionDenied

from bursar.identity.data import ADMIN, OPERATOR, Caller

_HOLDERS = {"enterprise.can_enroll_learners": (ADMIN, OPERATOR)}
"""Permissions of edx-enterprise, and the roles that have them."""

CAN_ENROLL_LEARNERS = "enterprise.can_enroll_learners"


def check_permission(caller: Caller, permission: str, customer_uuid: UUID) -> None:
    """Raises a 403 that names the permission unless the caller has it for this customer."""
    if not caller.has_role(_HOLDERS[permission], customer_uuid):
        raise PermissionDenied(f"Missing: {permission}")


def must_be_linked(caller: Caller, customer_uuid: UUID) -> bool:
    """Whether this caller only sees customers to which they are linked: everybody but staff and operators."""
    return not caller.is_staff and not caller.has_role((OPERATOR,), customer_uuid)
