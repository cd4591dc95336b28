"""A body that is too large, or is no JSON, is the sender's mistake and never ours."""

import io
import json
from urllib.parse import urlencode

import pytest
from django.test import RequestFactory

from bursar.config.wsgi import application

pytestmark = [pytest.mark.django_db, pytest.mark.once]

LIMIT = 10 * 1024 * 1024


def _post(client, body, content_type="application/json", path="/api/test/echo/"):
    return client.generic("POST", path, body, content_type=content_type)


def test_a_body_at_the_limit_is_read(client):
    body = json.dumps({"text": "x" * (LIMIT - 12)}).encode()
    assert len(body) == LIMIT

    assert _post(client, body).status_code == 200


@pytest.mark.parametrize(
    "content_type", ["application/json", "text/plain", "multipart/form-data; boundary=b"]
)
@pytest.mark.parametrize("path", ["/api/test/echo/", "/api/test/form/", "/admin/login/"])
def test_a_body_over_the_limit_is_a_413_wherever_it_goes(client, content_type, path):
    answer = _post(client, b"x" * (LIMIT + 1), content_type, path)

    assert answer.status_code == 413
    assert "10 MB" in answer.content.decode()


def test_the_length_alone_refuses_a_body_before_it_is_read(client):
    class Unreadable(io.RawIOBase):
        def read(self, *_):
            raise AssertionError("somebody read it")

    answer = client.generic(
        "POST",
        "/api/test/echo/",
        content_type="application/json",
        CONTENT_LENGTH=str(LIMIT + 1),
        **{"wsgi.input": Unreadable()},
    )

    assert (answer.status_code, list(answer.json())) == (413, ["detail"])
    assert answer["Connection"] == "close"


def test_a_form_over_the_limit_is_a_413(client):
    body = urlencode({"text": "x" * LIMIT}).encode()

    answer = _post(client, body, "application/x-www-form-urlencoded", "/api/test/form/")

    assert answer.status_code == 413


def test_a_form_within_the_limit_is_read_where_a_view_takes_forms(client):
    answer = client.post("/api/test/form/", {"email": "bob@acme.test"})

    assert answer.json() == {"read": {"email": ["bob@acme.test"]}}


def test_a_form_where_none_is_taken_is_a_415(client):
    assert client.post("/api/test/echo/", {"a": "b"}).status_code == 415


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b'{"a": NaN}',
        b'"\\ud800"',
        b"\xff\xfe",
        b"[" * 300 + b"]" * 300,
        b"[" * 100_000 + b"]" * 100_000,
        b"[" * 1_000_000,
        b'{"a":' * 50_000,
        b'{"email": "a\\u0000b"}',
    ],
    ids=lambda body: f"{body[:12]!r} x {len(body)}",
)
def test_what_is_no_usable_json_is_a_400_that_says_why(client, body):
    answer = _post(client, body)

    assert answer.status_code == 400
    assert answer.json()["detail"].startswith("The request body ")


@pytest.mark.parametrize(
    "body",
    [b"--b\r\nnonsense", b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n'],
    ids=["torn", "open"],
)
def test_a_damaged_form_is_no_fault_of_ours(client, body):
    assert _post(client, body, "multipart/form-data; boundary=b", "/api/test/form/").status_code in (200, 400)
    assert _post(client, body, "multipart/form-data", "/api/test/form/").status_code == 400


def _through_wsgi(body):
    """POSTs a chunked body as the server hands it over: without a length."""
    environ = RequestFactory().generic("POST", "/api/test/echo/", b"", "application/json").environ
    environ.pop("CONTENT_LENGTH", None)
    environ |= {"CONTENT_TYPE": "application/json", "HTTP_TRANSFER_ENCODING": "chunked"}
    environ["wsgi.input"] = body
    started = []
    answer = application(environ, lambda status, headers, *_: started.append((status, dict(headers))))
    return started[0][0][:3], json.loads(b"".join(answer))


def test_a_chunked_body_is_read():
    assert _through_wsgi(io.BytesIO(b'{"a": 1}')) == ("200", {"read": {"a": 1}})


def test_a_chunked_body_is_read_to_the_limit_and_no_further():
    class Endless(io.RawIOBase):
        given = 0

        def read(self, size=-1):
            self.given += size
            return b"x" * size

    body = Endless()
    status, answer = _through_wsgi(body)

    assert (status, list(answer)) == ("413", ["detail"])
    assert body.given == LIMIT + 1
