"""What licenses does when something happens elsewhere."""

from bursar.licenses.service.assignment import fulfil_approvals
from bursar.licenses.service.expiry import END_EXPIRED, end_expired
from bursar.licenses.service.people import (
    FOLLOW_ADDRESSES,
    FORGET_RETIRED_PEOPLE,
    follow_addresses,
    forget_retired_people,
)
from bursar.licenses.service.revocation import REVOKE_RENEWED, revoke_renewed

__all__ = [
    "END_EXPIRED",
    "FOLLOW_ADDRESSES",
    "FORGET_RETIRED_PEOPLE",
    "REVOKE_RENEWED",
    "end_expired",
    "follow_addresses",
    "forget_retired_people",
    "fulfil_approvals",
    "revoke_renewed",
]
