"""Every no to a posted enrollment: its status, its keys, and which one is said when several would fit."""

import pytest

from bursar.enrollments import models
from bursar.enrollments.tests.places import (
    AUDIT,
    EXPIRED_VERIFIED,
    TOMORROW,
    VERIFIED,
    WINDOW_CLOSED,
    YESTERDAY,
    place_of,
)
from bursar.enrollments.tests.posts import (
    ANYBODY,
    ORDER,
    PATH,
    PRIVILEGED,
    SERVER,
    assert_answered,
    assert_nothing_was_written,
    assert_refused,
    put_in,
)
from bursar.enrollments.tests.scenes import NO_SUCH_RUN, RUN, make_run
from bursar.identity.models import User
from tests.cast import BOB, DANA, OLGA
from tests.countries import KOREAN

pytestmark = [pytest.mark.django_db, pytest.mark.once]


# The course run


@ANYBODY
@pytest.mark.parametrize(
    "details",
    [None, {}, [], "", "x", 17, True, {"course_id": None}, {"course_id": ""}, {"course_id": 17}],
    ids=str,
)
def test_a_post_without_a_course_run_is_refused(post, by, details):
    assert_refused(post(by, user="bob", course_details=details), 400, "missing_course_id")
    assert_nothing_was_written()


@ANYBODY
@pytest.mark.parametrize(
    "run_key", ["nonsense", "course-v1:", "MITx+6.00.1x", "course-v1:a+b", " ", "é", "x" * 5000, f"{RUN} "]
)
def test_what_is_no_course_run_is_refused_in_words_that_clients_look_for(post, by, run_key):
    answer = post(by, user="bob", run_key=run_key)

    assert_refused(answer, 400, "invalid_course_id")
    assert answer.json()["message"].startswith("No course ")
    assert_nothing_was_written()


@ANYBODY
def test_a_course_run_that_there_is_not_is_refused(post, by):
    assert_refused(post(by, user="bob", run_key=NO_SUCH_RUN), 400, "unknown_course_run")
    assert_nothing_was_written()


# The person


@PRIVILEGED
@pytest.mark.parametrize("user", ["nobody", "Bob", "bob@acme.test", "é", "x" * 5000, "'"])
def test_an_unknown_username_is_a_406(post, by, user):
    assert_refused(post(by, user=user), 406, "unknown_user")
    assert_nothing_was_written()


@PRIVILEGED
@pytest.mark.parametrize("email", ["nobody@acme.test", "nonsense", "é", "x" * 5000, " "])
def test_an_unknown_address_is_a_406(post, by, email):
    assert_refused(post(by, email=email), 406, "unknown_user")
    assert_nothing_was_written()


@PRIVILEGED
def test_an_address_means_nobody_who_has_not_confirmed_it(post, by):
    User.objects.filter(username="bob").update(confirmed_at=None)

    assert_refused(post(by, email=BOB.email, mode="verified"), 406, "unknown_user")
    assert_nothing_was_written()
    assert_answered(post(by, user="bob"), "audit")


@pytest.mark.parametrize("who", [{}, {"user": ""}, {"user": None, "email": None}], ids=str)
def test_a_server_must_name_a_person(post, who):
    answer = post(SERVER, **who)

    assert_refused(answer, 406, "unknown_user")
    assert "user or email" in answer.json()["message"]


# The mode


@pytest.mark.parametrize("mode", ["verified", "professional", "credit", "masters", "nonsense", "Audit"])
def test_people_cannot_choose_a_mode_that_is_not_free(post, mode):
    assert_refused(post(BOB, mode=mode), 403, "mode_not_permitted")
    assert_nothing_was_written()


@pytest.mark.parametrize(
    ("by", "mode"), [(BOB, "honor"), (OLGA, "masters"), (SERVER, "masters"), (SERVER, "x" * 5000)]
)
def test_a_mode_that_the_run_does_not_offer_is_refused_with_the_course(post, by, mode):
    answer = post(by, user="bob", mode=mode)

    assert_refused(answer, 400, "mode_not_offered", "course_details")
    course = answer.json()["course_details"]
    assert (course["course_id"], [each["slug"] for each in course["course_modes"]]) == (
        RUN,
        ["audit", "verified"],
    )
    assert_nothing_was_written()


@ANYBODY
def test_nobody_gets_the_default_mode_of_a_run_that_does_not_offer_it(post, by):
    make_run(modes=(VERIFIED,))

    assert_refused(post(by, user="bob"), 400, "mode_not_offered", "course_details")


@PRIVILEGED
def test_nobody_comes_in_in_a_mode_that_has_expired(post, by):
    make_run(modes=(AUDIT, EXPIRED_VERIFIED))

    assert_refused(post(by, user="bob", mode="verified"), 400, "mode_not_offered", "course_details")
    assert_nothing_was_written()


# The run takes nobody


CLOSED_RUNS = pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"enrollment_end": YESTERDAY}, "enrollment_closed"),
        ({"enrollment_start": TOMORROW}, "enrollment_not_open_yet"),
        ({"invitation_only": True}, "invitation_only"),
        ({"is_enrollable": False}, "run_not_enrollable"),
    ],
)


@ANYBODY
@CLOSED_RUNS
def test_a_run_that_takes_nobody_says_why(post, by, fields, code):
    make_run(**fields)

    assert_refused(post(by, user="bob"), 400, code)
    assert_nothing_was_written()


@CLOSED_RUNS
def test_staff_put_people_into_a_closed_run_by_force(post, fields, code):
    make_run(**fields)

    assert_answered(post(OLGA, user="bob", force_enrollment=True), "audit")


def test_force_takes_people_into_an_expired_mode(post):
    make_run(modes=(AUDIT, EXPIRED_VERIFIED))

    assert_answered(post(OLGA, user="bob", mode="verified", force_enrollment=True), "verified")


@ANYBODY
@pytest.mark.parametrize("force", [False, True])
def test_a_full_run_is_full_for_everybody_also_by_force(post, by, force):
    make_run(max_enrollments=1)
    put_in(DANA)

    assert_refused(post(by, user="bob", force_enrollment=force), 400, "run_full")
    assert place_of(BOB) is None


# A cohort that there is not


@ANYBODY
@pytest.mark.parametrize("name", ["Nobody", "honors", " Honors", "Foreign", "x" * 5000])
def test_an_unknown_cohort_is_refused_before_anything_is_done(post, by, name):
    models.Cohort.objects.create(run_key=RUN, name="Honors")
    models.Cohort.objects.create(run_key=NO_SUCH_RUN, name="Foreign")

    assert_refused(post(by, user="bob", cohort=name, email_opt_in=True), 400, "unknown_cohort")
    assert_nothing_was_written()


# Values of a wrong kind

NO_TEXT = (0, 17, 1.5, True, False, [], ["x"], {}, {"a": 1})
NO_FLAG = (0, 1, "true", "false", "", [], {}, 1.5)
NO_UUID = (0, 17, True, [], {}, "nonsense", "x" * 5000)
KINDS = {
    **dict.fromkeys(("user", "email", "mode", "cohort"), NO_TEXT),
    **dict.fromkeys(("is_active", "force_enrollment", "email_opt_in"), NO_FLAG),
    **dict.fromkeys(("enterprise_uuid", "linked_enterprise_customer"), NO_UUID),
    "enrollment_attributes": (
        "x", "", 0, 17, True, {}, ORDER, [17], ["x"], [None], [[]], [[ORDER]], [ORDER, "x"],
        [{**ORDER, "value": None}], [{**ORDER, "name": None}], [{**ORDER, "namespace": []}],
        [{**ORDER, "value": {"a": 1}}], [{**ORDER, "value": "x" * 256}], [{**ORDER, "name": "x" * 256}],
    ),
}  # fmt: skip


@pytest.mark.once
@pytest.mark.parametrize("field", KINDS)
def test_a_value_of_a_wrong_kind_is_refused_by_the_name_of_its_field(post, field):
    for value in KINDS[field]:
        answer = post(SERVER, **{"user": "bob", field: value})

        assert_refused(answer, 400, "invalid_field")
        assert answer.json()["message"].startswith(f"{field}: ")
    assert_nothing_was_written()


@ANYBODY
@pytest.mark.parametrize("part", ["namespace", "name", "value"])
def test_an_attribute_that_lacks_a_part_is_refused_in_two_keys(post, by, part):
    lacking = {name: value for name, value in ORDER.items() if name != part}

    answer = post(by, user="bob", enrollment_attributes=[ORDER, lacking])

    assert_refused(answer, 400, "invalid_attribute", "localizedMessage")
    assert answer.json()["message"] == answer.json()["localizedMessage"]
    assert part in answer.json()["message"]
    assert_nothing_was_written()


@pytest.mark.once
@pytest.mark.parametrize(
    "body", ["[]", '"x"', "17", "null", "", "{", "\ud800".encode("utf-8", "surrogatepass")]
)
def test_a_body_that_is_no_object_is_refused(post, client_of, body):
    answer = client_of(BOB).generic("POST", PATH, body, content_type="application/json")

    assert answer.status_code == 400
    assert_nothing_was_written()


# Which no comes first


NOBODY_ELSE = {
    "the course run": ({"run_key": "nonsense"}, 400, "No course "),
    "another person": ({"user": "dana"}, 404, ""),
    "the mode is not free": ({"mode": "verified"}, 403, "You may choose"),
    "the country": ({"address": KOREAN}, 403, f"{RUN} cannot be taken from"),
    "is_active": ({"is_active": "yes"}, 400, "is_active:"),
    "force_enrollment": ({"force_enrollment": "yes"}, 400, "force_enrollment:"),
    "an attribute": ({"enrollment_attributes": [{}]}, 400, "An enrollment attribute"),
    "email_opt_in": ({"email_opt_in": "yes"}, 400, "email_opt_in:"),
    "the cohort": ({"cohort": "Nobody"}, 400, "There is no cohort"),
    "the mode is not offered": ({"mode": "honor"}, 400, f"{RUN} does not offer"),
    "closed": ({}, 400, f"Enrollment in {RUN} has closed"),
}
"""What can be wrong with the post of a person, the first to be said first."""

A_SERVER = {
    "the course run": ({"run_key": "nonsense"}, 400, "No course "),
    "the person": ({"user": "nobody"}, 406, "There is no account"),
    "the country": ({"address": KOREAN}, 403, f"{RUN} cannot be taken from"),
    "is_active": ({"is_active": "yes"}, 400, "is_active:"),
    "the linked customer": ({"linked_enterprise_customer": "acme"}, 400, "linked_enterprise_customer:"),
    "force_enrollment": ({"force_enrollment": "yes"}, 400, "force_enrollment:"),
    "the customer": ({"enterprise_uuid": "acme"}, 400, "enterprise_uuid:"),
    "an attribute": ({"enrollment_attributes": [{}]}, 400, "An enrollment attribute"),
    "email_opt_in": ({"email_opt_in": "yes"}, 400, "email_opt_in:"),
    "another mode than that of the place": (
        {"user": "dana", "is_active": False, "mode": "verified"}, 400, "Enrollment mode mismatch"
    ),
    "no provider of credit": (
        {"user": "dana", "mode": "credit", "enrollment_attributes": [ORDER]}, 400, "The mode credit needs"
    ),
    "the cohort": ({"cohort": "Nobody"}, 400, "There is no cohort"),
    "the mode is not offered": ({"mode": "masters"}, 400, f"{RUN} does not offer"),
    "closed": ({}, 400, f"Enrollment in {RUN} has closed"),
}  # fmt: skip


@pytest.mark.once
@pytest.mark.parametrize(
    ("by", "wrongs", "first"),
    [
        pytest.param(by, wrongs, name, id=f"{who}-{name}")
        for who, by, wrongs in (("person", BOB, NOBODY_ELSE), ("server", SERVER, A_SERVER))
        for name in wrongs
    ],
)
def test_of_two_things_that_are_wrong_the_first_is_said(post, country_database, by, wrongs, first):
    put_in(DANA)
    make_run(blocked_countries=("KP",), **WINDOW_CLOSED)
    fields, status, words = wrongs[first]
    names = list(wrongs)
    for second in names[names.index(first) :]:
        others = wrongs[second][0]
        if second != first and fields.keys() & others.keys():
            continue  # one field cannot be wrong in two ways

        answer = post(by, **{"user": "bob", **others, **fields})

        assert answer.status_code == status, (second, answer.content)
        if words:
            assert answer.json()["message"].startswith(words), second
    assert place_of(BOB) is None
    assert place_of(DANA) == ("audit", True)


@PRIVILEGED
def test_a_place_in_a_run_that_has_gone_from_the_catalog_is_judged_before_the_run_is(post, by):
    put_in(BOB)
    models.Enrollment.objects.update(run_key=NO_SUCH_RUN)
    ask = {"user": "bob", "run_key": NO_SUCH_RUN}

    assert_refused(post(by, **ask, mode="verified", is_active=False), 400, "mode_mismatch")
    assert_refused(post(by, **ask, mode="credit", enrollment_attributes=[ORDER]), 400, "missing_attribute")
    assert_refused(post(by, **ask, cohort="Nobody"), 400, "unknown_course_run")
