"""Keys of courses (``Org+Course``) and of their runs (``course-v1:Org+Course+Run``), judged by their form."""

from functools import lru_cache

from opaque_keys import InvalidKeyError
from opaque_keys.edx.keys import CourseKey
from opaque_keys.edx.locator import CourseLocator

MAX_LENGTH = 255  # the LMS's columns

_CACHED_KEYS = 20_000  # more than a big site has; parsing one key costs some 20 microseconds


def is_run_key(text: str) -> bool:
    """Whether this is a run's key, in today's form or in the old one (``Org/Course/Run``)."""
    return org_of_run(text) is not None


@lru_cache(maxsize=_CACHED_KEYS)
def org_of_run(text: str) -> str | None:
    """The organization in a run's key, or None when the text isn't such a key."""
    if len(text) > MAX_LENGTH:
        return None
    try:
        key = CourseKey.from_string(text)
    except InvalidKeyError:
        return None
    is_plain = isinstance(key, CourseLocator) and key.run and not key.branch and not key.version_guid
    return str(key.org) if is_plain and str(key) == text else None


@lru_cache(maxsize=_CACHED_KEYS)
def is_course_key(text: str) -> bool:
    """Whether this is a course's key: an organization, a plus sign and a number."""
    return text.count("+") == 1 and len(text) <= MAX_LENGTH and is_run_key(f"course-v1:{text}+x")
