"""A mail backend for machines without a mail server: every mail becomes a file."""

import os
import uuid
from collections.abc import Iterable, Sequence
from pathlib import Path

from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend


class FolderBackend(BaseEmailBackend):
    """Writes each mail to ``MAIL_FOLDER/<uuid>.eml``, complete from the moment it is there.

    The name comes from the Message-ID, so a mail that is tried twice is one file. Folder and files
    are for their owner only: mails hold names, addresses and links that sign people in.
    """

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        folder = Path(settings.MAIL_FOLDER)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for message in email_messages:
            _write(folder / f"{_name(message)}.eml", message.message().as_bytes())
        _sync_folder(folder)
        return len(email_messages)


def delete_mails(uuids: Iterable[uuid.UUID]) -> None:
    """Deletes the files of these messages, and of what was sent again. Those that are gone are no error."""
    for key in uuids:
        for path in Path(settings.MAIL_FOLDER).glob(f"{key}*.eml"):
            path.unlink(missing_ok=True)


def _name(message: EmailMessage) -> str:
    local = str(message.extra_headers.get("Message-ID", "")).strip("<>").partition("@")[0]
    key, _, again = local.partition(".")
    try:
        uuid.UUID(key)
    except ValueError:
        return str(uuid.uuid4())  # not one of ours: Django mails the administrators, for example
    return local if again.isdigit() else key


def _write(path: Path, content: bytes) -> None:
    draft = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def _sync_folder(folder: Path) -> None:
    # The rename itself must survive a power cut, too.
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
