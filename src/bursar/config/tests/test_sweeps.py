"""What the clock does with licenses and requests, done by hand."""

from datetime import timedelta
from functools import partial

import pytest
import pytest_django

from bursar.config import cli
from bursar.lib import clock
from bursar.licenses import api as licenses
from bursar.licenses import models
from tests.cast import BOB, Organization

pytestmark = pytest.mark.once

Output = pytest.CaptureFixture[str]


@pytest.fixture
def over(acme: Organization, monkeypatch: pytest.MonkeyPatch) -> models.Plan:
    """A plan with a license of Bob's that has been over for three hundred days by now."""
    plan = acme.plan(free=2, days_left=10, should_auto_apply=True)
    licenses.assign(plan_uuid=plan.uuid, addresses=[BOB.email], by=None)
    licenses.activate_for(plan_uuid=plan.uuid, holders={BOB.email: BOB.lms_user_id}, by=None)
    monkeypatch.setattr(clock, "now", partial(lambda start: start + timedelta(days=310), clock.now()))
    return models.Plan.objects.get(pk=plan.uuid)


def test_each_says_what_it_did(over: models.Plan, capsys: Output, settings: pytest_django.Settings) -> None:
    assert cli.main(["unlink-expired"]) == 0
    settings.UNLINK_EXPIRED_LEARNERS_AFTER = timedelta(days=90)
    for name in ("expire-plans", "unlink-expired", "purge-licenses", "send-utilization-notices"):
        assert cli.main([name]) == 0

    assert capsys.readouterr().out.splitlines() == [
        "Nobody is unlinked: BURSAR_UNLINK_EXPIRED_LEARNERS_AFTER is not set.",
        "plans expired: 1; licenses: 1",
        "plans done with: 1; learners unlinked: 1",
        "plans purged: 1; licenses: 1",
        "plans told of: 0; mails: 0",
    ]


def test_administrators_are_told_of_new_requests(acme: Organization, capsys: Output) -> None:
    acme.takes_requests()
    acme.requests_of([BOB])

    assert [cli.main(["send-digests"]) for _ in range(2)] == [0, 0]

    told, nothing = capsys.readouterr().out.splitlines()
    assert (told, nothing) == ("customers told: 1; requests: 1", "customers told: 0; requests: 0")


def test_counts_that_differ_are_a_fault_until_they_are_mended(over: models.Plan, capsys: Output) -> None:
    assert cli.main(["check-licenses"]) == 0
    models.Plan.objects.filter(pk=over.pk).update(assigned_count=7)

    assert [cli.main(["check-licenses", *more]) for more in ([], ["--mend"], [])] == [1, 0, 0]

    agree = "The counts on all plans agree with their licenses."
    wrong = f"{over.pk}: 7 assigned on the plan, 0 licenses"
    assert capsys.readouterr().out.splitlines() == [agree, wrong, wrong, "Mended.", agree]
