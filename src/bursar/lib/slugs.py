"""Slugs of customers: the first part of the paths of their pages."""

RESERVED = frozenset(
    {
        "account",
        "accounts",
        "admin",
        "api",
        "assets",
        "auth",
        "confirm-email",
        "coupons",
        "courses",
        "csrf",
        "dashboard",
        "docs",
        "embargo",
        "enterprise",
        "enterprise_learner_portal",
        "favicon.ico",
        "healthz",
        "heartbeat",
        "i18n",
        "livez",
        "login",
        "login_refresh",
        "logout",
        "media",
        "metrics",
        "oauth2",
        "operator",
        "readyz",
        "register",
        "robots.txt",
        "static",
        "user",
    }
)
"""Pages stand at ``/<slug>/`` behind all other paths: a customer of one of these names would have none."""


def is_reserved(slug: str) -> bool:
    """Whether a customer's pages could not be reached under this slug."""
    return slug.lower() in RESERVED
