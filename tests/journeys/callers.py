"""People and programs that call Bursar over HTTP, and the mails they get."""

import email
import email.policy
import json
import re
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Answer:
    """What came back: JSON if it was JSON, else text. ``seconds`` is how long it took."""

    status: int
    body: Any
    seconds: float


@dataclass(frozen=True)
class Caller:
    """Someone who talks to the Bursar at ``url``, with a token if they have one."""

    url: str
    token: str = ""

    def get(self, path: str, **parameters: str) -> Answer:
        query = f"?{urllib.parse.urlencode(parameters)}" if parameters else ""
        return self._send(urllib.request.Request(f"{self.url}{path}{query}"))

    def post(self, path: str, body: Mapping[str, Any] | None = None, **headers: str) -> Answer:
        headers = {"Content-Type": "application/json", **headers}
        content = json.dumps(body or {}).encode()
        return self._send(urllib.request.Request(f"{self.url}{path}", content, headers, method="POST"))

    def post_form(self, path: str, fields: Mapping[str, str], **headers: str) -> Answer:
        content = urllib.parse.urlencode(fields).encode()
        return self._send(urllib.request.Request(f"{self.url}{path}", content, headers, method="POST"))

    def _send(self, request: urllib.request.Request) -> Answer:
        if self.token:
            request.add_header("Authorization", f"JWT {self.token}")
        started = time.monotonic()
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                status, text = response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            status, text = error.code, error.read().decode()
        seconds = time.monotonic() - started
        try:
            return Answer(status, json.loads(text), seconds)
        except ValueError:
            return Answer(status, text, seconds)


def press_button(link: str) -> Answer:
    """Opens a page in a browser without scripts and presses the button of its form."""
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    started = time.monotonic()
    with browser.open(link, timeout=30) as page:
        [token] = re.findall(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.read().decode())
    form = urllib.parse.urlencode({"csrfmiddlewaretoken": token}).encode()
    with browser.open(link, form, timeout=30) as page:
        return Answer(page.status, page.read().decode(), time.monotonic() - started)


@dataclass(frozen=True)
class Mail:
    """A mail as its reader sees it."""

    to: str
    subject: str
    text: str

    @property
    def links(self) -> list[str]:
        return re.findall(r"https?://\S+", self.text)


def read_mails(home: Path, to: str | None = None) -> list[Mail]:
    """The mails that an installation has sent, all of them or those to one address; oldest first."""
    paths = sorted((home / "mail").glob("*.eml"), key=lambda path: path.stat().st_mtime_ns)
    mails = [_read(path) for path in paths]
    return [mail for mail in mails if to is None or mail.to == to]


def count_mails(home: Path) -> int:
    """How many there are, without reading them."""
    return len(list((home / "mail").glob("*.eml")))


def _read(path: Path) -> Mail:
    message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    body = message.get_body(("plain",))
    assert body is not None
    return Mail(str(message["To"]), str(message["Subject"]), body.get_content())
