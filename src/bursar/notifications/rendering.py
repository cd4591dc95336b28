"""From a template's name and its context to the mail that a person reads."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.template import Context
from django.template.loader import get_template
from django.utils import translation

from bursar.notifications.data import RenderedMessage
from bursar.notifications.models import Message

SUBJECT_MAX_LENGTH = 255


def render(row: Message) -> RenderedMessage:
    """The mail in the platform's language. Raises what the templates raise.

    Templates see the message's context, ``public_url``, ``learner_portal_url``, ``admin_portal_url``, and
    ``accounts_url`` below which people sign in (all without a slash at their end); the HTML one ``subject``
    as well. Only HTML is escaped. The subject is one line, whatever was put into it.
    """
    urls = {
        "public_url": settings.PUBLIC_URL,
        "learner_portal_url": settings.LEARNER_PORTAL_URL,
        "admin_portal_url": settings.ADMIN_PORTAL_URL,
        "accounts_url": settings.LMS_URL or settings.PUBLIC_URL,
    }
    context = {**row.context, **urls}
    with translation.override(settings.LANGUAGE_CODE):
        lines = _render(f"mail/{row.template}.subject.txt", context, autoescape=False)
        subject = " ".join("".join(map(_printable, lines)).split())[:SUBJECT_MAX_LENGTH]
        context["subject"] = subject
        return RenderedMessage(
            subject=subject,
            text=_render(f"mail/{row.template}.txt", context, autoescape=False).strip() + "\n",
            html=_render(f"mail/{row.template}.html", context, autoescape=True).strip() + "\n",
        )


def _render(name: str, context: Mapping[str, Any], *, autoescape: bool) -> str:
    # The loader's own render() would escape text files, too: "Tom &amp; Jerry" in a subject.
    template: Any = get_template(name, using="django")
    rendered: str = template.template.render(Context(dict(context), autoescape=autoescape))
    return rendered


def _printable(character: str) -> str:
    return character if character.isprintable() else " "
