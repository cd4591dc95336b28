"""A rehearsal of bulk enrollment gives the verdicts of the real thing and leaves no trace."""

import uuid

import pytest
from django.apps import apps

from bursar.catalog import api as catalog
from bursar.catalog.data import CourseToSave, ModeToSave, RunToSave
from bursar.customers import api, models
from bursar.customers.data import BULK_LIMIT, BulkPair, CustomerNotFound, TooManyPairs
from bursar.enrollments import api as enrollments
from bursar.enrollments.data import EnrollmentEntry
from bursar.identity import api as identity
from bursar.identity.data import PersonToSave
from tests.cast import (
    ACME,
    ALICE,
    BOB,
    CS50_RUN,
    DANA,
    ERIN,
    GUS,
    NOWHERE,
    PYTHON_CLOSED_RUN,
    PYTHON_RUN,
    STRAY,
)
from tests.statements import counted

pytestmark = pytest.mark.django_db

SMALL_RUN = "course-v1:Test+T1+1"
LICENSE, OTHER_LICENSE = str(uuid.uuid4()), str(uuid.uuid4())


def pair(email=None, run_key=PYTHON_RUN, license_uuid=LICENSE, **fields):
    return BulkPair(run_key, email, license_uuid=license_uuid, **fields)


def rehearse(pairs, to=ACME):
    return api.rehearse_in_bulk(customer_uuid=to, pairs=pairs)


def enroll(pairs, to=ACME):
    return api.enroll_in_bulk(customer_uuid=to, pairs=pairs, by=ALICE.lms_user_id)


def verdicts(outcomes):
    return [
        (each.pair, each.verdict, each.email, each.lms_user_id, each.created, each.refusal)
        for each in outcomes
    ]


def row_counts():
    return {model._meta.label: model._base_manager.count() for model in apps.get_models()}


@pytest.fixture
def scene(cast):
    """People in every state, and a run with one place."""
    modes = (ModeToSave("audit"),)
    catalog.save_courses(
        [CourseToSave("Test+T1", "T", runs=(RunToSave(SMALL_RUN, max_enrollments=1, modes=modes),))]
    )
    identity.save_people([PersonToSave("claims@acme.test", "claims", is_confirmed=False)])
    enroll([pair(BOB.email), pair("waits@acme.test")])
    enrollments.enroll([EnrollmentEntry(DANA.lms_user_id, CS50_RUN, "audit")], by=None)
    enroll([pair(GUS.email)])
    models.SponsoredEnrollment.objects.filter(link__lms_user_id=GUS.lms_user_id).update(is_unenrolled=True)
    models.LearnerLink.objects.filter(lms_user_id=ERIN.lms_user_id).update(
        is_linked=False, is_relinkable=False
    )
    return [
        pair(STRAY.email),
        pair(STRAY.email),
        pair(BOB.email),
        pair(BOB.email, license_uuid=OTHER_LICENSE),
        pair(DANA.email, CS50_RUN),
        pair(GUS.email),
        pair(ERIN.email),
        pair("waits@acme.test"),
        pair("new@acme.test"),
        pair("new@acme.test"),
        pair("claims@acme.test"),
        pair(BOB.email, PYTHON_CLOSED_RUN),
        pair("new@acme.test", PYTHON_CLOSED_RUN),
        pair(BOB.email, PYTHON_CLOSED_RUN, force=True),
        pair(BOB.email, SMALL_RUN),
        pair(DANA.email, SMALL_RUN),
        pair(BOB.email, "course-v1:No+Such+Run"),
        pair(BOB.email, "nonsense"),
        pair("nonsense"),
        pair(lms_user_id=987_654),
        pair(BOB.email, lms_user_id=DANA.lms_user_id),
        pair(BOB.email, license_uuid="nonsense"),
    ]


def test_the_verdicts_are_those_of_the_real_thing_pair_by_pair(scene):
    foreseen = rehearse(scene)

    assert verdicts(foreseen) == verdicts(enroll(scene))


def test_nothing_at_all_is_written(scene):
    before = row_counts()

    with counted() as statements:
        rehearse(scene)

    assert row_counts() == before
    assert all(each.lstrip("(").startswith("SELECT") for each in statements.listed), statements.listed
    assert not any("FOR UPDATE" in each for each in statements.listed)


def test_only_what_is_there_has_a_fulfillment(scene):
    there = api.enroll_in_bulk(customer_uuid=ACME, pairs=[pair(BOB.email)], by=None)[0].fulfillment_uuid

    foreseen = rehearse([pair(BOB.email), pair(STRAY.email)])

    assert [each.fulfillment_uuid for each in foreseen] == [there, None]


def test_the_catalogs_that_the_caller_has_looked_up_count(cast):
    (foreseen,) = api.rehearse_in_bulk(customer_uuid=ACME, pairs=[pair(BOB.email)], catalogs=[])

    assert foreseen.refusal.code == "not_in_catalog"


def test_a_request_that_would_be_refused_as_a_whole_is(cast):
    with pytest.raises(CustomerNotFound):
        rehearse([pair(BOB.email)], to=NOWHERE)
    with pytest.raises(TooManyPairs):
        rehearse([pair(BOB.email)] * (BULK_LIMIT + 1))


def test_one_pair_and_two_hundred_cost_the_same_statements(acme):
    def act(count):
        addresses = [f"both{number}@acme.test" for number in range(count)]
        identity.save_people([PersonToSave(email, email.split("@")[0]) for email in addresses])
        with counted() as statements:
            rehearse([pair(email) for email in [*addresses, *(f"no{each}" for each in addresses)]])
        return statements

    one, many = act(1), act(200)

    assert one.count == many.count, many.listed
    assert many.count <= 7
