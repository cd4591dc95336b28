"""What crosses the border of notifications: messages to people."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

TEMPLATE_MAX_LENGTH = 100
ABOUT_MAX_LENGTH = 150


class MessageState(StrEnum):
    """Where a message is on its way. Cancelled: its reason is gone, or its person."""

    WAITING = "waiting"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A mail to be sent. Nobody gets the same ``template`` twice ``about`` the same thing.

    ``template`` names the files ``templates/mail/<template>.{subject.txt,txt,html}`` of any app
    (``subsidy_requests/license_approved``). ``about`` names what the mail is about, with its kind
    (``license_request:<uuid>``). ``context`` is what the templates need, as plain JSON.
    ``customer_uuid`` None: the mail comes from the platform itself.
    """

    template: str
    customer_uuid: UUID | None
    email: str
    about: str
    context: Mapping[str, Any] = field(default_factory=dict)
    lms_user_id: int | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """A mail and what has become of it. ``subject`` is empty until it was sent once."""

    uuid: UUID
    template: str
    customer_uuid: UUID | None
    email: str
    lms_user_id: int | None
    about: str
    state: MessageState
    subject: str
    attempt_count: int
    last_error: str
    created_at: datetime
    sent_at: datetime | None


@dataclass(frozen=True, slots=True)
class RenderedMessage:
    """A mail as its reader sees it. ``subject`` is one line."""

    subject: str
    text: str
    html: str
