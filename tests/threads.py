"""Doing several things at the same moment."""

import threading
from collections.abc import Callable
from typing import Any

from django.db import connection


def at_once(*acts: Callable[[], Any]) -> list[Any]:
    """What the acts return, all begun at the same moment, each in a thread of its own."""
    results: list[Any] = [None] * len(acts)
    errors: list[Exception] = []
    barrier = threading.Barrier(len(acts))

    def run(index: int, act: Callable[[], Any]) -> None:
        try:
            barrier.wait(10)
            results[index] = act()
        except Exception as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=each) for each in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    if errors:
        raise ExceptionGroup("in the threads", errors)
    return results
