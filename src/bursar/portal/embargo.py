"""The page behind ``user_message_url``: why somebody cannot enroll from where they are."""

from dataclasses import dataclass

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe


@dataclass(frozen=True)
class Message:
    """What the page says."""

    heading: str | Promise
    reason: str | Promise


_MESSAGES = {
    "default": Message(
        _("This course is not open to your country"),
        _(
            "It is not offered everywhere, and your connection comes from a country where it is not. "
            "Your account is in order: other courses are open to you as before."
        ),
    ),
    "embargo": Message(
        _("Sanctions close this course to your country"),
        _(
            "The law forbids offering this course in some countries, and your connection comes from one of "
            "them. Other courses may be open to you all the same."
        ),
    ),
}
"""By the LMS's names for its messages (``enroll_msg_key`` of a course)."""


@require_safe
def blocked_message(request: HttpRequest, message_key: str) -> HttpResponse:
    """One of the messages, for everybody; 404 under any other name. It tells nothing about the visitor."""
    if message_key not in _MESSAGES:
        raise Http404
    return render(request, "portal/embargo.html", {"message": _MESSAGES[message_key]})
