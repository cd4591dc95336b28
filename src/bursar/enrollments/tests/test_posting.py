"""Posting an enrollment: who may, for whom, and what the answer says."""

from datetime import UTC, datetime

import pytest
from django.core.cache import cache
from rest_framework.test import APIClient

from bursar.catalog.data import ModeToSave
from bursar.enrollments.models import Enrollment
from bursar.enrollments.rest.throttling import EnrollmentThrottle
from bursar.enrollments.tests.places import (
    AUDIT,
    EXPIRED_VERIFIED,
    HONOR,
    TOMORROW,
    VERIFIED,
    WINDOW_CLOSED,
    place_of,
)
from bursar.enrollments.tests.posts import (
    ANYBODY,
    ORDER,
    PATH,
    PRIVILEGED,
    SERVER,
    WITH_KEY,
    assert_answered,
    assert_hidden,
    assert_nothing_was_written,
    assert_refused,
    attributes_of,
    history_of,
    name_of,
    put_in,
    told,
)
from bursar.enrollments.tests.scenes import RUN, make_run
from bursar.enrollments.wire import text_of
from bursar.identity import api as identity
from bursar.identity.data import PersonToSave
from bursar.identity.models import User
from tests.cast import ACME, ALICE, BOB, DANA, OLGA, Member

pytestmark = pytest.mark.django_db

START = datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC)

BODY = {"course_details": {"course_id": RUN}}


@pytest.fixture
def no_cache():
    """Nobody has been counted yet, and nobody is afterwards."""
    cache.clear()
    yield
    cache.clear()


# Who may post


def test_nobody_enrolls_without_credentials(post):
    answer = APIClient().post(PATH, BODY)

    assert answer.status_code == 401
    assert answer["WWW-Authenticate"].startswith("JWT")
    assert_nothing_was_written()


def test_a_wrong_key_is_no_credential(post):
    answer = APIClient().post(PATH, {**BODY, "user": "bob"}, headers={"X-Edx-Api-Key": "wrong"})

    assert answer.status_code == 401
    assert_nothing_was_written()


def test_people_enroll_themselves_with_a_token(post):
    assert_answered(post(BOB), "audit")
    assert place_of(BOB) == ("audit", True)


def test_people_enroll_themselves_in_a_session_with_the_csrf_token(post):
    client = APIClient(enforce_csrf_checks=True)
    client.force_login(User.objects.get(username="bob"))
    client.get(PATH)  # as a page does: it sets the cookie

    answer = client.post(PATH, BODY, headers={"X-CSRFToken": client.cookies["bursar-csrf"].value})

    assert_answered(answer, "audit")


@pytest.mark.parametrize("headers", [{}, {"X-CSRFToken": "x" * 32}, WITH_KEY], ids=["none", "wrong", "key"])
def test_a_session_without_the_csrf_token_is_refused(post, headers):
    client = APIClient(enforce_csrf_checks=True)
    client.force_login(User.objects.get(username="bob"))

    assert client.post(PATH, BODY, headers=headers).status_code == 403
    assert_nothing_was_written()


def test_an_unconfirmed_account_may_enroll_itself(post):
    new = Member("new", "new@acme.test", 400)
    identity.save_people([PersonToSave(new.email, "new", lms_user_id=400, is_confirmed=False)])

    assert_answered(post(new), "audit", user="new")


@pytest.mark.parametrize("who", [{"user": "bob"}, {"user": ""}, {"user": None}, {}], ids=str)
def test_without_another_name_the_caller_is_enrolled(post, who):
    assert_answered(post(BOB, **who), "audit")


@PRIVILEGED
@pytest.mark.parametrize(
    "who", [{"user": "bob"}, {"email": "bob@acme.test"}, {"email": " Bob@Acme.TEST "}], ids=str
)
def test_staff_and_servers_enroll_others_by_username_or_address(post, by, who):
    assert_answered(post(by, **who), "audit")
    assert history_of(BOB) == [("+", "audit", True, by and by.lms_user_id)]


@PRIVILEGED
def test_the_username_wins_over_the_address(post, by):
    assert_answered(post(by, user="bob", email=DANA.email), "audit")
    assert place_of(DANA) is None


def test_ones_own_username_wins_over_the_address_of_another(post):
    assert_answered(post(BOB, user="bob", email=DANA.email), "audit")
    assert place_of(DANA) is None


@pytest.mark.parametrize("user", ["dana", "nobody", "Bob"])
def test_others_are_hidden_from_people_whether_they_exist_or_not(post, user):
    assert_hidden(post(BOB, user=user))
    assert_nothing_was_written()


@pytest.mark.parametrize("email", [DANA.email, "nobody@acme.test", BOB.email])
def test_people_name_nobody_by_address_not_even_themselves(post, email):
    assert_hidden(post(BOB, email=email))
    assert_nothing_was_written()


def test_an_administrator_of_a_customer_enrolls_none_of_its_learners_here(post):
    assert_hidden(post(ALICE, user="bob"))
    assert_refused(post(ALICE, mode="verified"), 403, "mode_not_permitted")


@pytest.mark.parametrize("fields", [{"is_superuser": True}, {}], ids=["superuser", "operator"])
def test_being_a_superuser_or_an_operator_is_not_being_staff(post, fields):
    User.objects.filter(username="olga").update(is_staff=False, **fields)

    assert_hidden(post(OLGA, user="bob"))
    assert_refused(post(OLGA, mode="verified"), 403, "mode_not_permitted")


def test_the_key_gives_an_account_the_rights_of_a_server(post):
    assert_answered(post(BOB, with_key=True, user="dana", mode="verified"), "verified", user="dana")
    assert history_of(DANA) == [("+", "verified", True, BOB.lms_user_id)]


def test_with_the_key_the_person_is_still_the_account_unless_named(post):
    assert_answered(post(BOB, with_key=True), "audit")


@pytest.mark.parametrize(("by", "count"), [(BOB, 40), (OLGA, 120)], ids=["person", "staff"])
def test_a_post_too_many_in_a_minute_is_a_429(post, settings, monkeypatch, no_cache, by, count):
    monkeypatch.setattr(EnrollmentThrottle, "timer", lambda throttle: 1_000_000.0)
    settings.ENROLLMENT_RATES = {"user": "40/minute", "staff": "120/minute"}
    for _ in range(count):
        assert post(by, run_key="").status_code == 400

    answer = post(by)

    assert (answer.status_code, answer["Retry-After"]) == (429, "60")
    assert_nothing_was_written()
    assert post(by, with_key=True, user="bob").status_code == 200


# The answer


@PRIVILEGED
def test_the_answer_is_the_enrollment_with_its_course(post, by):
    make_run(
        title="Testing",
        start=START,
        end=START.replace(year=2090),
        enrollment_start=START,
        enrollment_end=START.replace(year=2089),
        modes=(AUDIT, VERIFIED),
    )

    answer = post(by, user="bob", mode="verified")

    audit, verified = (
        {
            "slug": slug,
            "name": name,
            "min_price": price,
            "suggested_prices": "",
            "currency": "usd",
            "expiration_datetime": None,
            "description": None,
            "sku": None,
            "bulk_sku": None,
        }
        for slug, name, price in (("audit", "Audit", 0), ("verified", "Verified Certificate", 99))
    )
    assert answer.status_code == 200
    assert answer.json() == {
        "created": text_of(Enrollment.objects.get().created_at),
        "mode": "verified",
        "is_active": True,
        "user": "bob",
        "course_details": {
            "course_id": RUN,
            "course_name": "Testing",
            "enrollment_start": "2020-01-02T03:04:05Z",
            "enrollment_end": "2089-01-02T03:04:05Z",
            "course_start": "2020-01-02T03:04:05Z",
            "course_end": "2090-01-02T03:04:05Z",
            "invite_only": False,
            "course_modes": [audit, verified],
            "pacing_type": "Instructor Paced",
        },
    }
    assert answer.json()["created"].endswith("Z")


def test_what_the_course_does_not_say_is_null(post):
    make_run(pacing="self_paced")

    course = post(BOB).json()["course_details"]

    dates = ("enrollment_start", "enrollment_end", "course_start", "course_end")
    assert [course[name] for name in dates] == [None] * 4
    assert course["pacing_type"] == "Self Paced"


def test_the_answer_names_modes_that_one_can_still_get_into(post):
    expiring = ModeToSave("verified", 4_999, "EUR", expires_at=START.replace(year=2090))
    make_run(modes=(AUDIT, expiring))
    (_, mode) = post(BOB).json()["course_details"]["course_modes"]
    assert (mode["min_price"], mode["currency"]) == (49, "eur")
    assert mode["expiration_datetime"] == "2090-01-02T03:04:05Z"

    make_run(modes=(AUDIT, EXPIRED_VERIFIED))
    assert [each["slug"] for each in post(BOB).json()["course_details"]["course_modes"]] == ["audit"]


def test_a_course_for_which_nobody_said_a_mode_shows_the_default(post):
    make_run(modes=())

    answer = post(BOB)

    assert_answered(answer, "audit")
    assert [each["slug"] for each in answer.json()["course_details"]["course_modes"]] == ["audit"]


# What people may say about themselves


@pytest.mark.parametrize(
    ("mode", "given"), [("audit", "audit"), ("honor", "honor"), (None, "audit"), ("", "audit")]
)
def test_people_choose_between_the_free_modes(post, mode, given):
    make_run(modes=(AUDIT, HONOR, VERIFIED))

    assert_answered(post(BOB, mode=mode), given)


def test_the_default_mode_is_honor_where_there_is_no_audit(post):
    make_run(modes=(HONOR, VERIFIED))

    assert_answered(post(BOB), "honor")


@PRIVILEGED
def test_staff_and_servers_choose_any_mode_that_the_run_offers(post, by):
    assert_answered(post(by, user="bob", mode="verified"), "verified")


def test_anybody_notes_attributes_down(post):
    assert_answered(post(BOB, enrollment_attributes=[ORDER]), "audit")
    assert attributes_of(BOB) == [ORDER]


def test_a_number_in_an_attribute_is_kept_as_text(post):
    assert_answered(post(BOB, enrollment_attributes=[{**ORDER, "value": 17}]), "audit")
    assert attributes_of(BOB) == [{**ORDER, "value": "17"}]


@PRIVILEGED
def test_staff_and_servers_say_which_customer_has_it_done(post, by):
    post(by, user="bob", enterprise_uuid=str(ACME))

    assert Enrollment.objects.get().customer_uuid == ACME


@pytest.mark.parametrize("value", [str(ACME), "nonsense", 17])
def test_a_customer_named_by_people_is_passed_over(post, value):
    assert_answered(post(BOB, enterprise_uuid=value, linked_enterprise_customer=value), "audit")
    assert Enrollment.objects.get().customer_uuid is None


@pytest.mark.parametrize("value", [str(ACME), "nonsense", 17])
def test_a_customer_to_be_linked_counts_from_servers_alone(post, value):
    assert_answered(post(OLGA, user="bob", linked_enterprise_customer=value), "audit")


@pytest.mark.parametrize("name", ["create_consent_record", "something_else"])
def test_fields_that_say_nothing_here_are_passed_over(post, name):
    assert_answered(post(SERVER, user="bob", **{name: ["anything"]}), "audit")


def test_force_counts_from_staff_alone(post):
    make_run(**WINDOW_CLOSED)

    assert_refused(post(BOB, force_enrollment=True), 400, "enrollment_closed")
    assert_refused(post(SERVER, user="bob", force_enrollment=True), 400, "enrollment_closed")
    assert_nothing_was_written()
    assert_answered(post(OLGA, user="bob", force_enrollment=True), "audit")


def test_force_gives_nobody_a_mode_that_is_not_theirs_to_choose(post):
    assert_refused(post(BOB, mode="verified", force_enrollment=True), 403, "mode_not_permitted")


# Twice


@ANYBODY
def test_who_is_in_already_gets_the_same_answer_and_nothing_is_told(post, by):
    first = post(by, user="bob")

    with told() as facts:
        again = post(by, user="bob")

    assert (again.status_code, again.json()) == (200, first.json())
    assert facts == []
    assert len(history_of(BOB)) == 1


@ANYBODY
@pytest.mark.parametrize(
    "fields",
    [
        WINDOW_CLOSED,
        {"enrollment_start": TOMORROW},
        {"invitation_only": True},
        {"is_enrollable": False},
        {"max_enrollments": 0},
    ],
    ids=name_of,
)
def test_who_is_in_already_stays_so_when_the_run_takes_nobody_any_more(post, by, fields):
    put_in(BOB, "verified")
    make_run(**fields)

    with told() as facts:
        assert_answered(post(by, user="bob"), "verified")

    assert facts == []


def test_the_same_key_gets_the_stored_answer_and_another_body_is_refused(post):
    key = {"Idempotency-Key": "order-1"}
    first = post(BOB, mode="audit", headers=key)

    with told() as facts:
        again = post(BOB, mode="audit", headers=key)
        other = post(BOB, headers=key)

    assert (again.json(), again["Idempotency-Replayed"]) == (first.json(), "true")
    assert other.status_code == 422
    assert facts == []


def test_the_same_key_may_try_again_after_a_refusal(post):
    key = {"Idempotency-Key": "order-1"}
    make_run(**WINDOW_CLOSED)
    assert_refused(post(BOB, headers=key), 400, "enrollment_closed")
    assert_hidden(post(BOB, user="dana", headers=key))
    make_run()

    assert_answered(post(BOB, headers=key), "audit")
