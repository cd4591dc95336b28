"""The signals of openedx-events that tell others who is in which run: contract enrollments 4."""

from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from django.db import DatabaseError, connection, transaction
from opaque_keys import InvalidKeyError
from opaque_keys.edx.keys import CourseKey
from openedx_events.learning.data import CourseData, CourseEnrollmentData, UserData, UserPersonalData
from openedx_events.learning.signals import (
    COURSE_ENROLLMENT_CHANGED,
    COURSE_ENROLLMENT_CREATED,
    COURSE_UNENROLLMENT_COMPLETED,
)

from bursar.enrollments import api, models
from bursar.enrollments.data import EnrollmentEntry, OnExisting
from bursar.enrollments.tests.places import give_place, place_of
from bursar.enrollments.tests.scenes import RUN, make_run
from bursar.events.enrollments import ENROLLMENTS_CREATED, EnrollmentChanged
from bursar.identity import api as identity
from bursar.identity.data import PersonToSave
from bursar.outbox import api as outbox
from bursar.outbox.models import Delivery, Event
from tests.cast import BOB, CS50_RUN, DANA, make_cast
from tests.statements import counted

pytestmark = pytest.mark.django_db

TYPES = {
    "org.openedx.learning.course.enrollment.created.v1": "CREATED",
    "org.openedx.learning.course.enrollment.changed.v1": "CHANGED",
    "org.openedx.learning.course.unenrollment.completed.v1": "COMPLETED",
}
SIGNALS = (COURSE_ENROLLMENT_CREATED, COURSE_ENROLLMENT_CHANGED, COURSE_UNENROLLMENT_COMPLETED)


@dataclass
class Receiver:
    """Remembers what it was sent; ``fails_with`` is raised then."""

    received: list = field(default_factory=list)
    fails_with: BaseException | None = None

    def hear(self, signal, sender, enrollment, metadata, **_):
        self.received.append((signal, enrollment, metadata))
        if self.fails_with:
            raise self.fails_with

    def told(self):
        """What it was sent since the last look: which signal, and the place."""
        listed = [(TYPES[each.event_type], place.mode, place.is_active) for each, place, _ in self.received]
        self.received.clear()
        return listed

    def ids(self):
        return [metadata.id for _, _, metadata in self.received]


@contextmanager
def connected(*functions, to=SIGNALS):
    """While these functions receive signals."""
    pairs = [(signal, each) for each in functions for signal in to]
    for signal, each in pairs:
        signal.connect(each)
    try:
        yield
    finally:
        for signal, each in pairs:
            signal.disconnect(each)


@pytest.fixture
def receiver():
    """Somebody who listens to all three."""
    made = Receiver()
    with connected(made.hear):
        yield made


def deliver_again():
    """As if the relay had died before it could mark anything as done."""
    Delivery.objects.update(state=Delivery.State.WAITING)


# What is sent


def test_the_payload_is_the_enrollment_as_the_lms_sends_it(run, receiver, drain):
    make_run(title="Testing")
    give_place(BOB, "verified")
    drain()

    row = models.Enrollment.objects.get()
    expected = CourseEnrollmentData(
        user=UserData(
            id=BOB.lms_user_id,
            is_active=True,
            pii=UserPersonalData(username="bob", email="bob@acme.test", name="Bob"),
        ),
        course=CourseData(course_key=CourseKey.from_string(RUN), display_name="Testing"),
        mode="verified",
        is_active=True,
        creation_date=row.created_at,
    )
    assert [place for _, place, _ in receiver.received] == [expected, expected]
    assert expected.created_by is None
    assert (expected.course.start, expected.course.end) == (None, None)


def test_the_user_is_as_active_as_the_account(cast, receiver, drain):
    make_run()
    identity.save_people([PersonToSave("fay@acme.test", "fay", "Fay", lms_user_id=14, is_active=False)])
    api.add_enrollment("fay", RUN)
    drain()

    assert [place.user.is_active for _, place, _ in receiver.received] == [False, False]


def test_the_metadata_say_what_when_and_from_whom(run, receiver, drain):
    give_place(BOB)
    recorded_at = Event.objects.get(type="enrollment.created").recorded_at
    drain()

    (_, _, changed), (signal, _, created) = receiver.received
    assert signal is COURSE_ENROLLMENT_CREATED
    assert TYPES[created.event_type] == "CREATED"
    assert created.minorversion == signal.minor_version
    assert (created.time, created.source) == (recorded_at, "openedx/bursar/web")
    assert created.time.tzinfo == UTC
    assert created.id != changed.id


# When


def enroll(**wish):
    api.enroll([EnrollmentEntry(BOB.lms_user_id, RUN, **wish)], by=None)


GOT_IN = ["CHANGED", "CREATED"]
LEFT = ["CHANGED", "COMPLETED"]


@pytest.mark.parametrize(
    ("before", "wish", "names", "after"),
    [
        (None, {}, GOT_IN, ("audit", True)),
        (None, {"mode": "verified"}, GOT_IN, ("verified", True)),
        (None, {"mode": "verified", "is_active": False}, GOT_IN, ("verified", False)),
        (("verified", False), {}, GOT_IN, ("audit", True)),
        (("audit", False), {"mode": "verified"}, GOT_IN, ("verified", True)),
        (("audit", True), {"mode": "verified"}, ["CHANGED"], ("verified", True)),
        (("verified", True), {"mode": "audit", "existing": OnExisting.SET}, ["CHANGED"], ("audit", True)),
        (
            ("audit", False),
            {"mode": "verified", "existing": OnExisting.SET},
            ["CHANGED"],
            ("verified", False),
        ),
        (("verified", True), {"existing": OnExisting.SET, "is_active": False}, LEFT, ("verified", False)),
        (
            ("audit", True),
            {"mode": "verified", "existing": OnExisting.SET, "is_active": False},
            LEFT,
            ("verified", False),
        ),
        (("verified", True), {"mode": "verified"}, [], None),
        (("verified", True), {"mode": "audit"}, [], None),
        (("verified", False), {"existing": OnExisting.SET, "is_active": False}, [], None),
        (("audit", True), {"mode": "masters"}, [], None),
    ],
    ids=[
        "new",
        "new, paid",
        "new, not taken",
        "back",
        "back, paid",
        "upgraded",
        "lowered",
        "changed while out",
        "left",
        "left in another mode",
        "in already",
        "in already, dearer",
        "out already",
        "refused",
    ],
)
def test_each_change_sends_its_signals_once_with_the_place_as_it_ended_up(
    run, receiver, drain, before, wish, names, after
):
    if before:
        give_place(BOB, before[0], is_active=before[1])
    drain()
    receiver.told()

    enroll(**wish)
    assert receiver.told() == []
    drain()
    assert receiver.told() == [(name, *after) for name in names]
    drain()
    assert receiver.told() == []


def test_leaving_all_courses_sends_the_end_of_each(run, receiver, drain):
    give_place(BOB)
    give_place(BOB, "verified", CS50_RUN)
    give_place(DANA)
    drain()
    receiver.told()

    api.unenroll_user_from_all_courses("bob")
    drain()

    assert sorted(receiver.told()) == [
        ("CHANGED", "audit", False),
        ("CHANGED", "verified", False),
        ("COMPLETED", "audit", False),
        ("COMPLETED", "verified", False),
    ]


def test_changes_are_sent_in_the_order_in_which_they_came(run, receiver, drain):
    enroll()
    enroll(mode="verified")
    enroll(existing=OnExisting.SET, is_active=False)
    enroll()
    drain()

    assert receiver.told() == [
        ("CHANGED", "audit", True),
        ("CREATED", "audit", True),
        ("CHANGED", "verified", True),
        ("CHANGED", "verified", False),
        ("COMPLETED", "verified", False),
        ("CHANGED", "audit", True),
        ("CREATED", "audit", True),
    ]


def test_a_set_sends_one_of_each_for_every_place(acme, receiver, drain):
    make_run()
    learners = acme.learners(30)

    api.enroll([EnrollmentEntry(each.lms_user_id, RUN) for each in learners], by=None)
    drain()

    sent = [(TYPES[signal.event_type], place.user.id) for signal, place, _ in receiver.received]
    ids = [each.lms_user_id for each in learners]
    assert sorted(sent) == sorted((name, each) for name in GOT_IN for each in ids)
    assert len(set(receiver.ids())) == 60


# Only what was committed


def test_a_change_that_is_rolled_back_sends_nothing(run, receiver, drain):
    def break_off(execute, sql, params, many, context):
        if "outbox_delivery" in sql:
            raise DatabaseError("the server has gone away")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(break_off), pytest.raises(DatabaseError):
        enroll()
    drain()

    assert receiver.told() == []
    assert place_of(BOB) is None


# Repeats and failures


def test_what_is_delivered_twice_is_sent_once(run, receiver, drain):
    give_place(BOB)
    drain()
    deliver_again()
    drain()

    assert len(receiver.received) == 2


def test_after_a_crash_it_is_sent_again_under_the_same_id(run, drain):
    give_place(BOB)
    killed, second = Receiver(fails_with=SystemExit()), Receiver()
    with connected(killed.hear), pytest.raises(SystemExit):
        drain()
    with connected(second.hear):
        drain()

    assert killed.ids() == second.ids()[:1]
    assert len(set(second.ids())) == 2


def test_a_later_change_of_the_same_place_has_an_id_of_its_own(run, receiver, drain):
    give_place(BOB)
    enroll(mode="verified")
    enroll(existing=OnExisting.SET, is_active=False)
    drain()

    assert len(set(receiver.ids())) == len(receiver.received) == 5


def test_a_receiver_that_fails_holds_up_nobody(run, drain):
    give_place(BOB)
    give_place(DANA)

    failing, other = Receiver(fails_with=ValueError("broken")), Receiver()
    with connected(failing.hear, other.hear):
        drain()

    assert len(failing.received) == len(other.received) == 4
    assert set(Delivery.objects.values_list("state", flat=True)) == {Delivery.State.DONE}


@pytest.mark.django_db(transaction=True)
def test_a_receiver_that_fails_in_the_database_harms_no_other(drain):
    make_cast()
    make_run()

    def write(signal, enrollment, **_):
        models.SeatLock.objects.create(run_key=f"{signal.event_type} {enrollment.user.id}")

    def fail(**_):
        models.CourseRole.objects.create(pk=taken.pk, lms_user_id=1, role="staff", org="Test")

    taken = models.CourseRole.objects.create(lms_user_id=1, role="staff", org="Other")
    give_place(BOB)
    give_place(DANA)
    before, after = Receiver(), Receiver()
    with connected(before.hear, write, fail, after.hear):
        drain()
        deliver_again()
        drain()

    assert len(before.received) == len(after.received) == 4
    assert models.SeatLock.objects.count() == 4
    assert models.CourseRole.objects.get() == taken
    assert set(Delivery.objects.values_list("state", flat=True)) == {Delivery.State.DONE}


def test_whoever_listens_to_one_signal_gets_that_one(run, drain):
    give_place(BOB)
    receiver = Receiver()
    with connected(receiver.hear, to=[COURSE_ENROLLMENT_CREATED]):
        drain()

    assert receiver.told() == [("CREATED", "audit", True)]


# Without anybody who listens


def unreadable():
    """A fact that cannot be made into a payload."""
    fact = EnrollmentChanged(
        uuid4(), BOB.lms_user_id, "bob", BOB.email, "nonsense", "audit", True, datetime.now(UTC)
    )
    with transaction.atomic():
        outbox.record(ENROLLMENTS_CREATED, key="enrollments", facts=[fact], by=None)


def states():
    rows = Delivery.objects.filter(handler="enrollments.send_signals")
    return list(rows.values_list("state", "last_error"))


def test_without_receivers_nothing_is_built(cast, drain):
    unreadable()
    drain()

    assert states() == [(Delivery.State.DONE, "")]


def test_what_cannot_be_built_waits_for_another_try(cast, receiver, drain):
    unreadable()
    drain()

    ((state, error),) = states()
    assert state == Delivery.State.WAITING
    assert error.startswith(InvalidKeyError.__name__)


def test_sending_to_many_takes_the_statements_of_one(acme, receiver, drain):
    make_run()
    learners = acme.learners(60)
    drain()

    def cost(group):
        api.enroll([EnrollmentEntry(each.lms_user_id, RUN) for each in group], by=None)
        with counted() as statements:
            drain()
        return statements.count

    one, many = cost(learners[:1]), cost(learners[1:])

    assert len(receiver.received) == 120
    assert one == many
