"""Over SMTP: the mail that arrives, and a server that says no or hangs up."""

import email
import email.policy
import socketserver
import threading
from datetime import timedelta

import pytest

from bursar.lib import clock
from bursar.notifications import api
from bursar.notifications.data import MessageState
from bursar.notifications.models import Message

pytestmark = pytest.mark.django_db


class Conversation(socketserver.StreamRequestHandler):
    """As much SMTP as smtplib needs."""

    def handle(self):
        self.server.connection_count += 1
        self._say("220 ready")
        while line := self.rfile.readline().decode().strip():
            verb, _, rest = line.partition(" ")
            verb = verb.upper()
            if verb == "RCPT" and (answer := self.server.refusals.get(rest.removeprefix("TO:").strip("<>"))):
                if answer == "hang up":
                    return
                self._say(answer)
            elif verb == "DATA":
                self._say("354 go on")
                self.server.received.append(self._read_mail())
                self._say("250 taken")
            elif verb == "QUIT":
                self._say("221 bye")
                return
            else:
                self._say("250 fine")

    def _read_mail(self):
        lines = []
        while (line := self.rfile.readline()) != b".\r\n":
            lines.append(line)
        return email.message_from_bytes(b"".join(lines), policy=email.policy.default)

    def _say(self, line):
        self.wfile.write(f"{line}\r\n".encode())


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Conversation)
        self.received, self.refusals, self.connection_count = [], {}, 0


@pytest.fixture
def server(settings):
    with Server() as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = server.server_address
        yield server
        server.shutdown()


def test_a_batch_goes_over_one_connection_each_mail_with_its_own_id(send, hello, server):
    send(*[hello(f"p{number}@acme.test", context={"name": "Žofie"}) for number in range(20)])

    assert api.deliver() == 20

    assert server.connection_count == 1
    assert {mail["Message-ID"] for mail in server.received} == {
        f"<{pk}@127.0.0.1>" for pk in Message.objects.values_list("pk", flat=True)
    }
    assert server.received[0]["Subject"] == "Welcome, Žofie"
    assert server.received[0].get_body(("plain",)).get_content().startswith("Hello Žofie,")


@pytest.mark.parametrize("refusal", ["451 come back later", "550 no such person", "hang up"])
def test_one_refused_mail_holds_up_no_other_and_is_tried_again(send, hello, server, monkeypatch, refusal):
    server.refusals = {"p1@acme.test": refusal}
    send(*[hello(f"p{number}@acme.test") for number in range(3)])

    assert api.deliver() == 2

    refused = Message.objects.get(email="p1@acme.test")
    assert (refused.state, refused.attempt_count) == (MessageState.WAITING, 1)
    server.refusals = {}
    moment = clock.now() + timedelta(seconds=11)
    monkeypatch.setattr(clock, "now", lambda: moment)
    assert api.deliver() == 1
    assert sorted(mail["To"] for mail in server.received) == [f"p{number}@acme.test" for number in range(3)]
