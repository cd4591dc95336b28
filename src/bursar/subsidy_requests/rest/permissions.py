"""Who may do what with requests. Contract: requests 3.1 and 3.2."""

from uuid import UUID

from rest_framework.exceptions import PermissionDenied

from bursar.identity.data import ADMIN, LEARNER, OPERATOR, Caller

ADMINISTER = (ADMIN, OPERATOR)
LEARN_OR_ADMINISTER = (LEARNER, ADMIN, OPERATOR)


def check_admin(caller: Caller, customer_uuid: UUID | None) -> UUID:
    """Raises a 403 unless the caller administers this customer; gives its uuid."""
    if customer_uuid is None or not caller.has_role(ADMINISTER, customer_uuid):
        raise PermissionDenied("Missing: requests.has_admin_access")
    return customer_uuid


def check_learner_or_admin(caller: Caller, customer_uuid: UUID | None) -> None:
    """Raises a 403 unless the caller learns at this customer or administers it."""
    if not caller.has_role(LEARN_OR_ADMINISTER, customer_uuid):
        raise PermissionDenied("Missing: requests.has_learner_or_admin_access")
