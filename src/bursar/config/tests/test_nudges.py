"""Waking workers up, with brokers that work, are away, or hang."""

import os
import signal
import time
from typing import Any

import pytest

from bursar.config import nudges
from bursar.config.celery import app
from bursar.config.schedule import RELAY
from tests.processes import wait_until

pytestmark = [pytest.mark.once]


@pytest.fixture
def nudge(monkeypatch):
    """Gives the nudge of a process whose broker is at a URL."""

    def at(url: str) -> Any:
        monkeypatch.setattr(nudges, "PAUSE_AFTER_FAILURE", 0.2)
        monkeypatch.setitem(app.conf, "broker_url", url)
        monkeypatch.setitem(app.conf, "broker_write_url", url)
        return nudges.Nudger(nudges.connect).nudge

    return at


def waiting(url: str) -> int:
    """How many calls wait for a worker."""
    with app.connection_for_read(url) as connection:
        try:
            return int(connection.default_channel.queue_declare("celery", passive=True).message_count)
        except connection.channel_errors:
            return 0  # nobody has made the queue yet


@pytest.mark.slow
@pytest.mark.parametrize("broker", ["redis_url", "rabbitmq_url"])
def test_a_nudge_reaches_the_broker(nudge, broker, request):
    url = request.getfixturevalue(broker)

    nudge(url)(RELAY.task)

    wait_until(lambda: waiting(url) == 1, "a call in the queue", seconds=20)


@pytest.mark.slow
def test_many_nudges_are_few_calls(nudge, own_redis):
    wake = nudge(own_redis.url)

    for _ in range(5000):
        wake(RELAY.task)

    wait_until(lambda: waiting(own_redis.url) >= 1, "a call in the queue", seconds=20)
    assert waiting(own_redis.url) < 500


def test_nobody_waits_for_a_broker_that_is_away(nudge, caplog):
    wake = nudge("redis://127.0.0.1:1/0")

    started = time.monotonic()
    for _ in range(100):
        wake(RELAY.task)

    assert time.monotonic() - started < 0.5
    wait_until(lambda: "no broker" in caplog.text, "a line in the log", seconds=20)


@pytest.mark.slow
def test_a_broker_that_hangs_holds_nobody_up_and_is_used_again_later(nudge, own_redis):
    wake = nudge(own_redis.url)
    own_redis.hold()
    started = time.monotonic()
    wake(RELAY.task)
    wake(RELAY.task)
    assert time.monotonic() - started < 0.5
    time.sleep(nudges.TIMEOUT + 0.5)
    own_redis.go_on()

    def is_used() -> bool:
        wake(RELAY.task)
        return waiting(own_redis.url) >= 1

    wait_until(is_used, "used again", seconds=20)


def test_a_fork_makes_a_thread_of_its_own(nudge):
    wake = nudge("redis://127.0.0.1:1/0")
    wake(RELAY.task)

    child = os.fork()
    if child == 0:
        signal.alarm(30)  # rather a failure than a test that hangs
        wake(RELAY.task)
        import threading

        os._exit(0 if "nudges" in [thread.name for thread in threading.enumerate()] else 1)

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
