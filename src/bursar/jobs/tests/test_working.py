"""Chunks are done once, again after a crash, in smaller ones after failures; a job ends exactly once."""

from datetime import timedelta

import pytest
from django.core.exceptions import ObjectDoesNotExist

from bursar.jobs import api as jobs
from bursar.jobs import models, working
from bursar.jobs.data import JobEnded, JobNotFound, JobState, ResultsGone
from bursar.lib import clock
from tests.cast import ACME, ALICE, NOWHERE
from tests.statements import counted

pytestmark = pytest.mark.django_db

Chunk = models.Chunk


def pass_time():
    """Lets every claim run out and every back-off end."""
    past = clock.now() - timedelta(seconds=1)
    Chunk.objects.filter(state="waiting").update(next_attempt_at=past)
    Chunk.objects.filter(claimed_until__isnull=False).update(claimed_until=past)


def try_for_ever():
    for _ in range(60):
        jobs.run()
        if not Chunk.objects.filter(state="waiting").exists():
            return
        pass_time()
    raise AssertionError("it never ends")


def test_a_job_is_done_in_order_and_says_how_far_it_is(desk):
    job_uuid = desk.start([1, 2, 3], [4])
    before = jobs.get_job(job_uuid)
    assert (before.state, before.done_count, before.progress_percent) == (JobState.WAITING, 0, 0)
    desk.meanwhile = [lambda: during.append(jobs.get_job(job_uuid))]
    during = []

    assert jobs.run() == 2

    assert during[0].state is JobState.RUNNING
    after = jobs.get_job(job_uuid)
    assert (after.state, after.progress_percent, dict(after.counts)) == (
        JobState.DONE,
        100,
        {"odd": 2, "even": 2},
    )
    assert (after.customer_uuid, after.created_by, after.parameters) == (
        ACME,
        ALICE.lms_user_id,
        {"colour": "red"},
    )
    assert after.started_at <= after.finished_at
    assert desk.seen == [[1, 2, 3], [4]]
    assert [each["double"] for each in jobs.read_results(job_uuid)] == [2, 4, 6, 8]
    assert jobs.run() == 0


def test_the_kind_hears_of_the_end_once(desk):
    job_uuid = desk.start([1], [2])

    jobs.run()
    jobs.run()

    assert [(job.uuid, job.state, dict(job.counts)) for job in desk.ended] == [
        (job_uuid, JobState.DONE, {"odd": 1, "even": 1})
    ]


def test_results_that_name_a_row_are_shown_in_its_order(desk, monkeypatch):
    job_uuid = desk.start([3, 1], [2])
    monkeypatch.setattr(desk, "describe", lambda item: {"row": item[0]})

    jobs.run()

    assert [each["row"] for each in jobs.read_results(job_uuid)] == [1, 2, 3]


def test_nobody_takes_a_chunk_on_which_somebody_works(desk):
    job_uuid = desk.start([1])
    desk.meanwhile = [jobs.run]

    jobs.run()

    assert desk.seen == [[1]]
    assert jobs.get_job(job_uuid).state is JobState.DONE


def test_what_a_killed_worker_left_is_done_once_its_claim_has_run_out(desk):
    job_uuid = desk.start([1], [2])
    working._claim()  # and then it is killed

    jobs.run()
    assert desk.seen == [[2]]
    assert jobs.get_job(job_uuid).state is JobState.RUNNING
    pass_time()
    jobs.run()

    assert desk.seen == [[2], [1]]
    assert [each["number"] for each in jobs.read_results(job_uuid)] == [1, 2]
    assert len(desk.ended) == 1


def test_who_was_too_slow_writes_over_nobody(desk):
    job_uuid = desk.start([1])

    def somebody_else_takes_it():
        pass_time()
        jobs.run()

    desk.meanwhile = [somebody_else_takes_it]

    assert jobs.run() == 0  # the other one did it

    assert desk.seen == [[1], [1]]
    assert jobs.get_job(job_uuid).done_count == 1
    assert len(desk.ended) == 1


def test_a_worker_that_died_before_it_ended_the_job_is_replaced(desk, monkeypatch):
    job_uuid = desk.start([1])
    monkeypatch.setattr(working, "end_jobs", lambda job_uuids: None)
    jobs.run()
    monkeypatch.undo()
    assert jobs.get_job(job_uuid).state is JobState.RUNNING

    jobs.run()

    assert jobs.get_job(job_uuid).state is JobState.DONE
    assert len(desk.ended) == 1


def test_a_job_whose_end_fails_holds_no_other_up(desk, monkeypatch):
    first, second = desk.start([1]), desk.start([2])
    hear = desk.ended.append

    def fail_once(job):
        if job.uuid == first and broken:
            broken.pop()
            raise ConnectionError("nobody listens")
        hear(job)

    broken = [True, True]
    jobs.register([desk.kind().__class__(**{**vars(desk.kind()), "on_end": fail_once})])

    jobs.run()
    assert [job.uuid for job in desk.ended] == [second]
    assert jobs.get_job(first).state is JobState.RUNNING
    jobs.run()
    jobs.run()

    assert [job.uuid for job in desk.ended] == [second, first]
    assert jobs.get_job(first).state is JobState.DONE


def test_a_failure_is_tried_again_later_and_is_visible(desk):
    job_uuid = desk.start([1])
    desk.poison = {1}

    jobs.run()

    assert jobs.get_job(job_uuid).errors == ("ConnectionError: the desk is away from bob@acme.test",)
    assert Chunk.objects.get().next_attempt_at > clock.now()
    jobs.run()
    assert len(desk.seen) == 1
    desk.poison = set()
    pass_time()
    jobs.run()
    assert (jobs.get_job(job_uuid).state, jobs.get_job(job_uuid).errors) == (JobState.DONE, ())


def test_one_bad_item_harms_no_other(desk):
    job_uuid = desk.start(list(range(25)), [99])
    desk.poison = {13}

    try_for_ever()

    job = jobs.get_job(job_uuid)
    assert job.state is JobState.FAILED
    assert dict(job.counts) == {"even": 13, "odd": 12, "failed": 1}
    results = jobs.read_results(job_uuid)
    assert [each["number"] for each in results] == [*range(25), 99]
    (bad,) = [each for each in results if each["outcome"] == "failed"]
    assert (bad["number"], bad["code"]) == (13, "unavailable")
    assert jobs.count_failed() == 1
    assert len(desk.ended) == 1


def test_an_operator_tries_again_what_failed(desk):
    job_uuid = desk.start([1], [2])
    desk.poison = {1}
    try_for_ever()
    failed = list(Chunk.objects.filter(state="failed").values_list("pk", flat=True))
    desk.poison = set()

    assert jobs.retry_failed(failed) == 1
    assert jobs.retry_failed(failed) == 0
    jobs.run()

    assert (jobs.get_job(job_uuid).state, jobs.count_failed()) == (JobState.DONE, 0)
    assert [each["outcome"] for each in jobs.read_results(job_uuid)] == ["odd", "even"]


def test_a_chunk_that_takes_every_worker_along_ends_some_day(desk):
    job_uuid = desk.start([1])
    Chunk.objects.update(claim_count=working.MAX_CLAIMS)

    jobs.run()

    assert jobs.get_job(job_uuid).state is JobState.FAILED
    assert not desk.seen


def test_a_kind_that_gives_too_few_results_has_failed(desk, monkeypatch):
    job_uuid = desk.start([1, 2])
    jobs.register([desk.kind().__class__(**{**vars(desk.kind()), "run": lambda work: []})])

    jobs.run()

    assert "0 results for 2 items" in jobs.get_job(job_uuid).errors[0]


def test_cancelling_leaves_what_has_not_begun(desk):
    job_uuid = desk.start([1], [2, 3])
    desk.meanwhile = [lambda: jobs.cancel(job_uuid=job_uuid, by=7)]

    jobs.run()

    job = jobs.get_job(job_uuid)
    assert (job.state, job.cancelled_by, dict(job.counts)) == (
        JobState.CANCELLED,
        7,
        {"odd": 1, "cancelled": 2},
    )
    assert desk.seen == [[1]]
    assert [(each["number"], each["outcome"]) for each in jobs.read_results(job_uuid)] == [
        (1, "odd"), (2, "cancelled"), (3, "cancelled"),
    ]  # fmt: skip
    assert jobs.cancel(job_uuid=job_uuid, by=8).cancelled_by == 7
    assert len(desk.ended) == 1


def test_what_fails_after_its_job_was_cancelled_is_not_tried_again(desk):
    job_uuid = desk.start([1])
    desk.poison = {1}
    desk.meanwhile = [lambda: jobs.cancel(job_uuid=job_uuid, by=None)]
    jobs.run()

    pass_time()
    jobs.run()

    assert jobs.get_job(job_uuid).state is JobState.CANCELLED
    assert len(desk.seen) == 1


def test_what_is_split_after_its_job_was_cancelled_is_not_done(desk):
    job_uuid = desk.start(list(range(20)))
    desk.poison = {0}
    jobs.run()
    pass_time()
    desk.meanwhile = [lambda: jobs.cancel(job_uuid=job_uuid, by=None)]

    jobs.run()
    jobs.run()

    assert dict(jobs.get_job(job_uuid).counts) == {"cancelled": 20}
    assert len(desk.seen) == 2


def test_what_failed_in_a_cancelled_job_is_not_tried_again(desk):
    job_uuid = desk.start([1], [2])
    desk.poison = {1}
    Chunk.objects.filter(first_item=0).update(failure_count=working.MAX_FAILURES - 1)
    desk.meanwhile = [lambda: jobs.cancel(job_uuid=job_uuid, by=None)]
    jobs.run()
    jobs.run()

    assert jobs.retry_failed(list(Chunk.objects.values_list("pk", flat=True))) == 0

    assert jobs.get_job(job_uuid).state is JobState.CANCELLED


def test_results_that_cannot_be_written_are_a_failure_of_their_chunk(desk, monkeypatch):
    job_uuid, other = desk.start([1]), desk.start([2])
    write = working._write

    def refuse(chunk, results):
        if chunk.job_uuid == job_uuid:
            raise ValueError("too large")
        return write(chunk, results)

    monkeypatch.setattr(working, "_write", refuse)

    jobs.run()

    assert jobs.get_job(job_uuid).errors == ("ValueError: too large",)
    assert jobs.get_job(other).state is JobState.DONE


def test_a_job_that_has_ended_cannot_be_cancelled(desk):
    job_uuid = desk.start([1])
    jobs.run()

    with pytest.raises(JobEnded):
        jobs.cancel(job_uuid=job_uuid, by=None)
    with pytest.raises(JobNotFound):
        jobs.cancel(job_uuid=NOWHERE, by=None)


def test_jobs_of_a_kind_that_is_gone_wait(desk):
    job_uuid = desk.start([1])
    jobs.register([])

    assert jobs.run() == 0

    assert jobs.get_job(job_uuid).state is JobState.WAITING


def test_what_cannot_be_a_job_is_refused(desk):
    with pytest.raises(ValueError, match="no kind"):
        jobs.start(kind="nothing", customer_uuid=ACME, parameters={}, chunks=[[1]], by=None)
    for chunks in ([], [[]], [list(range(1001))]):
        with pytest.raises(ValueError, match="items"):
            desk.start(*chunks)


def test_results_are_kept_for_ninety_days_and_the_job_for_ever(desk):
    job_uuid, other = desk.start([1]), desk.start([2])
    jobs.run()
    models.Job.objects.filter(pk=job_uuid).update(finished_at=clock.now() - timedelta(days=91))

    jobs.purge()

    with pytest.raises(ResultsGone):
        jobs.read_results(job_uuid)
    assert dict(jobs.get_job(job_uuid).counts) == {"odd": 1}
    assert not jobs.get_job(job_uuid).are_results_kept
    assert len(jobs.read_results(other)) == 1
    with pytest.raises(ObjectDoesNotExist):
        Chunk.objects.get(job=job_uuid)


def test_free_texts_go_with_the_job_or_with_the_results_if_some_of_it_failed(desk):
    done, failed = desk.start([2]), desk.start([1])
    desk.poison = {1}

    try_for_ever()

    assert jobs.get_job(done).parameters == {"colour": "red"}
    assert jobs.get_job(failed).parameters == {"colour": "red", "note": "for Bob"}
    models.Job.objects.update(finished_at=clock.now() - timedelta(days=91))
    jobs.purge()
    assert jobs.get_job(failed).parameters == {"colour": "red"}


def test_a_chunk_costs_three_statements_whatever_its_size(desk):
    counts = []
    for size in (1, 1000):
        desk.start(range(size))
        with counted() as one:
            jobs.run()
        desk.start(range(size), range(size))
        with counted() as two:
            jobs.run()
        counts.append((one.count, two.count - one.count))

    assert counts[0] == counts[1]
    assert counts[1][1] == 3, two.listed


def test_beginning_costs_two_statements(desk):
    for chunks in ([[1]], [range(1000)] * 10):
        with counted() as statements:
            desk.start(*chunks)
        assert statements.count == 2
