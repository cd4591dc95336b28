"""What an operator sees of mails in the Django admin."""

import pytest
from django.contrib.auth import get_user_model

from bursar.notifications import api
from bursar.notifications.data import MessageState
from bursar.notifications.models import Message

pytestmark = pytest.mark.django_db

PATH = "/admin/notifications/message/"


@pytest.fixture
def olga(client):
    user = get_user_model().objects.create(
        username="olga", email="olga@bursar.test", lms_user_id=900, is_staff=True, is_superuser=True
    )
    client.force_login(user)
    return client


def test_an_operator_finds_a_message_and_reads_its_mail(olga, send, hello):
    send(hello(), hello("carol@globex.test", context={"name": "Carol"}))

    listed = olga.get(PATH, {"q": "carol@globex.test", "state__exact": "waiting"}).content.decode()
    assert "carol@globex.test" in listed
    assert "bob@acme.test" not in listed

    page = olga.get(f"{PATH}{Message.objects.get(email='carol@globex.test').pk}/change/").content.decode()
    assert "Welcome, Carol" in page
    assert "<iframe sandbox" in page
    assert 'name="_save"' not in page


def test_the_preview_of_a_broken_template_says_what_is_wrong(olga, send, hello):
    send(hello(template="tests/broken"))

    page = olga.get(f"{PATH}{Message.objects.get().pk}/change/")

    assert "no_such_tag" in page.content.decode()


def test_an_operator_has_a_mail_sent_again_and_a_failed_one_retried(olga, send, hello):
    send(hello(), hello(about="test:2"))
    api.deliver()
    Message.objects.filter(about="test:2").update(state=MessageState.FAILED)
    chosen = [str(row.pk) for row in Message.objects.all()]

    olga.post(PATH, {"action": "send_again", "_selected_action": chosen})
    olga.post(PATH, {"action": "retry_failed", "_selected_action": chosen})

    assert set(Message.objects.values_list("about", "state", "resent_by", "resent_count")) == {
        ("test:1", "waiting", 900, 1),
        ("test:2", "waiting", 900, 0),
    }


def test_nobody_writes_or_deletes_messages_by_hand(olga, send, hello):
    send(hello())

    assert olga.get(f"{PATH}add/").status_code == 403
    assert olga.get(f"{PATH}{Message.objects.get().pk}/delete/").status_code == 403
