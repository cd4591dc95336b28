import random
import threading
import uuid

import pytest
from django.contrib.auth import get_user_model
from django.db import connection

from bursar.customers import api, models
from bursar.customers.data import BulkPair, PairVerdict
from bursar.enrollments.models import Enrollment
from bursar.identity import api as identity
from bursar.identity.data import PersonToSave
from bursar.notifications.models import Message
from bursar.outbox import api as outbox
from bursar.outbox.models import Event
from tests.cast import ACME, BOB, CS50_RUN, GLOBEX, PYTHON_RUN

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(*acts):
    """What the acts return, all begun at the same moment, each in a thread of its own."""
    results, errors = [None] * len(acts), []
    barrier = threading.Barrier(len(acts))

    def run(index, act):
        try:
            barrier.wait(10)
            results[index] = act()
        except Exception as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=each) for each in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert errors == []
    return results


def enrolling(pairs):
    shuffled = random.sample(pairs, len(pairs))
    return lambda: api.enroll_in_bulk(customer_uuid=ACME, pairs=shuffled, by=None, notify=True)


def test_the_same_request_twice_at_once_is_done_once(cast):
    """Weakness F18 of edx-enterprise: nothing is locked, and two requests get in each other's way."""
    known = [f"known{number}@acme.test" for number in range(40)]
    identity.save_people([PersonToSave(email, email.split("@")[0]) for email in known])
    waiting = [f"waiting{number}@acme.test" for number in range(40)]
    license_uuid = str(uuid.uuid4())
    pairs = [
        BulkPair(key, email, license_uuid=license_uuid)
        for email in (*known, *waiting)
        for key in (PYTHON_RUN, CS50_RUN)
    ]
    links = models.LearnerLink.objects.count()

    answers = at_once(enrolling(pairs), enrolling(pairs), enrolling(pairs))

    outcomes = [outcome for answer in answers for outcome in answer]
    assert all(outcome.verdict is not PairVerdict.FAILED for outcome in outcomes)
    assert sum(outcome.created for outcome in outcomes) == len(pairs)
    assert models.LearnerLink.objects.count() == links + 40
    for model in (Enrollment, models.SponsoredEnrollment, models.Fulfillment, models.PendingEnrollment):
        assert model.objects.count() == 80
        assert model.history.count() == 80
    facts = [fact for event in Event.objects.filter(type="customer.learner_enrolled") for fact in event.facts]
    assert len(facts) == 80
    courses = [course for message in Message.objects.all() for course in message.context["courses"]]
    assert len(courses) == len(pairs)


def test_learners_who_left_come_back_once(acme):
    members = acme.learners(40)
    models.LearnerLink.objects.update(is_linked=False)
    before = models.LearnerLink.history.count()
    pairs = [BulkPair(CS50_RUN, each.email, license_uuid=str(uuid.uuid4())) for each in members]

    at_once(*[enrolling(pairs)] * 3)

    assert models.LearnerLink.objects.filter(is_linked=True).count() == 40
    assert models.LearnerLink.history.count() == before + 40


def test_an_address_confirmed_while_it_begins_to_wait_is_enrolled(cast):
    addresses = [f"new{number}@acme.test" for number in range(30)]
    pairs = [BulkPair(CS50_RUN, email, license_uuid=str(uuid.uuid4())) for email in addresses]

    def confirm():
        for email in addresses:
            identity.save_people([PersonToSave(email, email.split("@")[0])])
        outbox.relay()

    at_once(enrolling(pairs), confirm)
    outbox.relay()

    assert not models.PendingEnrollment.objects.filter(state="waiting").exists()
    assert Enrollment.objects.filter(is_active=True).count() == 30


def test_who_chooses_two_customers_at_once_acts_for_one(cast):
    api.link_learners(customer_uuid=GLOBEX, emails=[BOB.email], by=None)

    def choosing(customer_uuid):
        return lambda: api.choose_customer(customer_uuid=customer_uuid, lms_user_id=BOB.lms_user_id)

    at_once(*[choosing(ACME), choosing(GLOBEX)] * 4)

    link = models.LearnerLink.objects.get(lms_user_id=BOB.lms_user_id, is_active=True)
    chosen = get_user_model().objects.get(lms_user_id=BOB.lms_user_id).active_customer_uuid
    assert link.customer_id == chosen
