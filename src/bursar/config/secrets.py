"""Secrets that an embedded Bursar makes for itself at its first start."""

import os
import secrets
from collections.abc import Callable
from pathlib import Path


def secret_key(home: Path) -> str:
    """The key that signs sessions and links: made once, then read from ``home/keys/secret_key``."""
    return write_once(home / "keys" / "secret_key", lambda: secrets.token_urlsafe(50))


def write_once(path: Path, make: Callable[[], str]) -> str:
    """The file's text. The first process to need it writes it, mode 0600; all others read that."""
    try:
        return path.read_text()
    except FileNotFoundError:
        pass
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(make())
    try:
        os.link(draft, path)  # fails if another process was first
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    return path.read_text()
