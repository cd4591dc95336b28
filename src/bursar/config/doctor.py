"""What ``bursar doctor`` looks at. Each check gives findings, one line each, and touches nothing."""

import os
import smtplib
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlsplit

from django.conf import settings
from django.core import mail
from django.db import DatabaseError, connection

from bursar.config import people, schema, variables
from bursar.enrollments import embargo
from bursar.jobs import api as jobs
from bursar.licenses import api as licenses
from bursar.notifications import api as notifications
from bursar.outbox import api as outbox

OK, WARN, FAULT = "ok", "warn", "fault"


@dataclass(frozen=True, slots=True)
class Finding:
    """``verdict`` is ok, warn or fault; ``detail`` says what to do unless it is ok."""

    verdict: str
    subject: str
    detail: str


def examine() -> Iterator[Finding]:
    """All findings, in the order in which one would mend them."""
    for check in _CHECKS:
        try:
            yield from check()
        except Exception as error:  # a check that breaks is itself a finding
            yield Finding(FAULT, check.__name__.removeprefix("_check_"), _first_line(error))


def _check_settings() -> Iterator[Finding]:
    unknown = variables.find_unknown(os.environ)
    for name in unknown:
        yield Finding(WARN, "settings", f"{name} is not a variable of Bursar: a slip of the finger?")
    if not unknown:
        yield Finding(OK, "settings", f"BURSAR_HOME is {settings.BURSAR_HOME}")


def _check_secrets() -> Iterator[Finding]:
    if os.environ.get("BURSAR_SECRET_KEY"):
        is_long = len(settings.SECRET_KEY) >= 32
        yield Finding(
            OK if is_long else WARN,
            "secret key",
            "from BURSAR_SECRET_KEY" if is_long else "BURSAR_SECRET_KEY is short: use 50 random characters",
        )
    elif settings.IS_EMBEDDED:
        yield Finding(OK, "secret key", "made at first start, in BURSAR_HOME/keys")
    else:
        yield Finding(
            WARN, "secret key", "set BURSAR_SECRET_KEY, the same on every host: now each home has its own"
        )
    keys = settings.BURSAR_HOME / "keys"
    readable = [path.name for path in keys.glob("*") if path.is_file() and path.stat().st_mode & 0o077]
    if readable:
        yield Finding(FAULT, "keys", f"others may read {', '.join(readable)} in {keys}: chmod 600")
    else:
        yield Finding(OK, "keys", f"only this user may read {keys}")


def _check_tokens() -> Iterator[Finding]:
    if settings.ISSUES_TOKENS:
        yield Finding(OK, "tokens", f"issued here, as {settings.JWT_AUTH['JWT_ISSUER']}")
    for issuer in settings.TRUSTED_ISSUERS.values():
        keys = f"{len(issuer.keys)} {'key' if len(issuer.keys) == 1 else 'keys'}"
        keys += " and a secret" if issuer.secret else ""
        yield Finding(OK, "tokens", f"those of {issuer.name} for {issuer.audience} are trusted, by {keys}")
    for name in _OF_THE_OTHERS[settings.ISSUES_TOKENS]:
        if os.environ.get(name):
            yield Finding(WARN, "tokens", f"{name} is ignored with BURSAR_AUTH={settings.AUTH}: take it out")


_OF_THE_OTHERS = {True: ("BURSAR_JWT_ISSUERS", "BURSAR_LMS_URL"), False: ("BURSAR_JWT_PRIVATE_KEY",)}


def _check_api_key() -> Iterator[Finding]:
    if not settings.EDX_API_KEY:
        yield Finding(OK, "API key", "none: servers come in by tokens")
    elif len(settings.EDX_API_KEY) < 16:
        yield Finding(WARN, "API key", "BURSAR_EDX_API_KEY is short: use 50 random characters")
    else:
        yield Finding(OK, "API key", "from BURSAR_EDX_API_KEY; tokens are better, see docs/operating.md")


def _check_database() -> Iterator[Finding]:
    try:
        with connection.cursor() as cursor:
            mariadb = getattr(connection, "mysql_is_mariadb", False)
            cursor.execute(_VERSION["mariadb" if mariadb else connection.vendor])
            version, detail = cursor.fetchone()
    except DatabaseError as error:
        yield Finding(FAULT, "database", f"{connection.vendor} does not answer: {_first_line(error)}")
        return
    yield Finding(
        OK, "database", f"{connection.display_name} {version} ({_DETAIL[connection.vendor]} {detail})"
    )
    if missing := schema.count_unapplied():
        yield Finding(FAULT, "migrations", f"{missing} are missing: type `bursar migrate`")
        return
    yield Finding(OK, "migrations", "all applied")
    if sentence := people.find_mix_up():
        yield Finding(FAULT, "people", sentence)
    yield _count("events", outbox.count_dead(), "failed at every try: see /admin/outbox/delivery/")
    yield _count("jobs", jobs.count_failed(), "chunks failed at every try: see /admin/jobs/chunk/")
    yield _count("renewals", licenses.count_overdue_renewals(), "are overdue: type `bursar process-renewals`")
    yield _count("messages", notifications.count_failed(), "mails failed: see /admin/notifications/message/")


_VERSION = {
    "sqlite": "SELECT sqlite_version(), (SELECT journal_mode FROM pragma_journal_mode)",
    "postgresql": "SELECT current_setting('server_version'), current_setting('transaction_isolation')",
    "mysql": "SELECT version(), @@transaction_isolation",
    "mariadb": "SELECT version(), @@tx_isolation",
}
_DETAIL = {"sqlite": "journal", "postgresql": "isolation", "mysql": "isolation"}


def _count(subject: str, number: int, detail: str) -> Finding:
    return Finding(WARN, subject, f"{number} {detail}") if number else Finding(OK, subject, "none failed")


def _check_broker() -> Iterator[Finding]:
    if settings.IS_EMBEDDED:
        yield Finding(OK, "broker", "none: one background process does the work")
        return
    from bursar.config import nudges

    with nudges.connect() as broker:
        try:
            broker.ensure_connection(max_retries=0, timeout=nudges.TIMEOUT)
        except Exception as error:
            yield Finding(FAULT, "broker", f"no login at {broker.as_uri()}: {_first_line(error)}")
            return
        yield Finding(OK, "broker", broker.as_uri())


def _check_bus() -> Iterator[Finding]:
    yield Finding(OK, "bus", "local: events stay in this installation")


def _check_mail() -> Iterator[Finding]:
    if settings.EMAIL_BACKEND.endswith("FolderBackend"):
        folder = settings.MAIL_FOLDER
        folder.mkdir(parents=True, exist_ok=True)
        try:
            with tempfile.TemporaryFile(dir=folder):
                pass
        except OSError as error:
            yield Finding(FAULT, "mail", f"{folder} cannot be written to: {error.strerror}")
        else:
            yield Finding(OK, "mail", f"files in {folder}; EMAIL_URL names a mail server")
        return
    try:
        with mail.get_connection():  # entering it logs in
            pass
    except (OSError, smtplib.SMTPException) as error:
        yield Finding(FAULT, "mail", f"no login at {settings.EMAIL_HOST}: {_first_line(error)}")
    else:
        yield Finding(OK, "mail", f"{settings.EMAIL_HOST}:{settings.EMAIL_PORT}")


def _check_public_url() -> Iterator[Finding]:
    url = urlsplit(settings.PUBLIC_URL)
    if url.scheme not in ("http", "https") or not url.hostname:
        yield Finding(FAULT, "public URL", f"{settings.PUBLIC_URL} is not an http(s) address")
    elif url.hostname not in settings.ALLOWED_HOSTS and "*" not in settings.ALLOWED_HOSTS:
        yield Finding(WARN, "public URL", f"BURSAR_ALLOWED_HOSTS lacks {url.hostname}: its pages answer 400")
    elif url.scheme == "http" and url.hostname not in ("127.0.0.1", "localhost", "::1"):
        yield Finding(WARN, "public URL", f"{settings.PUBLIC_URL} is not https: cookies travel in the clear")
    else:
        yield Finding(OK, "public URL", settings.PUBLIC_URL)


def _check_countries() -> Iterator[Finding]:
    if not settings.GEOIP_DATABASE:
        yield Finding(OK, "countries", "none is known, so no run is closed to any")
        return
    with embargo.open_database(settings.GEOIP_DATABASE) as database:
        about = database.metadata()
    built_on = datetime.fromtimestamp(about.build_epoch, UTC).date()
    yield Finding(OK, "countries", f"{about.database_type}, made on {built_on}")


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


_CHECKS: tuple[Callable[[], Iterator[Finding]], ...] = (
    _check_settings,
    _check_secrets,
    _check_tokens,
    _check_api_key,
    _check_public_url,
    _check_database,
    _check_broker,
    _check_bus,
    _check_mail,
    _check_countries,
)
