"""Writes ``docs/wire.md``: every Open edX path, and what Bursar does with it.

The intent stands in ``docs/wire.toml``, the views come from the routes. ``tests/architecture/test_wire.py``
checks that the two agree.
"""

import re
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.urls import Resolver404, URLPattern, URLResolver, get_resolver, resolve

REPOSITORY = Path(__file__).parents[2]
TABLE = REPOSITORY / "docs" / "wire.toml"
PAGE = REPOSITORY / "docs" / "wire.md"
OWN = "Bursar"

_EXAMPLES = {
    "course_key": "MITx+6.00.1x",
    "run_key": "course-v1:MITx+6.00.1x+2T2026",
    "username": "bob",
    "number": "7",
    "message_key": "default",
}
_A_UUID = "a0000000-0000-4000-8000-000000000001"

View = Callable[..., Any]


@dataclass(frozen=True)
class Entry:
    """One line of the table: with a ``test`` it is served, with ``never`` a 404 on purpose, else later."""

    peer: str
    method: str
    path: str
    test: str = ""
    never: str = ""

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def is_served(self) -> bool:
        return bool(self.test)

    @property
    def example(self) -> str:
        """The path with examples in place of its parts."""
        return re.sub(r"\{(\w+)\}", lambda part: _EXAMPLES.get(part[1], _A_UUID), self.path)

    def view(self) -> View | None:
        """The view that the routes give for this method and path.

        What is not served may still look like the path of a page; that page is not its view.
        """
        try:
            view = resolve(self.example).func
        except Resolver404:
            return None
        if is_page(view) and not self.is_served:
            return None
        return view if self.method in methods_of(view) else None


def entries() -> list[Entry]:
    """The table, in its order."""
    peers = tomllib.loads(TABLE.read_text())
    return [_entry(peer, name, value) for peer, lines in peers.items() for name, value in lines.items()]


def _entry(peer: str, name: str, value: str) -> Entry:
    method, path = name.split(" ")
    if value == "later":
        return Entry(peer, method, path)
    if value.startswith("never: "):
        return Entry(peer, method, path, never=value.removeprefix("never: "))
    return Entry(peer, method, path, test=value)


def routes(resolver: URLResolver | None = None, above: str = "/") -> Iterator[tuple[str, View]]:
    """Every route that is not a page: its pattern as text, and its view."""
    for each in (resolver or get_resolver()).url_patterns:
        route = above + str(each.pattern)
        if isinstance(each, URLResolver):
            yield from routes(each, route)
        elif isinstance(each, URLPattern) and not is_page(each.callback):
            yield route, each.callback


def is_page(view: View) -> bool:
    """Whether the view is for people: a page of the portal or of the Django admin."""
    return _class_of(view).__module__.startswith(("bursar.portal.", "django."))


def methods_of(view: View) -> set[str]:
    """What the view answers, apart from HEAD and OPTIONS. A plain function answers anything."""
    of_class = _class_of(view)
    if actions := getattr(view, "actions", None):
        return {method.upper() for method in actions} - {"HEAD", "OPTIONS"}
    if of_class is view:
        return {"GET", "POST", "PUT", "PATCH", "DELETE"}
    names = [name for name in of_class.http_method_names if hasattr(of_class, name)]
    return {name.upper() for name in names} - {"HEAD", "OPTIONS"}


def _class_of(view: View) -> Any:
    return getattr(view, "view_class", None) or getattr(view, "cls", None) or view


def render() -> str:
    """The page as it should be."""
    lines = entries()
    counts = ", ".join(
        f"{count} {word}"
        for word, count in (
            ("served", sum(each.is_served for each in lines)),
            ("later", sum(not each.is_served and not each.never for each in lines)),
            ("404 on purpose", sum(bool(each.never) for each in lines)),
        )
    )
    parts = [
        "# The wire: every Open edX path\n",
        "Written by `.venv/bin/python -m tests.architecture.wire` from `docs/wire.toml` and the routes.",
        f"{counts}. What is not served answers 404 in JSON, and the Open edX front ends go on without it.",
    ]
    for peer in dict.fromkeys(each.peer for each in lines):
        parts += ["", "## Bursar's own" if peer == OWN else f"## {peer}", "", "| path | what |", "|---|---|"]
        parts += [f"| `{each.name}` | {_said(each)} |" for each in lines if each.peer == peer]
    return "\n".join(parts) + "\n"


def _said(entry: Entry) -> str:
    if entry.never:
        return f"404 on purpose: {entry.never}"
    if not entry.is_served:
        return "later"
    view = entry.view()
    if view is None:
        return "**not routed**"
    of_class = _class_of(view)
    return f"`{of_class.__module__}.{of_class.__qualname__}`<br>`{entry.test}`"


if __name__ == "__main__":
    import os

    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bursar.config.settings")
    django.setup()
    PAGE.write_text(render())
