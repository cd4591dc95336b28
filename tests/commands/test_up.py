"""``bursar up``: one process tree that starts, heals and ends as one."""

import os
import signal
import socket

import psutil
import pytest

from tests.processes import answer_of, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.once]


def _end(process: psutil.Process) -> None:
    process.send_signal(signal.SIGKILL)


def _are_gone(processes: list[psutil.Process]) -> bool:
    return not any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in processes)


def test_it_migrates_serves_and_stops_with_everything_it_started(install):
    up = install().up()
    below = up.children()

    code = up.stop(signal.SIGTERM)

    assert code == 0
    assert len(below) == 3  # the web, its one process on SQLite, the background work
    wait_until(lambda: _are_gone(below), "all gone", seconds=5)
    assert up.url in up.output()


def test_ctrl_c_stops_it(install):
    up = install(is_migrated=True).up()

    assert up.stop(signal.SIGINT) == 0


def test_it_starts_the_background_work_again_when_that_is_killed(install):
    up = install(is_migrated=True).up()
    wait_until(lambda: up.children("background"), "background work")
    [background] = up.children("background")

    _end(background)

    wait_until(lambda: up.children("background") not in ([], [background]), "started again")
    assert up.is_ready()
    assert "started again" in up.output()


def test_it_ends_when_the_web_dies(install):
    up = install(is_migrated=True).up()
    [web] = [child for child in up.children("web") if child.ppid() == up.pid]
    below = up.children()

    _end(web)

    assert up.process.wait(timeout=15) == 1
    wait_until(lambda: _are_gone(below), "all gone", seconds=10)


def test_one_lost_process_of_the_web_is_replaced(install):
    up = install(is_migrated=True).up()
    [worker] = [child for child in up.children("web") if child.ppid() != up.pid]

    _end(worker)

    wait_until(lambda: _are_gone([worker]), "killed")
    up.wait_until_ready()


def test_nothing_outlives_a_supervisor_that_was_killed(install):
    installation = install(is_migrated=True)
    up = installation.up()
    below = up.children()

    up.stop(signal.SIGKILL)

    wait_until(lambda: _are_gone(below), "all gone", seconds=15)
    assert installation.up().is_ready()


def test_a_second_copy_in_the_same_home_is_refused_and_told_who_is_there(install):
    installation = install(is_migrated=True)
    up = installation.up()

    second = installation.run("up", "--port", "1")

    assert second.returncode == 1
    assert f"process {up.pid}" in second.stderr
    assert second.stderr.count("\n") == 1


def test_a_port_in_use_is_one_clear_line(install):
    installation = install(is_migrated=True)
    with socket.create_server(("127.0.0.1", installation.port)):
        up = installation.run("up")
        web = installation.run("web")

    for refused in (up, web):
        assert refused.returncode == 1
        assert f"port {installation.port} of 127.0.0.1 is taken" in refused.stderr
        assert refused.stderr.count("\n") == 1


def test_the_port_option_wins_over_the_variable(install):
    installation = install(is_migrated=True)
    port, installation.settings["PORT"] = installation.port, "1"

    running = installation.start("up", "--port", str(port))
    running.wait_until_ready()

    assert answer_of(f"http://127.0.0.1:{port}/readyz")[0] == 200


def test_with_a_broker_workers_and_the_beat_run_in_the_tree(install, redis_url):
    up = install("postgres", BURSAR_BROKER_URL=redis_url).up()

    wait_until(lambda: up.children("worker") and up.children("beat"), "worker and beat")

    assert not up.children("background")
    assert up.stop() == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may listen below 1024")
def test_an_address_that_is_not_ours_is_one_clear_line(install):
    refused = install(is_migrated=True).run("up", "--host", "192.0.2.1")

    assert refused.returncode == 1
    assert "cannot listen at 192.0.2.1" in refused.stderr
