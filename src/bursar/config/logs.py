"""Logs: to standard error, one JSON object a line, or readable where someone is looking."""

import logging
import sys
from datetime import UTC, datetime
from typing import Any

import orjson

from bursar.lib.requests import request_id

_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def configuration(level: str = "INFO") -> dict[str, Any]:
    """The logging of every process of Bursar, for ``logging.config.dictConfig``."""
    form = "readable" if sys.stderr.isatty() else "json"
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "json": {"()": "bursar.config.logs.JsonFormatter"},
            "readable": {"()": "bursar.config.logs.ReadableFormatter"},
        },
        "filters": {"request": {"()": "bursar.config.logs.RequestIdFilter"}},
        "handlers": {
            "stderr": {"class": "logging.StreamHandler", "formatter": form, "filters": ["request"]},
        },
        "root": {"handlers": ["stderr"], "level": "WARNING"},
        "loggers": {
            "bursar": {"level": level},
            "django.server": {"handlers": [], "propagate": True},
            "django": {"handlers": [], "propagate": True},
            "django.request": {"level": "ERROR"},  # the access log has the rest
            "django.security.DisallowedHost": {"level": "CRITICAL"},  # scanners; the access log has them, too
            "_granian": {"level": "WARNING"},
        },
    }


class RequestIdFilter(logging.Filter):
    """Adds ``request_id`` to every line that is logged while a request is answered."""

    def filter(self, record: logging.LogRecord) -> bool:
        if current := request_id.get():
            record.request_id = current
        return True


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, message, and what was given as ``extra``."""

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_extras(record),
        }
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return orjson.dumps(entry, default=str, option=orjson.OPT_NON_STR_KEYS).decode()


class ReadableFormatter(logging.Formatter):
    """``12:30:01 warning bursar.outbox.relay: delivery failed (handler=...)``."""

    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created).astimezone().strftime("%H:%M:%S")
        extras = ", ".join(f"{name}={value}" for name, value in _extras(record).items())
        line = f"{moment} {record.levelname.lower()} {record.name}: {record.getMessage()}"
        line += f" ({extras})" if extras else ""
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def _extras(record: logging.LogRecord) -> dict[str, Any]:
    return {
        name: value
        for name, value in vars(record).items()
        if name not in _OWN and name not in ("request", "server_time", "stack")
    }
