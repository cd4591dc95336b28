"""Who may do what with licenses. Contract: subsidies A.1."""

from uuid import UUID

from django.utils.translation import gettext as _
from rest_framework.exceptions import PermissionDenied

from bursar.identity.data import ADMIN, LEARNER, OPERATOR, Caller

ADMINISTER = (ADMIN, OPERATOR)
LEARN_OR_ADMINISTER = (LEARNER, ADMIN, OPERATOR)


def check_role(caller: Caller, roles: tuple[str, ...], customer_uuid: UUID | None) -> None:
    """Raises a 403 unless the caller has one of the roles for this customer; no customer is a 403, too."""
    if not caller.has_role(roles, customer_uuid):
        raise no_permission()


def no_permission() -> PermissionDenied:
    """The 403 of license-manager, the same for what is foreign and what is missing."""
    return PermissionDenied(_("You do not have permission to perform this action."))
