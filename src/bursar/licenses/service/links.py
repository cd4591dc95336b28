"""Where people go with their licenses."""

from django.conf import settings


def activation_link(customer_slug: str | None, activation_key: object) -> str | None:
    """Where the holder of a license accepts it; None while it has no key."""
    if not customer_slug or not activation_key:
        return None
    return f"{settings.LEARNER_PORTAL_URL}/{customer_slug}/licenses/{activation_key}/activate"
