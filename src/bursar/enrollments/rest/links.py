"""Addresses of pages that answers point at."""

from typing import Literal

from django.conf import settings
from django.urls import reverse

MessageKey = Literal["default", "embargo"]
"""The LMS's names of its messages: the run is not offered there; sanctions forbid it."""


def blocked_message_url(key: MessageKey = "default") -> str:
    """The whole address of the page that tells a person why they cannot enroll from where they are."""
    return f"{settings.PUBLIC_URL}{reverse('blocked-message', args=[key])}"
