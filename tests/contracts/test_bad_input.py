"""Whatever is sent: the answer is a refusal that says what to mend, nothing is written, never is it a 500.

The calls are those of ``tests/architecture/calls.py``; each is right, but for one thing.
"""

import copy
import http.client
import json
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import pytest
import pytest_django
from django.db import connection
from drf_spectacular.generators import SchemaGenerator

from tests import cast
from tests.architecture import calls
from tests.architecture.calls import PLACEHOLDERS, Call, send
from tests.architecture.tenants import Answer, Tenants, make_tenants
from tests.architecture.world import ADMIN, ANONYMOUS, OPERATING_STAFF, OWNER, PEOPLE, Ids
from tests.processes import Installation

pytestmark = pytest.mark.uncounted

CALLS = [
    call
    for call in calls.CALLS
    # The views of license requests answer these too; only what an approval names is of another kind.
    if not call.path.startswith("/api/v1/coupon-code-requests/") or "approve" in call.path
]
WRITES = [call for call in CALLS if call.method in ("POST", "PUT", "PATCH") and call.body(Ids())]
API_WRITES = [call for call in WRITES if not call.is_page]
READS = [call for call in CALLS if call.method == "GET" and not call.is_page]

EVERY_API_WRITE = pytest.mark.parametrize("call", API_WRITES, ids=str)
EVERY_READ = pytest.mark.parametrize("call", READS, ids=str)

SLOW = "/api/schema/"
"""The description of the API takes half a second each time, and reads next to nothing of a request."""

MEGABYTE = 1024 * 1024


@pytest.fixture(scope="module")
def db(django_db_setup: None, django_db_blocker: pytest_django.DjangoDbBlocker) -> Iterator[None]:
    """The database, open for this whole module: the world in it is made once."""
    with django_db_blocker.unblock():
        yield


@pytest.fixture(scope="module")
def tenants(db: None) -> Iterator[Tenants]:
    with make_tenants() as made:
        yield made


def _person_for(call: Call) -> str:
    """Somebody who may make the call with Acme's ids."""
    if call.may.get(ADMIN, 500) < 300:
        return "alice (admin of Acme)"
    if OWNER in call.may:
        return "bob (owner at Acme)"
    return "olga (operator and staff)" if call.allows(OPERATING_STAFF) else "nobody"


def _send(tenants: Tenants, call: Call, **request: Any) -> Answer:
    """The call by somebody who may, with another body, query, path or content type."""
    ids = tenants.world.acme.ids
    person = None if "Authorization" in request.get("headers", ()) else PEOPLE[_person_for(call)]
    client = tenants.world.client_of(person, call.is_page)
    request.setdefault("query", call.query(ids))
    path = request.pop("path", call.path_for(ids))
    return tenants.watch(lambda: send(client, call.method, path, **request))


def _fault(answer: Answer, what: object, *, may_succeed: bool = False) -> list[str]:
    """What is wrong with the answer to a bad request, as lines for the report."""
    sent = str(what)[:150]
    if answer.status >= 500:
        return [f"{sent}: {answer.status} {answer.text[:300]}"]
    if answer.status < 400:
        return [] if may_succeed else [f"{sent}: accepted with {answer.status} {answer.text[:100]}"]
    faults = []
    # A 409 of bulk enrollment names the pairs that failed; the others are done.
    if answer.after is not None and answer.status != 409:
        faults.append(f"{sent}: refused with {answer.status}, but something was written")
    is_mute = answer.status == 404 and not answer.text  # the LMS's way not to tell whether there is somebody
    if (len(answer.text) < 15 and not is_mute) or "Traceback" in answer.text:
        faults.append(f"{sent}: {answer.status}, but {answer.text!r} does not say what to mend")
    return faults


# Bodies that are no JSON object

NO_OBJECT = {
    "nothing": b"",
    "torn": b"{",
    "two": b"{} {}",
    "a list": b"[]",
    "a text": b'"text"',
    "a number": b"5",
    "null": b"null",
    "not a number": b'{"enterprise_customer_uuid": NaN}',
    "invalid UTF-8": b'{"enterprise_customer_uuid": "\xff\xfe"}',
    "UTF-16": '{"enterprise_customer_uuid": "x"}'.encode("utf-16"),
    "a NUL": b'{"enterprise_customer_uuid": "a\\u0000b"}',
    "a bare NUL": b'{"enterprise_customer_uuid": "a\x00b"}',
    "half a character": b'{"enterprise_customer_uuid": "\\ud800"}',
    "half a character as a key": b'{"\\udfff": 1}',
    "100,000 lists in each other": b"[" * 100_000 + b"]" * 100_000,
    "100,000 objects in each other": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "1,000 lists in a field": b'{"enterprise_customer_uuid": ' + b"[" * 1000 + b"]" * 1000 + b"}",
    "a number beyond all": b'{"enterprise_customer_uuid": 1e999999}',
    "a number of 10,000 digits": b'{"enterprise_customer_uuid": ' + b"9" * 10_000 + b"}",
}


@pytest.mark.once  # no database hears of it
@EVERY_API_WRITE
def test_a_body_that_is_no_object_is_refused(tenants, call):
    faults = []
    for name, body in NO_OBJECT.items():
        answer = _send(tenants, call, body=body)
        # Who changes nothing need not be refused.
        faults += _fault(answer, name, may_succeed=(name, call.method) == ("nothing", "PATCH"))
        if not answer.text.startswith(("{", '"')):
            faults.append(f"{name}: the answer is no JSON: {answer.text[:100]}")
    assert not faults, "\n".join([str(call), *faults])


@pytest.mark.once
@EVERY_API_WRITE
@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/xml",
        "multipart/form-data",
        "multipart/form-data; boundary=b",
        "garbage",
        "",
        "a/b;c",
    ],
)
def test_a_content_type_that_is_not_read_is_refused(tenants, call, content_type):
    body = json.dumps(call.body(tenants.world.acme.ids), default=str).encode()

    answer = _send(tenants, call, body=body, content_type=content_type)

    assert not _fault(answer, content_type)
    assert answer.status in (400, 403, 415)


# Objects with one wrong value

ODD_VALUES: list[Any] = [
    None,
    True,
    0,
    -1,
    1.5,
    2**63,
    -(2**63) - 1,
    2**64,
    10**40,
    1e300,
    "",
    " ",
    "x",
    "x" * 100_000,
    "9" * 40,
    "1e5",
    "\U0001f600",
    "é\u202e\u200b",
    "%_'\"\\;--",
    "a\x01\x1f\x7fb",
    "course-v1:" + "x" * 300 + "+a+b",
    [],
    {},
    [[]],
    [None],
    {"a": {"b": [1]}},
    ["x"] * 3,
]


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Every place in a body, with what stands there."""
    if path:
        yield path, value
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inside:
        yield from _places(each, (*path, key))


def _replaced(body: Mapping[str, Any], path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    changed: Any = copy.deepcopy(dict(body))
    inner = changed
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    return changed


@EVERY_API_WRITE
def test_a_value_of_a_wrong_kind_is_refused_or_harmless(tenants, call):
    faults = []
    body = call.body(tenants.world.acme.ids)
    for path, right in _places(body):
        for odd in ODD_VALUES:
            changed = json.dumps(_replaced(body, path, odd), default=str).encode()
            answer = _send(tenants, call, body=changed)
            is_sure = isinstance(right, uuid.UUID) and "license_uuid" not in path and odd is not None
            faults += _fault(answer, f"{path}: {odd!r}", may_succeed=not is_sure)
    assert not faults, "\n".join([str(call), *faults])


OPTIONAL = ("license_uuid",)
"""Uuids that may be left out: all of a learner's licenses are revoked then."""


@EVERY_API_WRITE
def test_a_field_that_is_missing_is_refused_or_optional(tenants, call):
    faults = []
    body = call.body(tenants.world.acme.ids)
    for name in body:
        rest = {each: value for each, value in body.items() if each != name}
        answer = _send(tenants, call, body=json.dumps(rest, default=str).encode())
        is_needed = name.endswith(("uuid", "uuids")) and name not in OPTIONAL
        faults += _fault(answer, f"without {name}", may_succeed=not is_needed)
    assert not faults, "\n".join([str(call), *faults])


def _call(method: str, path: str) -> Call:
    return next(call for call in CALLS if call.route == (method, path))


@pytest.mark.parametrize("answering", ["approve", "decline"])
@pytest.mark.parametrize("count", [0, 1001, 5000])
def test_a_batch_of_requests_has_1_to_1000_of_them(tenants, answering, count):
    call = _call("POST", f"/api/v1/license-requests/{answering}/")
    body = call.body(tenants.world.acme.ids)
    body["subsidy_request_uuids"] = [uuid.uuid4() for _ in range(count)]

    answer = _send(tenants, call, body=body)

    assert answer.status == 400
    assert not _fault(answer, count)
    assert "subsidy_request_uuids" in answer.text


@pytest.mark.parametrize("plan_uuid", [uuid.uuid4(), uuid.UUID(int=0)], ids=["random", "zero"])
def test_an_unknown_plan_is_refused(tenants, plan_uuid):
    call = _call("POST", "/api/v1/license-requests/approve/")
    body = {**call.body(tenants.world.acme.ids), "subscription_plan_uuid": plan_uuid}

    answer = _send(tenants, call, body=body)

    assert answer.status == 422
    assert not _fault(answer, plan_uuid)
    assert "plan" in answer.text


_BULK = "/enterprise/api/v1/enterprise-customer/<customer_uuid>/enroll_learners_in_courses/"


def test_bulk_enrollment_takes_10000_pairs_and_not_one_more(tenants):
    call = _call("POST", _BULK)
    pair = call.body(tenants.world.acme.ids)["licenses_info"][0]

    answer = _send(tenants, call, body={"licenses_info": [pair] * 10_001})

    assert answer.status == 400
    assert not _fault(answer, "10,001")
    assert "10,000" in answer.text


@pytest.mark.parametrize("number", [2**31, 2**63 - 1, 2**63, 2**64, 10**30, -1, 0, "9" * 19, "9" * 20])
def test_a_user_id_that_nobody_can_have_is_an_unknown_one(tenants, number):
    call = _call("POST", _BULK)
    pair = {"user_id": number, "course_run_key": cast.CS50_RUN, "license_uuid": str(uuid.uuid4())}

    answer = _send(tenants, call, body=json.dumps({"enrollments_info": [pair]}).encode())

    assert answer.status in (400, 409), answer.text
    assert answer.after is None


# Queries and paths

ODD_TEXTS = [
    *(
        "",
        "0",
        "-1",
        "abc",
        "1.5",
        "1e9",
        "9" * 30,
        "null",
        "true",
        "[]",
        "{}",
        ",,,",
        ",a,,b,",
        "-",
        "--created",
    ),
    *(
        "%",
        "_",
        "%_%",
        "'",
        '"',
        "\\",
        "' OR 1=1 --",
        "(",
        "*",
        "😀",
        "é",
        "\u202e",
        "\t\r\n",
        "a\x01b",
        "x" * 3000,
    ),
]

TEXTS_FOR_DATABASES = ("-1", "9" * 30, "%", "_", "\\", "'", "😀", "é", "a\x01b", "x" * 3000)
"""Those that databases may take each in its own way; whatever else is wrong, no database hears of it."""


@pytest.fixture(scope="module")
def parameters() -> dict[str, list[str]]:
    """The names of the query parameters of each path, as the API describes itself."""
    described = SchemaGenerator().get_schema(request=None, public=True)["paths"]
    return {
        path.replace("{", "<").replace("}", ">"): [
            each["name"]
            for operation in operations.values()
            for each in operation.get("parameters", ())
            if each["in"] == "query"
        ]
        for path, operations in described.items()
    }


@EVERY_READ
def test_a_query_may_say_anything(tenants, call, parameters):
    faults = []
    right = call.query(tenants.world.acme.ids)
    known = parameters.get(call.path, parameters.get(call.path.rstrip("/"), []))
    names = {*known, "page", "page_size", "ordering", "search", "format"}
    texts = ODD_TEXTS if connection.vendor == "sqlite" else TEXTS_FOR_DATABASES
    faults += _fault(_send(tenants, call, query="&&=&"), "&&=&", may_succeed=True)
    for name in {"format", "lang"} if call.path == SLOW else names:
        # What a path does not describe it most likely does not read: a few will do.
        for odd in texts if name in known and call.path != SLOW else texts[::8]:
            answer = _send(tenants, call, query={**right, name: odd})
            faults += _fault(answer, f"{name}={odd!r}", may_succeed=True)
        for raw in (
            f"{name}=%ff%fe",
            f"{name}=%ED%A0%80",
            f"{name}",
            f"{name}=1&{name}=2",
            f"{name}[]=1",
        ):
            faults += _fault(_send(tenants, call, query=raw), raw, may_succeed=True)
        faults += _fault(_send(tenants, call, query=f"{name}=a%00b"), f"{name} with a NUL")
    assert not faults, "\n".join([str(call), *faults])


@pytest.mark.parametrize("page", ["0", "-1", "abc", "2", "9" * 30])
@pytest.mark.parametrize("path", ["license-requests", "customer-configurations"])
def test_a_page_that_is_not_there_is_a_404_that_says_so(tenants, path, page):
    answer = _send(tenants, _call("GET", f"/api/v1/{path}/"), query={"page": page})

    assert (answer.status, json.loads(answer.text)) == (404, {"detail": "Invalid page."})


@pytest.mark.parametrize("size", ["0", "-1", "abc", "1.5", "9" * 30])
def test_a_size_of_pages_that_makes_no_sense_is_not_used(tenants, size):
    answer = _send(tenants, _call("GET", "/api/v1/license-requests/"), query={"page_size": size})

    assert (answer.status, json.loads(answer.text)["count"]) == (200, 2)


@pytest.mark.parametrize(
    ("term", "count"),
    [
        ("%", 0),
        ("_", 0),
        ("b_b", 0),
        ("'", 0),
        ('"', 0),
        ("\\", 0),
        ("BOB", 1),
        ("@ACME.test", 2),
        ("bob acme", 1),
        (" , ", 2),
    ],
)
def test_a_search_takes_its_words_for_what_they_are(tenants, term, count):
    answer = _send(tenants, _call("GET", "/api/v1/license-requests/"), query={"search": term})

    assert (answer.status, json.loads(answer.text)["count"]) == (200, count)


@pytest.mark.parametrize(
    ("state", "count"), [(",,,", 2), (",requested,", 2), ("approved", 0), ("nonsense", 0), ("x" * 999, 0)]
)
def test_a_list_of_states_may_have_holes(tenants, state, count):
    answer = _send(tenants, _call("GET", "/api/v1/license-requests/"), query={"state": state})

    assert (answer.status, json.loads(answer.text)["count"]) == (200, count)


ODD_PARTS = [
    "x",
    "0",
    "-1",
    "%00",
    "%ff",
    "%F0%9F%98%80",
    "a%2Fb",
    "..",
    "%2e%2e",
    "null",
    "9" * 300,
    "'--",
    "%E2%80%AE",
]


@pytest.mark.parametrize("call", [call for call in CALLS if "<" in call.path], ids=str)
def test_a_path_may_say_anything(tenants, call):
    faults = []
    for name in PLACEHOLDERS:
        if f"<{name}>" in call.path:
            for odd in ODD_PARTS:
                path = call.path_for(tenants.world.acme.ids, **{name: odd})
                faults += _fault(_send(tenants, call, path=path, is_form=call.is_page), path)
    assert not faults, "\n".join([str(call), *faults])


# Headers

ODD_HEADERS = [
    *(
        {"Authorization": odd}
        for odd in ("", "JWT", "JWT ", "JWT a b", "JWT x.y.z", "JWT " + "a" * 9000, "JWT é", "Basic x")
    ),
    *({"Accept": odd} for odd in ("", "garbage", "text/html", "application/xml;q=x", "*/*;q=9", "é")),
    *({"Accept-Language": odd} for odd in ("xx", "garbage;q=9,,,", "de-" * 200)),
    *({"X-Request-ID": odd} for odd in ("", "x" * 5000, "a b", "é")),
    *(
        {"Cookie": odd}
        for odd in ("bursar-session=x", "=;;=", "edx-jwt-cookie-header-payload=x; edx-jwt-cookie-signature=y")
    ),
    *({"Content-Length": odd} for odd in ("", "x", "-5")),
    {"Use-JWT-Cookie": "true"},
    {"Transfer-Encoding": "gzip"},
]


@pytest.mark.once
@EVERY_READ
def test_a_header_may_say_anything(tenants, call):
    faults = []
    for headers in ODD_HEADERS[::8] if call.path == SLOW else ODD_HEADERS:
        answer = _send(tenants, call, headers=headers)
        faults += _fault(answer, headers, may_succeed=True)
        if "Authorization" in headers and ANONYMOUS not in call.may and answer.status != 401:
            faults.append(f"{str(headers)[:100]}: {answer.status} instead of 401")
    assert not faults, "\n".join([str(call), *faults])


@EVERY_API_WRITE
@pytest.mark.parametrize("key", ["", " ", "x" * 256, "x" * 5000, "é" * 200, "\t", "\U0001f600", "a\x00b"])
def test_an_idempotency_key_may_say_anything(tenants, call, key):
    answer = _send(tenants, call, body=call.body(tenants.world.acme.ids), headers={"Idempotency-Key": key})

    assert not _fault(answer, key, may_succeed=True)


# Pages


@pytest.mark.parametrize("call", [call for call in WRITES if call.is_page], ids=str)
def test_a_form_may_say_anything(tenants, call):
    faults = []
    right = call.body(tenants.world.acme.ids)
    for name in (*right, "next"):
        for odd in (*ODD_TEXTS, "a\x00b", "\udcff", "x" * 100_000):
            body = {**right, name: odd.encode("utf-8", "replace").decode()}
            answer = tenants.call(call, tenants.world.acme.ids, "nobody", body=body)
            if answer.status >= 500 or (answer.status >= 400 and answer.after is not None):
                faults.append(f"{name}={odd[:50]!r}: {answer.status} {answer.text[:200]}")
    for raw, content_type in (
        (b"\xff\xfe=%ff&a=%00", "application/x-www-form-urlencoded"),
        (b"--b\r\nnonsense", "multipart/form-data; boundary=b"),
        (b"{", "application/json"),
    ):
        answer = _send(tenants, call, body=raw, content_type=content_type)
        if answer.status >= 500 or answer.after is not None:
            faults.append(f"{raw!r}: {answer.status} {answer.text[:200]}")
    assert not faults, "\n".join([str(call), *faults])


# A real server


@pytest.mark.slow
@pytest.mark.once
@pytest.mark.parametrize("is_chunked", [False, True], ids=["with its length", "in chunks"])
def test_a_body_of_11_mb_is_refused_by_the_server_which_goes_on(
    install: Callable[..., Installation], is_chunked: bool
):
    running = install().up()
    address = urlsplit(running.url)

    def post(body: bytes) -> tuple[int, str]:
        connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=60)
        parts = (body[start : start + 65_536] for start in range(0, len(body), 65_536))
        # The server may answer at once and not read the rest.
        with suppress(BrokenPipeError, ConnectionResetError):
            connection.request(
                "POST",
                "/api/user/v2/account/registration/",
                body=parts if is_chunked else body,
                headers={"Content-Type": "application/json"},
                encode_chunked=is_chunked,
            )
        with connection.getresponse() as answer:
            return answer.status, answer.read().decode()

    status, text = post(b'{"email": "' + b"x" * (11 * MEGABYTE) + b'"}')
    assert status == 413
    assert "10 MB" in text

    status, text = post(b'{"email": "x"}')
    assert status == 400
    assert running.is_ready()
