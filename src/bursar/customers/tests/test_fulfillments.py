"""What was sponsored ends: licenses taken back or expired, fulfillments cancelled, learners who leave."""

import uuid
from datetime import timedelta

import pytest

from bursar.catalog import api as catalog
from bursar.catalog.data import CourseToSave, ModeToSave, RunToSave
from bursar.customers import api, models
from bursar.customers.data import BulkPair, EndResult, FulfillmentNotFound
from bursar.customers.service import ending, following
from bursar.enrollments import api as enrollments
from bursar.enrollments.data import EnrollmentEntry, OnExisting
from bursar.identity import api as identity
from bursar.identity.data import PersonToSave
from bursar.jobs import api as jobs
from bursar.lib import clock
from bursar.licenses import api as licenses
from bursar.outbox import api as outbox
from bursar.outbox.models import Event
from tests.cast import ACME, ALICE, BOB, CAROL, CS50_RUN, DANA, GLOBEX, NOWHERE, OLGA, PYTHON_RUN
from tests.statements import counted

pytestmark = pytest.mark.django_db

PAID_RUN = "course-v1:Test+T1+paid"
ENDED_RUN = "course-v1:Test+T1+ended"
ENTERPRISE = "/enterprise/api/v1/"
REVOKE = f"{ENTERPRISE}licensed-enterprise-course-enrollment/license_revoke/"
EXPIRE = f"{ENTERPRISE}licensed-enterprise-course-enrollment/bulk_licensed_enrollments_expiration/"
UNENROLLED = f"{ENTERPRISE}operator/enterprise-subsidy-fulfillment/unenrolled/"
FULFILLMENT = f"{ENTERPRISE}enterprise-subsidy-fulfillment/"
LICENSE, OTHER = uuid.uuid4(), uuid.uuid4()


@pytest.fixture
def runs(cast):
    """A run without an audit mode, and one that has ended."""
    now = clock.now()
    paid = (ModeToSave("verified", price_cents=100),)
    ended = RunToSave(ENDED_RUN, end=now + timedelta(days=1), modes=(ModeToSave("audit"), *paid))
    catalog.save_courses([CourseToSave("Test+T1", "T", runs=(RunToSave(PAID_RUN, modes=paid), ended))])


def enroll(*members, run=PYTHON_RUN, license_uuid=LICENSE, to=ACME, **fields):
    fields = fields or {"license_uuid": str(license_uuid)}
    pairs = [
        BulkPair(run, each if isinstance(each, str) else each.email, force=True, **fields) for each in members
    ]
    return api.enroll_in_bulk(customer_uuid=to, pairs=pairs, by=ALICE.lms_user_id)


def end_the_ended_run():
    catalog_rows = catalog.find_runs([ENDED_RUN])
    assert catalog_rows
    from bursar.catalog.models import Run

    Run.objects.filter(key=ENDED_RUN).update(end=clock.now() - timedelta(seconds=1))


def place(member, run=PYTHON_RUN):
    """Mode and activity."""
    found = enrollments.find_enrollments([(member.lms_user_id, run)])[member.lms_user_id, run]
    return found.mode, found.is_active


def sponsored(member, run=PYTHON_RUN, at=ACME):
    return models.SponsoredEnrollment.objects.get(
        link__lms_user_id=member.lms_user_id, link__customer_id=at, run_key=run
    )


def revoked(member, run=PYTHON_RUN):
    rows = models.Fulfillment.objects.filter(
        sponsored_enrollment__link__lms_user_id=member.lms_user_id, sponsored_enrollment__run_key=run
    )
    return dict(rows.values_list("subsidy_uuid", "is_revoked"))


def results(outcomes):
    return sorted((each.lms_user_id, each.run_key, each.result) for each in outcomes)


def end(*license_uuids, **options):
    return api.end_sponsorships(license_uuids, by=ALICE.lms_user_id, **options)


def facts():
    return [fact for each in Event.objects.filter(type="customer.sponsorship_ended") for fact in each.facts]


# the service


def test_what_a_license_paid_for_ends_each_course_in_its_way(runs):
    enroll(BOB)
    enroll(BOB, run=PAID_RUN)
    enroll(BOB, run=ENDED_RUN)
    end_the_ended_run()

    outcomes = end(LICENSE)

    assert results(outcomes) == [
        (BOB.lms_user_id, PYTHON_RUN, EndResult.MOVED_TO_AUDIT),
        (BOB.lms_user_id, ENDED_RUN, EndResult.COMPLETED),
        (BOB.lms_user_id, PAID_RUN, EndResult.UNENROLLED),
    ]
    assert place(BOB) == ("audit", True)
    assert place(BOB, PAID_RUN) == ("verified", False)
    assert place(BOB, ENDED_RUN) == ("verified", True)
    row = sponsored(BOB)
    assert (row.is_unenrolled, row.is_saved_for_later) == (True, True)
    assert row.unenrolled_at is not None
    assert revoked(BOB) == {LICENSE: True}
    assert revoked(BOB, ENDED_RUN) == {LICENSE: False}
    latest = models.Fulfillment.history.filter(history_type="~").latest("history_id")
    assert latest.history_user_id == ALICE.lms_user_id
    assert sorted((fact["run_key"], fact["is_sponsored"]) for fact in facts()) == [
        (PYTHON_RUN, False),
        (PAID_RUN, False),
    ]


def test_to_end_it_again_changes_nothing(runs):
    enroll(BOB)
    end(LICENSE)
    before = models.Fulfillment.history.count()

    assert end(LICENSE) == []

    assert models.Fulfillment.history.count() == before
    assert len(facts()) == 1


def test_a_crash_before_it_was_written_down_is_mended_by_the_same_again(runs, monkeypatch):
    enroll(BOB)
    with monkeypatch.context() as patch:
        patch.setattr(ending._Ending, "_write_down", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            end(LICENSE)
    assert (place(BOB), revoked(BOB)) == (("audit", True), {LICENSE: False})

    assert results(end(LICENSE)) == [(BOB.lms_user_id, PYTHON_RUN, EndResult.MOVED_TO_AUDIT)]

    assert revoked(BOB) == {LICENSE: True}


def test_a_course_that_something_else_pays_for_stays_as_it_is(runs):
    """Weakness F3 of edx-enterprise has no place for a second license; ours counts when the first ends."""
    enroll(BOB)
    enroll(BOB, license_uuid=OTHER)

    outcomes = end(LICENSE)

    assert results(outcomes) == [(BOB.lms_user_id, PYTHON_RUN, EndResult.STILL_PAID)]
    assert place(BOB) == ("verified", True)
    assert revoked(BOB) == {LICENSE: True, OTHER: False}
    assert not sponsored(BOB).is_unenrolled
    assert results(end(OTHER)) == [(BOB.lms_user_id, PYTHON_RUN, EndResult.MOVED_TO_AUDIT)]
    assert sponsored(BOB).is_unenrolled


def test_a_place_that_another_customer_pays_for_stays_as_it_is(runs):
    (ours,) = enroll(BOB, run=CS50_RUN)
    enroll(BOB, run=CS50_RUN, license_uuid=OTHER, to=GLOBEX)

    api.cancel_fulfillment(ours.fulfillment_uuid, by=None)
    outbox.relay()

    assert place(BOB, CS50_RUN) == ("verified", True)
    assert revoked(BOB, CS50_RUN) == {LICENSE: True, OTHER: False}
    assert not sponsored(BOB, CS50_RUN, at=GLOBEX).is_unenrolled
    assert results(end(OTHER)) == [(BOB.lms_user_id, CS50_RUN, EndResult.MOVED_TO_AUDIT)]


def test_two_licenses_of_one_course_that_end_together_end_it(runs):
    enroll(BOB)
    enroll(BOB, license_uuid=OTHER)

    assert {each.result for each in end(LICENSE, OTHER)} == {EndResult.MOVED_TO_AUDIT}

    assert place(BOB) == ("audit", True)


def test_a_place_for_which_somebody_else_began_to_pay_meanwhile_is_given_back(runs, monkeypatch):
    """Weakness F18 of edx-enterprise: nothing locks what is read before it is written."""
    enroll(BOB)
    write_down = ending._Ending._write_down

    def pay_meanwhile(self, ended):
        enroll(BOB, license_uuid=OTHER)
        return write_down(self, ended)

    monkeypatch.setattr(ending._Ending, "_write_down", pay_meanwhile)

    outcomes = end(LICENSE)

    assert results(outcomes) == [(BOB.lms_user_id, PYTHON_RUN, EndResult.STILL_PAID)]
    assert place(BOB) == ("verified", True)
    assert revoked(BOB) == {LICENSE: True, OTHER: False}
    assert not sponsored(BOB).is_unenrolled


def test_what_changed_since_is_left_alone(runs):
    moment = clock.now()
    enroll(BOB)

    outcomes = end(LICENSE, unless_modified_after=moment)

    assert results(outcomes) == [(BOB.lms_user_id, PYTHON_RUN, EndResult.CHANGED_SINCE)]
    assert (place(BOB), revoked(BOB)) == (("verified", True), {LICENSE: False})
    later = clock.now() + timedelta(seconds=1)
    assert end(LICENSE, unless_modified_after=later)[0].result is EndResult.MOVED_TO_AUDIT


def test_who_left_already_is_not_brought_back_by_it(runs):
    enroll(BOB)
    leave(BOB)

    assert results(end(LICENSE)) == [(BOB.lms_user_id, PYTHON_RUN, EndResult.UNENROLLED)]

    assert place(BOB) == ("verified", False)
    assert revoked(BOB) == {LICENSE: True}


def test_a_course_that_the_catalog_does_not_have_any_more_is_told(runs):
    """Weakness F21 of edx-enterprise: courses without an overview are passed over in silence, or a 500."""
    enroll(BOB)
    models.SponsoredEnrollment.objects.update(run_key="course-v1:Gone+G1+1")
    enrollments_rows = enrollments.find_enrollments([(BOB.lms_user_id, PYTHON_RUN)])
    assert enrollments_rows
    from bursar.enrollments.models import Enrollment

    Enrollment.objects.update(run_key="course-v1:Gone+G1+1")

    (outcome,) = end(LICENSE)

    assert outcome.result is EndResult.FAILED
    assert outcome.refusal.code == "unknown_course_run"
    assert revoked(BOB, "course-v1:Gone+G1+1") == {LICENSE: False}


def test_what_waits_with_the_license_waits_no_more(runs):
    enroll("new@acme.test")
    enroll("other@acme.test", license_uuid=OTHER)

    end(LICENSE)
    end(LICENSE)

    rows = models.PendingEnrollment.objects.order_by("learner__email")
    assert list(rows.values_list("learner__email", "state")) == [
        ("new@acme.test", "failed"),
        ("other@acme.test", "waiting"),
    ]
    assert rows[0].last_error.startswith("license_revoked:")
    assert rows[0].history.count() == 2


def test_one_place_and_two_hundred_cost_the_same_statements(acme):
    def act(prefix, count):
        license_uuid = uuid.uuid4()
        addresses = [f"{prefix}{number}@acme.test" for number in range(count)]
        identity.save_people([PersonToSave(email, email.split("@")[0]) for email in addresses])
        enroll(*addresses, license_uuid=license_uuid)
        with counted() as statements:
            end(license_uuid)
        return statements

    one, many = act("one", 1), act("many", 200)

    assert one.count == many.count, many.listed
    assert many.count <= 19


def test_re_enrolling_revives_what_ended(runs):
    """Weakness F8 of edx-enterprise: what was revoked stays revoked for a learner who is paid for again."""
    enroll(BOB)
    end(LICENSE)

    (outcome,) = enroll(BOB)

    assert outcome.created
    assert place(BOB) == ("verified", True)
    assert revoked(BOB) == {LICENSE: False}
    assert not sponsored(BOB).is_unenrolled


# licenses that are taken back


def test_what_a_revoked_license_paid_for_ends_by_itself(acme):
    """Weakness E11 of license-manager: the end is tried once, and its failure swallowed."""
    plan = acme.plan()
    outcomes = licenses.assign(plan_uuid=plan.uuid, addresses=[BOB.email, DANA.email], by=None)
    mine, other = [each.license_uuid for each in outcomes]
    enroll(BOB, license_uuid=mine)
    enroll(DANA, license_uuid=other)

    licenses.revoke(plan_uuid=plan.uuid, addresses=[BOB.email], by=ALICE.lms_user_id)
    outbox.relay()

    assert (place(BOB), revoked(BOB)) == (("audit", True), {mine: True})
    assert (place(DANA), revoked(DANA)) == (("verified", True), {other: False})
    licenses.start_revoking_all(plan_uuid=plan.uuid, by=ALICE.lms_user_id)
    jobs.run()
    outbox.relay()
    assert (place(DANA), revoked(DANA)) == (("audit", True), {other: True})
    event = Event.objects.filter(type="license.revoked").first()
    assert event.facts == [
        {
            "license_uuid": str(mine),
            "plan_uuid": str(plan.uuid),
            "customer_uuid": str(ACME),
            "email": BOB.email,
            "lms_user_id": None,
            "was": "assigned",
        }
    ]


# learners who leave and come back


def leave(member, run=PYTHON_RUN):
    entry = EnrollmentEntry(member.lms_user_id, run, existing=OnExisting.SET, is_active=False)
    enrollments.enroll([entry], by=member.lms_user_id)


def come_back(member, run=PYTHON_RUN):
    enrollments.enroll([EnrollmentEntry(member.lms_user_id, run, "audit")], by=member.lms_user_id)


def test_who_leaves_is_sponsored_no_more(runs):
    enroll(BOB)
    outbox.relay()

    leave(BOB)
    outbox.relay()

    row = sponsored(BOB)
    assert (row.is_unenrolled, row.is_saved_for_later) == (True, True)
    assert revoked(BOB) == {LICENSE: True}
    assert [fact["is_sponsored"] for fact in facts()] == [False]
    assert row.history.count() == 2


def test_who_comes_back_alone_is_enrolled_again_but_not_paid_for(runs):
    enroll(BOB)
    leave(BOB)
    outbox.relay()

    come_back(BOB)
    outbox.relay()

    row = sponsored(BOB)
    assert (row.is_unenrolled, row.is_saved_for_later, row.unenrolled_at) == (False, False, None)
    assert revoked(BOB) == {LICENSE: True}


def test_an_old_event_undoes_nothing_that_happened_since(runs):
    enroll(BOB)
    outbox.relay()
    leave(BOB)
    enroll(BOB)

    outbox.relay()

    assert not sponsored(BOB).is_unenrolled
    assert revoked(BOB) == {LICENSE: False}


def test_a_license_that_ended_before_the_news_of_the_enrollment_came_stays_ended(runs):
    enroll(BOB)
    end(LICENSE)

    outbox.relay()

    assert sponsored(BOB).is_unenrolled


def test_whoever_was_put_back_at_that_very_moment_keeps_what_was_paid(runs, monkeypatch):
    enroll(BOB)
    outbox.relay()
    leave(BOB)
    ended = following._end_places

    def put_back_meanwhile(rows):
        enrollments.enroll([EnrollmentEntry(BOB.lms_user_id, PYTHON_RUN, "verified")], by=None)
        return ended(rows)

    monkeypatch.setattr(following, "_end_places", put_back_meanwhile)
    outbox.relay()

    assert not sponsored(BOB).is_unenrolled
    assert revoked(BOB) == {LICENSE: False}


def test_what_was_just_sponsored_costs_the_reaction_a_query(acme):
    members = acme.learners(200)
    enroll(*members[:1])
    counts = []
    for chosen in ([], members[1:]):
        if chosen:
            enroll(*chosen)
        deliveries = [_delivery()]
        with counted() as statements:
            following.note_back(deliveries)
        counts.append(statements.count)
    assert counts == [1, 1]


def _delivery():
    from bursar.events.enrollments import ENROLLMENTS_CREATED
    from bursar.outbox.data import Delivery

    event = Event.objects.filter(type="enrollment.created").latest("id")
    stored = tuple(ENROLLMENTS_CREATED.load(fact) for fact in event.facts)
    return Delivery(uuid.uuid4(), "enrollments", stored, event.recorded_at, None)


# over HTTP


def post(client, path, **body):
    return client.post(path, body, format="json")


def test_a_revoked_license_moves_its_courses_to_audit_and_no_others(client_of, runs):
    """Weakness F21 of edx-enterprise: a revoke ends all licenses of the learner, not the one it is about."""
    enroll(BOB)
    enroll(BOB, run=CS50_RUN, license_uuid=OTHER)

    response = post(
        client_of(ALICE), REVOKE, user_id=BOB.lms_user_id, enterprise_id=str(ACME), license_uuid=str(LICENSE)
    )

    assert (response.status_code, response.json()) == (
        200,
        {PYTHON_RUN: {"success": True, "message": "moved to audit"}},
    )
    assert place(BOB, CS50_RUN) == ("verified", True)


def test_without_a_license_all_of_the_learners_licenses_at_the_customer_end(client_of, runs):
    enroll(BOB)
    enroll(BOB, run=PAID_RUN, license_uuid=OTHER)
    enroll(BOB, run=ENDED_RUN)
    enroll(BOB, run=CS50_RUN, to=GLOBEX)
    enroll(DANA)
    end_the_ended_run()

    response = post(client_of(ALICE), REVOKE, user_id=BOB.lms_user_id, enterprise_id=str(ACME))

    assert response.json() == {
        PYTHON_RUN: {"success": True, "message": "moved to audit"},
        PAID_RUN: {"success": True, "message": "unenrolled"},
        ENDED_RUN: {"success": True, "message": "course already completed"},
    }
    assert place(BOB, CS50_RUN) == ("verified", True)
    assert place(DANA) == ("verified", True)


def test_a_course_that_fails_is_a_422_that_says_which(client_of, runs):
    enroll(BOB)
    enroll(BOB, run=CS50_RUN)
    gone = "course-v1:Gone+G1+1"
    from bursar.enrollments.models import Enrollment

    models.SponsoredEnrollment.objects.filter(run_key=CS50_RUN).update(run_key=gone)
    Enrollment.objects.filter(run_key=CS50_RUN).update(run_key=gone)

    response = post(client_of(ALICE), REVOKE, user_id=BOB.lms_user_id, enterprise_id=str(ACME))

    assert (response.status_code, response.json()) == (
        422,
        {
            PYTHON_RUN: {"success": True, "message": "moved to audit"},
            gone: {"success": False, "message": f"There is no course run {gone}."},
        },
    )


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"user_id": BOB.lms_user_id}, 400),
        ({"user_id": BOB.lms_user_id, "enterprise_id": "x"}, 400),
        ({"user_id": "x", "enterprise_id": str(ACME)}, 400),
        ({"user_id": BOB.lms_user_id, "enterprise_id": str(ACME), "license_uuid": "x"}, 400),
        ({"user_id": 987_654, "enterprise_id": str(ACME)}, 404),
        ({"user_id": BOB.lms_user_id, "enterprise_id": str(GLOBEX)}, 403),
    ],
)
def test_a_bad_revoke_is_refused(client_of, runs, body, status):
    response = client_of(ALICE).post(REVOKE, body, format="json")

    assert response.status_code == status
    if not body:
        assert response.json() == "user_id and enterprise_id must be provided."


def test_expired_licenses_end_in_bulk_without_a_body(client_of, runs):
    enroll(BOB)
    enroll(DANA, license_uuid=OTHER)

    response = post(client_of(OLGA), EXPIRE, expired_license_uuids=[str(LICENSE), str(OTHER), str(NOWHERE)])

    assert (response.status_code, response.content) == (200, b"")
    assert (place(BOB), place(DANA)) == (("audit", True), ("audit", True))


def test_what_changed_after_a_moment_does_not_expire(client_of, runs):
    before = clock.now().isoformat()
    enroll(BOB)

    response = post(
        client_of(OLGA),
        EXPIRE,
        expired_license_uuids=[str(LICENSE)],
        ignore_enrollments_modified_after=before,
    )

    assert (response.status_code, place(BOB)) == (200, ("verified", True))


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"expired_license_uuids": []},
        {"expired_license_uuids": "x"},
        {"expired_license_uuids": ["x"]},
        {"expired_license_uuids": [str(LICENSE)], "ignore_enrollments_modified_after": "yesterday"},
        {"expired_license_uuids": [str(LICENSE)], "ignore_enrollments_modified_after": "2026-01-01T00:00:00"},
    ],
)
def test_a_bad_expiration_is_refused(client_of, runs, body):
    assert client_of(OLGA).post(EXPIRE, body, format="json").status_code == 400


def test_only_operators_expire_licenses_and_list_who_left(client_of, runs):
    for member in (ALICE, BOB):
        assert post(client_of(member), EXPIRE, expired_license_uuids=[str(LICENSE)]).status_code == 403
        assert client_of(member).get(UNENROLLED).status_code == 403


def test_what_pays_for_a_place_can_be_read(client_of, runs):
    (outcome,) = enroll(BOB)
    transaction = str(uuid.uuid4())
    (credit,) = enroll(DANA, transaction_id=transaction)

    of_bob = client_of(ALICE).get(f"{FULFILLMENT}{outcome.fulfillment_uuid}/").json()
    of_dana = client_of(ALICE).get(f"{FULFILLMENT}{credit.fulfillment_uuid}/").json()

    assert of_bob == {
        "enterprise_course_enrollment": {
            "enterprise_customer_user": BOB.lms_user_id,
            "enterprise_customer_uuid": str(ACME),
            "course_id": PYTHON_RUN,
            "saved_for_later": False,
            "unenrolled": False,
            "unenrolled_at": None,
            "created": of_bob["enterprise_course_enrollment"]["created"],
        },
        "license_uuid": str(LICENSE),
        "uuid": str(outcome.fulfillment_uuid),
        "enterprise_course_entitlement": None,
        "fulfillment_type": "license",
        "is_revoked": False,
        "created": of_bob["created"],
        "modified": of_bob["modified"],
    }
    assert (of_dana["fulfillment_type"], of_dana["transaction_id"]) == ("learner_credit", transaction)


def test_cancelling_takes_the_learner_out_once(client_of, runs):
    (outcome,) = enroll(BOB)
    path = f"{FULFILLMENT}{outcome.fulfillment_uuid}/cancel-fulfillment"

    first, again = client_of(ALICE).post(path), client_of(ALICE).post(path)

    assert first.status_code == 204
    assert (again.status_code, again.json()) == (200, {"detail": "Enrollment is already canceled."})
    assert place(BOB) == ("verified", False)
    assert revoked(BOB) == {LICENSE: True}


def test_cancelling_one_of_two_leaves_the_learner_in(client_of, runs):
    (outcome,) = enroll(BOB)
    enroll(BOB, license_uuid=OTHER)

    assert (
        client_of(ALICE).post(f"{FULFILLMENT}{outcome.fulfillment_uuid}/cancel-fulfillment").status_code
        == 204
    )

    assert place(BOB) == ("verified", True)


def test_learner_credit_that_was_cancelled_may_pay_again(runs):
    """Weakness F8 of edx-enterprise: a new transaction on live learner credit is not saved."""
    first, second = str(uuid.uuid4()), str(uuid.uuid4())
    (outcome,) = enroll(BOB, transaction_id=first)
    api.cancel_fulfillment(outcome.fulfillment_uuid, by=None)

    enroll(BOB, transaction_id=first)
    enroll(BOB, transaction_id=second)

    assert revoked(BOB) == {uuid.UUID(first): False, uuid.UUID(second): False}
    assert set(models.Fulfillment.objects.values_list("kind", flat=True)) == {"learner_credit"}


@pytest.mark.parametrize("member", [CAROL, BOB])
def test_a_foreign_fulfillment_looks_like_a_missing_one(client_of, runs, member):
    (outcome,) = enroll(BOB)

    for rest, method in (("/", "get"), ("/cancel-fulfillment", "post")):
        foreign = getattr(client_of(member), method)(f"{FULFILLMENT}{outcome.fulfillment_uuid}{rest}")
        missing = getattr(client_of(member), method)(f"{FULFILLMENT}{NOWHERE}{rest}")
        assert (foreign.status_code, foreign.content) == (404, missing.content)
    with pytest.raises(FulfillmentNotFound):
        api.cancel_fulfillment(NOWHERE, by=None)


def test_operators_list_who_left(client_of, runs):
    (outcome,) = enroll(BOB)
    (credit,) = enroll(DANA, transaction_id=str(uuid.uuid4()))
    enroll(ALICE)
    api.cancel_fulfillment(outcome.fulfillment_uuid, by=None)
    between = clock.now()
    api.cancel_fulfillment(credit.fulfillment_uuid, by=None)

    everybody = client_of(OLGA).get(UNENROLLED).json()
    later = client_of(OLGA).get(UNENROLLED, {"unenrolled_after": between.isoformat()}).json()

    assert [each["uuid"] for each in everybody] == [
        str(outcome.fulfillment_uuid),
        str(credit.fulfillment_uuid),
    ]
    assert everybody[0]["enterprise_course_enrollment"]["course_id"] == PYTHON_RUN
    assert [each["uuid"] for each in later] == [str(credit.fulfillment_uuid)]
    assert "transaction_id" in later[0]
    for odd in ("x", "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00"):
        assert client_of(OLGA).get(UNENROLLED, {"unenrolled_after": odd}).status_code == 400
    assert (
        client_of(OLGA).get(UNENROLLED, {"unenrolled_after": "2026-01-01T00:00:00+23:59"}).status_code == 200
    )
