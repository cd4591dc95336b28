from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from bursar.catalog import api as catalog
from bursar.catalog.data import CourseToSave, ModeToSave, RunToSave
from bursar.enrollments import api, models
from bursar.enrollments.data import EnrollmentEntry
from bursar.lib import clock
from bursar.outbox import models as outbox
from tests.cast import ACME, ALICE, BOB, CS50_RUN, DANA, ERIN, PYTHON_CLOSED_RUN, PYTHON_RUN

pytestmark = pytest.mark.django_db

RUN = "course-v1:Test+T1+1"


def enroll(member, run_key=PYTHON_RUN, mode=None, **fields):
    return api.enroll([EnrollmentEntry(member.lms_user_id, run_key, mode, **fields)], by=ALICE.lms_user_id)[0]


def make_run(**fields):
    modes = (ModeToSave("audit"), ModeToSave("verified", price_cents=100))
    run = replace(RunToSave(RUN, modes=modes), **fields)
    catalog.save_courses([CourseToSave("Test+T1", "Test", runs=(run,))])


def leave(member, run_key=PYTHON_RUN):
    models.Enrollment.objects.filter(lms_user_id=member.lms_user_id, run_key=run_key).update(is_active=False)


def facts_of(kind):
    return [fact for event in outbox.Event.objects.filter(type=kind) for fact in event.facts]


def history_of(member):
    rows = models.Enrollment.history.filter(lms_user_id=member.lms_user_id).order_by("history_id")
    return list(rows.values_list("history_type", "mode", "is_active", "history_user_id"))


def test_a_new_learner_gets_into_the_run_in_the_mode_asked_for(cast):
    outcome = enroll(BOB, mode="verified", customer_uuid=ACME)

    assert outcome.created
    assert (outcome.mode, outcome.is_active, outcome.refusal) == ("verified", True, None)
    found = api.find_enrollments([(BOB.lms_user_id, PYTHON_RUN), (DANA.lms_user_id, PYTHON_RUN)])
    assert [each.uuid for each in found.values()] == [outcome.enrollment_uuid]
    assert found[BOB.lms_user_id, PYTHON_RUN].customer_uuid == ACME
    assert history_of(BOB) == [("+", "verified", True, ALICE.lms_user_id)]
    (fact,) = facts_of("enrollment.created")
    assert (fact["username"], fact["email"], fact["mode"]) == (BOB.username, BOB.email, "verified")
    assert fact["enrollment_uuid"] == str(outcome.enrollment_uuid)


def test_without_a_mode_it_is_the_default_of_the_run(cast):
    make_run(modes=(ModeToSave("honor"), ModeToSave("verified")))

    assert enroll(BOB).mode == "audit"
    assert enroll(BOB, RUN).mode == "honor"


def test_who_is_in_stays_as_they_are(cast):
    first = enroll(BOB, mode="verified")
    again = [enroll(BOB, mode="verified"), enroll(BOB, mode="audit"), enroll(BOB)]

    assert all(each.enrollment_uuid == first.enrollment_uuid for each in again)
    assert [(each.mode, each.created) for each in again] == [("verified", False)] * 3
    assert len(history_of(BOB)) == 1
    assert outbox.Event.objects.filter(type__startswith="enrollment.").count() == 1


def test_a_paid_mode_upgrades_a_free_one(cast):
    first = enroll(BOB, mode="audit")
    upgraded = enroll(BOB, mode="verified", customer_uuid=ACME)

    assert upgraded.created
    assert (upgraded.enrollment_uuid, upgraded.mode) == (first.enrollment_uuid, "verified")
    assert upgraded.customer_uuid == ACME
    assert history_of(BOB)[1:] == [("~", "verified", True, ALICE.lms_user_id)]
    assert [fact["mode"] for fact in facts_of("enrollment.changed")] == ["verified"]


def test_who_left_comes_back_in_the_mode_asked_for(cast):
    first = enroll(BOB, mode="verified")
    leave(BOB)
    back = enroll(BOB)

    assert back.created
    assert (back.enrollment_uuid, back.mode, back.is_active) == (first.enrollment_uuid, "audit", True)
    assert [fact["is_active"] for fact in facts_of("enrollment.created")] == [True, True]


def test_who_is_in_is_fine_after_the_run_has_closed_but_who_left_is_not(cast):
    make_run()
    enroll(BOB, RUN)
    enroll(DANA, RUN)
    leave(DANA, RUN)
    make_run(enrollment_end=clock.now() - timedelta(days=1))

    assert enroll(BOB, RUN).refusal is None
    assert enroll(DANA, RUN).refusal.code == "enrollment_closed"
    assert enroll(DANA, RUN, force=True).created


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"enrollment_end": clock.now() - timedelta(days=1)}, "enrollment_closed"),
        ({"enrollment_start": clock.now() + timedelta(days=1)}, "enrollment_not_open_yet"),
        ({"invitation_only": True}, "invitation_only"),
        ({"is_enrollable": False}, "run_not_enrollable"),
    ],
)
def test_a_run_that_takes_nobody_refuses_unless_forced(cast, fields, code):
    make_run(**fields)

    assert enroll(BOB, RUN).refusal.code == code
    assert enroll(BOB, RUN, force=True).created


def test_a_mode_must_be_offered_now(cast):
    expired = ModeToSave("verified", expires_at=clock.now() - timedelta(days=1))
    make_run(modes=(ModeToSave("audit"), expired))

    assert enroll(BOB, RUN, mode="masters").refusal.code == "mode_not_offered"
    assert enroll(BOB, RUN, mode="verified").refusal.code == "mode_not_offered"
    enroll(BOB, RUN)
    assert enroll(BOB, RUN, mode="verified").refusal.code == "mode_not_offered"


def test_unknown_runs_and_people_are_refused_one_by_one(cast):
    unknown_run = "course-v1:No+Such+Run"
    entries = [
        EnrollmentEntry(BOB.lms_user_id, unknown_run),
        EnrollmentEntry(BOB.lms_user_id, "nonsense\x00"),
        EnrollmentEntry(999_999, PYTHON_RUN),
        EnrollmentEntry(BOB.lms_user_id, PYTHON_RUN),
    ]

    outcomes = api.enroll(entries, by=None)

    assert [outcome.entry for outcome in outcomes] == entries
    codes = [outcome.refusal and outcome.refusal.code for outcome in outcomes]
    assert codes == ["unknown_course_run", "unknown_course_run", "unknown_user", None]


def test_a_full_run_refuses_even_when_forced(cast):
    make_run(max_enrollments=2)
    members = (ERIN, BOB, DANA)

    outcomes = api.enroll([EnrollmentEntry(each.lms_user_id, RUN) for each in members], by=None)

    assert [outcome.created for outcome in outcomes] == [True, True, False]
    assert outcomes[2].refusal.code == "run_full"
    assert enroll(DANA, RUN, force=True).refusal.code == "run_full"
    assert enroll(BOB, RUN, mode="verified").created
    leave(ERIN, RUN)
    assert enroll(DANA, RUN).created
    assert enroll(ERIN, RUN).refusal.code == "run_full"


def test_the_same_place_twice_in_one_call_is_one_wish_for_the_dearer_mode(cast):
    modes = ("audit", "verified", None)

    outcomes = api.enroll([EnrollmentEntry(BOB.lms_user_id, PYTHON_RUN, mode) for mode in modes], by=None)

    assert [outcome.created for outcome in outcomes] == [True, False, False]
    assert {outcome.mode for outcome in outcomes} == {"verified"}
    assert [fact["mode"] for fact in facts_of("enrollment.created")] == ["verified"]
    assert facts_of("enrollment.changed") == []


def statements(act):
    with CaptureQueriesContext(
        connection,
    ) as captured:
        act()
    return [
        each["sql"] for each in captured if each["sql"].split()[0] not in ("BEGIN", "SAVEPOINT", "RELEASE")
    ]


@pytest.mark.parametrize(("mode", "limit"), [("new", 8), ("again", 4), ("upgrade", 9)])
def test_one_learner_and_two_hundred_cost_the_same_statements(acme, mode, limit):
    learners = acme.learners(201)

    def act(group):
        wanted = [EnrollmentEntry(each.lms_user_id, CS50_RUN, "verified") for each in group]
        if mode == "again":
            api.enroll(wanted, by=None)
        if mode == "upgrade":
            api.enroll([each._replace(mode="audit") for each in wanted], by=None)
        return statements(lambda: api.enroll(wanted, by=None))

    one, many = act(learners[:1]), act(learners[1:])

    assert len(one) == len(many), "\n".join(many)
    assert len(many) <= limit, "\n".join(each[:200] for each in many)
    assert models.Enrollment.objects.filter(mode="verified").count() == 201


def test_a_closed_run_of_the_cast_refuses(cast):
    assert enroll(BOB, PYTHON_CLOSED_RUN).refusal is not None
