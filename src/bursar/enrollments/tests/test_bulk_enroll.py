"""What staff do in bulk."""

import pytest
from django.core import mail

from bursar.catalog.data import ModeToSave
from bursar.enrollments import api, models
from bursar.enrollments.data import EnrollmentEntry
from bursar.enrollments.tests.scenes import (
    CLOSED,
    LONG_AGO,
    NEWT,
    NO_SUCH_RUN,
    RUN,
    cohort_of,
    facts_of,
    is_in,
    make_cohort,
    make_person,
    make_run,
    put_in,
    take_out,
)
from bursar.identity import api as identity
from bursar.identity.models import User
from bursar.lib import clock
from tests.architecture.tables import read_rows
from tests.cast import ALICE, BOB, CS50_RUN, DANA, ERIN, OLGA, PYTHON_RUN
from tests.statements import counted

pytestmark = pytest.mark.django_db

PATH = "/api/bulk_enroll/v1/bulk_enroll"

STRANGER = "stranger@nowhere.test"
"""An address of nobody."""

NOT_EQUAL = "If provided, the cohorts and courses should have equal number of items."

NOBODY = {"user": False, "enrollment": False, "allowed": False, "auto_enroll": False}
ALLOWED = {"user": False, "enrollment": False, "allowed": True, "auto_enroll": False}
OUTSIDE = {"user": True, "enrollment": False, "allowed": False, "auto_enroll": False}
INSIDE = {"user": True, "enrollment": True, "allowed": False, "auto_enroll": False}


@pytest.fixture
def olga(client_of):
    """A client of staff."""
    return client_of(OLGA)


@pytest.fixture
def staff(olga):
    """Has staff do something with Bob in the Python run, if nothing else is said; gives the answer's body."""

    def do(**body):
        answer = olga.post(PATH, order(**body))
        assert answer.status_code == 200, answer.content
        return answer.json()

    return do


def order(**body):
    return {"action": "enroll", "identifiers": BOB.email, "courses": PYTHON_RUN, **body}


def results_of(body, run_key=PYTHON_RUN):
    return body["courses"][run_key]["results"]


def one_result(body, run_key=PYTHON_RUN):
    (result,) = results_of(body, run_key)
    return result


def named(body, run_key=PYTHON_RUN):
    return [result["identifier"] for result in results_of(body, run_key)]


def allowed_row(email=STRANGER, run_key=PYTHON_RUN):
    return models.EnrollmentAllowed.objects.filter(email=email, run_key=run_key).first()


def mode_of(member, run_key=PYTHON_RUN):
    return models.Enrollment.objects.get(lms_user_id=member.lms_user_id, run_key=run_key).mode


def transitions(**filters):
    rows = models.ManualEnrollmentAudit.objects.filter(**filters)
    return sorted((row.enrolled_email, row.state_transition) for row in rows)


# Who may


def test_this_is_for_staff_alone(cast, client_of, server):
    User.objects.filter(username="alice").update(is_superuser=True)

    for client, status in ((client_of(ALICE), 403), (client_of(None), 401), (server, 401)):
        assert client.post(PATH, order()).status_code == status
    assert not is_in(BOB, PYTHON_RUN)


def test_the_last_slash_makes_no_difference_and_nothing_can_be_read(olga):
    assert olga.post(f"{PATH}/", order()).status_code == 200
    assert olga.get(PATH).status_code == 405


# What is asked and answered


def test_the_answer_repeats_the_order_and_says_by_run_what_became_of_each(cast, staff):
    identifiers = f"bob, {STRANGER}, no such name"

    assert staff(identifiers=identifiers, courses=f"{PYTHON_RUN},{CS50_RUN}", auto_enroll=True) == {
        "action": "enroll",
        "auto_enroll": True,
        "email_students": False,
        "courses": {
            run_key: {
                "action": "enroll",
                "auto_enroll": True,
                "results": [
                    {"identifier": "bob", "before": OUTSIDE, "after": INSIDE},
                    {"identifier": STRANGER, "before": NOBODY, "after": {**ALLOWED, "auto_enroll": True}},
                    {"identifier": "no", "invalidIdentifier": True},
                    {"identifier": "such", "invalidIdentifier": True},
                    {"identifier": "name", "invalidIdentifier": True},
                ],
            }
            for run_key in (PYTHON_RUN, CS50_RUN)
        },
    }


@pytest.mark.parametrize("format", ["json", "multipart"])
def test_it_may_be_json_or_a_form(olga, format):
    body = order(
        identifiers="bob\r\ndana", courses=f"{PYTHON_RUN},{CS50_RUN}", auto_enroll="true", reason="x"
    )

    answer = olga.post(PATH, body, format=format)

    assert answer.status_code == 200
    assert answer.json()["auto_enroll"] is True
    assert [is_in(each, key) for each in (BOB, DANA) for key in (PYTHON_RUN, CS50_RUN)] == [True] * 4


def test_a_urlencoded_form_may_send_courses_several_times(olga):
    body = f"action=enroll&identifiers=bob&courses={PYTHON_RUN}&courses={CS50_RUN}".replace("+", "%2B")

    answer = olga.post(PATH, body, content_type="application/x-www-form-urlencoded")

    assert list(answer.json()["courses"]) == [PYTHON_RUN, CS50_RUN]
    assert answer.json()["auto_enroll"] is answer.json()["email_students"] is False


def test_another_kind_of_body_is_a_415(olga):
    assert olga.post(PATH, "<x/>", content_type="application/xml").status_code == 415


@pytest.mark.parametrize("separator", [",", "\n", "\r", "\r\n", " ", "\t", ", ", ",,\n \n,"])
def test_identifiers_stand_apart_by_commas_blanks_or_lines(cast, staff, separator):
    body = staff(identifiers=separator.join(["", "bob", DANA.email, ""]))

    assert named(body) == ["bob", DANA.email]


def test_an_identifier_that_stands_twice_counts_once(cast, staff):
    assert named(staff(identifiers="bob bob,dana\nbob")) == ["bob", "dana"]


@pytest.mark.parametrize(
    "courses",
    [
        f"{PYTHON_RUN},{CS50_RUN}",
        f" {PYTHON_RUN} ,, {CS50_RUN} ,{PYTHON_RUN}",
        [PYTHON_RUN, CS50_RUN],
        [f"{PYTHON_RUN},{CS50_RUN}"],
        [PYTHON_RUN, "", f"{PYTHON_RUN},{CS50_RUN}"],
    ],
    ids=str,
)
def test_courses_are_text_with_commas_or_a_list_of_which_all_counts(cast, staff, courses):
    assert list(staff(courses=courses)["courses"]) == [PYTHON_RUN, CS50_RUN]


@pytest.mark.parametrize("spelling", ["bob", "bob@acme.test", "BOB@Acme.Test"])
def test_people_are_named_by_username_or_by_address_in_any_spelling(cast, staff, spelling):
    assert one_result(staff(identifiers=spelling)) == {
        "identifier": spelling,
        "before": OUTSIDE,
        "after": INSIDE,
    }


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"action": None}, "action"),
        ({"action": "remove"}, "action"),
        ({"action": ["enroll"]}, "action"),
        ({"identifiers": None}, "identifiers"),
        ({"identifiers": ""}, "identifiers"),
        ({"identifiers": " ,\n"}, "identifiers"),
        ({"identifiers": ["bob"]}, "identifiers"),
        ({"courses": None}, "courses"),
        ({"courses": ""}, "courses"),
        ({"courses": []}, "courses"),
        ({"courses": " , "}, "courses"),
        ({"courses": 7}, "courses"),
        ({"courses": [[PYTHON_RUN]]}, "courses"),
        ({"courses": "nonsense"}, "courses"),
        ({"courses": f"{PYTHON_RUN},{NO_SUCH_RUN}"}, "courses"),
        ({"courses": "x" * 300}, "courses"),
        ({"cohorts": 7}, "cohorts"),
        ({"auto_enroll": "perhaps"}, "auto_enroll"),
        ({"auto_enroll": None}, "auto_enroll"),
        ({"email_students": [True]}, "email_students"),
        ({"reason": {}}, "reason"),
        ({"reason": "x" * 10_001}, "reason"),
    ],
)
def test_a_field_that_is_wrong_is_a_400_by_its_name_and_nothing_is_done(olga, changes, field):
    before = read_rows()

    answer = olga.post(PATH, order(**changes))

    assert answer.status_code == 400
    assert list(answer.json()) == [field]
    assert all(isinstance(reason, str) and reason for reason in answer.json()[field])
    assert read_rows() == before


@pytest.mark.parametrize("missing", ["action", "identifiers", "courses"])
def test_three_fields_are_needed(olga, missing):
    answer = olga.post(PATH, {name: value for name, value in order().items() if name != missing})

    assert (answer.status_code, answer.json()) == (400, {missing: ["This field is required."]})


@pytest.mark.parametrize("body", [[], ["x"], "x", 7])
def test_a_body_that_is_no_object_is_refused(olga, body):
    answer = olga.post(PATH, body)

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_body")


# Enrolling


def test_an_account_is_enrolled(cast, staff):
    assert one_result(staff()) == {"identifier": BOB.email, "before": OUTSIDE, "after": INSIDE}

    assert is_in(BOB, PYTHON_RUN)
    (fact,) = facts_of("enrollment.created")
    assert (fact["lms_user_id"], fact["run_key"], fact["mode"]) == (BOB.lms_user_id, PYTHON_RUN, "audit")
    (row,) = models.Enrollment.history.all()
    assert (row.history_type, row.history_user_id) == ("+", OLGA.lms_user_id)


def test_enrolling_again_changes_nothing(cast, staff):
    staff()

    assert one_result(staff()) == {"identifier": BOB.email, "before": INSIDE, "after": INSIDE}
    assert models.Enrollment.history.count() == 1
    assert len(facts_of("enrollment.created")) == 1
    assert facts_of("enrollment.changed") == []


def test_an_unknown_address_may_come_in_from_now_on(cast, staff):
    assert one_result(staff(identifiers="Stranger@Nowhere.Test")) == {
        "identifier": "Stranger@Nowhere.Test",
        "before": NOBODY,
        "after": ALLOWED,
    }

    assert (allowed_row().auto_enroll, allowed_row().lms_user_id) == (False, None)
    assert one_result(staff(identifiers=STRANGER))["before"] == ALLOWED
    assert not models.Enrollment.objects.exists()


@pytest.mark.parametrize(
    "identifier", ["nobody", "no@", "@no.test", "a@b@c.test", "x" * 300 + "@a.test", "é"]
)
def test_what_is_neither_a_username_nor_an_address_is_invalid_and_harms_nobody_else(cast, staff, identifier):
    body = staff(identifiers=f"bob,{identifier},dana")

    assert results_of(body)[1] == {"identifier": identifier, "invalidIdentifier": True}
    assert is_in(BOB, PYTHON_RUN)
    assert is_in(DANA, PYTHON_RUN)
    assert models.ManualEnrollmentAudit.objects.count() == 2


@pytest.mark.parametrize("fields", [{"is_confirmed": False}, {"is_active": False}], ids=" ".join)
@pytest.mark.parametrize("identifier", [NEWT.username, NEWT.email])
def test_an_unconfirmed_or_closed_account_counts_as_an_address(cast, staff, fields, identifier):
    make_person(**fields)

    assert one_result(staff(identifiers=identifier)) == {
        "identifier": identifier,
        "before": NOBODY,
        "after": ALLOWED,
    }
    assert not is_in(NEWT, PYTHON_RUN)
    assert allowed_row(NEWT.email) is not None


@pytest.mark.parametrize(
    "fields",
    [*CLOSED, {"max_enrollments": 0}, {"max_enrollments": 1}, {"blocked_countries": ("KR",)}],
    ids=" ".join,
)
def test_no_state_of_the_run_keeps_staff_from_it(cast, staff, fields):
    make_run(**fields)

    body = staff(identifiers="bob,dana,erin", courses=RUN)

    assert [result["after"] for result in results_of(body, RUN)] == [INSIDE] * 3
    assert is_in(BOB)
    assert is_in(ERIN)


def test_the_mode_stays_or_is_the_default(cast, staff):
    put_in(BOB, mode="verified")
    put_in(DANA, mode="verified")
    take_out(DANA)

    staff(identifiers="bob,dana,erin")

    assert [mode_of(each) for each in (BOB, DANA, ERIN)] == ["verified", "audit", "audit"]


def test_a_mode_that_has_expired_stays_too(cast, staff):
    make_run()
    put_in(BOB, RUN, "verified")
    make_run(modes=(ModeToSave("audit"), ModeToSave("verified", expires_at=LONG_AGO)))

    assert one_result(staff(courses=RUN), RUN)["after"] == INSIDE
    assert mode_of(BOB, RUN) == "verified"


def test_a_run_without_a_free_mode_is_an_error_of_that_person_and_run_alone(cast, staff):
    make_run(modes=(ModeToSave("masters", 100),))

    body = staff(identifiers=f"bob,{STRANGER}", courses=f"{RUN},{CS50_RUN}")

    refused, allowed = results_of(body, RUN)
    assert refused.keys() == {"identifier", "error", "code", "message"}
    assert (refused["identifier"], refused["error"], refused["code"]) == ("bob", True, "mode_not_offered")
    assert allowed["after"] == ALLOWED
    assert results_of(body, CS50_RUN)[0]["after"] == INSIDE
    assert transitions(run_key=RUN) == [(STRANGER, "from unenrolled to allowed to enroll")]


def test_auto_enroll_is_what_the_last_order_says(cast, staff):
    for auto_enroll in (True, False, True):
        result = one_result(staff(identifiers=STRANGER, auto_enroll=auto_enroll))

        assert result["after"]["auto_enroll"] is auto_enroll
        assert allowed_row().auto_enroll is auto_enroll
    assert models.EnrollmentAllowed.objects.count() == 1
    history = models.EnrollmentAllowed.history.order_by("history_id")
    assert [row.history_type for row in history] == ["+", "~", "~"]


def test_with_auto_enroll_people_are_in_once_they_have_confirmed_the_address(cast, staff, drain):
    make_run(invitation_only=True)
    make_person(is_confirmed=False)
    staff(identifiers=f"{NEWT.email},{STRANGER}", courses=RUN, auto_enroll=True)

    identity.confirm_addresses(lms_user_ids=[NEWT.lms_user_id], by=None)
    drain()

    assert is_in(NEWT)


def test_without_it_they_come_in_by_themselves(cast, staff, drain):
    make_run(invitation_only=True)
    make_person(is_confirmed=False)
    staff(identifiers=NEWT.email, courses=RUN)

    identity.confirm_addresses(lms_user_ids=[NEWT.lms_user_id], by=None)
    drain()

    assert not is_in(NEWT)
    assert api.enroll([EnrollmentEntry(NEWT.lms_user_id, RUN)], by=None)[0].created


def test_a_person_named_twice_has_one_place(cast, staff):
    body = staff(identifiers=f"bob,{BOB.email}")

    assert [result["after"] for result in results_of(body)] == [INSIDE, INSIDE]
    assert models.Enrollment.history.count() == 1


# Unenrolling


def test_whoever_is_in_is_taken_out_and_keeps_the_mode(cast, staff):
    put_in(BOB, mode="verified")

    assert one_result(staff(action="unenroll")) == {
        "identifier": BOB.email,
        "before": INSIDE,
        "after": OUTSIDE,
    }

    assert not is_in(BOB, PYTHON_RUN)
    assert mode_of(BOB) == "verified"
    (fact,) = facts_of("enrollment.ended")
    assert (fact["lms_user_id"], fact["mode"], fact["is_active"]) == (BOB.lms_user_id, "verified", False)


def test_what_lets_an_address_in_is_deleted(cast, staff):
    staff(identifiers=STRANGER, auto_enroll=True)

    assert one_result(staff(action="unenroll", identifiers="STRANGER@nowhere.test")) == {
        "identifier": "STRANGER@nowhere.test",
        "before": {**ALLOWED, "auto_enroll": True},
        "after": NOBODY,
    }
    assert allowed_row() is None


def test_an_account_loses_both(cast, staff):
    staff(identifiers=NEWT.email)
    make_person()
    staff(identifiers=NEWT.email)

    body = staff(action="unenroll", identifiers=NEWT.username)

    assert one_result(body)["before"] == {**INSIDE, "allowed": True}
    assert one_result(body)["after"] == OUTSIDE
    assert allowed_row(NEWT.email) is None


def test_who_is_not_in_stays_out(cast, staff):
    put_in(DANA)
    take_out(DANA)
    body = staff(action="unenroll", identifiers=f"bob,dana,{STRANGER},nobody")

    assert results_of(body) == [
        {"identifier": "bob", "before": OUTSIDE, "after": OUTSIDE},
        {"identifier": "dana", "before": OUTSIDE, "after": OUTSIDE},
        {"identifier": STRANGER, "before": NOBODY, "after": NOBODY},
        {"identifier": "nobody", "invalidIdentifier": True},
    ]
    assert len(facts_of("enrollment.ended")) == 1


def test_people_are_taken_out_of_closed_runs_and_others_stay(cast, staff):
    make_run(invitation_only=True, is_enrollable=False, enrollment_end=LONG_AGO)
    put_in(BOB, RUN)
    put_in(DANA, RUN)
    put_in(BOB, PYTHON_RUN)

    staff(action="unenroll", courses=RUN)

    assert [is_in(BOB), is_in(DANA), is_in(BOB, PYTHON_RUN)] == [False, True, True]


# Cohorts


@pytest.fixture
def cohorts(cast):
    """Red and Blue in the run, Red in CS50."""
    make_run()
    for name, run_key in (("Red", RUN), ("Blue", RUN), ("Red", CS50_RUN)):
        make_cohort(name, run_key)


def cohorts_in(result):
    return result["before"]["cohort"], result["after"]["cohort"]


def test_people_come_into_a_cohort_are_moved_and_stay(cohorts, staff):
    asked = [one_result(staff(courses=RUN, cohorts=name), RUN) for name in ("Red", "Red", "Blue")]

    assert [cohorts_in(result) for result in asked] == [(None, "Red"), ("Red", "Red"), ("Red", "Blue")]
    assert cohort_of(BOB) == "Blue"
    kinds = models.CohortMember.history.order_by("history_id").values_list("history_type", "history_user_id")
    assert list(kinds) == [("+", OLGA.lms_user_id), ("~", OLGA.lms_user_id)]


def test_the_states_name_a_cohort_only_if_the_order_does(cohorts, staff):
    staff(courses=RUN, cohorts="Red")

    result = one_result(staff(courses=RUN), RUN)

    assert result == {"identifier": BOB.email, "before": INSIDE, "after": INSIDE}
    assert cohort_of(BOB) == "Red"


def test_who_cannot_be_enrolled_gets_into_no_cohort(cohorts, staff):
    make_run(modes=(ModeToSave("masters", 100),))

    result = one_result(staff(courses=RUN, cohorts="Red"), RUN)

    assert result.keys() == {"identifier", "error", "code", "message"}
    assert cohort_of(BOB) is None


@pytest.mark.parametrize("cohorts_sent", ["Blue,Red", ["Blue", "Red"]])
def test_each_course_has_the_cohort_in_its_position(cohorts, staff, cohorts_sent):
    staff(courses=f"{RUN},{CS50_RUN}", cohorts=cohorts_sent)

    assert (cohort_of(BOB, RUN), cohort_of(BOB, CS50_RUN)) == ("Blue", "Red")


@pytest.mark.parametrize("cohorts_sent", ["Red,Red", ["Red", "Red"]])
def test_cohorts_of_several_courses_may_have_one_name(cohorts, staff, cohorts_sent):
    staff(courses=[RUN, CS50_RUN], cohorts=cohorts_sent)

    assert (cohort_of(BOB, RUN), cohort_of(BOB, CS50_RUN)) == ("Red", "Red")


def test_a_cohort_of_an_address_is_kept_for_whoever_comes_in_by_it(cohorts, staff, drain):
    make_person(is_confirmed=False)
    results = [
        one_result(staff(identifiers=NEWT.email, courses=RUN, cohorts=name), RUN) for name in ("Red", "Blue")
    ]
    assert [cohorts_in(result) for result in results] == [(None, "Red"), ("Red", "Blue")]
    identity.confirm_addresses(lms_user_ids=[NEWT.lms_user_id], by=None)
    drain()
    assert cohort_of(NEWT) is None

    api.enroll([EnrollmentEntry(NEWT.lms_user_id, RUN)], by=None)
    drain()

    assert cohort_of(NEWT) == "Blue"


def test_whoever_is_in_a_cohort_by_then_stays_there(cohorts, staff, drain):
    make_person(is_confirmed=False)
    staff(identifiers=NEWT.email, courses=RUN, cohorts="Red")
    identity.confirm_addresses(lms_user_ids=[NEWT.lms_user_id], by=None)

    staff(identifiers=NEWT.email, courses=RUN, cohorts="Blue")
    drain()

    assert allowed_row(NEWT.email, RUN).lms_user_id == NEWT.lms_user_id
    assert cohort_of(NEWT) == "Blue"


def test_a_later_order_without_a_cohort_keeps_it(cohorts, staff, drain):
    make_person(is_confirmed=False)
    staff(identifiers=NEWT.email, courses=RUN, cohorts="Red")
    staff(identifiers=NEWT.email, courses=RUN, auto_enroll=True)

    identity.confirm_addresses(lms_user_ids=[NEWT.lms_user_id], by=None)
    drain()

    assert cohort_of(NEWT) == "Red"


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"cohorts": "Red,Blue"}, NOT_EQUAL),
        ({"courses": [RUN, CS50_RUN], "cohorts": "Red"}, NOT_EQUAL),
        ({"cohorts": "Green"}, f"cohort Green not found in course {RUN}."),
        ({"cohorts": "red"}, f"cohort red not found in course {RUN}."),
        ({"courses": [CS50_RUN, RUN], "cohorts": "Red,Green"}, f"cohort Green not found in course {RUN}."),
        ({"courses": CS50_RUN, "cohorts": "Blue"}, f"cohort Blue not found in course {CS50_RUN}."),
        ({"action": "unenroll", "cohorts": "Red"}, "Cohorts can only be used for enrollments."),
    ],
)  # fmt: skip
def test_cohorts_that_do_not_fit_are_refused_in_the_words_of_the_lms(cohorts, olga, changes, sentence):
    answer = olga.post(PATH, order(**{"courses": RUN, **changes}))

    assert (answer.status_code, answer.json()) == (400, {"non_field_errors": [sentence]})
    assert not models.Enrollment.objects.exists()


@pytest.mark.parametrize("nothing", ["", [], " , "])
def test_no_cohorts_are_none(cohorts, staff, nothing):
    for action in ("enroll", "unenroll"):
        assert "cohort" not in one_result(staff(action=action, courses=RUN, cohorts=nothing), RUN)["before"]


def test_a_form_with_a_character_that_no_database_stores_is_a_400(cohorts, olga):
    body = order(courses=RUN, cohorts="Re\0d")

    assert olga.post(PATH, body, format="multipart").status_code == 400


# What is written down


def test_each_transition_is_written_down(cast, staff):
    put_in(DANA)
    staff(identifiers=f"{NEWT.email},{STRANGER}")
    make_person()
    models.ManualEnrollmentAudit.objects.all().delete()

    staff(identifiers=f"bob,dana,{NEWT.username},{ERIN.email},{STRANGER},new@nowhere.test")
    assert transitions() == [
        (BOB.email, "from unenrolled to enrolled"),
        (DANA.email, "from enrolled to enrolled"),
        (ERIN.email, "from unenrolled to enrolled"),
        ("new@nowhere.test", "from unenrolled to allowed to enroll"),
        (NEWT.email, "from allowed to enroll to enrolled"),
        (STRANGER, "from unenrolled to allowed to enroll"),
    ]
    models.ManualEnrollmentAudit.objects.all().delete()

    take_out(DANA)
    staff(action="unenroll", identifiers=f"bob,dana,{STRANGER},never@nowhere.test,nobody")
    assert transitions() == [
        (BOB.email, "from enrolled to unenrolled"),
        (DANA.email, "from unenrolled to unenrolled"),
        ("never@nowhere.test", "from unenrolled to unenrolled"),
        (STRANGER, "from allowed to enroll to unenrolled"),
    ]


def test_it_is_written_down_who_did_it_why_and_for_which_place(cast, staff):
    staff(identifiers=f"bob,{STRANGER}", reason="Asked for it by phone")

    of_bob, of_stranger = models.ManualEnrollmentAudit.objects.order_by("enrolled_email")
    place = models.Enrollment.objects.get(lms_user_id=BOB.lms_user_id)
    assert (of_bob.enrollment_uuid, of_stranger.enrollment_uuid) == (place.uuid, None)
    for row in (of_bob, of_stranger):
        assert (row.run_key, row.enrolled_by) == (PYTHON_RUN, OLGA.lms_user_id)
        assert (row.reason, row.role) == ("Asked for it by phone", None)
        assert (clock.now() - row.recorded_at).total_seconds() < 60
    history = models.ManualEnrollmentAudit.history.values_list("history_type", "history_user_id", "reason")
    assert list(history) == [("+", OLGA.lms_user_id, "Asked for it by phone")] * 2


@pytest.mark.parametrize(
    ("reason", "kept"), [("", ""), (None, None), ("ö" * 10_000, "ö" * 10_000)], ids=["empty", "null", "long"]
)
def test_a_reason_may_be_missing_and_may_be_long(cast, staff, reason, kept):
    staff(reason=reason)

    assert models.ManualEnrollmentAudit.objects.get().reason == kept


def test_each_run_and_each_repeat_is_written_down(cast, staff):
    for _ in range(2):
        staff(courses=[PYTHON_RUN, CS50_RUN])

    assert models.ManualEnrollmentAudit.objects.count() == 4


# Mails


def mails():
    return sorted(mail.outbox, key=lambda each: each.to)


def test_nobody_is_mailed_unasked(cast, staff, drain):
    staff(identifiers=f"bob,{STRANGER}")
    staff(action="unenroll", identifiers=f"bob,{STRANGER}")
    drain()

    assert mail.outbox == []


def test_each_person_gets_one_mail_with_all_their_courses(cast, staff, drain, settings):
    make_run()
    put_in(DANA, RUN)
    staff(identifiers=f"bob,dana,{STRANGER},nobody", courses=[RUN, PYTHON_RUN], email_students=True)
    drain()

    of_bob, of_dana, of_stranger = mails()
    assert [each.to for each in mails()] == [[BOB.email], [DANA.email], [STRANGER]]
    assert of_bob.subject == "You are enrolled in 2 courses"
    assert "The course team has enrolled you in these courses:" in of_bob.body
    assert f"- Testing & Trying ({RUN})" in of_bob.body
    assert f"- Introduction to Programming in Python ({PYTHON_RUN})" in of_bob.body
    assert f"sign in and start learning:\n{settings.PUBLIC_URL}/" in of_bob.body
    # Dana was in one of the two already: that is no news.
    assert of_dana.subject == "You are enrolled in “Introduction to Programming in Python”"
    assert RUN not in of_dana.body
    assert of_stranger.subject == "You are invited to 2 courses"
    assert "The course team invites you to these courses:" in of_stranger.body
    assert f"confirm it:\n{settings.PUBLIC_URL}/register" in of_stranger.body


def test_the_mail_in_html_says_the_same(cast, staff, drain, settings):
    make_run()
    staff(courses=RUN, email_students=True)
    drain()

    ((html, kind),) = mail.outbox[0].alternatives
    assert kind == "text/html"
    assert mail.outbox[0].subject == "You are enrolled in “Testing & Trying”"
    assert f"<strong>Testing &amp; Trying</strong> ({RUN})" in html
    assert f'href="{settings.PUBLIC_URL}/"' in html


def test_who_is_taken_out_is_told_so(cast, staff, drain):
    put_in(BOB)
    staff(identifiers=STRANGER)
    staff(action="unenroll", identifiers=f"bob,dana,{STRANGER}", email_students=True)
    drain()

    assert [each.to for each in mails()] == [[BOB.email], [STRANGER]]
    assert mails()[0].subject == "You are no longer in “Introduction to Programming in Python”"
    assert "The course team has taken you out of this course:" in mails()[0].body
    assert "write to the course team" in mails()[0].body


@pytest.mark.parametrize("action", ["enroll", "unenroll"])
def test_a_repeat_never_mails_again(cast, staff, drain, action):
    if action == "unenroll":
        staff(identifiers=f"bob,{STRANGER}")
    for _ in range(3):
        staff(action=action, identifiers=f"bob,{STRANGER}", email_students=True, auto_enroll=True)
        drain()

    assert [each.to for each in mails()] == [[BOB.email], [STRANGER]]


@pytest.mark.parametrize(
    "identifiers", [f"bob,{BOB.email},BOB@acme.test", f"{STRANGER},STRANGER@nowhere.test"]
)
def test_a_person_named_twice_gets_one_mail_that_names_the_course_once(cast, staff, drain, identifiers):
    staff(identifiers=identifiers, email_students=True)
    drain()

    (only,) = mail.outbox
    assert only.body.count(PYTHON_RUN) == 1
    assert "2 courses" not in only.subject


def test_who_could_not_be_enrolled_is_not_mailed(cast, staff, drain):
    make_run(modes=(ModeToSave("masters", 100),))
    staff(courses=RUN, email_students=True)
    drain()

    assert mail.outbox == []


# How much


def addresses(count):
    return "\n".join(f"learner{number}@acme.test" for number in range(count))


@pytest.mark.parametrize(
    ("count", "courses"), [(10_001, [PYTHON_RUN]), (5_001, [PYTHON_RUN, CS50_RUN])], ids=["people", "pairs"]
)
@pytest.mark.parametrize("action", ["enroll", "unenroll"])
def test_more_than_ten_thousand_places_are_refused_with_the_limit(olga, count, courses, action):
    before = read_rows()

    answer = olga.post(PATH, order(identifiers=addresses(count), courses=courses, action=action))

    sentence = "Name at most 10000 people times course runs in one request."
    assert (answer.status_code, answer.json()) == (400, {"identifiers": [sentence]})
    assert read_rows() == before


def test_ten_thousand_places_are_not_too_many(cast, staff):
    body = staff(identifiers=addresses(5_000), courses=[PYTHON_RUN, CS50_RUN])

    assert len(results_of(body, CS50_RUN)) == 5_000
    assert models.EnrollmentAllowed.objects.count() == 10_000


@pytest.mark.parametrize(
    ("action", "kind", "cost"),
    [
        ("enroll", "accounts", 18),
        ("enroll", "addresses", 11),
        ("unenroll", "accounts", 16),
        ("unenroll", "addresses", 11),
    ],
)
def test_one_identifier_and_two_hundred_cost_the_same_statements(acme, olga, action, kind, cost):
    listed = [each.email for each in acme.learners(201)]
    if kind == "addresses":
        listed = [f"x{each}" for each in listed]
    make_cohort("Red", PYTHON_RUN)
    if action == "unenroll":
        olga.post(PATH, order(identifiers=",".join(listed)))
    costs = []
    for group in (listed[:1], listed[1:]):
        cohorts = {"cohorts": "Red"} if action == "enroll" else {}
        body = order(action=action, identifiers=",".join(group), email_students=True, **cohorts)
        with counted() as statements:
            answer = olga.post(PATH, body)
        assert len(results_of(answer.json())) == len(group)
        costs.append(statements.count)

    assert costs == [cost, cost]


# Repeating a request


def test_the_same_request_with_its_key_gets_the_first_answer(olga):
    key = {"Idempotency-Key": "once"}

    first, again = (olga.post(PATH, order(), headers=key) for _ in range(2))
    other = olga.post(PATH, order(identifiers="dana"), headers=key)

    assert again.json() == first.json()
    assert again["Idempotency-Replayed"] == "true"
    assert one_result(again.json())["before"] == OUTSIDE
    assert models.ManualEnrollmentAudit.objects.count() == 1
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert not is_in(DANA, PYTHON_RUN)


def test_a_form_with_its_key_is_told_from_another_form(olga):
    key = {"Idempotency-Key": "once"}
    forms = (order(), order(), order(identifiers="dana"))

    answers = [olga.post(PATH, form, format="multipart", headers=key) for form in forms]

    assert [answer.status_code for answer in answers] == [200, 200, 422]
    assert answers[1]["Idempotency-Replayed"] == "true"


def test_a_refused_request_may_be_mended_under_its_key(olga):
    key = {"Idempotency-Key": "once"}
    assert olga.post(PATH, order(courses="nonsense"), headers=key).status_code == 400

    assert olga.post(PATH, order(), headers=key).status_code == 200
