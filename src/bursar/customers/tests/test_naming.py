"""A server names a customer with an enrollment: the learner becomes the customer's."""

import logging

import pytest

from bursar.customers import api, models
from bursar.customers.data import CustomerToSave, EnrollmentSource
from bursar.enrollments import api as enrollments
from bursar.identity import api as identity
from bursar.identity.data import LEARNER
from bursar.outbox.models import Delivery
from tests.cast import ACME, BOB, CAROL, CS50_RUN, GLOBEX, NOWHERE, OLGA, PYTHON_CLOSED_RUN, STRAY

pytestmark = pytest.mark.django_db

KEY = "a shared key of 34 characters, ok?"


@pytest.fixture
def enroll(client_of, settings):
    """Posts an enrollment of the person that names a customer, as a server does."""
    settings.EDX_API_KEY = KEY

    def send(member, *, customer=ACME, run_key=CS50_RUN, by=None, with_key=True, **fields):
        body = {"user": member.username, "course_details": {"course_id": run_key}, **fields}
        return client_of(by).post(
            "/api/enrollment/v1/enrollment",
            {**body, "linked_enterprise_customer": str(customer)},
            headers={"X-Edx-Api-Key": KEY} if with_key else {},
        )

    return send


def is_linked(member, to=ACME):
    return api.is_linked(customer_uuid=to, lms_user_id=member.lms_user_id)


def sponsored():
    """Who is sponsored by whom, in which runs."""
    rows = models.SponsoredEnrollment.objects.order_by("created_at", "run_key")
    return list(rows.values_list("link__lms_user_id", "link__customer_id", "run_key", "source"))


def counts():
    tracked = (models.LearnerLink, models.SponsoredEnrollment)
    return [model.history.count() for model in tracked]


@pytest.fixture
def warnings(caplog):
    caplog.set_level(logging.WARNING, logger="bursar.customers")
    return lambda: [each for each in caplog.records if each.name == "bursar.customers.service.naming"]


def test_the_learner_is_linked_and_the_course_is_written_down(enroll, drain):
    assert enroll(STRAY).status_code == 200
    drain()

    assert is_linked(STRAY)
    learners = identity.list_people_with_role(LEARNER, customer_uuid=ACME)
    assert STRAY.lms_user_id in {person.lms_user_id for person in learners}
    assert sponsored() == [(STRAY.lms_user_id, ACME, CS50_RUN, EnrollmentSource.ENTERPRISE_API)]
    assert not models.Fulfillment.objects.exists()


def test_the_answer_does_not_wait_for_it(enroll):
    answer = enroll(STRAY)

    assert (answer.status_code, answer.json()["is_active"]) == (200, True)
    assert not is_linked(STRAY)
    assert Delivery.objects.filter(handler="customers.sponsor_enrolled_people", state="waiting").count() == 1


def test_the_history_names_the_account_that_the_server_used(enroll, drain):
    enroll(STRAY, by=OLGA)
    drain()

    row = models.SponsoredEnrollment.history.get()
    assert (row.history_type, row.history_user_id) == ("+", OLGA.lms_user_id)


def test_who_was_in_already_becomes_the_customers_learner_too(enroll, drain):
    enrollments.add_enrollment("stray", CS50_RUN)

    enroll(STRAY)
    drain()

    assert is_linked(STRAY)
    assert len(sponsored()) == 1


def test_a_learner_of_the_customer_is_not_linked_again(enroll, drain):
    links = models.LearnerLink.history.count()

    enroll(BOB)
    drain()

    assert models.LearnerLink.history.count() == links
    assert sponsored() == [(BOB.lms_user_id, ACME, CS50_RUN, EnrollmentSource.ENTERPRISE_API)]


def test_the_same_again_changes_nothing(enroll, drain):
    enroll(STRAY)
    drain()
    before = counts()

    enroll(STRAY)
    drain()
    Delivery.objects.update(state=Delivery.State.WAITING)
    drain()

    assert counts() == before


def test_a_sponsored_course_that_was_ended_is_sponsored_again(enroll, drain):
    enroll(STRAY)
    drain()
    models.SponsoredEnrollment.objects.update(is_unenrolled=True)

    enroll(STRAY)
    drain()

    assert not models.SponsoredEnrollment.objects.get().is_unenrolled


def test_a_person_may_be_sponsored_by_two_customers(enroll, drain):
    for customer in (ACME, GLOBEX):
        enroll(STRAY, customer=customer)
    drain()

    assert {row[1] for row in sponsored()} == {ACME, GLOBEX}


def test_who_was_unlinked_is_linked_again(enroll, drain):
    models.LearnerLink.objects.filter(lms_user_id=BOB.lms_user_id).update(is_linked=False, is_active=False)

    enroll(BOB)
    drain()

    assert is_linked(BOB)


def test_whom_the_customer_has_removed_for_good_is_passed_over_and_that_is_logged(enroll, drain, warnings):
    rows = models.LearnerLink.objects.filter(lms_user_id=BOB.lms_user_id)
    rows.update(is_linked=False, is_active=False, is_relinkable=False)

    assert enroll(BOB).status_code == 200
    enroll(STRAY)
    drain()

    assert not is_linked(BOB)
    assert [row[0] for row in sponsored()] == [STRAY.lms_user_id]
    (warning,) = warnings()
    assert (warning.customer, warning.people) == (str(ACME), [BOB.lms_user_id])
    assert not Delivery.objects.exclude(state=Delivery.State.DONE).exists()


@pytest.mark.parametrize("customer", [NOWHERE, GLOBEX], ids=["unknown", "inactive"])
def test_a_customer_that_there_is_not_is_passed_over_and_that_is_logged(enroll, drain, warnings, customer):
    api.save_customers([CustomerToSave(GLOBEX, "Globex", "globex", is_active=False)])

    assert enroll(STRAY, customer=customer).status_code == 200
    enroll(STRAY)
    drain()

    assert [row[1] for row in sponsored()] == [ACME]
    (warning,) = warnings()
    assert warning.customer == str(customer)
    assert not Delivery.objects.exclude(state=Delivery.State.DONE).exists()


@pytest.mark.parametrize("by", [OLGA, STRAY, CAROL], ids=["staff", "the person", "an administrator"])
def test_without_the_key_nobody_becomes_a_customers_learner(enroll, drain, by):
    enroll(STRAY if by is OLGA else by, by=by, with_key=False)
    drain()

    assert not is_linked(STRAY)
    assert not is_linked(CAROL)
    assert sponsored() == []


def test_who_does_not_get_in_does_not_become_the_customers_learner(enroll, drain):
    assert enroll(STRAY, run_key=PYTHON_CLOSED_RUN).status_code == 400
    assert enroll(STRAY, mode="masters").status_code == 400
    drain()

    assert not is_linked(STRAY)
    assert sponsored() == []


def test_what_is_no_uuid_is_refused_and_nobody_is_enrolled(enroll):
    answer = enroll(STRAY, customer="acme")

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_field")
    assert enrollments.get_enrollment("stray", CS50_RUN) is None
