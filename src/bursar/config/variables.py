"""The environment variables of Bursar: the table that README.md prints and ``bursar doctor`` checks."""

from collections.abc import Mapping

VARIABLES: Mapping[str, str] = {
    "BURSAR_HOME": "data folder: database, keys, mail (./var)",
    "BURSAR_PUBLIC_URL": "where people reach it: links in mails (http://127.0.0.1:PORT)",
    "BURSAR_SECRET_KEY": "signs sessions and links (made at first start)",
    "BURSAR_SUBSIDY_CHECKSUM_SECRET": "signs that a license pays for a course (BURSAR_SECRET_KEY)",
    "BURSAR_ALLOWED_HOSTS": "host names that are answered, with commas (this host)",
    "BURSAR_CORS_ORIGINS": "origins of front ends that may call, with commas (none)",
    "DATABASE_URL": "sqlite://, postgres:// or mysql:// (SQLite in BURSAR_HOME)",
    "BURSAR_BROKER_URL": "Celery's broker: redis:// or amqp:// (none: one background process does the work)",
    "BURSAR_CACHE_URL": "cache (in process)",
    "BURSAR_EVENT_BUS": "local, redis://... or kafka://... (local)",
    "BURSAR_AUTH": "embedded: Bursar issues its tokens; openedx: it trusts an LMS's (embedded)",
    "BURSAR_JWT_ISSUERS": "with BURSAR_AUTH=openedx: issuer, audience and jwks of each, as JSON (none)",
    "BURSAR_LMS_URL": "with BURSAR_AUTH=openedx: where people sign in (the first issuer without /oauth2)",
    "BURSAR_SERVE": "which contexts' URLs and work this process has (all)",
    "BURSAR_OAUTH_CLIENT_ID": "for BURSAR_REMOTE_... (none)",
    "BURSAR_OAUTH_CLIENT_SECRET": "for BURSAR_REMOTE_... (none)",
    "BURSAR_OAUTH_TOKEN_URL": "for BURSAR_REMOTE_... (none)",
    "BURSAR_FILTERS": "pipelines of openedx-filters, as JSON (none)",
    "BURSAR_JWT_PRIVATE_KEY": "signs our own JWTs: an RSA key as PEM (made at first start)",
    "BURSAR_EDX_API_KEY": "shared key of servers that call the enrollment API; deprecated by Open edX (none)",
    "BURSAR_ENROLLMENT_RATE": "how often one caller may use the enrollment API (40/minute; empty: no limit)",
    "BURSAR_ENROLLMENT_STAFF_RATE": "the same for staff (120/minute; empty: no limit)",
    "BURSAR_LEARNER_PORTAL_URL": "Open edX's learner portal, for links in mails (none: Bursar's own pages)",
    "BURSAR_ADMIN_PORTAL_URL": "Open edX's admin portal, for links in mails (none: Bursar itself)",
    "BURSAR_CUSTOMER_SUCCESS_EMAIL": "who hears that a plan's revocations are used up (the operators)",
    "BURSAR_UNLINK_EXPIRED_LEARNERS_AFTER": "days after a plan ended when its learners are unlinked (never)",
    "BURSAR_FROM_EMAIL": "sender of mails (Bursar <bursar@localhost>)",
    "EMAIL_URL": "smtp://... and the like (files in BURSAR_HOME/mail, one .eml each)",
    "BURSAR_GEOIP_DATABASE": "file in MaxMind's format that knows the country of an address (none)",
    "PORT": "port of the web (8000)",
}

REMOTE = "BURSAR_REMOTE_"
"""Followed by a context's name: the URL of a service to use instead of our own tables."""

AUTHS = ("embedded", "openedx")

_OF_TESTS = ("BURSAR_TEST_", "BURSAR_REQUIRE_SERVICES")
_AS_IF_UNSET: Mapping[str, tuple[str, ...]] = {
    "BURSAR_EVENT_BUS": ("", "local"),
    "BURSAR_SERVE": ("", "all"),
}


def find_unavailable(environment: Mapping[str, str]) -> str | None:
    """A sentence about the first variable that asks for something this version cannot do yet, or None."""
    if (value := environment.get("BURSAR_AUTH", "")) not in ("", *AUTHS):
        return (
            f"BURSAR_AUTH={value} is neither embedded (Bursar issues its tokens) nor openedx (an LMS does)."
        )
    for name, as_if_unset in _AS_IF_UNSET.items():
        if (value := environment.get(name, "")) not in as_if_unset:
            return f"{name}={value} is not available yet: leave it out, or set it to {as_if_unset[-1]}."
    for name in sorted(environment):
        if name.startswith(REMOTE) and environment[name]:
            return f"{name} is not available yet: leave it out, and Bursar uses its own tables."
    return None


def find_unknown(environment: Mapping[str, str]) -> list[str]:
    """Names that look like ours and mean nothing: most often a slip of the finger."""
    return sorted(
        name
        for name in environment
        if name.startswith("BURSAR_") and name not in VARIABLES and not name.startswith((REMOTE, *_OF_TESTS))
    )
