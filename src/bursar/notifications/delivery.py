"""The deliverer: takes messages that are due and hands them to the mail backend, at least once."""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.db import transaction
from django.db.models import F, Q

from bursar.lib import clock, emails
from bursar.notifications.data import MessageState
from bursar.notifications.models import Message
from bursar.notifications.rendering import render

log = logging.getLogger(__name__)

BATCH = 20
HOLD = timedelta(seconds=20)  # a killed deliverer leaves its mails waiting for so long
ATTEMPT = timedelta(seconds=90)  # longer than an exchange with a mail server whose every answer takes 10 s
MAX_ATTEMPTS = 8
# 17 hours in all: a mail server that is down for the night loses nothing.
BACK_OFF_SECONDS = (10, 60, 300, 900, 3600, 14_400, 43_200)


class MailRefusedError(Exception):
    """The mail cannot be sent as it is, or the backend did not take it."""


def deliver() -> int:
    """Sends what is due until nothing is, and returns how many mails were sent.

    Any number of deliverers may run at once: each claims messages for a while.
    A mail that fails harms no other. An unreachable mail server ends the run; the rest of the messages
    stays due. Effects: two statements per batch of 20, two for each mail.
    """
    sent = 0
    while batch := _claim():
        connection = get_connection()
        try:
            connection.open()
        except Exception as error:
            _fail_unreachable(batch, error)
            return sent
        try:
            sent += sum(_send(row, connection) for row in batch)
        finally:
            _close(connection)
    return sent


def _claim() -> list[Message]:
    """Messages that from now on are ours, until their ``claimed_until``."""
    moment = clock.now()
    due = Q(state=MessageState.WAITING, next_attempt_at__lte=moment)
    abandoned = Q(state=MessageState.SENDING, claimed_until__lte=moment)
    with transaction.atomic():
        rows = list(
            # SQLite has no row locks and ignores this: its transaction holds the write lock already.
            Message.objects.select_for_update(skip_locked=True)
            .filter(due | abandoned)
            .order_by("next_attempt_at", "uuid")[:BATCH]
        )
        claimed_until = moment + HOLD
        Message.objects.filter(pk__in=[row.pk for row in rows]).update(
            state=MessageState.SENDING, claimed_until=claimed_until
        )
    for row in rows:
        row.state, row.claimed_until = MessageState.SENDING, claimed_until
    return rows


def _send(row: Message, connection: BaseEmailBackend) -> bool:
    """Whether the mail was sent. What goes wrong is written on its row."""
    if not _begin_attempt(row):
        return False
    try:
        mail = compose(row)
        if not connection.send_messages([mail]):
            raise MailRefusedError("the mail backend did not take it")
    except Exception as error:
        log.warning("mail failed", extra=_about(row), exc_info=error)
        _fail([row.pk], row.claimed_until, error, row.attempt_count)
        _close(connection)  # the server may have hung up: the next mail opens a new connection
        return False
    # A crash between the two lines sends this one mail again: see README.md.
    _claimed([row.pk], row.claimed_until).update(
        state=MessageState.SENT, sent_at=clock.now(), subject=mail.subject, claimed_until=None, last_error=""
    )
    return True


def compose(row: Message) -> EmailMultiAlternatives:
    """The mail, with a Message-ID that stays the same however often it is tried."""
    if not emails.is_valid(row.email):
        raise MailRefusedError("the address cannot receive mail")
    rendered = render(row)
    mail = EmailMultiAlternatives(
        subject=rendered.subject,
        body=rendered.text,
        to=[row.email],
        headers={"Message-ID": _message_id(row), "Auto-Submitted": "auto-generated"},
    )
    mail.attach_alternative(rendered.html, "text/html")
    return mail


def _message_id(row: Message) -> str:
    # A mail that an operator sends again is a new one: mail readers hide a second one of the same id.
    again = f".{row.resent_count}" if row.resent_count else ""
    return f"<{row.uuid}{again}@{urlsplit(settings.PUBLIC_URL).hostname or 'localhost'}>"


def _begin_attempt(row: Message) -> bool:
    """Counts the attempt before it is made, so that a mail that kills its deliverer cannot do so for ever.

    False when the claim ran out meanwhile and somebody else has the message.
    """
    claimed_until = clock.now() + ATTEMPT
    begun = _claimed([row.pk], row.claimed_until).update(
        attempt_count=F("attempt_count") + 1, claimed_until=claimed_until
    )
    row.claimed_until = claimed_until
    row.attempt_count += 1
    if begun and row.attempt_count > MAX_ATTEMPTS:
        _fail([row.pk], claimed_until, MailRefusedError("every attempt was cut short"), row.attempt_count)
        return False
    return bool(begun)


def _claimed(keys: Sequence[UUID], claimed_until: datetime | None) -> Any:
    return Message.objects.filter(pk__in=keys, state=MessageState.SENDING, claimed_until=claimed_until)


def _fail_unreachable(batch: Sequence[Message], error: Exception) -> None:
    log.warning("mail server unreachable", extra={"count": len(batch)}, exc_info=error)
    by_attempt: dict[int, list[UUID]] = {}
    for row in batch:
        by_attempt.setdefault(row.attempt_count + 1, []).append(row.pk)
    for attempt_count, keys in by_attempt.items():
        _fail(keys, batch[0].claimed_until, error, attempt_count)


def _fail(keys: Sequence[UUID], claimed_until: datetime | None, error: Exception, attempt_count: int) -> None:
    """Has the messages tried again later, or ends it after the last attempt."""
    written: dict[str, Any] = {
        "attempt_count": attempt_count,
        "claimed_until": None,
        "last_error": f"{type(error).__name__}: {error}"[:2000],
    }
    if attempt_count >= MAX_ATTEMPTS:
        log.error("mails given up", extra={"uuids": [str(key) for key in keys]})
        written["state"] = MessageState.FAILED
    else:
        pause = BACK_OFF_SECONDS[min(attempt_count, len(BACK_OFF_SECONDS)) - 1]
        written |= {"state": MessageState.WAITING, "next_attempt_at": clock.now() + timedelta(seconds=pause)}
    _claimed(keys, claimed_until).update(**written)


def _close(connection: BaseEmailBackend) -> None:
    try:
        connection.close()
    except Exception as error:
        log.info("closing the mail connection failed", exc_info=error)


def _about(row: Message) -> dict[str, Any]:
    return {"mail": str(row.pk), "template": row.template, "attempt": row.attempt_count}


def retry_failed(uuids: Sequence[UUID], *, by: int | None) -> int:
    """Makes failed messages wait again, with all their attempts; returns how many."""
    return Message.objects.filter(pk__in=uuids, state=MessageState.FAILED).update(
        state=MessageState.WAITING, attempt_count=0, next_attempt_at=clock.now(), resent_by=by
    )


def resend(uuids: Sequence[UUID], *, by: int | None) -> int:
    """Has messages that were sent sent once more, as new mails; returns how many.

    What was sent to somebody who has been retired since is passed over.
    """
    sent = Message.objects.filter(pk__in=uuids, state=MessageState.SENT)
    return sent.exclude(email__endswith=f"@{emails.RETIRED_DOMAIN}").update(
        state=MessageState.WAITING,
        attempt_count=0,
        next_attempt_at=clock.now(),
        resent_count=F("resent_count") + 1,
        resent_by=by,
    )


def count_failed() -> int:
    """How many messages were given up and wait for an operator."""
    return Message.objects.filter(state=MessageState.FAILED).count()
