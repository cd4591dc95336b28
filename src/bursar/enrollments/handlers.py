"""What enrollments does when something happens; config/reactions.py lists it."""

from bursar.enrollments.service.allowing import USE_ALLOWANCES, enroll_allowed_people, use_allowances
from bursar.enrollments.service.openedx import SEND_SIGNALS, send_changed, send_created, send_ended
from bursar.enrollments.service.people import (
    FOLLOW_ADDRESSES,
    FORGET_RETIRED_PEOPLE,
    follow_addresses,
    forget_retired_people,
)

ENROLL_ALLOWED_PEOPLE = "enrollments.enroll_allowed_people"

__all__ = [
    "ENROLL_ALLOWED_PEOPLE",
    "FOLLOW_ADDRESSES",
    "FORGET_RETIRED_PEOPLE",
    "SEND_SIGNALS",
    "USE_ALLOWANCES",
    "enroll_allowed_people",
    "follow_addresses",
    "forget_retired_people",
    "send_changed",
    "send_created",
    "send_ended",
    "use_allowances",
]
