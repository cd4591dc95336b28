"""A customer's pages stand behind all other paths, so no customer may be named like one of those."""

import re
from collections.abc import Iterable, Iterator

import pytest
from django.conf import settings
from django.urls import URLPattern, URLResolver, get_resolver

from bursar.lib import slugs


def first_segments(patterns: Iterable[URLPattern | URLResolver], before: str = "") -> Iterator[str]:
    """What paths may begin with: ``api`` for ``api/v1/license-requests/``."""
    for pattern in patterns:
        route = (before + str(pattern.pattern)).lstrip("^")
        if "/" in route or isinstance(pattern, URLPattern):
            yield route.split("/")[0].removesuffix("?$").removesuffix("$")
        else:
            yield from first_segments(pattern.url_patterns, route)


SEGMENTS = sorted(set(first_segments(get_resolver().url_patterns)))


def is_fixed(segment: str) -> bool:
    return bool(re.fullmatch(r"[\w.-]+", segment))


def test_the_walk_finds_paths():
    assert {"admin", "api", "csrf", "login", "confirm-email"} <= set(SEGMENTS)


@pytest.mark.parametrize("segment", [each for each in SEGMENTS if is_fixed(each)])
def test_no_customer_can_hide_a_path(segment):
    assert slugs.is_reserved(segment)


def test_nothing_but_a_slug_stands_first_without_being_fixed():
    assert {each for each in SEGMENTS if not is_fixed(each)} <= {"", "<slug:slug>", "<slug:customer_slug>"}


@pytest.mark.parametrize(
    "name", ["livez", "readyz", "oauth2", "login_refresh", "coupons", "operator", "Admin"]
)
def test_paths_of_middleware_and_of_tomorrow_are_reserved(name):
    assert slugs.is_reserved(name)


def test_static_files_are_reserved():
    assert slugs.is_reserved(settings.STATIC_URL.strip("/"))
