"""Whoever is retired is not named by what jobs were asked and answered."""

import pytest

from bursar.identity import api as identity
from bursar.jobs import api as jobs
from bursar.jobs import models
from bursar.lib import clock
from bursar.outbox import api as outbox
from bursar.outbox.models import Delivery
from tests.cast import ACME, BOB

pytestmark = pytest.mark.django_db


def start(*addresses):
    return jobs.start(
        kind="test.double",
        customer_uuid=ACME,
        parameters={},
        chunks=[[[number, address] for number, address in enumerate(addresses)]],
        by=None,
    )


def retire(member):
    identity.request_retirements(lms_user_ids=[member.lms_user_id], by=None)
    identity.complete_retirements(lms_user_ids=[member.lms_user_id], by=None)
    outbox.relay()


def texts():
    rows = models.Chunk.objects.values_list("items", "results", "last_error")
    return "".join("".join(row) for row in rows).lower()


def test_a_retired_person_is_not_named_any_more(cast, desk):
    job_uuid = start(BOB.email.upper(), "jimbob@acme.test", f"{BOB.email}.org")
    jobs.run()
    models.Chunk.objects.update(last_error=f"ValueError: {BOB.email} is odd")

    retire(BOB)

    left = texts().replace("jimbob@acme.test", "").replace(f"{BOB.email}.org", "")
    assert BOB.email not in left
    assert "retired.invalid" in left
    results = jobs.read_results(job_uuid)
    assert [each["email"] for each in results[1:]] == ["jimbob@acme.test", f"{BOB.email}.org"]


def test_a_job_that_is_not_done_is_waited_for(cast, desk):
    start(BOB.email)

    retire(BOB)

    assert BOB.email in texts()
    mine = Delivery.objects.get(handler="jobs.forget_retired_people")
    assert mine.state == "waiting"
    jobs.run()
    mine.next_attempt_at = clock.now()
    mine.save()
    outbox.relay()
    assert BOB.email not in texts()


def test_what_is_done_is_cleaned_at_once_even_while_something_waits(cast, desk):
    start(BOB.email)
    jobs.run()
    waiting = start(BOB.email)

    retire(BOB)

    named = models.Chunk.objects.filter(items__icontains=BOB.email)
    assert list(named.values_list("job_id", flat=True)) == [waiting]
