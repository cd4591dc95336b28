"""Messages are written once, with the transaction that gives the reason for them."""

import uuid
from contextlib import suppress

import pytest
from django.db import transaction

from bursar.notifications import api
from bursar.notifications.data import MessageState
from bursar.notifications.models import Message

pytestmark = pytest.mark.django_db


def test_a_message_waits_with_all_that_its_mail_needs(send, hello):
    customer = uuid.uuid4()

    send(hello(" Bob@Acme.TEST ", customer_uuid=customer, lms_user_id=7), by=3)

    [found] = api.find_messages(["test:1", "test:other"])
    assert (found.email, found.customer_uuid, found.lms_user_id) == ("bob@acme.test", customer, 7)
    assert (found.state, found.subject, found.sent_at) == (MessageState.WAITING, "", None)
    row = Message.objects.get()
    assert (row.context, row.created_by) == ({"name": "Bob"}, 3)


def test_the_same_message_is_written_once(send, hello):
    send(hello(), hello("BOB@acme.test"))
    send(hello(context={"name": "somebody else"}), hello(about="test:2"), hello("carol@globex.test"))

    assert Message.objects.count() == 3
    assert Message.objects.get(email="bob@acme.test", about="test:1").context == {"name": "Bob"}


def test_similar_addresses_are_different_people(send, hello):
    send(hello("jose@acme.test"), hello("josé@acme.test"))

    assert len(api.find_messages(["test:1"])) == 2


def test_a_transaction_that_fails_sends_nothing(send, hello):
    with suppress(ZeroDivisionError), transaction.atomic():
        api.send([hello()], by=None)
        raise ZeroDivisionError

    assert not Message.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_outside_a_transaction_nothing_is_sent(hello):
    with pytest.raises(RuntimeError):
        api.send([hello()], by=None)


@pytest.mark.parametrize(
    "wrong", [{"template": ""}, {"template": "t" * 101}, {"about": "a" * 151}, {"email": "b" * 255}]
)
def test_what_does_not_fit_is_refused_rather_than_cut_off(send, hello, wrong):
    with pytest.raises(ValueError, match="characters"):
        send(hello(**wrong))

    assert not Message.objects.exists()


def test_two_hundred_messages_take_as_many_statements_as_one(hello, django_assert_num_queries):
    with transaction.atomic(), django_assert_num_queries(1):
        api.send([hello()], by=None)
    with transaction.atomic(), django_assert_num_queries(1):
        api.send([hello(f"p{number}@acme.test") for number in range(200)], by=None)

    assert Message.objects.count() == 201


def test_more_than_a_chunk_is_sent_whole(send, hello):
    send(*[hello(f"p{number}@acme.test") for number in range(1001)])

    assert Message.objects.count() == 1001


@pytest.mark.django_db(transaction=True)
def test_the_deliverer_is_woken_after_the_commit(send, hello):
    seen = []
    api.on_new_messages(lambda: seen.append(Message.objects.count()))
    try:
        send(hello(), hello(about="test:2"))
        send()
    finally:
        api.on_new_messages(lambda: None)

    assert seen == [2]
