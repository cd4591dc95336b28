import uuid
from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from bursar.catalog import api as catalog
from bursar.catalog.data import CourseToSave, ModeToSave, RunToSave
from bursar.customers import api, models
from bursar.customers.data import BULK_LIMIT, BulkPair, CustomerNotFound, PairVerdict, TooManyPairs
from bursar.enrollments import api as enrollments
from bursar.enrollments.data import EnrollmentEntry
from bursar.identity import api as identity
from bursar.identity.data import PersonToSave
from bursar.lib import clock
from bursar.notifications.models import Message
from bursar.notifications.rendering import render
from bursar.outbox import models as outbox
from tests.cast import (
    ACME,
    ALICE,
    BOB,
    CS50_RUN,
    DANA,
    GLOBEX,
    GUS,
    NOWHERE,
    PYTHON_CLOSED_RUN,
    PYTHON_RUN,
    STRAY,
)

pytestmark = pytest.mark.django_db


def pair(email=None, run_key=PYTHON_RUN, **fields):
    if not fields.keys() & {"license_uuid", "transaction_id"}:
        fields["license_uuid"] = str(uuid.uuid4())
    return BulkPair(run_key, email, **fields)


def enroll(*pairs, to=ACME, **options):
    return api.enroll_in_bulk(customer_uuid=to, pairs=pairs, by=ALICE.lms_user_id, **options)


def codes(outcomes):
    return [outcome.refusal and outcome.refusal.code for outcome in outcomes]


def enrollment_of(member, run_key=PYTHON_RUN):
    return enrollments.find_enrollments([(member.lms_user_id, run_key)]).get((member.lms_user_id, run_key))


def sponsored_of(member):
    return models.SponsoredEnrollment.objects.filter(link__lms_user_id=member.lms_user_id)


def facts_of(kind):
    return [fact for event in outbox.Event.objects.filter(type=kind) for fact in event.facts]


def mails():
    return list(Message.objects.order_by("email").values_list("template", "email"))


def revoke(member):
    """What license_revoke leaves behind."""
    moment = clock.now()
    sponsored_of(member).update(is_unenrolled=True, is_saved_for_later=True, unenrolled_at=moment)
    models.Fulfillment.objects.filter(sponsored_enrollment__in=sponsored_of(member)).update(is_revoked=True)


def test_a_learner_is_linked_enrolled_in_the_best_mode_and_sponsored(cast):
    wanted = pair(STRAY.email)

    (outcome,) = enroll(wanted)

    assert (outcome.verdict, outcome.created) == (PairVerdict.ENROLLED, True)
    assert (outcome.email, outcome.lms_user_id) == (STRAY.email, STRAY.lms_user_id)
    assert api.is_linked(customer_uuid=ACME, lms_user_id=STRAY.lms_user_id)
    assert enrollment_of(STRAY).mode == "verified"
    fulfillment = models.Fulfillment.objects.get()
    assert fulfillment.uuid == outcome.fulfillment_uuid
    assert (fulfillment.kind, str(fulfillment.subsidy_uuid)) == ("license", wanted.license_uuid)
    sponsored = sponsored_of(STRAY).get()
    assert (sponsored.run_key, sponsored.source) == (PYTHON_RUN, "customer_admin")
    assert fulfillment.sponsored_enrollment_id == sponsored.uuid
    for model in (models.LearnerLink, models.SponsoredEnrollment, models.Fulfillment):
        latest = model.history.latest("history_id")
        assert (latest.history_type, latest.history_user_id) == ("+", ALICE.lms_user_id)
    (fact,) = facts_of("customer.learner_enrolled")
    assert fact == {
        "customer_uuid": str(ACME),
        "lms_user_id": STRAY.lms_user_id,
        "run_key": PYTHON_RUN,
        "mode": "verified",
        "fulfillment_uuid": str(outcome.fulfillment_uuid),
        "is_new": True,
        "username": STRAY.username,
        "email": STRAY.email,
        "subsidy_kind": "license",
        "subsidy_uuid": wanted.license_uuid,
        "discount_percent": 100.0,
        "is_default_auto_enrollment": False,
    }


def test_a_repeat_changes_nothing_and_says_so(cast):
    """Weakness F9 of edx-enterprise: a repeat says that it created what was there."""
    wanted = [pair(BOB.email), pair("new@acme.test")]
    first = enroll(*wanted, notify=True)
    before = [model.history.count() for model in (models.SponsoredEnrollment, models.Fulfillment)]
    events = outbox.Event.objects.count()

    again = enroll(*wanted, notify=True)

    assert [outcome.created for outcome in first + again] == [True, True, False, False]
    assert again[0].fulfillment_uuid == first[0].fulfillment_uuid
    assert [model.history.count() for model in (models.SponsoredEnrollment, models.Fulfillment)] == before
    assert outbox.Event.objects.count() == events
    assert len(mails()) == 2


def test_outcomes_keep_the_order_of_the_request(cast):
    wanted = [
        pair("new@acme.test"),
        pair(BOB.email, CS50_RUN),
        pair("nonsense"),
        pair(BOB.email),
        pair(lms_user_id=DANA.lms_user_id),
    ]

    outcomes = enroll(*wanted)

    assert [outcome.pair for outcome in outcomes] == wanted
    assert [outcome.verdict.value for outcome in outcomes] == [
        "pending",
        "enrolled",
        "failed",
        "enrolled",
        "enrolled",
    ]


def test_an_address_in_another_case_is_the_same_person(cast):
    """Weakness F6 of edx-enterprise: another letter case is taken for another person."""
    (outcome,) = enroll(pair(" BOB@Acme.TEST "))

    assert (outcome.verdict, outcome.lms_user_id) == (PairVerdict.ENROLLED, BOB.lms_user_id)
    enroll(pair("New@acme.test"), pair("new@ACME.test"))
    assert models.PendingLearner.objects.count() == 1


def test_the_same_place_twice_in_one_request_is_one_enrollment(cast):
    wanted = pair(BOB.email)
    same_person = replace(wanted, email=None, lms_user_id=BOB.lms_user_id)

    outcomes = enroll(wanted, wanted, same_person, pair("new@acme.test"), pair("new@acme.test"))

    assert [outcome.created for outcome in outcomes] == [True, False, False, True, False]
    assert len({outcome.fulfillment_uuid for outcome in outcomes[:3]}) == 1
    assert sponsored_of(BOB).count() == 1


def test_a_second_license_for_the_same_course_works(cast):
    """Weakness F3 of edx-enterprise: a new license for the same course fails for ever."""
    outcomes = enroll(pair(BOB.email), pair(BOB.email)) + enroll(pair(BOB.email))

    assert [outcome.created for outcome in outcomes] == [True, False, False]
    assert len({outcome.fulfillment_uuid for outcome in outcomes}) == 3
    assert sponsored_of(BOB).get().fulfillments.count() == 3
    assert [fact["is_new"] for fact in facts_of("customer.learner_enrolled")] == [True, True, False]


def test_a_transaction_of_learner_credit_pays_too(cast):
    transaction_id = str(uuid.uuid4())

    first = enroll(pair(lms_user_id=BOB.lms_user_id, transaction_id=transaction_id))
    again = enroll(pair(lms_user_id=BOB.lms_user_id, transaction_id=transaction_id))
    enroll(pair(lms_user_id=BOB.lms_user_id, transaction_id=str(uuid.uuid4())))

    assert first[0].fulfillment_uuid == again[0].fulfillment_uuid
    kinds = models.Fulfillment.objects.values_list("kind", flat=True)
    assert list(kinds) == ["learner_credit", "learner_credit"]


def test_a_transaction_is_kept_for_an_address_that_waits(cast):
    """Weakness F5 of edx-enterprise: the transaction of an unknown address is lost."""
    transaction_id = str(uuid.uuid4())

    enroll(pair("new@acme.test", transaction_id=transaction_id, activation_link="https://x.test/a"))

    row = models.PendingEnrollment.objects.get()
    assert (row.subsidy_kind, str(row.subsidy_uuid)) == ("learner_credit", transaction_id)
    assert (row.mode, row.activation_link, row.created_by) == (
        "verified",
        "https://x.test/a",
        ALICE.lms_user_id,
    )


def test_waiting_for_the_same_course_with_another_license_is_no_failure(cast):
    first = enroll(pair("new@acme.test"))
    second = enroll(pair("new@acme.test"))

    assert [outcome.verdict.value for outcome in first + second] == ["pending", "pending"]
    assert [outcome.created for outcome in first + second] == [True, False]
    assert models.PendingEnrollment.objects.count() == 2


def test_re_enrolling_revives_what_was_revoked(cast):
    """Weakness F8 of edx-enterprise: what was revoked stays revoked."""
    wanted = pair(BOB.email)
    (first,) = enroll(wanted)
    revoke(BOB)

    (again,) = enroll(wanted, notify=True)

    assert again.created
    assert again.fulfillment_uuid == first.fulfillment_uuid
    assert not models.Fulfillment.objects.get().is_revoked
    sponsored = sponsored_of(BOB).get()
    assert (sponsored.is_unenrolled, sponsored.is_saved_for_later, sponsored.unenrolled_at) == (
        False,
        False,
        None,
    )
    assert mails() == [("customers/enrolled", BOB.email)]
    assert not enroll(wanted)[0].created


def test_a_course_saved_for_later_stays_so_when_nothing_is_new(cast):
    wanted = pair(BOB.email)
    enroll(wanted)
    sponsored_of(BOB).update(is_saved_for_later=True)

    enroll(wanted)

    assert sponsored_of(BOB).get().is_saved_for_later


def test_who_enrolled_by_themselves_is_sponsored_without_news(cast):
    enrollments.enroll([EnrollmentEntry(BOB.lms_user_id, PYTHON_RUN, "verified")], by=BOB.lms_user_id)

    (outcome,) = enroll(pair(BOB.email), notify=True)

    assert (outcome.verdict, outcome.created) == (PairVerdict.ENROLLED, False)
    assert sponsored_of(BOB).exists()
    assert mails() == []


def test_who_audits_by_themselves_is_upgraded(cast):
    enrollments.enroll([EnrollmentEntry(BOB.lms_user_id, PYTHON_RUN, "audit")], by=BOB.lms_user_id)

    assert enroll(pair(BOB.email))[0].created
    assert enrollment_of(BOB).mode == "verified"


def test_a_crash_after_the_link_is_mended_by_a_repeat(cast):
    api.link_learners(customer_uuid=ACME, emails=[STRAY.email], by=None)

    assert enroll(pair(STRAY.email), notify=True)[0].created
    assert mails() == [("customers/enrolled", STRAY.email)]


def test_a_crash_after_the_enrollment_is_mended_by_a_repeat_and_the_mail_is_not_lost(cast):
    """Weakness F17 of edx-enterprise: mails that fail are logged and lost."""
    api.link_learners(customer_uuid=ACME, emails=[STRAY.email], by=None)
    entry = EnrollmentEntry(STRAY.lms_user_id, PYTHON_RUN, "verified", customer_uuid=ACME)
    enrollments.enroll([entry], by=ALICE.lms_user_id)

    outcomes = enroll(pair(STRAY.email), notify=True) + enroll(pair(STRAY.email), notify=True)

    assert [outcome.created for outcome in outcomes] == [True, False]
    assert sponsored_of(STRAY).count() == 1
    assert mails() == [("customers/enrolled", STRAY.email)]


def test_bad_people_are_refused_and_harm_no_other_pair(cast):
    models.LearnerLink.objects.filter(lms_user_id=DANA.lms_user_id).update(
        is_linked=False, is_relinkable=False
    )
    outcomes = enroll(
        pair("nonsense"),
        pair("a\x00@acme.test"),
        pair(lms_user_id=987_654),
        pair(lms_user_id=2**70),
        pair(lms_user_id=-1),
        pair(),
        pair(STRAY.email, lms_user_id=BOB.lms_user_id),
        pair("other@acme.test", lms_user_id=BOB.lms_user_id),
        pair(DANA.email),
        pair(BOB.email.upper(), lms_user_id=BOB.lms_user_id),
    )

    assert codes(outcomes) == [
        "invalid_email",
        "invalid_email",
        "unknown_user",
        "unknown_user",
        "unknown_user",
        "unknown_user",
        "user_mismatch",
        "user_mismatch",
        "not_relinkable",
        None,
    ]
    assert enrollment_of(STRAY) is None
    assert enrollment_of(DANA) is None
    assert not models.PendingLearner.objects.exists()


@pytest.mark.parametrize(
    "fields",
    [
        {"license_uuid": "nonsense"},
        {"transaction_id": "nonsense"},
        {"license_uuid": "", "transaction_id": None},
        {"license_uuid": None, "transaction_id": None},
        {"license_uuid": str(uuid.uuid4()), "transaction_id": str(uuid.uuid4())},
    ],
)
def test_a_subsidy_that_is_none_is_refused_and_harms_no_other_pair(cast, fields):
    """Weakness F2 of edx-enterprise: one bad pair ends the whole request with a 500."""
    outcomes = enroll(pair(BOB.email, **fields), pair("new@acme.test", **fields), pair(DANA.email))

    assert all(
        code in ("invalid_license", "invalid_transaction", "invalid_subsidy") for code in codes(outcomes[:2])
    )
    assert outcomes[2].created
    assert enrollment_of(BOB) is None


@pytest.mark.parametrize("email", [GUS.email, "new@globex.test"])
def test_only_runs_of_the_customers_catalogs_are_for_its_learners(cast, email):
    """Weakness F13 of edx-enterprise: no check of catalogs, for unknown addresses least of all."""
    wanted = [
        pair(email, key) for key in (PYTHON_RUN, CS50_RUN, "course-v1:No+Such+Run", "nonsense", "x\x00")
    ]

    outcomes = enroll(*wanted, to=GLOBEX)

    unknown = ["unknown_course_run"] * 3
    assert codes(outcomes) == ["not_in_catalog", None, *unknown]


@pytest.mark.parametrize("email", [BOB.email, "new@acme.test"])
def test_a_closed_run_takes_people_only_by_force(cast, email):
    outcomes = enroll(pair(email, PYTHON_CLOSED_RUN), pair(email, PYTHON_CLOSED_RUN, force=True))
    apart = enroll(pair("other@acme.test", PYTHON_CLOSED_RUN))

    assert apart[0].refusal.code == "enrollment_closed"
    assert outcomes[1].refusal is None


def test_a_full_run_refuses_pairs_with_the_reason(cast):
    run = "course-v1:Test+T1+1"
    modes = (ModeToSave("audit"),)
    catalog.save_courses(
        [CourseToSave("Test+T1", "T", runs=(RunToSave(run, max_enrollments=1, modes=modes),))]
    )

    outcomes = enroll(pair(BOB.email, run), pair(DANA.email, run))

    assert codes(outcomes) == [None, "run_full"]
    assert not sponsored_of(DANA).exists()


def test_an_address_that_an_account_only_claims_waits(cast):
    identity.save_people([PersonToSave("claims@acme.test", "claims", lms_user_id=77, is_confirmed=False)])

    outcomes = enroll(pair("claims@acme.test"), pair("claims@acme.test", CS50_RUN, lms_user_id=77))

    assert [outcome.verdict.value for outcome in outcomes] == ["pending", "enrolled"]


def test_one_mail_per_learner_names_all_new_courses_and_the_next_step(cast):
    """Weaknesses F7 and F17 of edx-enterprise: the activation link is dropped; a mail for each course."""
    enroll(pair(BOB.email, CS50_RUN))
    link = "https://portal.test/activate"
    enroll(
        pair(BOB.email, CS50_RUN),
        pair(BOB.email, PYTHON_RUN, activation_link=link),
        pair(BOB.email, PYTHON_RUN, activation_link=link),
        pair(DANA.email, CS50_RUN),
        pair(DANA.email, PYTHON_RUN),
        pair("new@acme.test", CS50_RUN, activation_link="javascript:alert(1)"),
        pair("new@acme.test", PYTHON_RUN),
        notify=True,
    )

    assert mails() == [
        ("customers/enrolled", BOB.email),
        ("customers/enrolled", DANA.email),
        ("customers/pending_enrollment", "new@acme.test"),
    ]
    texts = {message.email: render(message) for message in Message.objects.all()}
    assert "Python" in texts[BOB.email].subject
    assert "Computer Science" not in texts[BOB.email].text
    assert texts[BOB.email].text.count(link) == 1
    assert link in texts[BOB.email].html
    assert "Acme has enrolled you in 2 courses" in texts[DANA.email].subject
    assert "/acme/" in texts[DANA.email].text
    for title in ("Introduction to Programming in Python", "Introduction to Computer Science"):
        assert title in texts[DANA.email].text
        assert title in texts["new@acme.test"].html
    assert "/register" in texts["new@acme.test"].text
    assert "javascript:" not in texts["new@acme.test"].html


def test_without_notify_nobody_is_mailed(cast):
    enroll(pair(BOB.email), pair("new@acme.test"))

    assert mails() == []


def test_a_course_that_starts_later_says_when(cast):
    run = "course-v1:Test+T1+1"
    starts_at = clock.now() + timedelta(days=30)
    run_to_save = RunToSave(run, start=starts_at, modes=(ModeToSave("audit"),))
    catalog.save_courses([CourseToSave("Test+T1", "Later", runs=(run_to_save,))])

    enroll(pair(BOB.email, run), notify=True)

    assert f"starts on {starts_at.day} {starts_at:%B %Y}" in render(Message.objects.get()).text


def test_a_customer_that_is_missing_inactive_or_not_ones_own_is_not_found(cast):
    with pytest.raises(CustomerNotFound):
        enroll(pair(BOB.email), to=NOWHERE)
    with pytest.raises(CustomerNotFound):
        enroll(pair(BOB.email), linked_to=STRAY.lms_user_id)
    models.Customer.objects.update(is_active=False)
    with pytest.raises(CustomerNotFound):
        enroll(pair(BOB.email))
    assert enrollment_of(BOB) is None


def test_more_than_ten_thousand_pairs_are_refused(cast):
    with pytest.raises(TooManyPairs):
        enroll(*[pair(BOB.email)] * (BULK_LIMIT + 1))


def test_a_request_may_span_chunks_and_still_sends_one_mail_each(acme):
    learners = acme.learners(510)

    outcomes = enroll(
        *[pair(each.email, key) for key in (PYTHON_RUN, CS50_RUN) for each in learners], notify=True
    )

    assert all(outcome.created for outcome in outcomes)
    assert [outcome.email for outcome in outcomes[510:]] == [each.email for each in learners]
    assert Message.objects.count() == 510


def statements(act):
    with CaptureQueriesContext(connection) as captured:
        act()
    ignored = ("BEGIN", "SAVEPOINT", "RELEASE", "COMMIT")
    return [each["sql"] for each in captured if each["sql"].split()[0] not in ignored]


@pytest.mark.parametrize("people", ["linked", "unlinked", "unknown"])
@pytest.mark.parametrize("times", ["first", "again"])
@pytest.mark.parametrize("notify", [False, True])
def test_one_pair_and_two_hundred_cost_the_same_statements(acme, people, times, notify):
    """Weakness F1 of edx-enterprise: 25 queries for each new pair, one pair after the other."""

    def act(numbers):
        addresses = [f"{people}{number}@acme.test" for number in numbers]
        if people != "unknown":
            identity.save_people([PersonToSave(email, email.split("@")[0]) for email in addresses])
        if people == "linked":
            api.link_learners(customer_uuid=ACME, emails=addresses, by=None)
        wanted = [pair(email) for email in addresses]
        if times == "again":
            enroll(*wanted)
        return statements(lambda: enroll(*wanted, notify=notify))

    one, many = act(range(1)), act(range(1, 201))

    assert len(one) == len(many), "\n".join(each[:150] for each in many)
    # MariaDB looks before it inserts.
    assert len(many) <= (20 if connection.vendor == "mysql" else 18), "\n".join(each[:150] for each in many)
