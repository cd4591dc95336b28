"""The background work of an installation without a broker."""

import threading
from datetime import timedelta

import pytest

from bursar.config import background
from bursar.config.background import Background
from bursar.config.schedule import SCHEDULE, Beat

PACE = timedelta(milliseconds=5)

calls: list[str] = []
enough = threading.Event()


def count() -> None:
    calls.append("count")
    if calls.count("count") >= 3:
        enough.set()


def fail() -> None:
    calls.append("fail")
    raise RuntimeError("this task is broken")


def hang() -> None:
    calls.append("hang")
    threading.Event().wait(60)


@pytest.fixture(autouse=True)
def forget():
    calls.clear()
    enough.clear()


def beat(task: str) -> Beat:
    return Beat(f"{__name__}.{task}", PACE, PACE)


def test_each_task_is_called_again_and_again():
    work = Background([beat("count")])

    work.start()
    assert enough.wait(20)
    work.stop()

    so_far = len(calls)
    assert not threading.Event().wait(0.1)
    assert len(calls) == so_far


def test_a_task_that_fails_or_hangs_harms_no_other(monkeypatch, caplog):
    monkeypatch.setattr(background, "STOP_SECONDS", 0.1)
    work = Background([beat("fail"), beat("hang"), beat("count")])

    work.start()
    assert enough.wait(20)
    work.stop()

    assert {"fail", "hang", "count"} <= set(calls)
    assert "this task is broken" in caplog.text


def test_a_task_that_does_not_exist_is_noticed_at_once():
    with pytest.raises(ImportError):
        Background([beat("nothing")])


def test_every_line_of_the_schedule_names_a_task_of_celery():
    from bursar.config.celery import app

    app.loader.import_default_modules()

    assert [line.task for line in SCHEDULE if line.task not in app.tasks] == []
    assert sorted(app.conf.beat_schedule) == sorted(line.task for line in SCHEDULE)
    assert len({line.task for line in SCHEDULE}) == len(SCHEDULE)
