import uuid

import pytest

from bursar.catalog import api as catalog
from bursar.catalog.data import CourseToSave, ModeToSave, RunToSave
from bursar.customers import api, models
from bursar.customers.data import BulkPair, PendingState
from bursar.customers.service import waiting
from bursar.enrollments import api as enrollments
from bursar.identity import api as identity
from bursar.identity.data import ADMIN, LEARNER, PersonToSave
from bursar.lib import clock
from bursar.outbox import api as outbox
from bursar.outbox.models import Delivery
from tests.cast import ACME, ALICE, BOB, CS50, CS50_RUN, GLOBEX, PYTHON_RUN

pytestmark = pytest.mark.django_db

NEW = "new@acme.test"
NEW_ID = 400
LICENSE = uuid.UUID("99999999-9999-4999-8999-999999999999")


def wait_for(run_key=PYTHON_RUN, email=NEW, to=ACME, **fields):
    fields = fields or {"license_uuid": str(LICENSE)}
    (outcome,) = api.enroll_in_bulk(
        customer_uuid=to, pairs=[BulkPair(run_key, email, **fields)], by=ALICE.lms_user_id
    )
    return outcome


def sign_up(email=NEW, *, confirmed=True):
    identity.save_people([PersonToSave(email, "new", lms_user_id=NEW_ID, is_confirmed=confirmed)])


def confirm(email=NEW):
    """As the link in the mail does, and what follows."""
    sign_up(email)
    outbox.relay()


def enrollment(run_key=PYTHON_RUN):
    return enrollments.find_enrollments([(NEW_ID, run_key)]).get((NEW_ID, run_key))


def states(model=models.PendingEnrollment):
    return sorted(model.objects.values_list("state", flat=True))


def test_what_waited_is_done_when_the_address_is_confirmed(cast):
    wait_for(email="New@Acme.TEST")
    wait_for(CS50_RUN, transaction_id=str(uuid.uuid4()))

    confirm()

    assert (enrollment().mode, enrollment(CS50_RUN).mode) == ("verified", "verified")
    assert api.is_linked(customer_uuid=ACME, lms_user_id=NEW_ID)
    learners = identity.list_people_with_role(LEARNER, customer_uuid=ACME)
    assert NEW_ID in {person.lms_user_id for person in learners}
    kinds = models.Fulfillment.objects.values_list("kind", flat=True)
    assert sorted(kinds) == ["learner_credit", "license"]
    assert states() == [PendingState.DONE, PendingState.DONE]
    learner = models.PendingLearner.objects.get()
    assert (learner.state, learner.lms_user_id) == (PendingState.DONE, NEW_ID)
    assert models.PendingEnrollment.history.filter(history_type="~").count() == 2


def test_it_is_done_at_every_customer(cast):
    wait_for()
    wait_for(CS50_RUN, to=GLOBEX)
    api.link_learners(customer_uuid=GLOBEX, emails=[NEW], by=None)

    confirm()

    assert enrollment() is not None
    assert enrollment(CS50_RUN) is not None
    assert api.is_linked(customer_uuid=GLOBEX, lms_user_id=NEW_ID)


def test_doing_it_again_changes_nothing(cast):
    wait_for()
    confirm()
    before = [model.history.count() for model in (models.PendingEnrollment, models.SponsoredEnrollment)]

    Delivery.objects.update(state=Delivery.State.WAITING)
    outbox.relay()

    assert [
        model.history.count() for model in (models.PendingEnrollment, models.SponsoredEnrollment)
    ] == before
    assert models.Fulfillment.objects.count() == 1


def test_an_address_that_an_account_only_claims_gets_nothing(cast):
    wait_for()
    sign_up(confirmed=False)
    waiting.enroll_waiting([NEW])

    assert enrollment() is None
    assert states() == [PendingState.WAITING]
    assert not api.is_linked(customer_uuid=ACME, lms_user_id=NEW_ID)


def test_a_pending_administrator_gets_the_role(cast):
    api.make_admins(customer_uuid=ACME, emails=[NEW], by=None)

    confirm()

    admins = identity.list_people_with_role(ADMIN, customer_uuid=ACME)
    assert NEW_ID in {person.lms_user_id for person in admins}


def test_what_is_refused_by_then_fails_with_the_reason_and_harms_no_other(cast):
    wait_for()
    wait_for(CS50_RUN)
    run = RunToSave(PYTHON_RUN, enrollment_end=clock.now(), modes=(ModeToSave("audit"),))
    catalog.save_courses([CourseToSave("MITx+6.00.1x", "Python", runs=(run,))])

    confirm()

    failed = models.PendingEnrollment.objects.get(state=PendingState.FAILED)
    assert (failed.run_key, failed.last_error.split(":")[0]) == (PYTHON_RUN, "enrollment_closed")
    assert enrollment() is None
    assert enrollment(CS50_RUN) is not None


def test_support_may_try_what_failed_again(cast):
    wait_for(CS50_RUN)
    closed = RunToSave(CS50_RUN, is_enrollable=False, modes=(ModeToSave("audit"),))
    catalog.save_courses([CourseToSave(CS50, "CS50", runs=(closed,))])
    confirm()
    assert states() == [PendingState.FAILED]

    opened = RunToSave(CS50_RUN, is_enrollable=True, modes=(ModeToSave("audit"),))
    catalog.save_courses([CourseToSave(CS50, "CS50", runs=(opened,))])
    rows = list(models.PendingEnrollment.objects.values_list("uuid", flat=True))
    assert waiting.retry_failed(rows, by=None) == 1

    assert states() == [PendingState.DONE]
    assert enrollment(CS50_RUN) is not None


def test_a_mode_that_has_expired_meanwhile_is_replaced_by_the_best_there_is(cast):
    run_key = "course-v1:Test+T1+1"

    def save(expires_at):
        modes = (ModeToSave("audit"), ModeToSave("verified", expires_at=expires_at))
        catalog.save_courses([CourseToSave("Test+T1", "Test", runs=(RunToSave(run_key, modes=modes),))])

    save(None)
    wait_for(run_key)
    save(clock.now())

    confirm()

    assert enrollment(run_key).mode == "audit"


def test_a_learner_who_was_removed_for_good_stays_out(cast):
    wait_for()
    models.LearnerLink.objects.create(
        customer_id=ACME,
        lms_user_id=NEW_ID,
        is_linked=False,
        is_relinkable=False,
        created_at=clock.now(),
        modified_at=clock.now(),
    )

    confirm()

    assert enrollment() is None
    assert states() == [PendingState.FAILED]
    assert states(models.PendingLearner) == [PendingState.FAILED]


def test_an_inactive_customer_pays_for_nothing(cast):
    wait_for()
    models.Customer.objects.update(is_active=False)

    confirm()

    assert enrollment() is None
    assert models.PendingEnrollment.objects.get().last_error.startswith("customer_inactive")


def test_an_address_confirmed_while_the_request_ran_does_not_wait_for_ever(cast):
    wait_for()
    sign_up()  # the reaction has not run; a second request comes for somebody else who waits
    assert states() == [PendingState.WAITING]

    waiting.enroll_waiting([NEW, BOB.email])

    assert states() == [PendingState.DONE]


@pytest.fixture
def broken_lms(monkeypatch):
    """Stands for a remote LMS that does not answer."""

    def enroll(entries, **options):
        raise ConnectionError("the LMS does not answer")

    monkeypatch.setattr(enrollments, "enroll", enroll)
    return monkeypatch


def try_again():
    Delivery.objects.filter(state=Delivery.State.WAITING).update(next_attempt_at=clock.now())
    outbox.relay()


def test_what_breaks_says_why_and_is_tried_again(cast, broken_lms):
    """Weakness F4 of edx-enterprise: the sign-up fails, and what waited is deleted and lost."""
    wait_for()
    confirm()

    row = models.PendingEnrollment.objects.get()
    assert row.state == PendingState.WAITING
    assert row.attempt_count >= 1
    assert "does not answer" in row.last_error

    broken_lms.undo()
    try_again()

    assert states() == [PendingState.DONE]
    assert enrollment() is not None
    assert models.PendingEnrollment.objects.get().last_error == ""


def test_what_breaks_at_every_try_ends_as_failed(cast, broken_lms):
    wait_for()
    confirm()
    for _ in range(8):
        try_again()

    assert states() == states(models.PendingLearner) == [PendingState.FAILED]
    assert "does not answer" in models.PendingEnrollment.objects.get().last_error


def test_what_dies_at_every_try_is_marked_as_failed(cast):
    wait_for()
    sign_up()

    waiting.give_up([NEW], "it broke")

    assert states() == states(models.PendingLearner) == [PendingState.FAILED]
    assert models.PendingEnrollment.objects.get().last_error == "it broke"


def test_a_new_request_for_what_failed_waits_again(cast):
    wait_for()
    models.PendingEnrollment.objects.update(state=PendingState.FAILED, last_error="it broke")

    assert wait_for().created
    assert states() == [PendingState.WAITING]


def test_a_pair_that_came_in_while_the_others_were_being_done_is_done_as_well(cast):
    wait_for()
    wait_for(CS50_RUN)
    confirm()
    # As if the second pair had been written after the learner's pairs were read, before the learner was done.
    enrollments_of_cs50 = models.PendingEnrollment.objects.filter(run_key=CS50_RUN)
    assert enrollments_of_cs50.update(state=PendingState.WAITING) == 1
    assert states(models.PendingLearner) == [PendingState.DONE]

    waiting.enroll_waiting({NEW})

    assert states() == [PendingState.DONE, PendingState.DONE]
    assert states(models.PendingLearner) == [PendingState.DONE]


def test_what_is_removed_while_it_is_done_stays_removed(cast, monkeypatch):
    wait_for()
    api.make_admins(customer_uuid=ACME, emails=[NEW], by=None)
    write = waiting.Sponsoring.write

    def remove_meanwhile(self):
        models.PendingLearner.objects.update(state=PendingState.REMOVED, becomes_admin=False)
        models.PendingEnrollment.objects.update(state=PendingState.REMOVED)
        return write(self)

    monkeypatch.setattr(waiting.Sponsoring, "write", remove_meanwhile)

    confirm()

    assert states() == states(models.PendingLearner) == ["removed"]
    assert identity.list_people_with_role(ADMIN, customer_uuid=ACME)[0].lms_user_id == ALICE.lms_user_id
