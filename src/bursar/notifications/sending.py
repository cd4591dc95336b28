"""Writing messages down, as part of somebody's transaction, and finding them again."""

import uuid
from collections.abc import Callable, Collection, Sequence

from django.db import connection, transaction

from bursar.lib import clock, emails, sets
from bursar.notifications import models
from bursar.notifications.data import (
    ABOUT_MAX_LENGTH,
    TEMPLATE_MAX_LENGTH,
    Message,
    MessageState,
    NewMessage,
)

_nudges: list[Callable[[], None]] = []

_COLUMNS = (
    "uuid",
    "template",
    "customer_uuid",
    "email",
    "lms_user_id",
    "about",
    "context",
    "state",
    "attempt_count",
    "next_attempt_at",
    "last_error",
    "subject",
    "created_at",
    "created_by",
    "resent_count",
)


def on_new_messages(nudge: Callable[[], None]) -> None:
    """Has ``nudge`` called after each commit that wrote messages. It must not raise and not block."""
    _nudges[:] = [nudge]


def send(messages: Sequence[NewMessage], *, by: int | None) -> None:
    """Has each message sent once, if the caller's transaction commits.

    A message whose template, address and ``about`` were sent before is passed over, and so is one to
    somebody who was retired.
    Effects: one statement per 1,000 messages; after the commit the deliverer is woken.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("a message is written in the transaction that gives the reason for it")
    moment = clock.now()
    for chunk in sets.chunks(messages):
        rows = [
            (
                uuid.uuid4(),
                _checked(message.template, TEMPLATE_MAX_LENGTH),
                message.customer_uuid,
                _checked(emails.normalize(message.email), emails.MAX_LENGTH),
                message.lms_user_id,
                _checked(message.about, ABOUT_MAX_LENGTH),
                dict(message.context),
                MessageState.WAITING.value,
                0,
                moment,
                "",
                "",
                moment,
                by,
                0,
            )
            for message in chunk
            if not emails.is_retired(message.email)
        ]
        # In the order of the unique key, so that two senders never wait for each other crosswise.
        rows.sort(key=lambda row: (row[1], row[3], row[5]))
        sets.insert_new(models.Message, _COLUMNS, rows, unique=("template", "email", "about"))
    if messages:
        transaction.on_commit(_nudge)


def find_messages(about: Collection[str]) -> list[Message]:
    """The messages about any of these things, oldest first."""
    rows = models.Message.objects.filter(about__in=set(about)).order_by("created_at", "template", "email")
    return [as_data(row) for row in rows]


def find_messages_to(addresses: Collection[str], *, about: str) -> list[Message]:
    """The messages to any of these addresses about things that begin so (``license:``), the newest first."""
    rows = models.Message.objects.filter(email__in=set(addresses), about__startswith=about)
    return [as_data(row) for row in rows.order_by("-created_at", "template", "email")]


def as_data(row: models.Message) -> Message:
    return Message(
        uuid=row.uuid,
        template=row.template,
        customer_uuid=row.customer_uuid,
        email=row.email,
        lms_user_id=row.lms_user_id,
        about=row.about,
        state=MessageState(row.state),
        subject=row.subject,
        attempt_count=row.attempt_count,
        last_error=row.last_error,
        created_at=row.created_at,
        sent_at=row.sent_at,
    )


def _checked(text: str, max_length: int) -> str:
    # MariaDB would cut it off without a word.
    if not text or len(text) > max_length:
        raise ValueError(f"{text[:50]!r} must have 1 to {max_length} characters")
    return text


def _nudge() -> None:
    for nudge in _nudges:
        nudge()
