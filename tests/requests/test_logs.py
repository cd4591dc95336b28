"""Every request has an id and a line in the log, and every line is one JSON object."""

import json
import logging
import re

import pytest

from bursar.config.logs import JsonFormatter, RequestIdFilter

pytestmark = [pytest.mark.django_db, pytest.mark.once]


@pytest.fixture
def lines(monkeypatch):
    """What the log has said so far, each line parsed."""
    written = []

    class Listener(logging.Handler):
        def emit(self, record):
            written.append(self.format(record))

    listener = Listener()
    listener.setFormatter(JsonFormatter())
    listener.addFilter(RequestIdFilter())
    logging.getLogger().addHandler(listener)
    yield lambda: [json.loads(line) for line in written]
    logging.getLogger().removeHandler(listener)


def test_the_callers_id_is_taken_and_given_back(client):
    assert (
        client.get("/api/test/rule/", headers={"X-Request-ID": "trace-1.2_3"})["X-Request-ID"]
        == "trace-1.2_3"
    )


@pytest.mark.parametrize("given", ["", "two words", "x" * 129, 'quote"', "line\nbreak"])
def test_an_unusable_id_is_replaced(client, given):
    answer = client.get("/api/test/rule/", headers={"X-Request-ID": given})

    assert re.fullmatch(r"[0-9a-f]{32}", answer["X-Request-ID"])


def test_two_requests_have_two_ids(client):
    assert client.get("/livez")["X-Request-ID"] != client.get("/livez")["X-Request-ID"]


def test_a_request_is_logged_without_the_addresses_in_its_query(client, lines):
    client.get("/api/test/rule/?user__email=bob@acme.test", headers={"X-Request-ID": "abc-2"})

    [line] = [line for line in lines() if line["logger"] == "bursar.access"]
    assert line["message"] == "GET /api/test/rule/ 422"
    assert (line["method"], line["path"], line["status"]) == ("GET", "/api/test/rule/", 422)
    assert (line["level"], line["request_id"]) == ("info", "abc-2")
    assert line["duration_ms"] >= 0


def test_a_path_that_lets_its_bearer_in_is_not_logged(client, lines):
    client.get("/test/confirm/s3cret/")

    assert [line["path"] for line in lines()] == ["/test/confirm/***/"]


def test_probes_are_not_logged(client, lines):
    client.get("/livez")

    assert lines() == []


def test_a_crash_is_logged_with_its_traceback_under_the_request(client, lines):
    client.get("/api/test/crash/", headers={"X-Request-ID": "abc-3"})

    crash, access = lines()
    assert crash["level"] == "error"
    assert "ZeroDivisionError: boom" in crash["exception"]
    assert (crash["request_id"], access["status"]) == ("abc-3", 500)


def test_extras_and_line_breaks_stay_on_one_line():
    record = logging.makeLogRecord(
        {"name": "bursar.test", "msg": "two\nlines %s", "args": ("x",), "plan": {1, 2}}
    )

    line = JsonFormatter().format(record)

    assert "\n" not in line
    assert json.loads(line)["plan"] == "{1, 2}"
    assert json.loads(line)["message"] == "two\nlines x"
