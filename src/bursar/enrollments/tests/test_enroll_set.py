"""``api.enroll`` as the door for sets: what each kind of entry does to each kind of place."""

import pytest

from bursar.enrollments import api, models
from bursar.enrollments.data import Attribute, EnrollmentEntry, OnExisting
from bursar.enrollments.tests.places import (
    AUDIT,
    EXPIRED_VERIFIED,
    WINDOW_CLOSED,
    events,
    give_place,
    join_team,
    place_of,
)
from bursar.enrollments.tests.scenes import RUN, make_run
from bursar.outbox import models as outbox
from tests.cast import ACME, BOB, CS50_RUN, DANA, ERIN, GLOBEX, GUS
from tests.statements import counted

pytestmark = pytest.mark.django_db

KEEP, UPGRADE, SET = OnExisting
ORDER = Attribute("order", "order_number", "EDX-100")
PROVIDER = Attribute("credit", "provider_id", "asu")


def entry(member=BOB, mode=None, run_key=RUN, **fields):
    return EnrollmentEntry(member.lms_user_id, run_key, mode, **fields)


def enroll(*entries):
    return api.enroll(entries, by=None)


def codes(outcomes):
    return [each.refusal and each.refusal.code for each in outcomes]


def named_customers():
    rows = outbox.Event.objects.filter(type="enrollment.customer_named").order_by("id")
    return [(row.key, [fact["lms_user_id"] for fact in row.facts]) for row in rows]


# What an entry does to a place

PLACES = {
    "none": None,
    "audit, left": ("audit", False),
    "verified, left": ("verified", False),
    "audit": ("audit", True),
    "verified": ("verified", True),
}

# The columns: no mode, audit and verified; first with is_active None, then True, then False.
WISHES = [(mode, is_active) for is_active in (None, True, False) for mode in (None, "audit", "verified")]

# "a+" is in, in audit; "v-" is out, in verified; "=" is as before.
BECOMES = {
    (KEEP, "none"): "a+ a+ v+   a+ a+ v+   a- a- v-",
    (KEEP, "audit, left"): "a+ a+ v+   a+ a+ v+   = = =",
    (KEEP, "verified, left"): "a+ a+ v+   a+ a+ v+   = = =",
    (KEEP, "audit"): "= = =   = = =   = = =",
    (KEEP, "verified"): "= = =   = = =   = = =",
    (UPGRADE, "none"): "a+ a+ v+   a+ a+ v+   a- a- v-",
    (UPGRADE, "audit, left"): "a+ a+ v+   a+ a+ v+   = = =",
    (UPGRADE, "verified, left"): "a+ a+ v+   a+ a+ v+   = = =",
    (UPGRADE, "audit"): "= = v+   = = v+   = = =",
    (UPGRADE, "verified"): "= = =   = = =   = = =",
    (SET, "none"): "a+ a+ v+   a+ a+ v+   a- a- v-",
    # Without a word on activity, and in the same mode, nothing is to be set: who left comes in like others.
    (SET, "audit, left"): "a+ a+ v-   a+ a+ v+   = = v-",
    (SET, "verified, left"): "a+ a- v+   v+ a+ v+   = a- =",
    (SET, "audit"): "= = v+   = = v+   a- a- v-",
    (SET, "verified"): "= a+ =   = a+ =   v- a- v-",
}
MEANING = {
    "a+": ("audit", True),
    "a-": ("audit", False),
    "v+": ("verified", True),
    "v-": ("verified", False),
}


@pytest.mark.parametrize(("existing", "before"), BECOMES)
def test_each_wish_makes_of_each_place_what_its_kind_says(acme, existing, before):
    make_run()
    place = PLACES[before]
    learners = acme.learners(len(WISHES))
    for each in learners if place else ():
        give_place(each, place[0], is_active=place[1])
    history, told = models.Enrollment.history.count(), len(events())

    outcomes = enroll(
        *(
            entry(each, mode, existing=existing, is_active=is_active)
            for each, (mode, is_active) in zip(learners, WISHES, strict=True)
        )
    )

    expected = [MEANING.get(each, place) for each in BECOMES[existing, before].split()]
    assert [(each.mode, each.is_active) for each in outcomes] == expected
    assert [place_of(each) for each in learners] == expected
    changed = [each != place for each in expected]
    assert [each.created for each in outcomes] == changed
    assert models.Enrollment.history.count() - history == len(events()) - told == sum(changed)


@pytest.mark.parametrize(
    ("before", "wish", "kind"),
    [
        (None, {"mode": "verified"}, "created"),
        (None, {"mode": "verified", "is_active": False}, "created"),
        (("audit", False), {"mode": "verified", "existing": SET, "is_active": True}, "created"),
        (("audit", False), {"mode": "verified", "existing": SET, "is_active": False}, "changed"),
        (("audit", True), {"mode": "verified", "existing": SET}, "changed"),
        (("audit", True), {"mode": "verified", "existing": SET, "is_active": False}, "ended"),
    ],
)
def test_a_change_is_told_as_one_thing_with_the_place_as_it_ended_up(run, before, wish, kind):
    if before:
        give_place(BOB, before[0], is_active=before[1])
    told = events()

    (outcome,) = enroll(entry(**wish))

    assert events()[len(told) :] == [(f"enrollment.{kind}", outcome.mode, outcome.is_active)]


def test_set_changes_a_place_whatever_state_the_run_is_in(run):
    give_place(BOB, is_active=False)
    make_run(**WINDOW_CLOSED)

    (outcome,) = enroll(entry(mode="verified", existing=SET, is_active=True))

    assert (outcome.mode, outcome.is_active) == ("verified", True)
    assert codes(enroll(entry(DANA, existing=SET, is_active=True))) == ["enrollment_closed"]


@pytest.mark.parametrize(
    ("wish", "is_allowed"),
    [
        ({"existing": SET}, False),
        ({"existing": SET, "may_set_expired": True}, True),
        ({"existing": SET, "may_enter_expired": True}, False),
        ({"existing": SET, "is_active": False}, True),
        ({"existing": UPGRADE}, False),
        ({"existing": UPGRADE, "may_enter_expired": True}, False),
    ],
)
def test_a_place_gets_an_expired_mode_only_with_leave_or_by_leaving(run, wish, is_allowed):
    give_place(BOB)
    make_run(modes=(AUDIT, EXPIRED_VERIFIED))

    (outcome,) = enroll(entry(mode="verified", **wish))

    assert codes([outcome]) == [None if is_allowed else "mode_not_offered"]
    assert place_of(BOB)[0] == ("verified" if is_allowed else "audit")


def test_a_wish_to_be_out_upgrades_nobody(run):
    give_place(BOB)
    make_run(modes=(AUDIT, EXPIRED_VERIFIED))

    (outcome,) = enroll(entry(mode="verified", is_active=False))

    assert (outcome.mode, outcome.is_active, outcome.created) == ("audit", True, False)


# Room


def test_who_may_ignore_room_gets_into_a_full_run_and_takes_a_seat(run):
    make_run(max_enrollments=1)
    give_place(BOB)

    outcomes = enroll(entry(DANA), entry(ERIN, ignore_room=True))
    assert codes(outcomes) == ["run_full", None]

    make_run(max_enrollments=2)
    assert codes(enroll(entry(GUS))) == ["run_full"]


def test_seats_go_to_the_first_entries_and_to_nobody_who_is_in(run):
    make_run(max_enrollments=3)
    give_place(BOB)

    outcomes = enroll(entry(GUS), entry(BOB, "verified"), entry(DANA), entry(ERIN))

    assert codes(outcomes) == [None, None, None, "run_full"]
    assert place_of(BOB) == ("verified", True)


def test_a_full_run_holds_up_no_other(run):
    make_run(max_enrollments=0)

    outcomes = enroll(entry(BOB), entry(BOB, run_key=CS50_RUN))

    assert codes(outcomes) == ["run_full", None]


# Customers


def test_the_customer_that_had_it_done_stays_until_another_does(run):
    for wish, customer_uuid in [
        ({"customer_uuid": ACME}, ACME),
        ({"mode": "verified"}, ACME),
        ({"mode": "verified", "customer_uuid": GLOBEX}, ACME),
        ({"existing": SET, "is_active": False, "customer_uuid": GLOBEX}, GLOBEX),
    ]:
        (outcome,) = enroll(entry(**wish))
        assert outcome.customer_uuid == customer_uuid
        found = api.find_enrollments([(BOB.lms_user_id, RUN)])
        assert found[BOB.lms_user_id, RUN].customer_uuid == customer_uuid


def test_a_customer_to_be_linked_is_told_also_where_nothing_changed(run):
    give_place(BOB, "verified")
    told = events()

    (outcome,) = enroll(entry(linked_customer_uuid=ACME))

    assert not outcome.created
    assert events() == [*told, ("enrollment.customer_named", None, None)]
    assert named_customers() == [(str(ACME), [BOB.lms_user_id])]


def test_each_customer_to_be_linked_is_told_once_and_without_who_was_refused(run):
    make_run(max_enrollments=2)

    outcomes = enroll(
        entry(BOB, linked_customer_uuid=ACME),
        entry(GUS, linked_customer_uuid=GLOBEX),
        entry(DANA, linked_customer_uuid=ACME),
        entry(BOB, run_key=CS50_RUN, linked_customer_uuid=ACME),
        entry(ERIN, run_key=CS50_RUN),
    )

    assert codes(outcomes) == [None, None, "run_full", None, None]
    named = {key: sorted(people) for key, people in named_customers()}
    assert named == {str(ACME): [BOB.lms_user_id] * 2, str(GLOBEX): [GUS.lms_user_id]}


# Attributes


def test_attributes_are_noted_with_what_is_made_or_changed(run):
    def noted():
        found = models.Enrollment.objects.get(lms_user_id=BOB.lms_user_id, run_key=RUN).attributes
        return found and [each["value"] for each in found]

    for wish, values in [
        ({"attributes": (ORDER,)}, ["EDX-100"]),
        ({"attributes": (PROVIDER,)}, ["EDX-100"]),  # nothing changed
        ({"mode": "verified"}, ["EDX-100"]),
        ({"existing": SET, "is_active": False, "attributes": (PROVIDER, ORDER)}, ["asu", "EDX-100"]),
        ({"attributes": ()}, []),
    ]:
        enroll(entry(**wish))
        assert noted() == values


# The same place named twice


@pytest.mark.parametrize("order", [1, -1], ids=["in order", "the other way round"])
def test_two_entries_for_a_place_are_one_wish_with_what_either_has(run, order):
    make_run(max_enrollments=0, **WINDOW_CLOSED)
    free = entry(mode="audit", force=True, linked_customer_uuid=ACME, attributes=(ORDER,))
    paid = entry(mode="verified", ignore_room=True, customer_uuid=ACME)

    outcomes = enroll(*[free, paid][::order])

    assert codes(outcomes) == [None, None]
    assert [each.created for each in outcomes] == [True, False]
    assert {(each.mode, each.customer_uuid) for each in outcomes} == {("verified", ACME)}
    assert named_customers() == [(str(ACME), [BOB.lms_user_id])]
    assert len(api.get_enrollment_attributes("bob", RUN)) == 1


def test_a_place_named_twice_takes_one_seat(run):
    make_run(max_enrollments=2)

    outcomes = enroll(entry(BOB), entry(BOB, "verified"), entry(DANA), entry(BOB))

    assert codes(outcomes) == [None] * 4
    assert [each.created for each in outcomes] == [True, False, True, False]


# What it costs: statements, for 1 and for 1,000 entries

COSTS = {
    "all new": 7,
    "all new, and room is limited": 11,
    "all new, and the run is closed": 9,
    "again": 3,
    "set": 8,
}


@pytest.mark.parametrize("case", COSTS)
def test_a_thousand_entries_take_the_statements_of_one(acme, case):
    make_run()
    learners = acme.learners(1_001)

    def act(group):
        wanted = [entry(each, "verified") for each in group]
        if case in ("again", "set"):
            enroll(*wanted)
        if case == "set":
            wanted = [entry(each, "audit", existing=SET, is_active=False) for each in group]
        with counted() as statements:
            outcomes = enroll(*wanted)
        assert codes(outcomes) == [None] * len(group)
        assert {each.created for each in outcomes} == {case != "again"}
        return statements

    if case == "all new, and room is limited":
        make_run(max_enrollments=1_002)
    if case == "all new, and the run is closed":
        make_run(**WINDOW_CLOSED)
        for each in learners:
            join_team(each, "staff")
    one, many = act(learners[:1]), act(learners[1:])

    assert (one.count, many.count) == (COSTS[case], COSTS[case]), "\n".join(
        each[:150] for each in many.listed
    )
