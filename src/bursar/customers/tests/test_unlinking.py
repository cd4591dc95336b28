import uuid

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from bursar.customers import api, models
from bursar.customers.data import BulkPair, CustomerNotFound, NotLinked, PendingState
from bursar.customers.service import waiting
from bursar.enrollments.models import Enrollment
from bursar.identity import api as identity
from bursar.identity.data import ADMIN, LEARNER, PersonToSave
from bursar.outbox.models import Event
from tests.cast import ACME, ALICE, BOB, CAROL, CS50_RUN, DANA, GLOBEX, GUS, NOWHERE, PYTHON_RUN

pytestmark = pytest.mark.django_db

NEW = "new@acme.test"


def unlink(*addresses, relinkable=True, at=ACME):
    return api.unlink_learners(
        customer_uuid=at, emails=addresses, is_relinkable=relinkable, by=ALICE.lms_user_id
    )


def link(*addresses, to=ACME):
    return api.link_learners(customer_uuid=to, emails=addresses, by=ALICE.lms_user_id)


def row_of(member, at=ACME):
    return models.LearnerLink.objects.get(customer_id=at, lms_user_id=member.lms_user_id)


def usernames_with(role, customer_uuid=ACME):
    return {person.username for person in identity.list_people_with_role(role, customer_uuid=customer_uuid)}


def facts():
    return [fact for event in Event.objects.filter(type="customer.learner_unlinked") for fact in event.facts]


def test_a_learner_is_unlinked_and_the_role_goes_with_the_link(cast):
    (outcome,) = unlink(BOB.email)

    assert (outcome.lms_user_id, outcome.unlinked, outcome.removed) == (BOB.lms_user_id, True, False)
    row = row_of(BOB)
    assert (row.is_linked, row.is_active, row.is_relinkable) == (False, False, True)
    assert usernames_with(LEARNER) == {"alice", "dana", "erin"}
    history = models.LearnerLink.history.filter(lms_user_id=BOB.lms_user_id).latest("history_id")
    assert (history.history_type, history.history_user_id) == ("~", ALICE.lms_user_id)
    assert facts() == [
        {"customer_uuid": str(ACME), "lms_user_id": BOB.lms_user_id, "is_relinkable": True},
    ]


def test_unlinking_again_changes_nothing(cast):
    unlink(BOB.email)
    before = models.LearnerLink.history.count()

    outcomes = unlink(BOB.email, "nobody@acme.test")

    assert [(each.unlinked, each.removed) for each in outcomes] == [(False, False), (False, False)]
    assert models.LearnerLink.history.count() == before
    assert len(facts()) == 1


def test_an_address_counts_however_it_is_spelled(cast):
    """Weakness F6 of edx-enterprise: addresses are compared as they are written."""
    link("Mixed@Acme.test")

    outcomes = unlink(" BOB@Acme.TEST ", "bob@acme.test", "mIXED@acme.test")

    assert [(each.email, each.unlinked, each.removed) for each in outcomes] == [
        (" BOB@Acme.TEST ", True, False),
        ("bob@acme.test", False, False),
        ("mIXED@acme.test", False, True),
    ]
    assert not row_of(BOB).is_linked


def test_an_administrator_who_is_unlinked_goes_on_administering(cast):
    unlink(ALICE.email)

    assert not row_of(ALICE).is_linked
    assert usernames_with(ADMIN) == {"alice"}


def test_links_to_other_customers_stay_as_they_are(cast):
    """Weakness F14 of edx-enterprise: what happens at one customer changes the links to the others."""
    link(GUS.email)
    before = models.LearnerLink.history.filter(customer_id=GLOBEX).count()

    unlink(GUS.email, relinkable=False)

    row = row_of(GUS, GLOBEX)
    assert (row.is_linked, row.is_active, row.is_relinkable) == (True, True, True)
    assert models.LearnerLink.history.filter(customer_id=GLOBEX).count() == before
    assert "gus" in usernames_with(LEARNER, GLOBEX)


def test_an_account_that_has_not_confirmed_its_address_is_unlinked_as_well(cast):
    identity.save_people([PersonToSave(NEW, "new", lms_user_id=50, is_confirmed=False)])
    by_id = BulkPair(CS50_RUN, lms_user_id=50, license_uuid=str(uuid.uuid4()))
    api.enroll_in_bulk(customer_uuid=ACME, pairs=[by_id], by=None)

    assert unlink(NEW)[0].unlinked
    assert not api.is_linked(customer_uuid=ACME, lms_user_id=50)


def test_for_good_counts_also_for_who_was_unlinked_before_and_never_the_other_way_round(cast):
    """Weakness F15 of edx-enterprise: linking again brings back whom the customer removed for good."""
    unlink(BOB.email)

    unlink(BOB.email, relinkable=False)
    unlink(BOB.email, relinkable=True)

    assert not row_of(BOB).is_relinkable
    assert link(BOB.email)[0].refusal.code == "not_relinkable"
    assert not row_of(BOB).is_linked


def test_what_waits_for_a_removed_address_is_never_done(cast, drain):
    pairs = [BulkPair(key, NEW, license_uuid=str(uuid.uuid4())) for key in (CS50_RUN, PYTHON_RUN)]
    api.enroll_in_bulk(customer_uuid=ACME, pairs=pairs, by=None)
    models.PendingEnrollment.objects.filter(run_key=PYTHON_RUN).update(state=PendingState.FAILED)
    link(NEW, to=GLOBEX)

    (outcome,) = unlink(NEW)
    failed = models.PendingEnrollment.objects.values_list("uuid", flat=True)
    assert waiting.retry_failed(list(failed), by=None) == 0
    identity.save_people([PersonToSave(NEW, "new", lms_user_id=50)])
    drain()

    assert (outcome.lms_user_id, outcome.unlinked, outcome.removed) == (None, False, True)
    assert not Enrollment.objects.filter(lms_user_id=50).exists()
    assert not api.is_linked(customer_uuid=ACME, lms_user_id=50)
    assert api.is_linked(customer_uuid=GLOBEX, lms_user_id=50)
    states = models.PendingEnrollment.objects.values_list("state", flat=True)
    assert list(states) == [PendingState.REMOVED, PendingState.REMOVED]
    assert models.PendingEnrollment.history.filter(state=PendingState.REMOVED).count() == 2


def test_a_removed_address_that_is_linked_again_waits_again_as_a_learner(cast, drain):
    api.make_admins(customer_uuid=ACME, emails=[NEW], by=None)
    pair = BulkPair(CS50_RUN, NEW, license_uuid=str(uuid.uuid4()))
    api.enroll_in_bulk(customer_uuid=ACME, pairs=[pair], by=None)
    unlink(NEW, relinkable=False)

    (outcome,) = link(NEW)
    assert (outcome.is_pending, outcome.created) == (True, True)
    identity.save_people([PersonToSave(NEW, "new", lms_user_id=50)])
    drain()

    assert api.is_linked(customer_uuid=ACME, lms_user_id=50)
    assert usernames_with(ADMIN) == {"alice"}
    assert not Enrollment.objects.filter(lms_user_id=50).exists()


def test_who_leaves_may_come_back(cast):
    api.leave(customer_uuid=ACME, lms_user_id=BOB.lms_user_id)

    assert not row_of(BOB).is_linked
    assert row_of(BOB).is_relinkable
    with pytest.raises(NotLinked):
        api.leave(customer_uuid=ACME, lms_user_id=BOB.lms_user_id)
    assert link(BOB.email)[0].created
    assert "bob" in usernames_with(LEARNER)


def test_nobody_is_unlinked_from_a_customer_that_is_not_there(cast):
    with pytest.raises(CustomerNotFound):
        unlink(BOB.email, at=NOWHERE)
    unlink(CAROL.email, DANA.email)
    assert row_of(CAROL, GLOBEX).is_linked


def test_one_address_and_two_hundred_cost_the_same_statements(acme):
    def count(members, numbers):
        new = [f"new{number}@acme.test" for number in numbers]
        pairs = [BulkPair(CS50_RUN, each, license_uuid=str(uuid.uuid4())) for each in new]
        api.enroll_in_bulk(customer_uuid=ACME, pairs=pairs, by=None)
        with CaptureQueriesContext(connection) as captured:
            unlink(*[member.email for member in members], *new)
        return len(
            [each for each in captured if each["sql"].split()[0] not in ("SAVEPOINT", "RELEASE", "BEGIN")]
        )

    learners = acme.learners(201)
    one = count(learners[:1], range(1))
    assert count(learners[1:], range(1, 201)) == one
    assert one <= 15
    assert models.LearnerLink.objects.filter(is_linked=False).count() == 201
