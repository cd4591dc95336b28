"""The web: granian serves ``config/wsgi.py``."""

import errno
import os
import socket
import time
from typing import TYPE_CHECKING

from django.db import connection
from granian import Granian
from granian.constants import Interfaces
from granian.log import LogLevels

from bursar.config import lifeline, logs

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

STOP_SECONDS = 3
"""How long requests may go on once the server is to stop."""

THREADS = 8
"""Requests that one process handles at a time. They mostly wait for the database."""


class ListenError(Exception):
    """We cannot listen at this address."""


def check_port(host: str, port: int, *, patience: float = 0) -> None:
    """Raises ListenError when we could not listen there, after ``patience`` seconds if the port is in use.

    granian shares its port between its processes, so it would not notice a second server by itself.
    """
    until = time.monotonic() + patience
    while True:
        try:
            return _try_to_bind(host, port)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise ListenError(f"cannot listen at {host}, port {port}: {error.strerror}") from error
            if time.monotonic() >= until:
                raise ListenError(
                    f"port {port} of {host} is taken by another program. Choose another with --port."
                ) from error
        time.sleep(0.1)


def _try_to_bind(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))


def serve(host: str, port: int) -> None:
    """Serves until SIGTERM or Ctrl-C. One process on SQLite, which has one writer; else one for each core."""
    workers = 1 if connection.vendor == "sqlite" else os.cpu_count() or 1
    connection.close()  # the server's processes are forks, and must not share it
    lifeline.follow()
    Granian(
        "bursar.config.web:make_application",
        factory=True,
        address=host,
        port=port,
        interface=Interfaces.WSGI,
        workers=workers,
        blocking_threads=THREADS,
        workers_kill_timeout=STOP_SECONDS,
        respawn_failed_workers=True,
        websockets=False,
        log_level=LogLevels.error,  # below that it gives advice about our number of threads
        log_dictconfig=logs.configuration(),
    ).serve()


def make_application() -> "WSGIApplication":
    """The application, made in each of granian's processes."""
    lifeline.follow()
    from django.urls import get_resolver

    from bursar.config.wsgi import application

    get_resolver().url_patterns  # noqa: B018  loads all views now, and not with the first request
    return application
