"""Whether the people in the database are those whom the settings speak of."""

from django.conf import settings

from bursar.identity import api as identity


def find_mix_up() -> str | None:
    """Why the LMS's people would be taken for others, in a sentence; None when they would not. One query.

    An installation that issues its own tokens numbers its people itself. An LMS's person with the same
    number would get their roles and licenses.
    """
    if settings.ISSUES_TOKENS:
        return None
    highest = identity.get_highest_lms_user_id()
    if not highest:
        return None
    return (
        f"this database gave out LMS user ids itself (up to {highest}), and the LMS's people with these "
        "numbers would be taken for others: with BURSAR_AUTH=openedx begin with a new database"
    )
