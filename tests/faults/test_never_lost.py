"""Processes and brokers die during an approval of 200 requests: nothing accepted is lost or doubled."""

import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import psutil
import pytest

from tests.faults.crowd import Crowd
from tests.journeys.callers import Answer, Caller, count_mails, read_mails
from tests.processes import Installation, Running, wait_until
from tests.services import OwnRedis

pytestmark = [pytest.mark.slow, pytest.mark.once, pytest.mark.uncounted]

COUNT = 200
FREE = 210
DONE_SECONDS = 60
"""From the last kill until all is done: a beat comes every ten seconds, and processes take time to start."""

Install = Callable[..., Installation]


@dataclass
class Approval:
    """The approval of 200 requests at once, in a plan with 210 licenses."""

    installation: Installation
    crowd: Crowd
    world: dict[str, Any]
    mails_before: int

    def begin(self) -> Answer:
        """Has the administrator approve them all over HTTP; returns the answer."""
        token = self.crowd.call("token", email=self.world["admin"])
        administrator = Caller(f"http://127.0.0.1:{self.installation.port}", token)
        answer = administrator.post(
            "/api/v1/license-requests/approve/",
            {
                "enterprise_customer_uuid": self.world["customer"],
                "subscription_plan_uuid": self.world["plan"],
                "subsidy_request_uuids": list(self.world["requests"].values()),
                "send_notification": True,
            },
        )
        assert answer.status == 200, answer.body
        assert len(answer.body) == COUNT
        assert {row["state"] for row in answer.body} <= {"pending", "approved"}
        return answer

    def mail_count(self) -> int:
        return count_mails(self.installation.home) - self.mails_before

    def say_what_was_hit(self, seed: int) -> None:
        """Into the report of a failure."""
        counts = self.crowd.call("count_requests", customer=self.world["customer"])
        print(f"seed {seed}: killed at {counts}, {self.mail_count()} mails")  # noqa: T201

    def let_claims_run_out(self) -> None:
        """Saves the minutes for which what a killed process had claimed stays claimed."""
        self.crowd.call("let_claims_run_out")

    def wait_until_done(self) -> None:
        wait_until(lambda: self.mail_count() >= COUNT, f"{COUNT} mails", seconds=DONE_SECONDS)

    def check_everybody_was_served_once(self) -> None:
        """All are approved, each once, each with a license and a mail that leads to it; no seat is held."""
        customer, plan = self.world["customer"], self.world["plan"]
        wanted = {"customer": customer, "plan": plan, "size": FREE}
        assert self.crowd.call("find_contradictions", **wanted) == []
        assert self.crowd.call("count_requests", customer=customer) == {"approved": COUNT}
        stories = self.crowd.call("count_transitions", customer=customer).values()
        assert all(story == {"requested": 1, "approved": 1, "fulfilled": 1} for story in stories)
        keys = self.crowd.call("find_activation_keys", plan=plan)
        mails = [mail for mail in read_mails(self.installation.home) if mail.to in keys]
        assert sorted(mail.to for mail in mails) == sorted(self.world["requests"])
        for mail in mails:
            assert "MITx+6.00.1x" in mail.subject
            assert any(keys[mail.to] in link for link in mail.links)


@contextmanager
def approvals(installation: Installation) -> Iterator[Callable[..., Approval]]:
    """Makes customers whose 200 requests wait for their approval."""
    with Crowd(installation.environment()) as crowd:

        def make(host: str = "acme.test") -> Approval:
            learners = [f"learner{number}@{host}" for number in range(COUNT)]
            world = crowd.call("open_plan", free=FREE, requests=learners)
            return Approval(installation, crowd, world, count_mails(installation.home))

        yield make


def kill(processes: list[psutil.Process]) -> None:
    """``kill -9``."""
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGKILL)
    psutil.wait_procs(processes, timeout=10)


@pytest.mark.parametrize("seed", [1])
def test_background_work_that_is_killed_again_and_again_is_finished(install: Install, seed: int) -> None:
    dice = random.Random(seed)
    installation = install()
    up = installation.up()
    with approvals(installation) as make:
        approval = make()
        wait_until(lambda: up.children("background"), "background work")

        approval.begin()
        time.sleep(dice.uniform(0, 0.4))
        for wanted in [0, *sorted(dice.sample(range(1, COUNT - 20), 2))]:
            wait_until(lambda wanted=wanted: approval.mail_count() >= wanted, f"{wanted} mails")
            kill(up.children("background"))
            approval.say_what_was_hit(seed)
            approval.let_claims_run_out()
            wait_until(lambda: up.children("background"), "started again")

        approval.wait_until_done()
        approval.check_everybody_was_served_once()
        assert up.is_ready()


@pytest.mark.parametrize("seed", [3])
def test_what_a_killed_bursar_up_had_begun_the_next_one_finishes(install: Install, seed: int) -> None:
    dice = random.Random(seed)
    installation = install()
    up = installation.up()
    with approvals(installation) as make:
        approval = make()
        approval.begin()
        wanted = dice.randrange(COUNT // 2)
        wait_until(lambda: approval.mail_count() >= wanted, f"{wanted} mails")
        below = up.children()

        up.stop(signal.SIGKILL)

        wait_until(lambda: not any(is_alive(each) for each in below), "all ended by themselves", seconds=15)
        approval.say_what_was_hit(seed)
        approval.let_claims_run_out()
        installation.up()
        approval.wait_until_done()
        approval.check_everybody_was_served_once()


def is_alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.parametrize("seed", [4])
def test_what_killed_workers_and_relays_had_begun_others_finish(
    install: Install, redis_url: str, seed: int
) -> None:
    dice = random.Random(seed)
    installation = install("postgres", BURSAR_BROKER_URL=redis_url)
    installation.run("migrate")
    web = installation.start("web")
    installation.start("beat")
    working = [installation.start("worker"), installation.start("relay")]
    web.wait_until_ready()
    with approvals(installation) as make:
        approval = make()

        approval.begin()
        for wanted in sorted(dice.sample(range(COUNT - 20), 2)):
            wait_until(lambda wanted=wanted: approval.mail_count() >= wanted, f"{wanted} mails")
            kill([process for each in working for process in tree(each)])
            approval.say_what_was_hit(seed)
            approval.let_claims_run_out()
            working = [installation.start("worker"), installation.start("relay")]

        approval.wait_until_done()
        approval.check_everybody_was_served_once()


def tree(running: Running) -> list[psutil.Process]:
    return [psutil.Process(running.pid), *running.children()]


def test_an_approval_does_not_wait_for_a_broker_that_hangs_or_is_away(
    install: Install, own_redis: OwnRedis
) -> None:
    """Weaknesses W2, W9 of enterprise-access: it crashed, and what was pending stayed so for ever."""
    installation = install("postgres", BURSAR_BROKER_URL=own_redis.url)
    up = installation.up()
    wait_until(lambda: up.children("worker") and up.children("beat"), "worker and beat")
    with approvals(installation) as make:
        hanging, away = make("hangs.test"), make("away.test")

        own_redis.hold()
        answer = hanging.begin()
        own_redis.go_on()

        assert answer.seconds < 3
        hanging.wait_until_done()
        hanging.check_everybody_was_served_once()

        own_redis.kill()
        away.mails_before = count_mails(installation.home)
        answer = away.begin()
        own_redis.start()

        assert answer.seconds < 3
        away.wait_until_done()
        away.check_everybody_was_served_once()


def test_an_approval_is_done_with_rabbitmq_as_broker(install: Install, rabbitmq_url: str) -> None:
    installation = install("mariadb", BURSAR_BROKER_URL=rabbitmq_url)
    installation.up()
    with approvals(installation) as make:
        approval = make()

        approval.begin()

        approval.wait_until_done()
        approval.check_everybody_was_served_once()
