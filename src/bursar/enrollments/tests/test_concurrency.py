import random

import pytest

from bursar.catalog import api as catalog
from bursar.catalog.data import CourseToSave, ModeToSave, RunToSave
from bursar.enrollments import api, models
from bursar.enrollments.data import EnrollmentEntry
from bursar.outbox.models import Event
from tests.cast import CS50_RUN, PYTHON_RUN
from tests.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)

RUN = "course-v1:Test+T1+1"


def enrolling(entries, **options):
    shuffled = random.sample(entries, len(entries))
    return lambda: api.enroll(shuffled, by=None, **options)


@pytest.mark.parametrize("likely_new", [False, True])
def test_two_callers_with_the_same_places_get_one_row_each_and_good_answers(acme, likely_new):
    entries = [
        EnrollmentEntry(each.lms_user_id, run_key, "verified")
        for each in acme.learners(60)
        for run_key in (PYTHON_RUN, CS50_RUN)
    ]

    answers = at_once(*[enrolling(entries, likely_new=likely_new)] * 2)

    outcomes = [outcome for answer in answers for outcome in answer]
    assert all(outcome.is_active and outcome.mode == "verified" for outcome in outcomes)
    assert sum(outcome.created for outcome in outcomes) == len(entries)
    assert models.Enrollment.objects.count() == len(entries)
    assert models.Enrollment.history.count() == len(entries)
    assert sum(len(event.facts) for event in Event.objects.filter(type="enrollment.created")) == len(entries)


def test_an_upgrade_and_an_enrollment_at_once_end_in_the_paid_mode(acme):
    members = acme.learners(40)
    free = [EnrollmentEntry(each.lms_user_id, CS50_RUN, "audit") for each in members]
    paid = [EnrollmentEntry(each.lms_user_id, CS50_RUN, "verified") for each in members]

    at_once(enrolling(free), enrolling(paid), enrolling(paid))

    assert set(models.Enrollment.objects.values_list("mode", flat=True)) == {"verified"}


def test_a_run_never_holds_more_than_it_has_room_for(acme):
    run = RunToSave(RUN, max_enrollments=7, modes=(ModeToSave("audit"),))
    catalog.save_courses([CourseToSave("Test+T1", "Test", runs=(run,))])
    entries = [EnrollmentEntry(each.lms_user_id, RUN) for each in acme.learners(20)]

    answers = at_once(*[enrolling(entries[start:]) for start in (0, 5, 10, 0)])

    assert models.Enrollment.objects.filter(is_active=True).count() == 7
    in_run = set(models.Enrollment.objects.values_list("lms_user_id", flat=True))
    for outcome in (outcome for answer in answers for outcome in answer):
        assert outcome.refusal is None or outcome.refusal.code == "run_full"
        assert (outcome.refusal is None) == (
            outcome.entry.lms_user_id in in_run
        ) or outcome.refusal is not None
