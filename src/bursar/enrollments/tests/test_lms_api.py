"""The LMS's ``enrollments.api``: contract enrollments 2.1 and 2.2."""

from datetime import UTC, datetime, timedelta

import pytest
from opaque_keys import InvalidKeyError

from bursar.catalog.data import SELF_PACED, ModeToSave
from bursar.enrollments import api, models
from bursar.enrollments.tests.places import (
    AUDIT,
    EXPIRED_VERIFIED,
    TOMORROW,
    WINDOW_CLOSED,
    YESTERDAY,
    events,
    give_place,
    join_team,
    place_of,
)
from bursar.enrollments.tests.scenes import NO_SUCH_RUN, RUN, make_run
from tests.cast import ACME, BOB, CS50_RUN, DANA, PYTHON_RUN
from tests.statements import counted

pytestmark = pytest.mark.django_db

ORDER = {"namespace": "order", "name": "order_number", "value": "EDX-100"}
PROVIDER = {"namespace": "credit", "name": "provider_id", "value": "asu"}


def enrollment_row(member=BOB, run_key=RUN):
    return models.Enrollment.objects.get(lms_user_id=member.lms_user_id, run_key=run_key)


def history_count():
    return models.Enrollment.history.count()


# The shape


def test_an_enrollment_comes_with_its_course(run):
    starts_at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    expiry = datetime(2126, 1, 2, 3, 4, 5, tzinfo=UTC)
    make_run(
        title="Testing",
        start=starts_at,
        end=starts_at + timedelta(days=90),
        enrollment_start=starts_at - timedelta(days=90),
        enrollment_end=expiry,
        pacing=SELF_PACED,
        modes=(AUDIT, ModeToSave("verified", price_cents=9_900, expires_at=expiry)),
    )

    result = api.add_enrollment("bob", RUN)

    created = enrollment_row().created_at.isoformat().replace("+00:00", "Z")
    mode = {"suggested_prices": "", "currency": "usd", "description": None, "sku": None, "bulk_sku": None}
    free = {"slug": "audit", "name": "Audit", "min_price": 0, "expiration_datetime": None, **mode}
    paid = {"slug": "verified", "name": "Verified Certificate", "min_price": 99, **mode}
    assert result == {
        "created": created,
        "mode": "audit",
        "is_active": True,
        "user": "bob",
        "course_details": {
            "course_id": RUN,
            "course_name": "Testing",
            "enrollment_start": starts_at - timedelta(days=90),
            "enrollment_end": expiry,
            "course_start": starts_at,
            "course_end": starts_at + timedelta(days=90),
            "invite_only": False,
            "course_modes": [free, {**paid, "expiration_datetime": "2126-01-02T03:04:05Z"}],
            "pacing_type": "Self Paced",
        },
    }


def test_created_is_text_and_the_dates_of_a_course_are_moments(run):
    make_run(start=YESTERDAY, enrollment_end=TOMORROW)

    enrollment = api.add_enrollment("bob", RUN)
    course = enrollment["course_details"]

    assert isinstance(enrollment["created"], str)
    dates = [course[key] for key in ("course_start", "enrollment_end", "course_end", "enrollment_start")]
    assert [type(each) for each in dates] == [datetime, datetime, type(None), type(None)]


# get_enrollments, get_verified_enrollments, get_enrollment


def test_enrollments_are_listed_the_oldest_first_and_only_active_ones(run):
    give_place(BOB, run_key=PYTHON_RUN)
    give_place(BOB, "verified", is_active=False)
    give_place(BOB, "verified", CS50_RUN)
    give_place(DANA)

    assert [each["course_details"]["course_id"] for each in api.get_enrollments("bob")] == [
        PYTHON_RUN,
        CS50_RUN,
    ]
    everything = api.get_enrollments("bob", include_inactive=True)
    assert [(each["course_details"]["course_id"], each["is_active"]) for each in everything] == [
        (PYTHON_RUN, True),
        (RUN, False),
        (CS50_RUN, True),
    ]
    assert everything[1] == api.get_enrollment("bob", RUN)


def test_only_modes_that_prove_an_identity_are_verified(run):
    make_run(modes=(AUDIT, ModeToSave("no-id-professional")))
    give_place(BOB, "no-id-professional")
    give_place(BOB, "verified", PYTHON_RUN)
    give_place(BOB, "verified", CS50_RUN, is_active=False)

    def runs(**more):
        listed = api.get_verified_enrollments("bob", **more)
        return [each["course_details"]["course_id"] for each in listed]

    assert runs() == [PYTHON_RUN]
    assert runs(include_inactive=True) == [PYTHON_RUN, CS50_RUN]


@pytest.mark.parametrize("username", ["nobody", "Bob", ""])
def test_an_unknown_person_has_no_enrollments(run, username):
    give_place(BOB)

    assert api.get_enrollments(username, include_inactive=True) == []
    assert api.get_verified_enrollments(username) == []
    assert api.get_enrollment(username, RUN) is None


def test_a_person_who_was_never_in_has_no_enrollment(run):
    assert api.get_enrollments("bob") == []
    assert api.get_enrollment("bob", RUN) is None
    assert api.get_enrollment("bob", NO_SUCH_RUN) is None
    with pytest.raises(InvalidKeyError):
        api.get_enrollment("bob", "nonsense")


def test_an_enrollment_is_found_also_after_the_person_has_left(run):
    give_place(BOB, "verified", is_active=False)

    found = api.get_enrollment("bob", RUN)

    assert (found["mode"], found["is_active"]) == ("verified", False)


def test_many_enrollments_take_the_statements_of_one(run):
    give_place(BOB)
    with counted() as one:
        api.get_enrollments("bob")
    give_place(BOB, run_key=CS50_RUN)
    give_place(BOB, run_key=PYTHON_RUN)
    with counted() as three:
        assert len(api.get_enrollments("bob")) == 3

    assert one.count == three.count == 3, three.listed


# add_enrollment


def test_adding_gives_the_enrollment(run):
    result = api.add_enrollment("bob", RUN, mode="verified", enterprise_uuid=str(ACME))

    assert result == api.get_enrollment("bob", RUN)
    assert place_of(BOB) == ("verified", True)
    assert enrollment_row().customer_uuid == ACME


def test_adding_who_is_in_raises_with_the_enrollment_and_changes_nothing(run):
    give_place(BOB)
    told, history = events(), history_count()

    with pytest.raises(api.CourseEnrollmentExistsError) as caught:
        api.add_enrollment("bob", RUN, mode="verified", enrollment_attributes=[ORDER])

    assert caught.value.enrollment == api.get_enrollment("bob", RUN)
    assert caught.value.enrollment["mode"] == "audit"
    assert (events(), history_count()) == (told, history)
    assert api.get_enrollment_attributes("bob", RUN) == []


def test_adding_who_left_brings_them_back(run):
    give_place(BOB, "verified", is_active=False)
    first = enrollment_row()

    result = api.add_enrollment("bob", RUN)

    assert (result["mode"], result["is_active"]) == ("audit", True)
    assert result["created"] == first.created_at.isoformat().replace("+00:00", "Z")
    assert enrollment_row().uuid == first.uuid


@pytest.mark.parametrize("prior", [None, "verified"])
def test_adding_an_inactive_place_leaves_it_inactive(run, prior):
    if prior:
        give_place(BOB, prior, is_active=False)

    result = api.add_enrollment("bob", RUN, mode="audit", is_active=False)

    assert result["is_active"] is False
    assert place_of(BOB) == (prior or "audit", False)


def test_adding_keeps_the_attributes(run):
    api.add_enrollment("bob", RUN, enrollment_attributes=[ORDER, PROVIDER])

    assert api.get_enrollment_attributes("bob", RUN) == [ORDER, PROVIDER]


@pytest.mark.parametrize("lacking", ["namespace", "name", "value"])
def test_an_attribute_without_one_of_its_parts_is_invalid(run, lacking):
    attribute = {key: value for key, value in ORDER.items() if key != lacking}

    with pytest.raises(api.InvalidEnrollmentAttribute, match=lacking):
        api.add_enrollment("bob", RUN, enrollment_attributes=[attribute])
    assert place_of(BOB) is None

    give_place(BOB)
    with pytest.raises(api.InvalidEnrollmentAttribute, match=lacking):
        api.update_enrollment("bob", RUN, mode="verified", enrollment_attributes=[attribute])
    with pytest.raises(api.InvalidEnrollmentAttribute, match=lacking):
        api.set_enrollment_attributes("bob", RUN, [attribute])
    assert place_of(BOB) == ("audit", True)
    assert api.get_enrollment_attributes("bob", RUN) == []


@pytest.mark.parametrize(
    ("fields", "more", "error"),
    [
        (WINDOW_CLOSED, {}, api.CourseEnrollmentClosedError),
        (WINDOW_CLOSED, {"force_enrollment": True}, None),
        (WINDOW_CLOSED, {"include_expired": True}, api.CourseEnrollmentClosedError),
        ({"invitation_only": True}, {"force_enrollment": True}, None),
        ({"max_enrollments": 0}, {"force_enrollment": True}, api.CourseEnrollmentFullError),
        ({"modes": (AUDIT, EXPIRED_VERIFIED)}, {}, api.CourseModeNotFoundError),
        ({"modes": (AUDIT, EXPIRED_VERIFIED)}, {"force_enrollment": True}, api.CourseModeNotFoundError),
        ({"modes": (AUDIT, EXPIRED_VERIFIED)}, {"include_expired": True}, None),
        ({"modes": (AUDIT,)}, {"include_expired": True}, api.CourseModeNotFoundError),
    ],
)
def test_force_passes_the_window_and_include_expired_the_expiry(run, fields, more, error):
    make_run(**fields)

    if error:
        with pytest.raises(error):
            api.add_enrollment("bob", RUN, mode="verified", **more)
        assert place_of(BOB) is None
    else:
        assert api.add_enrollment("bob", RUN, mode="verified", **more)["mode"] == "verified"


# update_enrollment


@pytest.mark.parametrize(
    ("wish", "after"),
    [
        ({}, ("verified", True)),
        ({"mode": "verified"}, ("verified", True)),
        ({"mode": "audit"}, ("audit", True)),
        ({"is_active": False}, ("verified", False)),
        ({"mode": "audit", "is_active": False}, ("audit", False)),
    ],
)
def test_an_update_changes_what_is_named(run, wish, after):
    give_place(BOB, "verified")
    told = events()

    result = api.update_enrollment("bob", RUN, **wish)

    assert (result["mode"], result["is_active"]) == after
    assert result == api.get_enrollment("bob", RUN)
    assert (events() == told) == (after == ("verified", True))


def test_an_update_of_the_mode_brings_nobody_back(run):
    give_place(BOB, is_active=False)

    api.update_enrollment("bob", RUN, mode="verified")
    assert place_of(BOB) == ("verified", False)
    api.update_enrollment("bob", RUN, is_active=True)
    assert place_of(BOB) == ("verified", True)


@pytest.mark.parametrize(
    ("wish", "is_allowed"),
    [
        ({"mode": "verified"}, False),
        ({"mode": "verified", "is_active": True}, False),
        ({"mode": "verified", "include_expired": True}, True),
        ({"mode": "verified", "is_active": False}, True),
        ({"mode": "masters", "include_expired": True}, False),
    ],
)
def test_an_update_into_an_expired_mode_needs_leave_or_leaving(run, wish, is_allowed):
    give_place(BOB)
    make_run(modes=(AUDIT, EXPIRED_VERIFIED))

    if is_allowed:
        assert api.update_enrollment("bob", RUN, **wish)["mode"] == "verified"
    else:
        with pytest.raises(api.CourseModeNotFoundError) as caught:
            api.update_enrollment("bob", RUN, **wish)
        assert caught.value.data["course_id"] == RUN
        assert place_of(BOB) == ("audit", True)


def test_an_update_needs_a_place_a_person_and_a_run(run):
    with pytest.raises(api.EnrollmentNotFoundError):
        api.update_enrollment("bob", RUN, mode="verified")
    with pytest.raises(api.UserNotFoundError):
        api.update_enrollment("nobody", RUN, mode="verified")
    with pytest.raises(api.CourseNotFoundError):
        api.update_enrollment("bob", NO_SUCH_RUN, mode="verified")
    with pytest.raises(InvalidKeyError):
        api.update_enrollment("bob", "nonsense", mode="verified")


# Attributes


def test_attributes_are_replaced_and_cleared_with_a_change_and_without(run):
    give_place(BOB)

    api.update_enrollment("bob", RUN, mode="verified", enrollment_attributes=[ORDER])
    assert api.get_enrollment_attributes("bob", RUN) == [ORDER]
    api.update_enrollment("bob", RUN, mode="audit")
    assert api.get_enrollment_attributes("bob", RUN) == [ORDER]
    api.update_enrollment("bob", RUN, enrollment_attributes=[PROVIDER])
    assert api.get_enrollment_attributes("bob", RUN) == [PROVIDER]
    api.set_enrollment_attributes("bob", RUN, [ORDER, PROVIDER])
    assert api.get_enrollment_attributes("bob", RUN) == [ORDER, PROVIDER]
    api.set_enrollment_attributes("bob", RUN, [])
    assert api.get_enrollment_attributes("bob", RUN) == []


def test_the_history_keeps_attributes_that_were_replaced(run):
    api.add_enrollment("bob", RUN, enrollment_attributes=[ORDER])

    api.set_enrollment_attributes("bob", RUN, [])
    api.set_enrollment_attributes("bob", RUN, [])

    kept = models.Enrollment.history.order_by("history_id").values_list("attributes", flat=True)
    assert list(kept) == [[ORDER], []]


def test_attributes_of_a_place_that_is_not_there_are_passed_over(run):
    api.set_enrollment_attributes("bob", RUN, [ORDER])

    assert api.get_enrollment_attributes("bob", RUN) == []
    assert place_of(BOB) is None


# Courses


def test_a_course_is_told_with_the_modes_that_one_can_get_into(run):
    make_run(modes=(AUDIT, EXPIRED_VERIFIED))

    def slugs(**more):
        return [mode["slug"] for mode in api.get_course_enrollment_details(RUN, **more)["course_modes"]]

    assert slugs() == ["audit"]
    assert slugs(include_expired=True) == ["audit", "verified"]
    assert api.get_course_enrollment_details(RUN) == api.add_enrollment("bob", RUN)["course_details"]


@pytest.mark.parametrize(
    ("run_key", "error"), [(NO_SUCH_RUN, api.CourseNotFoundError), ("x", InvalidKeyError)]
)
def test_what_is_no_course_has_no_details(run, run_key, error):
    with pytest.raises(error):
        api.get_course_enrollment_details(run_key)
    with pytest.raises(error):
        api.validate_course_mode(run_key, "audit")
    with pytest.raises(error):
        api.add_enrollment("bob", run_key)


# Leaving everything, roles, unknown people


def test_leaving_all_courses_tells_the_organizations_of_all_that_there_ever_were(run):
    give_place(BOB, "verified")
    give_place(BOB, run_key=CS50_RUN, is_active=False)
    give_place(DANA)
    make_run(**WINDOW_CLOSED)

    assert api.unenroll_user_from_all_courses("bob") == {"Test", "HarvardX"}

    assert (place_of(BOB), place_of(DANA)) == (("verified", False), ("audit", True))
    assert events()[-1] == ("enrollment.ended", "verified", False)
    told = events()
    assert api.unenroll_user_from_all_courses("bob") == {"Test", "HarvardX"}
    assert events() == told


def test_leaving_all_courses_leaves_nothing_to_say_of_who_was_in_none(run):
    assert api.unenroll_user_from_all_courses("erin") == set()


def test_roles_are_those_in_runs_and_in_organizations(run):
    join_team(BOB, "staff")
    join_team(BOB, "instructor", org="MITx", run_key="")
    join_team(DANA, "staff")

    roles = {(role.org, role.course_id, role.role) for role in api.get_user_roles("bob")}

    assert roles == {("Test", RUN, "staff"), ("MITx", "", "instructor")}
    assert api.get_user_roles("erin") == set()


@pytest.mark.parametrize(
    "ask",
    [
        lambda: api.add_enrollment("nobody", RUN),
        lambda: api.get_enrollment_attributes("nobody", RUN),
        lambda: api.set_enrollment_attributes("nobody", RUN, [ORDER]),
        lambda: api.unenroll_user_from_all_courses("nobody"),
        lambda: api.get_user_roles("nobody"),
    ],
)
def test_an_unknown_person_is_not_found(run, ask):
    with pytest.raises(api.UserNotFoundError):
        ask()
