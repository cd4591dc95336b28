"""Bulk enrollment whose workers are killed, or which is asked for twice at once: each pair is served once.

A failure prints its seed; ``BURSAR_TEST_SEED`` repeats it.
"""

import os
import random
from typing import Any

import pytest

from tests.faults.crowd import Crowd

pytestmark = [pytest.mark.slow, pytest.mark.once, pytest.mark.uncounted]

SIZES = {"postgres": (10, 20), "sqlite": (4, 8), "mariadb": (4, 8)}
"""Chunks of a job, and how often its worker is killed; all 10,000 pairs and 20 kills on PostgreSQL."""

FEW = 100  # people, in ten runs each: 1,000 pairs, one chunk
ROUNDS = 2


def draw_seed() -> int:
    seed = int(os.environ.get("BURSAR_TEST_SEED") or random.randrange(100_000))
    print(f"BURSAR_TEST_SEED={seed}")  # noqa: T201
    return seed


def moments(dice: random.Random, count: int, kills: int) -> list[float]:
    """When the workers are killed, in chunks: one moment in each stretch of the job, one in its last chunk.

    What was committed before a kill is repeated in no time. So the last two moments leave room: the job must
    not be done before.
    """
    stretch = (count - 1.5) / (kills - 1)
    return [dice.uniform(n, n + 1) * stretch for n in range(kills - 1)] + [count - 1 + dice.uniform(0, 0.2)]


def check(crowd: Crowd, world: dict[str, Any], *jobs: str) -> None:
    for job in jobs:
        assert crowd.call("find_contradictions_of_job", world=world, job=job) == []
    assert crowd.call("find_contradictions_of_enrollment", world=world) == []


def seconds_of_a_chunk(crowd: Crowd) -> float:
    """How long one takes if nobody is killed: two jobs of two chunks, of which the faster one counts."""

    def measure() -> float:
        crowd.call("start_job", world=crowd.call("open_enrollment", people=2 * FEW))
        seconds: float = crowd.call("work")
        return seconds / 2

    return min(measure(), measure())


def test_a_job_whose_worker_is_killed_again_and_again_enrolls_everybody_once(
    crowd: Crowd, request: pytest.FixtureRequest
) -> None:
    count, kills = SIZES[request.node.callspec.params["crowd"]]
    dice = random.Random(draw_seed())
    seconds = seconds_of_a_chunk(crowd)
    world = crowd.call("open_enrollment", people=count * FEW)
    job = crowd.call("start_job", world=world)

    for moment in moments(dice, count, kills):
        chunks, part = divmod(moment, 1)
        was_killed = crowd.call("work_until_killed", job=job, chunks=int(chunks), seconds=part * seconds)
        print(f"killed at {moment:.2f}, with {crowd.call('count_done', job=job)} chunks done")  # noqa: T201
        assert was_killed, "the job was done before"
        crowd.call("let_claims_run_out")

    crowd.call("work")
    check(crowd, world, job)


@pytest.mark.parametrize("is_shuffled", [False, True], ids=["in the same order", "shuffled"])
def test_two_requests_for_the_same_at_once_enroll_everybody_once(crowd: Crowd, is_shuffled: bool) -> None:
    seed = draw_seed()
    for number in range(ROUNDS):
        world = crowd.call("open_enrollment", people=FEW)
        orders = [seed + number, -seed - number] if is_shuffled else [None, None]

        answers = crowd.at_once([("enroll", {"world": world, "shuffle": order}) for order in orders])

        assert [answer["enrolled"] for answer in answers] == [FEW * 10] * 2
        assert sum(answer.get("created", 0) for answer in answers) == FEW * 10
        check(crowd, world)


@pytest.mark.parametrize("is_shuffled", [False, True], ids=["in the same order", "shuffled"])
def test_two_jobs_for_the_same_done_at_once_enroll_everybody_once(crowd: Crowd, is_shuffled: bool) -> None:
    seed = draw_seed()
    for number in range(ROUNDS):
        world = crowd.call("open_enrollment", people=FEW)
        orders = [seed + number, -seed - number] if is_shuffled else [None, None]
        jobs = [crowd.call("start_job", world=world, shuffle=order) for order in orders]

        crowd.at_once([("work", {}), ("work", {})])

        check(crowd, world, *jobs)
