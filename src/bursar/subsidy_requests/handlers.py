"""What subsidy_requests does when something happens elsewhere."""

from functools import partial

from bursar.subsidy_requests.service.changing import DECLINE_OTHER_TYPES, decline_other_types
from bursar.subsidy_requests.service.closing import CLOSE_DEAD, close_dead, close_fulfilled, close_refused
from bursar.subsidy_requests.service.kinds import COUPON_CODES, LICENSES
from bursar.subsidy_requests.service.people import (
    FOLLOW_ADDRESSES,
    FORGET_RETIRED_PEOPLE,
    follow_addresses,
    forget_retired_people,
)
from bursar.subsidy_requests.service.unlinking import UNLINK_DECLINED, unlink_declined

CLOSE_FULFILLED, CLOSE_REFUSED = LICENSES.closed_by
CLOSE_FULFILLED_CODES, CLOSE_REFUSED_CODES = COUPON_CODES.closed_by

close_fulfilled_licenses = partial(close_fulfilled, LICENSES)
close_refused_licenses = partial(close_refused, LICENSES)
close_fulfilled_codes = partial(close_fulfilled, COUPON_CODES)
close_refused_codes = partial(close_refused, COUPON_CODES)

__all__ = [
    "CLOSE_DEAD",
    "CLOSE_FULFILLED",
    "CLOSE_FULFILLED_CODES",
    "CLOSE_REFUSED",
    "CLOSE_REFUSED_CODES",
    "DECLINE_OTHER_TYPES",
    "FOLLOW_ADDRESSES",
    "FORGET_RETIRED_PEOPLE",
    "UNLINK_DECLINED",
    "close_dead",
    "close_fulfilled_codes",
    "close_fulfilled_licenses",
    "close_refused_codes",
    "close_refused_licenses",
    "decline_other_types",
    "follow_addresses",
    "forget_retired_people",
    "unlink_declined",
]
