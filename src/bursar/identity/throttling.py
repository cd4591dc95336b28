"""How often something may be tried: counted in the cache, in windows of fixed length."""

import math
import time

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _

from bursar.identity.data import TooManyAttempts


def check_attempts(action: str, who: str) -> None:
    """Is silent while ``who`` has attempts left; raises TooManyAttempts otherwise. Counts nothing."""
    if action in settings.RATES:
        times, _seconds = settings.RATES[action]
        key, retry_after = _window(action, who)
        if cache.get(key, 0) >= times:
            message = _("Too many attempts. Please wait a little and try again.")
            raise TooManyAttempts(message, retry_after=retry_after)


def count_attempt(action: str, who: str) -> None:
    """Takes one attempt from ``who``."""
    if action in settings.RATES:
        key, retry_after = _window(action, who)
        if not cache.add(key, 1, timeout=retry_after):
            _increment(key, retry_after)


def take_attempt(action: str, who: str) -> None:
    """Checks and counts in one step."""
    check_attempts(action, who)
    count_attempt(action, who)


def counters_of(action: str, name: str, request: HttpRequest | None) -> list[tuple[str, str]]:
    """What counts guesses: one counter for this name from where the request comes from, one for any name."""
    if request is None:
        return []
    address = address_of(request)
    digest = salted_hmac(f"bursar.identity.{action}", name, algorithm="sha256").hexdigest()
    return [(action, f"{digest}.{address}"), (f"{action}_anywhere", address)]


def address_of(request: HttpRequest | None) -> str:
    """Where a request comes from, as far as the server knows."""
    return str(request.META.get("REMOTE_ADDR", "")) if request is not None else ""


def _increment(key: str, timeout: int) -> None:
    try:
        cache.incr(key)
    except ValueError:  # it ran out between the two calls
        cache.set(key, 1, timeout=timeout)


def _window(action: str, who: str) -> tuple[str, int]:
    """The name of the current window's counter, and the seconds until the next window."""
    _times, seconds = settings.RATES[action]
    number, passed = divmod(time.time(), seconds)
    return f"bursar.identity.{action}.{int(number)}.{who}", max(1, math.ceil(seconds - passed))
