"""People who change their address, and people who are retired."""

import pytest

from bursar.catalog import api as catalog
from bursar.enrollments import models
from bursar.enrollments.service.allowing import allow
from bursar.enrollments.service.by_staff import Order, enroll_by_staff
from bursar.identity import api as identity
from bursar.lib import emails
from tests.cast import BOB, CS50_RUN, DANA, OLGA, PYTHON_RUN

pytestmark = pytest.mark.django_db

NEW = "robert@acme.test"


def put_in(*members, reason="Asked by phone."):
    runs = catalog.find_runs([CS50_RUN])
    names = [each.username for each in members]
    order = Order(identifiers=names, runs=[runs[CS50_RUN]], by=OLGA.lms_user_id, reason=reason)
    enroll_by_staff(order, auto_enroll=False)


def retire(member, drain):
    identity.request_retirements(lms_user_ids=[member.lms_user_id], by=OLGA.lms_user_id)
    identity.complete_retirements(lms_user_ids=[member.lms_user_id], by=OLGA.lms_user_id)
    drain()


def allowed():
    return list(models.EnrollmentAllowed.objects.values_list("email", "run_key"))


def test_an_allowance_follows_its_person_to_a_confirmed_address(cast, drain):
    allow(email=BOB.email, run_key=CS50_RUN, auto_enroll=False, by=None)
    identity.change_person(lms_user_id=BOB.lms_user_id, email=NEW, by=None)
    drain()
    assert allowed() == [(BOB.email, CS50_RUN)], "nobody has confirmed the new address yet"

    identity.confirm_addresses(lms_user_ids=[BOB.lms_user_id], by=None)
    drain()

    assert allowed() == [(NEW, CS50_RUN)]
    assert models.EnrollmentAllowed.history.first().history_change_reason == "address changed"


def test_an_allowance_of_the_new_address_stays_and_so_does_the_old_one(cast, drain):
    for address in (BOB.email, NEW):
        allow(email=address, run_key=CS50_RUN, auto_enroll=False, by=None)

    identity.change_person(lms_user_id=BOB.lms_user_id, email=NEW, is_confirmed=True, by=None)
    drain()

    assert sorted(allowed()) == [(BOB.email, CS50_RUN), (NEW, CS50_RUN)]


def test_whoever_changes_to_an_address_that_is_waited_for_is_enrolled(cast, drain):
    allow(email=NEW, run_key=CS50_RUN, auto_enroll=True, by=None)

    identity.change_person(lms_user_id=BOB.lms_user_id, email=NEW, is_confirmed=True, by=None)
    drain()

    assert models.Enrollment.objects.get().lms_user_id == BOB.lms_user_id
    assert models.EnrollmentAllowed.objects.get().lms_user_id == BOB.lms_user_id


def test_of_a_retired_person_no_address_and_no_reason_stays(cast, drain):
    allow(email=BOB.email, run_key=PYTHON_RUN, auto_enroll=False, by=None)
    put_in(BOB, DANA)
    drain()

    retire(BOB, drain)

    (run_key,) = models.EnrollmentAllowed.objects.values_list("run_key", flat=True)
    assert run_key == PYTHON_RUN
    for model, column in (
        (models.EnrollmentAllowed, "email"),
        (models.ManualEnrollmentAudit, "enrolled_email"),
    ):
        for table in (model.objects, model.history):
            addresses = set(table.values_list(column, flat=True)) - {DANA.email}
            assert addresses
            assert all(emails.is_retired(each) for each in addresses), (model, addresses)
    reasons = dict(models.ManualEnrollmentAudit.objects.values_list("enrolled_email", "reason"))
    assert reasons.pop(DANA.email) == "Asked by phone."
    assert set(reasons.values()) == {""}
    of_bob = models.ManualEnrollmentAudit.history.exclude(enrolled_email=DANA.email)
    assert set(of_bob.values_list("reason", flat=True)) == {""}


def test_a_retired_persons_places_stay_without_a_name(cast, drain):
    put_in(BOB)

    retire(BOB, drain)

    assert models.Enrollment.objects.get().lms_user_id == BOB.lms_user_id
