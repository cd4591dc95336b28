"""A pipe from ``bursar up`` to each of its processes: when its end breaks off, they stop.

It works after a ``kill -9`` of the supervisor, too, for the kernel closes the pipe then.
"""

import os
import signal
import threading
import time
from collections.abc import Mapping

VARIABLE = "_BURSAR_LIFELINE"
GRACE_SECONDS = 5
"""Between asking an orphan to stop and making it."""


class Lifeline:
    """The supervisor's end: open as long as the supervisor lives."""

    def __init__(self) -> None:
        self.descriptor, self._held = os.pipe()  # neither is inherited by itself

    def environment(self) -> Mapping[str, str]:
        """What a child must find in its environment; ``descriptor`` must be passed to it as well."""
        return {VARIABLE: str(self.descriptor)}


def follow() -> None:
    """Has this process stop when its supervisor is gone. Without a supervisor it does nothing."""
    descriptor = os.environ.get(VARIABLE, "")
    if descriptor:
        threading.Thread(target=_stop_at_end_of, args=[int(descriptor)], name="lifeline", daemon=True).start()


def _stop_at_end_of(descriptor: int) -> None:
    try:
        os.read(descriptor, 1)  # nobody ever writes: it returns when the other end is closed
    except OSError:
        return  # not inherited: this process was started by other means
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_SECONDS)
    os.killpg(os.getpgid(0), signal.SIGKILL)
