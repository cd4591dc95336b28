"""The counts on plans are those of their licenses, or they are set right."""

from bursar.licenses import api as licenses
from bursar.licenses import models
from bursar.licenses.data import CountDifference, Status
from tests.cast import BOB, Organization
from tests.statements import counted


def test_counts_that_differ_are_reported_and_mended_if_asked(acme: Organization) -> None:
    plan, fine = acme.plan(free=3), acme.plan(free=1)
    licenses.assign(plan_uuid=plan.uuid, addresses=[BOB.email], by=None)
    assert licenses.check_counts(mend=True) == []
    models.Plan.objects.filter(pk=plan.uuid).update(assigned_count=4, revoked_count=1)
    models.License.objects.filter(plan=fine.uuid).delete()
    wrong = [
        CountDifference(plan.uuid, Status.ASSIGNED, 4, 1),
        CountDifference(plan.uuid, Status.REVOKED, 1, 0),
        CountDifference(fine.uuid, Status.UNASSIGNED, 1, 0),
    ]

    with counted() as statements:
        found = licenses.check_counts(mend=False)

    assert set(found) == set(wrong)
    assert statements.count == 1
    assert set(licenses.check_counts(mend=True)) == set(wrong)
    assert licenses.check_counts(mend=False) == []
    row = models.Plan.objects.get(pk=plan.uuid)
    counts = (row.unassigned_count, row.assigned_count, row.activated_count, row.revoked_count)
    assert counts == (2, 1, 0, 0)
