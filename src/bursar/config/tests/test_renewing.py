"""Renewing and enlarging plans by hand."""

from datetime import timedelta

import pytest

from bursar.config import cli
from bursar.config.schedule import SCHEDULE
from bursar.lib import clock
from bursar.licenses import api as licenses
from bursar.licenses import models, tasks
from tests.cast import ACME, BOB, DANA, Organization

pytestmark = pytest.mark.once


def renew(plan_uuid: object, count: int) -> models.Renewal:
    now = clock.now()
    return models.Renewal.objects.create(
        prior_plan_id=plan_uuid,
        license_count=count,
        effective_at=now,
        renewed_expires_at=now + timedelta(days=365),
        renewed_plan_title=f"Next with {count}",
    )


def test_each_command_says_what_it_did_and_what_failed(
    acme: Organization, capsys: pytest.CaptureFixture[str]
) -> None:
    assert [cli.main([name]) for name in ("process-renewals", "scale-plans")] == [0, 0]
    good, bad = acme.plan(free=4, title="Good"), acme.plan(free=3, title="Bad")
    for plan in (good, bad):
        licenses.assign(plan_uuid=plan.uuid, addresses=[BOB.email, DANA.email], by=None)
    renewed, refused = renew(good.uuid, 3), renew(bad.uuid, 1)
    models.Agreement.objects.filter(customer_uuid=ACME).update(
        enable_auto_scaling=True,
        auto_scaling_max_licenses=20,
        auto_scaling_threshold_percent=60,
        auto_scaling_increment_percent=50,
    )

    assert [cli.main([name]) for name in ("process-renewals", "scale-plans")] == [1, 0]

    new = models.Plan.objects.get(title="Next with 3")
    enlarged = {
        f"plan Bad ({bad.uuid}) has 5 licenses now, 2 of them new",
        f"plan Next with 3 ({new.pk}) has 5 licenses now, 2 of them new",
    }
    lines = capsys.readouterr().out.splitlines()
    assert lines[:4] == [
        "No renewal is due.",
        "No plan needs more licenses.",
        f"renewal {renewed.pk} of Good: 2 licenses go on in Next with 3",
        f"renewal {refused.pk} of Bad: failed: 2 licenses are to be renewed, but the renewal asks for 1: "
        "ask for more.",
    ]
    assert set(lines[4:]) == enlarged


def test_the_clock_does_the_same(acme: Organization) -> None:
    plan = acme.plan(free=1)
    renewal = renew(plan.uuid, 1)

    tasks.process_due_renewals()
    tasks.scale_plans()

    renewal.refresh_from_db()
    assert renewal.is_processed
    scheduled = {beat.task for beat in SCHEDULE}
    assert scheduled > {f"bursar.licenses.tasks.{name}" for name in ("process_due_renewals", "scale_plans")}
