"""Posting enrollments at the same moment."""

from functools import partial

import pytest

from bursar.enrollments import models
from bursar.enrollments.tests.places import place_of
from bursar.enrollments.tests.posts import SERVER, assert_refused, history_of, put_in, told
from bursar.enrollments.tests.scenes import RUN, make_run
from bursar.outbox.models import Event
from tests.cast import ACME, BOB, OLGA
from tests.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("run", [{}, {"max_enrollments": 5}], ids=["unlimited", "limited"])
@pytest.mark.parametrize("by", [BOB, SERVER], ids=["person", "server"])
def test_the_same_enrollment_posted_eight_times_at_once_is_one_row_and_eight_good_answers(post, by, run):
    make_run(**run)

    with told() as facts:
        answers = at_once(*[partial(post, by, user="bob")] * 8)

    assert [answer.status_code for answer in answers] == [200] * 8
    assert len({answer.content for answer in answers}) == 1
    assert models.Enrollment.objects.count() == 1
    assert facts == [("enrollment.created", "bob", "audit", True)]
    assert len(history_of(BOB)) == 1


def test_people_at_once_get_exactly_the_seats_that_there_are(post, acme):
    learners = acme.learners(20)
    make_run(max_enrollments=7)

    answers = at_once(*[partial(post, each) for each in learners])

    refused = [answer for answer in answers if answer.status_code != 200]
    assert len(refused) == 13
    for answer in refused:
        assert_refused(answer, 400, "run_full")
    assert models.Enrollment.objects.filter(is_active=True).count() == 7
    assert models.Enrollment.objects.count() == 7


def test_coming_back_and_coming_in_at_once_do_not_get_past_the_room(post, acme):
    learners = acme.learners(12)
    for each in learners[:6]:
        put_in(each, is_active=False)
    make_run(max_enrollments=4)

    answers = at_once(
        *[partial(post, SERVER, user=each.username, is_active=True, mode="audit") for each in learners]
    )

    assert sorted(answer.status_code for answer in answers) == [200] * 4 + [400] * 8
    assert models.Enrollment.objects.filter(is_active=True).count() == 4


def test_leaving_and_coming_in_at_once_do_not_get_past_the_room(post, acme):
    leaving, coming = acme.learners(10)[:5], acme.learners(10)[5:]
    for each in leaving:
        put_in(each)
    make_run(max_enrollments=5)

    answers = at_once(
        *[partial(post, OLGA, user=each.username, is_active=False) for each in leaving],
        *[partial(post, each) for each in coming],
    )

    assert [answer.status_code for answer in answers[:5]] == [200] * 5
    assert models.Enrollment.objects.filter(is_active=True).count() <= 5
    in_run = {answer.json()["user"] for answer in answers[5:] if answer.status_code == 200}
    assert in_run == {each.username for each in coming if place_of(each) == ("audit", True)}


def test_the_same_upgrade_posted_at_once_is_told_once(post):
    put_in(BOB)

    with told() as facts:
        answers = at_once(*[partial(post, SERVER, user="bob", mode="verified")] * 8)

    assert [answer.json()["mode"] for answer in answers] == ["verified"] * 8
    assert facts == [("enrollment.changed", "bob", "verified", True)]
    assert len(history_of(BOB)) == 2


def test_a_free_and_a_paid_mode_posted_at_once_are_one_place_in_one_of_them(post):
    modes = ["audit", "verified"] * 4

    with told() as facts:
        answers = at_once(*[partial(post, SERVER, user="bob", mode=mode) for mode in modes])

    assert [answer.json()["mode"] for answer in answers] == modes
    assert models.Enrollment.objects.count() == 1
    assert [fact for fact in facts if fact[0] == "enrollment.created"] == [facts[0]]
    assert [fact[2] for fact in facts][-1] == place_of(BOB)[0]


def test_people_leave_at_once_without_waiting_for_each_other(post, acme):
    learners = acme.learners(3)
    for each in learners:
        put_in(each)

    answers = at_once(*[partial(post, OLGA, user=each.username, is_active=False) for each in learners])

    assert [answer.status_code for answer in answers] == [200] * 3


def test_wishes_for_mail_posted_at_once_leave_one_of_them(post):
    wishes = [True, False] * 4

    answers = at_once(*[partial(post, SERVER, user="bob", email_opt_in=wish) for wish in wishes])

    assert [answer.status_code for answer in answers] == [200] * 8
    last = models.EmailOptIn.history.order_by("-history_id").first()
    assert models.EmailOptIn.objects.get().is_in == last.is_in


def test_the_same_end_posted_at_once_is_told_once(post):
    put_in(BOB)

    with told() as facts:
        answers = at_once(*[partial(post, SERVER, user="bob", is_active=False)] * 8)

    assert [answer.json()["is_active"] for answer in answers] == [False] * 8
    assert facts == [("enrollment.ended", "bob", "audit", False)]


def test_what_goes_with_an_enrollment_is_there_once_when_posted_at_once(post):
    models.Cohort.objects.create(run_key=RUN, name="Honors")
    body = {"cohort": "Honors", "email_opt_in": True, "linked_enterprise_customer": str(ACME)}

    answers = at_once(*[partial(post, SERVER, user="bob", **body)] * 8)

    assert [answer.status_code for answer in answers] == [200] * 8
    for model in (models.Enrollment, models.CohortMember, models.EmailOptIn):
        assert (model.objects.count(), model.history.count()) == (1, 1)
    assert Event.objects.filter(type="enrollment.customer_named").exists()


def test_two_cohorts_at_once_leave_the_person_in_one_of_them(post):
    names = ["Honors", "Evening"]
    for name in names:
        models.Cohort.objects.create(run_key=RUN, name=name)

    answers = at_once(*[partial(post, SERVER, user="bob", cohort=name) for name in names * 4])

    assert [answer.status_code for answer in answers] == [200] * 8
    assert models.CohortMember.objects.get().cohort.name in names
