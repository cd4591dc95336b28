"""What goes with a posted enrollment: attributes, a cohort, a wish for mail, a customer."""

import pytest

from bursar.enrollments import models
from bursar.enrollments.models import Enrollment
from bursar.enrollments.tests.places import WINDOW_CLOSED
from bursar.enrollments.tests.posts import (
    ANYBODY,
    ORDER,
    PRIVILEGED,
    SERVER,
    assert_answered,
    assert_nothing_was_written,
    assert_refused,
    attributes_of,
    history_of,
    put_in,
)
from bursar.enrollments.tests.scenes import RUN, make_run
from bursar.outbox.models import Event
from tests.cast import ACME, BOB, DANA, GLOBEX, OLGA

pytestmark = pytest.mark.django_db


OTHER = {"namespace": "credit", "name": "provider_id", "value": "asu"}


# Attributes


@PRIVILEGED
@pytest.mark.parametrize("sent", [[OTHER], [OTHER, ORDER], []], ids=["others", "more", "none"])
def test_attributes_that_are_sent_with_a_change_replace_those_that_are_there(post, by, sent):
    put_in(BOB, attributes=[ORDER])

    post(by, user="bob", mode="verified", enrollment_attributes=sent)

    assert attributes_of(BOB) == sent
    kept = Enrollment.history.order_by("history_id").values_list("attributes", flat=True)
    assert list(kept) == [[ORDER], sent]


@PRIVILEGED
def test_attributes_stay_if_a_change_sends_none(post, by):
    put_in(BOB, attributes=[ORDER])

    post(by, user="bob", mode="verified")
    post(by, user="bob", is_active=False, enrollment_attributes=None)

    assert attributes_of(BOB) == [ORDER]


@ANYBODY
def test_attributes_of_a_place_that_stays_as_it_is_stay_too(post, by):
    put_in(BOB, attributes=[ORDER])

    assert_answered(post(by, user="bob", enrollment_attributes=[OTHER]), "audit")

    assert attributes_of(BOB) == [ORDER]
    assert len(history_of(BOB)) == 1


# Cohorts


@pytest.fixture
def cohorts(post):
    for name in ("Honors", "Evening"):
        models.Cohort.objects.create(run_key=RUN, name=name)


def cohort_of(member):
    rows = models.CohortMember.objects.filter(lms_user_id=member.lms_user_id, run_key=RUN)
    return list(rows.values_list("cohort__name", flat=True))


@ANYBODY
def test_who_is_enrolled_with_a_cohort_is_in_it(post, cohorts, by):
    assert_answered(post(by, user="bob", cohort="Honors"), "audit")

    assert cohort_of(BOB) == ["Honors"]
    (joined,) = models.CohortMember.history.all()
    assert (joined.history_type, joined.history_user_id) == ("+", by and by.lms_user_id)


@PRIVILEGED
def test_another_cohort_is_a_move_and_the_same_one_changes_nothing(post, cohorts, by):
    post(by, user="bob", cohort="Honors")
    post(by, user="bob", cohort="Evening")
    post(by, user="bob", cohort="Evening")

    assert cohort_of(BOB) == ["Evening"]
    kinds = models.CohortMember.history.order_by("history_id").values_list("history_type", flat=True)
    assert list(kinds) == ["+", "~"]


@pytest.mark.parametrize("cohort", [None, ""])
def test_without_a_cohort_one_stays_where_one_is(post, cohorts, cohort):
    post(BOB, cohort="Honors")
    post(BOB, cohort=cohort)

    assert cohort_of(BOB) == ["Honors"]


def test_who_does_not_get_in_gets_into_no_cohort(post, cohorts):
    make_run(**WINDOW_CLOSED)

    assert_refused(post(BOB, cohort="Honors", email_opt_in=True), 400, "enrollment_closed")
    assert_nothing_was_written()


# Mail from the organization


def opt_in_of(member):
    rows = models.EmailOptIn.objects.filter(lms_user_id=member.lms_user_id)
    return list(rows.values_list("org", "is_in"))


@ANYBODY
@pytest.mark.parametrize("wish", [True, False])
def test_the_wish_for_mail_is_that_of_the_person_who_is_enrolled(post, by, wish):
    assert_answered(post(by, user="bob", email_opt_in=wish), "audit")

    assert opt_in_of(BOB) == [("Test", wish)]
    assert opt_in_of(OLGA) == []


def test_the_last_wish_for_mail_counts_and_the_history_has_the_others(post):
    for wish in (True, False, False, None):
        post(BOB, email_opt_in=wish)

    assert opt_in_of(BOB) == [("Test", False)]
    wishes = models.EmailOptIn.history.order_by("history_id").values_list("history_type", "is_in")
    assert list(wishes) == [("+", True), ("~", False)]


def test_without_a_wish_for_mail_none_is_noted_down(post):
    post(BOB)
    post(DANA, email_opt_in=None)

    assert not models.EmailOptIn.objects.exists()


# Customers


def named_customers():
    events = Event.objects.filter(type="enrollment.customer_named").order_by("id")
    return [(event.key, fact["lms_user_id"], fact["run_key"]) for event in events for fact in event.facts]


def test_a_customer_that_a_server_names_is_told_also_when_the_person_is_in_already(post):
    for customer in (ACME, GLOBEX):
        assert_answered(post(SERVER, user="bob", linked_enterprise_customer=str(customer)), "audit")

    assert named_customers() == [(str(each), BOB.lms_user_id, RUN) for each in (ACME, GLOBEX)]


def test_nobody_but_a_server_names_a_customer(post):
    post(BOB, linked_enterprise_customer=str(ACME))
    post(OLGA, user="bob", linked_enterprise_customer=str(ACME))

    assert named_customers() == []


def test_a_customer_is_not_told_of_a_refusal(post):
    assert_refused(
        post(SERVER, user="bob", mode="masters", linked_enterprise_customer=str(ACME)),
        400,
        "mode_not_offered",
        "course_details",
    )
    assert named_customers() == []
