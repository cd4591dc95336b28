"""Every route of the URLconf, spelled one way: ``/api/v1/license-requests/<request_uuid>/``."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from django.urls import URLPattern, URLResolver, get_resolver
from django.urls.resolvers import RegexPattern

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")

_CONVERTER = re.compile(r"<(?:\w+:)?(\w+)>")
_NAMED_GROUP = re.compile(r"\(\?P<(\w+)>(?:[^()]|\([^()]*\))*\)")
_ANCHORS = str.maketrans("", "", "^$?\\")


@dataclass(frozen=True)
class Route:
    """One pattern of the URLconf. A last slash that may be left out is there."""

    path: str
    name: str | None

    @property
    def is_of_admin(self) -> bool:
        return self.path.startswith("/admin/")

    @property
    def placeholders(self) -> list[str]:
        return re.findall(r"<(\w+)>", self.path)


def list_routes() -> list[Route]:
    """All routes, those of included modules too, in the order in which they are tried."""
    return list(_walk(get_resolver(), "/"))


def _walk(resolver: URLResolver, prefix: str) -> Iterator[Route]:
    for each in resolver.url_patterns:
        path = prefix + _spell(each)
        if isinstance(each, URLPattern):
            yield Route(path, each.name)
        else:
            yield from _walk(each, path)


def _spell(pattern: URLPattern | URLResolver) -> str:
    if isinstance(pattern.pattern, RegexPattern):
        return _NAMED_GROUP.sub(r"<\1>", str(pattern.pattern)).translate(_ANCHORS)
    return _CONVERTER.sub(r"<\1>", str(pattern.pattern))
