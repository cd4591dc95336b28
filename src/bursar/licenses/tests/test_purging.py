"""Who held a license is forgotten when that is long over."""

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest
import pytest_django

from bursar.customers import api as customers
from bursar.customers.data import BulkPair
from bursar.enrollments import api as enrollments
from bursar.lib import clock
from bursar.licenses import api as licenses
from bursar.licenses import models
from bursar.licenses.data import Sweep
from tests.architecture.tables import read_rows
from tests.cast import ACME, ALICE, BOB, DANA, ERIN, PYTHON_RUN, Organization
from tests.statements import counted

Later = Callable[[int], None]


def assign(plan_uuid: UUID, *emails: str) -> list[UUID]:
    outcomes = licenses.assign(plan_uuid=plan_uuid, addresses=emails, by=None)
    return [each.license_uuid for each in outcomes if each.license_uuid]


def rows_of_licenses() -> str:
    return "\n".join(" ".join(row) for row in read_rows() if row[0].startswith("licenses."))


def row(license_uuid: UUID) -> models.License:
    return models.License.objects.get(pk=license_uuid)


def test_licenses_of_a_plan_that_is_long_over_are_revoked_and_name_nobody(
    acme: Organization, later: Later
) -> None:
    plan = acme.plan(free=4, days_left=10)
    assigned, activated, revoked = assign(plan.uuid, BOB.email, DANA.email, ERIN.email)
    licenses.activate_for(plan_uuid=plan.uuid, holders={DANA.email: 123_454_321}, by=None)
    licenses.revoke(plan_uuid=plan.uuid, addresses=[ERIN.email], by=None)
    models.LicenseSource.objects.create(license_id=assigned, source_id="a" * 18, created_at=clock.now())

    later(85)
    licenses.expire_plans()
    assert licenses.purge_personal_data() == Sweep()
    later(101)
    assert licenses.purge_personal_data() == Sweep(1, 3)
    assert licenses.purge_personal_data() == Sweep()

    assert not any(each in rows_of_licenses() for each in (BOB.email, DANA.email, ERIN.email, "123454321"))
    assert {row(each).status for each in (assigned, activated, revoked)} == {"revoked"}
    assert row(activated).revoked_at == clock.now()
    assert row(revoked).revoked_at < clock.now()
    assert not models.LicenseSource.objects.exists()
    assert licenses.check_counts(mend=False) == []


def test_a_plan_whose_renewal_is_still_to_come_keeps_its_holders(acme: Organization, later: Later) -> None:
    plan = acme.plan(free=1, days_left=10)
    (mine,) = assign(plan.uuid, BOB.email)
    licenses.activate_for(plan_uuid=plan.uuid, holders={BOB.email: BOB.lms_user_id}, by=None)

    later(300)

    assert licenses.purge_personal_data() == Sweep()
    assert row(mine).email == BOB.email


def test_a_revoked_license_forgets_its_holder_by_the_days_of_its_agreement(
    acme: Organization, globex: Organization, later: Later
) -> None:
    models.Agreement.objects.filter(customer_uuid=globex.uuid).update(purge_after_days=2**31 - 1)
    models.Agreement.objects.filter(customer_uuid=ACME).update(purge_after_days=7)
    revoked = []
    for organization in (acme, globex):
        plan = organization.plan(free=1)
        revoked += assign(plan.uuid, BOB.email)
        licenses.revoke(plan_uuid=plan.uuid, addresses=[BOB.email], by=None)

    later(8)

    assert licenses.purge_personal_data() == Sweep(1, 1)
    assert [row(each).email for each in revoked] == [None, BOB.email]


def test_what_nobody_activated_is_free_again_and_pays_for_nothing(acme: Organization, later: Later) -> None:
    plan = acme.plan(free=2)
    stale, active = assign(plan.uuid, BOB.email, DANA.email)
    models.License.history.filter(uuid=stale).update(lms_user_id=123_454_321)  # as of one that was renewed
    licenses.activate_for(plan_uuid=plan.uuid, holders={DANA.email: DANA.lms_user_id}, by=None)
    pairs = [
        BulkPair(PYTHON_RUN, BOB.email, license_uuid=str(stale)),
        BulkPair(PYTHON_RUN, DANA.email, license_uuid=str(active)),
    ]
    customers.enroll_in_bulk(customer_uuid=ACME, pairs=pairs, by=ALICE.lms_user_id)

    later(91)

    assert licenses.purge_personal_data() == Sweep(1, 1)
    freed = row(stale)
    left = (freed.status, freed.email, freed.activation_key, freed.assigned_at, freed.reminded_at)
    assert left == ("unassigned", None, None, None, None)
    assert licenses.find_plans([plan.uuid])[plan.uuid].free_count == 1
    assert licenses.check_counts(mend=False) == []
    assert not any(each in rows_of_licenses() for each in (BOB.email, "123454321"))
    places = [(each.lms_user_id, PYTHON_RUN) for each in (BOB, DANA)]
    found = enrollments.find_enrollments(places)
    assert [found[place].mode for place in places] == ["audit", "verified"]


def test_live_licenses_wait_until_their_learners_are_unlinked(
    acme: Organization, later: Later, settings: pytest_django.Settings
) -> None:
    settings.UNLINK_EXPIRED_LEARNERS_AFTER = timedelta(days=120)
    plan = acme.plan(free=2, days_left=10)
    assigned, revoked = assign(plan.uuid, BOB.email, DANA.email)
    licenses.revoke(plan_uuid=plan.uuid, addresses=[DANA.email], by=None)

    later(10 + 119)
    licenses.expire_plans()
    licenses.unlink_expired_learners()
    licenses.purge_personal_data()
    assert (row(assigned).email, row(revoked).email) == (BOB.email, None)

    later(10 + 121)
    licenses.unlink_expired_learners()
    licenses.purge_personal_data()
    assert row(assigned).email is None


@pytest.mark.parametrize("of", ["a plan that is over", "a plan that runs"])
def test_one_license_and_two_hundred_are_purged_with_the_same_number_of_statements(
    acme: Organization, later: Later, of: str
) -> None:
    for count, day in ((1, 0), (200, 20)):
        later(day)
        plan = acme.plan(free=count, days_left=10 if of == "a plan that is over" else 300)
        assign(plan.uuid, *[f"p{number}@acme.test" for number in range(count)])
    counts = []
    for count, day in ((1, 101), (200, 121)):
        later(day)
        licenses.expire_plans()
        with counted() as statements:
            assert licenses.purge_personal_data() == Sweep(1, count)
        counts.append(statements.count)

    assert counts[0] == counts[1]
