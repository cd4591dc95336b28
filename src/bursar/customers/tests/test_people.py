"""Addresses that wait, when their people change or are retired."""

import uuid

import pytest

from bursar.customers import api, models
from bursar.customers.data import BulkPair, PendingState
from bursar.customers.service import waiting
from bursar.enrollments import api as enrollments
from bursar.identity import api as identity
from bursar.identity.data import PersonToSave
from bursar.lib import clock
from bursar.outbox import api as outbox
from bursar.outbox.models import Delivery
from tests.architecture.tables import read_rows
from tests.cast import ACME, ALICE, BOB, OLGA, PYTHON_RUN
from tests.statements import counted

LICENSE = uuid.UUID("99999999-9999-4999-8999-999999999999")
OLD, NEW = "old@acme.test", "new@acme.test"
NEW_ID = 400


@pytest.fixture(autouse=True)
def people(cast):
    """Everybody is there, and what that caused is done."""
    outbox.relay()


def wait_for(*emails):
    api.enroll_in_bulk(
        customer_uuid=ACME,
        pairs=[BulkPair(PYTHON_RUN, email, license_uuid=str(LICENSE)) for email in emails],
        by=ALICE.lms_user_id,
    )


def sign_up(email, *, lms_user_id=NEW_ID, is_confirmed=True):
    person = PersonToSave(email, f"u{lms_user_id}", lms_user_id=lms_user_id, is_confirmed=is_confirmed)
    identity.save_people([person])


def change(email, *, confirmed=True):
    identity.change_person(lms_user_id=NEW_ID, email=email, is_confirmed=confirmed, by=None)
    outbox.relay()


def retire(*ids):
    identity.request_retirements(lms_user_ids=ids, by=OLGA.lms_user_id)
    identity.complete_retirements(lms_user_ids=ids, by=OLGA.lms_user_id)
    outbox.relay()


def deliver_again():
    Delivery.objects.update(state=Delivery.State.WAITING, next_attempt_at=clock.now())
    outbox.relay()


def rows_naming(text):
    tables = ("customers.PendingLearner", "customers.HistoricalPendingLearner")
    tables += ("customers.PendingEnrollment", "customers.HistoricalPendingEnrollment")
    return [row for row in read_rows() if row[0] in tables and text in " ".join(row)]


@pytest.fixture
def broken(monkeypatch):
    """The LMS is away until the fixture is undone."""

    def enroll(*args, **kwargs):
        raise ConnectionError(f"cannot enroll {OLD}")

    monkeypatch.setattr(enrollments, "enroll", enroll)
    return monkeypatch


def test_what_still_waits_follows_its_person_and_is_done(broken):
    wait_for(OLD)
    sign_up(OLD)
    outbox.relay()
    broken.undo()

    change(NEW)
    deliver_again()

    learner = models.PendingLearner.objects.get()
    assert (learner.email, learner.state) == (NEW, PendingState.DONE)
    assert enrollments.find_enrollments([(NEW_ID, PYTHON_RUN)])
    reasons = models.PendingLearner.history.values_list("history_change_reason", flat=True)
    assert list(reasons).count("address changed") == 1


def test_what_failed_can_still_be_tried_again_after_a_change():
    wait_for(OLD)
    models.Customer.objects.update(is_active=False)
    sign_up(OLD)
    outbox.relay()
    models.Customer.objects.update(is_active=True)

    change(NEW)
    waiting.retry_failed([models.PendingEnrollment.objects.get().pk], by=None)

    assert enrollments.find_enrollments([(NEW_ID, PYTHON_RUN)])


def test_an_address_that_is_only_claimed_takes_nothing_along(broken):
    wait_for(OLD)
    sign_up(OLD)
    outbox.relay()

    change(NEW, confirmed=False)

    assert models.PendingLearner.objects.get().email == OLD


def test_two_rows_of_one_customer_stay_two(broken):
    wait_for(OLD, NEW)
    sign_up(OLD)
    outbox.relay()
    broken.undo()

    change(NEW)

    states = models.PendingLearner.objects.values_list("email", "state")
    assert sorted(states) == [(NEW, PendingState.DONE), (OLD, PendingState.WAITING)]


def test_a_retired_person_is_in_no_row_and_no_history(broken):
    wait_for(OLD)
    sign_up(OLD)
    outbox.relay()
    assert rows_naming(OLD)

    retire(NEW_ID)

    assert rows_naming("old@") == []
    learner = models.PendingLearner.objects.get()
    assert (learner.state, learner.last_error) == (PendingState.FAILED, "The person was retired.")
    assert models.PendingEnrollment.objects.get().state == PendingState.FAILED
    assert models.PendingLearner.history.filter(history_change_reason="retired").count() == 1
    before = read_rows()
    Delivery.objects.filter(event__type="identity.person_retired").update(state="waiting")
    outbox.relay()
    assert [row for row in read_rows() - before if row[0].startswith("customers.")] == []


def test_what_was_done_and_paid_for_stays_without_a_name():
    wait_for(OLD)
    sign_up(OLD)
    outbox.relay()
    change(NEW)

    retire(NEW_ID)

    assert rows_naming("old@") == rows_naming("new@") == []
    assert models.PendingLearner.objects.get().state == PendingState.DONE
    assert models.SponsoredEnrollment.objects.filter(link__lms_user_id=NEW_ID).count() == 1
    assert api.is_linked(customer_uuid=ACME, lms_user_id=NEW_ID)


def test_two_former_addresses_at_one_customer_become_two_stand_ins(broken):
    wait_for(OLD, NEW)
    sign_up(OLD)
    outbox.relay()
    change(NEW)

    retire(NEW_ID)

    assert rows_naming("old@") == rows_naming("new@") == []
    assert models.PendingLearner.objects.values("email").distinct().count() == 2


def test_who_only_claimed_an_address_leaves_it_to_its_owner():
    wait_for(OLD)
    sign_up(OLD, is_confirmed=False)

    retire(NEW_ID)

    learner = models.PendingLearner.objects.get()
    assert (learner.email, learner.state) == (OLD, PendingState.WAITING)


def test_nobody_else_is_touched():
    retire(BOB.lms_user_id)
    wait_for(OLD)

    assert models.PendingLearner.objects.get().email == OLD


def test_one_person_and_two_hundred_take_the_same_number_of_statements():
    addresses = {1_000 + number: f"p{number}@acme.test" for number in range(202)}
    wait_for(*addresses.values())
    ids = sorted(addresses)
    for lms_user_id, email in addresses.items():
        identity.save_people([PersonToSave(email, f"p{lms_user_id}", lms_user_id=lms_user_id)])
    outbox.relay()
    counts = []
    for group in (ids[:1], ids[1:2], ids[2:]):
        identity.request_retirements(lms_user_ids=group, by=None)
        identity.complete_retirements(lms_user_ids=group, by=None)
        with counted() as statements:
            outbox.relay()
        counts.append(statements.count)

    assert counts[1] == counts[2]
    assert rows_naming("@acme.test") == []
