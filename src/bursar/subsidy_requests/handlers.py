"""What subsidy_requests does when something happens elsewhere."""

from bursar.subsidy_requests.service.closing import close_dead, close_fulfilled, close_refused
from bursar.subsidy_requests.service.people import (
    FOLLOW_ADDRESSES,
    FORGET_RETIRED_PEOPLE,
    follow_addresses,
    forget_retired_people,
)

__all__ = [
    "FOLLOW_ADDRESSES",
    "FORGET_RETIRED_PEOPLE",
    "close_dead",
    "close_fulfilled",
    "close_refused",
    "follow_addresses",
    "forget_retired_people",
]
