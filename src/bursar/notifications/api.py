"""The door of notifications: have mails sent, see what became of them, send them again."""

from bursar.notifications.delivery import count_failed, deliver, resend, retry_failed
from bursar.notifications.people import revise
from bursar.notifications.sending import find_messages, find_messages_to, on_new_messages, send

__all__ = [
    "count_failed",
    "deliver",
    "find_messages",
    "find_messages_to",
    "on_new_messages",
    "resend",
    "retry_failed",
    "revise",
    "send",
]
