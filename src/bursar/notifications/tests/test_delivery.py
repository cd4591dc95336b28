"""Mails arrive, once, whatever happens to one of them or to the process that sends them."""

import email
import email.policy
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.db import connection

from bursar.lib import clock
from bursar.notifications import api, delivery
from bursar.notifications.data import MessageState
from bursar.notifications.models import Message

pytestmark = pytest.mark.django_db


class FailingBackend(EmailBackend):
    """Refuses the addresses in ``refused``; with ``down`` it cannot even be reached."""

    refused: set[str] = set()
    down = False

    def open(self):
        if self.down:
            raise ConnectionRefusedError("nobody listens")

    def send_messages(self, messages):
        if self.down:
            raise ConnectionRefusedError("nobody listens")
        if self.refused & {message.to[0] for message in messages}:
            raise OSError("451 try again later")
        return super().send_messages(messages)


@pytest.fixture
def server(settings):
    settings.EMAIL_BACKEND = f"{__name__}.FailingBackend"
    yield FailingBackend
    FailingBackend.refused, FailingBackend.down = set(), False


@pytest.fixture
def later(monkeypatch):
    """Moves the clock on."""

    def move(**duration):
        moment = clock.now() + timedelta(**duration)
        monkeypatch.setattr(clock, "now", lambda: moment)

    return move


def _read(path):
    return email.message_from_bytes(path.read_bytes(), policy=email.policy.default)


def test_a_mail_has_a_subject_a_text_and_html(send, hello, folder, settings):
    settings.PUBLIC_URL = "https://bursar.example"
    send(hello(context={"name": "Tom & <Jerry>"}))

    assert api.deliver() == 1

    [file] = folder.iterdir()
    row = Message.objects.get()
    assert file.name == f"{row.uuid}.eml"
    received = _read(file)
    assert received["Subject"] == row.subject == "Welcome, Tom & <Jerry>"
    assert received["To"] == "bob@acme.test"
    assert received["From"] == "Bursar <bursar@localhost>"
    assert received["Message-ID"] == f"<{row.uuid}@bursar.example>"
    text = received.get_body(("plain",)).get_content()
    assert text.startswith("Hello Tom & <Jerry>,\ngo to https://bursar.example/acme/\n\n-- \n")
    html = received.get_body(("html",)).get_content()
    assert "Hello Tom &amp; &lt;Jerry&gt;" in html
    assert 'href="https://bursar.example/acme/"' in html
    assert (row.state, row.attempt_count) == (MessageState.SENT, 1)
    assert row.sent_at is not None


def test_only_the_owner_may_read_mails(send, hello, folder):
    send(hello())
    api.deliver()

    [file] = folder.iterdir()
    assert (folder.stat().st_mode & 0o777, file.stat().st_mode & 0o777) == (0o700, 0o600)


def test_a_name_cannot_smuggle_headers_into_a_mail(send, hello, folder):
    send(hello(context={"name": "Bob\r\nBcc: eve@evil.test\r\n\r\nbody\x0b\u2028more"}))

    assert api.deliver() == 1

    [file] = folder.iterdir()
    received = _read(file)
    assert received["Bcc"] is None
    assert received["Subject"] == "Welcome, Bob Bcc: eve@evil.test body more"


@pytest.mark.parametrize("address", ["bob@acme.test\nBcc: eve@evil.test", "nobody", "a@b.test, c@d.test"])
def test_what_is_no_address_gets_no_mail_and_is_seen(send, hello, address):
    send(hello(address), hello())

    assert api.deliver() == 1

    assert [message.to for message in mail.outbox] == [["bob@acme.test"]]
    assert "cannot receive mail" in Message.objects.exclude(email="bob@acme.test").get().last_error


def test_a_broken_or_missing_template_harms_no_other_mail(send, hello):
    send(hello(template="tests/broken"), hello(template="tests/missing"), hello())

    assert api.deliver() == 1

    broken = Message.objects.get(template="tests/broken")
    assert (broken.state, broken.attempt_count) == (MessageState.WAITING, 1)
    assert "no_such_tag" in broken.last_error
    assert "TemplateDoesNotExist" in Message.objects.get(template="tests/missing").last_error


def test_two_hundred_mails_arrive(send, hello, folder):
    send(*[hello(f"p{number}@acme.test") for number in range(200)])

    assert api.deliver() == 200
    assert api.deliver() == 0

    files = list(folder.iterdir())
    assert {_read(file)["To"] for file in files} == {f"p{number}@acme.test" for number in range(200)}
    assert len(files) == 200
    assert set(Message.objects.values_list("state", flat=True)) == {MessageState.SENT}


def test_a_refused_mail_is_tried_again_later(send, hello, server, later):
    server.refused = {"bob@acme.test"}
    send(hello(), hello("carol@globex.test"))
    assert api.deliver() == 1
    assert api.deliver() == 0
    server.refused = set()

    later(seconds=11)

    assert api.deliver() == 1
    assert [message.to for message in mail.outbox] == [["carol@globex.test"], ["bob@acme.test"]]
    assert set(Message.objects.values_list("state", "last_error")) == {(MessageState.SENT, "")}


def test_an_unreachable_server_loses_nothing(send, hello, server, later, django_assert_num_queries):
    server.down = True
    send(*[hello(f"p{number}@acme.test") for number in range(20)])
    with django_assert_num_queries(5):  # begin, claim twice, commit, one failure for all
        assert api.deliver() == 0
    assert "nobody listens" in Message.objects.first().last_error
    server.down = False

    later(seconds=11)

    assert api.deliver() == 20


def test_after_eight_tries_a_mail_has_failed_and_an_operator_may_have_it_tried_again(
    send, hello, server, later
):
    server.refused = {"bob@acme.test"}
    send(hello())
    for _ in range(12):
        api.deliver()
        later(hours=13)

    [row] = Message.objects.all()
    assert (row.state, row.attempt_count, api.count_failed()) == (MessageState.FAILED, 8, 1)
    assert "451 try again later" in row.last_error

    server.refused = set()
    assert api.retry_failed([row.uuid, uuid.uuid4()], by=1) == 1
    assert api.deliver() == 1
    assert api.count_failed() == 0


def test_a_crash_after_sending_repeats_the_mail_into_the_same_file(send, hello, folder, later, monkeypatch):
    send(hello())

    class PowerCut(BaseException):
        pass

    with monkeypatch.context() as patched:
        patched.setattr(delivery, "_claimed", _fail_at_second_call(delivery._claimed, PowerCut))
        with pytest.raises(PowerCut):
            api.deliver()
    [before] = folder.iterdir()
    assert Message.objects.get().state == MessageState.SENDING
    assert api.deliver() == 0, "somebody else may still be sending it"

    later(minutes=3)

    assert api.deliver() == 1
    assert list(folder.iterdir()) == [before]
    assert Message.objects.get().attempt_count == 2


def _fail_at_second_call(original, error):
    calls = []

    def call(*args):
        calls.append(args)
        if len(calls) == 2:
            raise error
        return original(*args)

    return call


def test_a_mail_that_kills_its_deliverer_every_time_fails_in_the_end(send, hello, later):
    send(hello())
    for _ in range(9):
        [row] = delivery._claim()
        delivery._begin_attempt(row)
        later(minutes=3)

    row = Message.objects.get()
    assert row.state == MessageState.FAILED
    assert "cut short" in row.last_error


def test_a_deliverer_whose_claim_ran_out_leaves_the_mail_to_the_next_one(send, hello, later):
    send(hello())
    slow = delivery._claim()
    later(minutes=3)

    assert api.deliver() == 1
    assert not delivery._send(slow[0], mail.get_connection())
    assert len(mail.outbox) == 1


@pytest.mark.django_db(transaction=True)
def test_several_deliverers_at_once_send_each_mail_once(send, hello, folder):
    send(*[hello(f"p{number}@acme.test") for number in range(120)])

    def deliver(_):
        try:
            return api.deliver()
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        counts = list(pool.map(deliver, range(4)))

    assert sum(counts) == len(list(folder.iterdir())) == 120
    assert set(Message.objects.values_list("state", "attempt_count")) == {(MessageState.SENT, 1)}


def test_a_mail_sent_again_is_a_new_mail(send, hello, folder):
    send(hello())
    api.deliver()
    row = Message.objects.get()

    assert api.resend([row.uuid], by=5) == 1
    assert api.deliver() == 1

    assert {file.name for file in folder.iterdir()} == {f"{row.uuid}.eml", f"{row.uuid}.1.eml"}
    assert len({_read(file)["Message-ID"] for file in folder.iterdir()}) == 2
    row.refresh_from_db()
    assert (row.resent_by, row.resent_count) == (5, 1)


def test_only_failed_mails_are_retried_and_only_sent_ones_sent_again(send, hello):
    send(hello())
    row = Message.objects.get()

    assert api.retry_failed([row.uuid], by=1) == 0
    assert api.resend([row.uuid], by=1) == 0


def test_a_mail_of_django_itself_becomes_a_file_as_well(folder):
    mail.send_mail("Report", "All is well.", None, ["olga@bursar.test"])

    [file] = folder.iterdir()
    assert uuid.UUID(file.stem)
