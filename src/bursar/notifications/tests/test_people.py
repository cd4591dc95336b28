"""People change and are retired, and their mails with them."""

import pytest
from django.core import mail
from django.db import transaction

from bursar.identity import api as identity
from bursar.lib import clock
from bursar.notifications import api
from bursar.notifications.data import MessageState
from bursar.notifications.models import Message
from bursar.outbox import api as outbox
from bursar.outbox.models import Delivery
from tests.architecture.tables import read_rows
from tests.cast import ALICE, BOB, DANA, OLGA
from tests.statements import counted

NEW = "robert@acme.test"


@pytest.fixture(autouse=True)
def people(cast):
    """Everybody is there, and what that caused is done."""
    outbox.relay()


def change_bob(email=NEW, *, confirmed=True):
    identity.change_person(lms_user_id=BOB.lms_user_id, email=email, is_confirmed=confirmed, by=None)
    outbox.relay()


def retire(*ids):
    identity.request_retirements(lms_user_ids=ids, by=OLGA.lms_user_id)
    identity.complete_retirements(lms_user_ids=ids, by=OLGA.lms_user_id)
    outbox.relay()


def deliver_again():
    Delivery.objects.update(state=Delivery.State.WAITING, next_attempt_at=clock.now())
    outbox.relay()


def waiting():
    rows = Message.objects.filter(state=MessageState.WAITING, template="tests/hello")
    return sorted(rows.values_list("email", "about"))


def test_what_waits_goes_to_the_new_address_once_that_is_confirmed(send, hello):
    send(hello(BOB.email), hello(DANA.email))

    change_bob(confirmed=False)
    assert waiting() == [(BOB.email, "test:1"), (DANA.email, "test:1")]
    identity.confirm_addresses(lms_user_ids=[BOB.lms_user_id], by=None)
    outbox.relay()
    deliver_again()

    assert waiting() == [(DANA.email, "test:1"), (NEW, "test:1")]


def test_what_was_sent_stays_where_it_went(send, hello):
    send(hello(BOB.email))
    api.deliver()

    change_bob()

    assert Message.objects.get().email == BOB.email


def test_nobody_gets_a_mail_twice_because_of_two_addresses(send, hello):
    send(hello(BOB.email), hello(NEW), hello(BOB.email, about="test:2"))

    change_bob()

    assert waiting() == [(BOB.email, "test:1"), (NEW, "test:1"), (NEW, "test:2")]


def test_a_link_that_is_dead_is_not_mailed():
    change_bob("typo@other.test", confirmed=False)
    change_bob("robert@acme.test", confirmed=False)
    deliver_again()
    api.deliver()

    assert [message.to for message in mail.outbox] == [["robert@acme.test"]]
    assert Message.objects.get(email="typo@other.test").state == MessageState.CANCELLED


def test_a_retired_person_is_in_no_message_and_gets_none(send, hello, folder):
    dana = hello(DANA.email, context={"name": "Dana"})
    send(hello(BOB.email, lms_user_id=BOB.lms_user_id), hello(BOB.email, about="test:2"), dana)
    api.deliver()
    sent = Message.objects.filter(state=MessageState.SENT)
    api.resend(list(sent.values_list("pk", flat=True)), by=None)
    api.deliver()
    assert len(list(folder.iterdir())) == 6
    send(hello(BOB.email, about="test:3"), hello("old@acme.test", lms_user_id=BOB.lms_user_id))

    retire(BOB.lms_user_id)

    assert [
        row for row in read_rows() if row[0] == "notifications.Message" and "bob" in str(row).lower()
    ] == []
    states = Message.objects.exclude(email=DANA.email).order_by("about").values_list("about", "state")
    assert sorted(states) == [
        ("test:1", "cancelled"), ("test:1", "sent"), ("test:2", "sent"), ("test:3", "cancelled"),
    ]  # fmt: skip
    assert len(list(folder.iterdir())) == 2
    every = list(Message.objects.values_list("pk", flat=True))
    assert (api.resend(every, by=None), api.retry_failed(every, by=None)) == (1, 0)
    stand_in = identity.find_people_by_lms_user_id([BOB.lms_user_id])[BOB.lms_user_id].email
    send(hello(stand_in, about="test:4"))
    assert not Message.objects.filter(about="test:4").exists()


def test_what_a_mail_says_of_somebody_else_can_be_struck_out(send, hello, folder):
    send(hello(ALICE.email, context={"name": "Bob"}), hello(DANA.email, about="test:2"))
    api.deliver()
    send(hello(OLGA.email, context={"name": "Bob"}))

    with transaction.atomic():
        api.revise({"test:1"}, lambda context: {**context, "name": "nobody"})

    texts = dict(Message.objects.filter(template="tests/hello").values_list("email", "context"))
    assert {email: context["name"] for email, context in texts.items()} == {
        ALICE.email: "nobody", OLGA.email: "nobody", DANA.email: "Bob",
    }  # fmt: skip
    dana = Message.objects.get(email=DANA.email, template="tests/hello")
    assert [path.stem for path in folder.glob("*.eml") if "Bob" in path.read_text()] == [str(dana.pk)]


def test_a_retirement_that_comes_twice_changes_nothing_more(send, hello):
    send(hello(BOB.email))
    retire(BOB.lms_user_id)
    before = list(Message.objects.values())

    deliver_again()

    assert list(Message.objects.values()) == before


def test_an_address_that_was_never_proved_is_not_taken_for_the_persons(send, hello):
    change_bob("victim@other.test", confirmed=False)
    send(hello("victim@other.test"), hello("victim@other.test", lms_user_id=BOB.lms_user_id, about="test:2"))

    retire(BOB.lms_user_id)

    assert waiting() == [("victim@other.test", "test:1")]


def test_one_person_and_two_hundred_take_the_same_number_of_statements(acme, send, hello):
    learners = acme.learners(202)
    outbox.relay()
    counts = []
    for group in (learners[:1], learners[1:2], learners[2:]):
        send(*[hello(each.email, about=f"test:{number}") for each in group for number in range(3)])
        ids = [each.lms_user_id for each in group]
        identity.request_retirements(lms_user_ids=ids, by=None)
        identity.complete_retirements(lms_user_ids=ids, by=None)
        with counted() as statements:
            outbox.relay()
        counts.append(statements.count)

    assert counts[1] == counts[2]
    assert waiting() == []
