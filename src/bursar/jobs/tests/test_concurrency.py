"""Several workers at once."""

import pytest

from bursar.jobs import api as jobs
from tests.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)


def test_no_chunk_is_done_by_two_workers_and_the_job_ends_once(desk):
    job_uuid = desk.start(*[[number] for number in range(24)])

    at_once(*[jobs.run] * 4)

    assert sorted(number for chunk in desk.seen for number in chunk) == list(range(24))
    assert [each["number"] for each in jobs.read_results(job_uuid)] == list(range(24))
    assert len(desk.ended) == 1


def test_cancelling_while_workers_work_loses_nothing(desk):
    job_uuid = desk.start(*[[number] for number in range(24)])

    at_once(jobs.run, jobs.run, lambda: jobs.cancel(job_uuid=job_uuid, by=None))
    jobs.run()

    results = jobs.read_results(job_uuid)
    assert [each["number"] for each in results] == list(range(24))
    done = {each["number"] for each in results if each["outcome"] != "cancelled"}
    assert done == {number for chunk in desk.seen for number in chunk}
    assert len(desk.ended) == 1
