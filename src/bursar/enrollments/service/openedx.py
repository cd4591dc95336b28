"""Enrollment events as the rest of Open edX knows them: the signals of openedx-events.

Contract: enrollments 4. CREATED is sent whenever somebody gets in, UNENROLLMENT_COMPLETED whenever somebody
leaves, CHANGED for every change of mode or activity, those two included; each once for a change, after it was
stored, with the place as it ended up.
"""

import uuid
from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from opaque_keys.edx.keys import CourseKey
from openedx_events.data import EventsMetadata
from openedx_events.learning.data import CourseData, CourseEnrollmentData, UserData, UserPersonalData
from openedx_events.learning.signals import (
    COURSE_ENROLLMENT_CHANGED,
    COURSE_ENROLLMENT_CREATED,
    COURSE_UNENROLLMENT_COMPLETED,
)
from openedx_events.tooling import OpenEdxPublicSignal

from bursar.events.enrollments import EnrollmentChanged
from bursar.outbox import api as outbox
from bursar.outbox.data import Delivery

SEND_SIGNALS = "enrollments.send_signals"
"""One handler for all that happens to places, for the relay keeps the order of what one handler gets."""


def send_created(deliveries: Sequence[Delivery[EnrollmentChanged]]) -> None:
    """Somebody got in, for the first time or again."""
    _send(deliveries, (COURSE_ENROLLMENT_CHANGED, COURSE_ENROLLMENT_CREATED))


def send_changed(deliveries: Sequence[Delivery[EnrollmentChanged]]) -> None:
    """A place got another mode."""
    _send(deliveries, (COURSE_ENROLLMENT_CHANGED,))


def send_ended(deliveries: Sequence[Delivery[EnrollmentChanged]]) -> None:
    """Somebody left."""
    _send(deliveries, (COURSE_ENROLLMENT_CHANGED, COURSE_UNENROLLMENT_COMPLETED))


def _send(deliveries: Sequence[Delivery[EnrollmentChanged]], signals: Sequence[OpenEdxPublicSignal]) -> None:
    """Sends the signals to whoever is connected in this process, in the order of the facts.

    A receiver that fails is logged by openedx-events and holds up nobody. No transaction is open meanwhile:
    what one receiver breaks in the database would take along what others have written. So after a crash in
    the middle a delivery is sent again, with the same ids in ``metadata``.
    """
    heard = [signal for signal in signals if signal.has_listeners()]
    for delivery in outbox.find_fresh(SEND_SIGNALS, deliveries) if heard else ():
        # All are built before the first is sent: one that cannot be has none of them sent twice.
        places = [(fact, _to_enrollment(fact)) for fact in delivery.facts]
        for fact, enrollment in places:
            for signal in heard:
                signal.send_event_with_custom_metadata(
                    _metadata(signal, fact, delivery.recorded_at), enrollment=enrollment
                )
        _accept([delivery])
    if not heard:
        _accept(deliveries)


@transaction.atomic(durable=True)
def _accept(deliveries: Sequence[Delivery[EnrollmentChanged]]) -> None:
    outbox.accept(SEND_SIGNALS, deliveries)


def _metadata(signal: OpenEdxPublicSignal, fact: EnrollmentChanged, recorded_at: datetime) -> EventsMetadata:
    what = f"{signal.event_type} {recorded_at.isoformat()}"
    return EventsMetadata(
        id=uuid.uuid5(fact.enrollment_uuid, what),
        event_type=signal.event_type,
        minorversion=signal.minor_version,
        time=recorded_at,
    )


def _to_enrollment(fact: EnrollmentChanged) -> CourseEnrollmentData:
    return CourseEnrollmentData(
        user=UserData(
            id=fact.lms_user_id,
            is_active=fact.person_is_active,
            pii=UserPersonalData(username=fact.username, email=fact.email, name=fact.name),
        ),
        course=CourseData(course_key=CourseKey.from_string(fact.run_key), display_name=fact.run_title),
        mode=fact.mode,
        is_active=fact.is_active,
        creation_date=fact.created_at,
    )
