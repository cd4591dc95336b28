"""Settings, read from the environment. README.md lists the variables; ``bursar doctor`` checks them."""

import os
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import django_stubs_ext
import environ
from django.core.exceptions import ImproperlyConfigured

from bursar.config import logs, secrets, variables
from bursar.enrollments import embargo
from bursar.identity.issuers import Issuer, read_issuers
from bursar.identity.keys import make_private_key

django_stubs_ext.monkeypatch()  # Django's classes take type parameters at run time, too

env = environ.Env()


@contextmanager
def _naming(variable: str) -> Iterator[None]:
    """Has errors of the block name the variable that is wrong."""
    try:
        yield
    except Exception as error:
        raise ImproperlyConfigured(f"{variable}: {error}") from error


BURSAR_HOME = Path(env.str("BURSAR_HOME", default="var")).resolve()
with _naming("PORT"):
    # Where `bursar up` last served this home: so `bursar token` names the issuer that the server expects.
    LAST_PORT_FILE = BURSAR_HOME / "port"
    _last_port = LAST_PORT_FILE.read_text() if LAST_PORT_FILE.exists() else ""
    PORT = int(env.str("PORT", default="") or _last_port or 8000)
PUBLIC_URL = env.str("BURSAR_PUBLIC_URL", default=f"http://127.0.0.1:{PORT}").rstrip("/")

CUSTOMER_SUCCESS_EMAIL = env.str("BURSAR_CUSTOMER_SUCCESS_EMAIL", default="")

# Open edX's learner portal has a page for each course; ours has none.
HAS_LEARNER_PORTAL = bool(env.str("BURSAR_LEARNER_PORTAL_URL", default=""))
LEARNER_PORTAL_URL = (env.str("BURSAR_LEARNER_PORTAL_URL", default="") or PUBLIC_URL).rstrip("/")
ADMIN_PORTAL_URL = (env.str("BURSAR_ADMIN_PORTAL_URL", default="") or PUBLIC_URL).rstrip("/")
BROKER_URL = env.str("BURSAR_BROKER_URL", default="")
IS_EMBEDDED = not BROKER_URL
"""Without a broker one background process does the work, and the secrets are made at first start."""

DEBUG = False
SECRET_KEY = env.str("BURSAR_SECRET_KEY", default="") or secrets.secret_key(BURSAR_HOME)
SUBSIDY_CHECKSUM_SECRET = env.str("BURSAR_SUBSIDY_CHECKSUM_SECRET", default="") or SECRET_KEY
"""Shared with services that check that a license pays for a course, such as edx-enterprise."""
ALLOWED_HOSTS = env.list("BURSAR_ALLOWED_HOSTS", default=["127.0.0.1", "localhost", "[::1]"])

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "corsheaders",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "simple_history",
    "openedx_events",
    "bursar.outbox",
    "bursar.identity",
    "bursar.jobs",
    "bursar.notifications",
    "bursar.catalog",
    "bursar.enrollments",
    "bursar.customers",
    "bursar.licenses",
    "bursar.subsidy_requests",
    "bursar.portal",
    "bursar.config",
]

MIDDLEWARE = [
    "bursar.config.requests.identify",
    "bursar.config.health.answer_probes",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "corsheaders.middleware.CorsMiddleware",
    "bursar.config.requests.limit_bodies",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "edx_rest_framework_extensions.auth.jwt.middleware.JwtAuthCookieMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "simple_history.middleware.HistoryRequestMiddleware",
]

ROOT_URLCONF = "bursar.config.urls"
WSGI_APPLICATION = "bursar.config.wsgi.application"
APPEND_SLASH = False  # every path says for itself whether a slash is optional
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "bursar.portal.context.accounts",
            ],
        },
    },
]

# Database: SQLite in BURSAR_HOME, or what DATABASE_URL names.


def _database() -> dict[str, Any]:
    url = env.str("DATABASE_URL", default="") or f"sqlite:///{BURSAR_HOME / 'bursar.sqlite3'}"
    with _naming("DATABASE_URL"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the refusal below says the same
        database: dict[str, Any] = env.db_url_config(url)
    options: dict[str, Any] = database.setdefault("OPTIONS", {})
    engine = database.get("ENGINE", "")
    if engine.endswith("sqlite3"):
        # IMMEDIATE: a transaction takes the write lock first, so that it never has to give up halfway.
        options.update(
            transaction_mode="IMMEDIATE",
            timeout=20,
            init_command="PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;",
        )
        # Tests use a file, too: a database in memory locks in another way.
        database["TEST"] = {"NAME": BURSAR_HOME / "test.sqlite3"}
    elif engine.endswith("mysql"):
        options.update(
            charset="utf8mb4",
            isolation_level="read committed",
            init_command="SET sql_mode='STRICT_ALL_TABLES'",
        )
        database["CONN_MAX_AGE"] = 60
    elif engine.endswith("postgresql"):
        database["CONN_MAX_AGE"] = 60
    else:
        raise ImproperlyConfigured("DATABASE_URL must begin with sqlite://, postgres:// or mysql://")
    database["CONN_HEALTH_CHECKS"] = True
    return database


DATABASES = {"default": _database()}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
with _naming("BURSAR_CACHE_URL"):
    CACHES = {"default": env.cache_url("BURSAR_CACHE_URL", default="locmemcache://")}

# People: their accounts are our own, or those of an LMS whose tokens we trust.
AUTH_USER_MODEL = "identity.User"
AUTH = env.str("BURSAR_AUTH", default="") or "embedded"
if AUTH not in variables.AUTHS:
    raise ImproperlyConfigured("BURSAR_AUTH must be embedded or openedx")
ISSUES_TOKENS = AUTH == "embedded"
TRUSTED_ISSUERS: dict[str, Issuer] = {}
if not ISSUES_TOKENS:
    with _naming("BURSAR_JWT_ISSUERS"):
        TRUSTED_ISSUERS = read_issuers(env.str("BURSAR_JWT_ISSUERS", default=""))


def _lms_url() -> str:
    if ISSUES_TOKENS:
        return ""
    named = env.str("BURSAR_LMS_URL", default="") or next(iter(TRUSTED_ISSUERS)).removesuffix("/oauth2")
    url = urlsplit(named)
    if url.scheme not in ("http", "https") or not url.hostname or url.query or url.fragment:
        raise ImproperlyConfigured(f"BURSAR_LMS_URL must be the LMS's http(s) address, and {named!r} is none")
    return named.rstrip("/")


LMS_URL = _lms_url()
"""Where people sign in (/login) and up (/register) when they don't do it here."""
LOGIN_URL = f"{LMS_URL}/login"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/"
SESSION_COOKIE_NAME = "bursar-session"
CSRF_COOKIE_NAME = "bursar-csrf"
CSRF_FAILURE_VIEW = "bursar.config.errors.csrf_failed"
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL, *env.list("BURSAR_CORS_ORIGINS", default=[])]
CORS_ALLOWED_ORIGINS = env.list("BURSAR_CORS_ORIGINS", default=[])
CORS_ALLOW_CREDENTIALS = True
CORS_ALLOW_HEADERS = (
    "accept",
    "authorization",
    "content-type",
    "idempotency-key",
    "use-jwt-cookie",
    "x-csrftoken",
    "x-request-id",
)
CORS_EXPOSE_HEADERS = ("Bursar-Error-Code", "Idempotency-Replayed", "Retry-After", "X-Request-ID")

# Encryption ends at a proxy, for granian speaks plain HTTP. The proxy must set X-Forwarded-Proto.
IS_HTTPS = PUBLIC_URL.startswith("https://")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = IS_HTTPS
if IS_HTTPS:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_HSTS_SECONDS = 30 * 24 * 3600
SILENCED_SYSTEM_CHECKS = [
    "security.W005",  # HSTS for subdomains: they are the operator's, not ours
    "security.W008",  # redirecting http to https is the proxy's work
    "security.W021",  # the browsers' HSTS list: it is the operator's decision
]

AUTHENTICATION_BACKENDS = ["bursar.identity.backends.UsernameOrAddressBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]

# JWT: issued by ourselves, with the LMS's claims (all processes share one private key), or by the LMS.
JWT_PRIVATE_KEY = ""
if ISSUES_TOKENS:
    JWT_PRIVATE_KEY = env.str("BURSAR_JWT_PRIVATE_KEY", multiline=True, default="") or secrets.write_once(
        BURSAR_HOME / "keys" / "jwt_private_key.pem", make_private_key
    )
JWT_AUTH = {
    "JWT_ISSUER": f"{PUBLIC_URL}/oauth2",
    "JWT_AUDIENCE": "openedx",
    "JWT_ALGORITHM": "RS512",
    "JWT_AUTH_HEADER_PREFIX": "JWT",
    "JWT_DECODE_HANDLER": "bursar.identity.tokens.decode_token",
    "JWT_AUTH_COOKIE": "edx-jwt-cookie",
    "JWT_AUTH_COOKIE_HEADER_PAYLOAD": "edx-jwt-cookie-header-payload",
    "JWT_AUTH_COOKIE_SIGNATURE": "edx-jwt-cookie-signature",
}
EDX_DRF_EXTENSIONS: dict[str, Any] = {"JWT_PAYLOAD_USER_ATTRIBUTE_MAPPING": {}}  # that is identity's

# Signals of openedx-events: who sent them, as their metadata say (openedx/bursar/web)
EVENTS_SERVICE_NAME = "bursar"

# Pipelines of openedx-filters: steps of the operator's own that may keep people out of course runs
with _naming("BURSAR_FILTERS"):
    OPEN_EDX_FILTERS_CONFIG: dict[str, Any] = env.json("BURSAR_FILTERS", default={})
    if not isinstance(OPEN_EDX_FILTERS_CONFIG, dict):
        raise ValueError("must be a JSON object: filter types, and the pipeline of each")

# The key that servers of an Open edX platform share; without one, that way in is shut.
EDX_API_KEY = env.str("BURSAR_EDX_API_KEY", default="").strip() or None

# REST
DATA_UPLOAD_MAX_MEMORY_SIZE = 10 * 1024 * 1024
STAFF_UPLOAD_MAX_SIZE = 64 * 1024 * 1024  # half a million lines with an address and a name
DATA_UPLOAD_MAX_NUMBER_FIELDS = 20_000
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "bursar.identity.api.JwtAuthentication",
        "bursar.identity.api.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_PARSER_CLASSES": ["bursar.lib.rest_json.JsonParser"],
    "DEFAULT_RENDERER_CLASSES": ["bursar.lib.rest_json.JsonRenderer"],
    "DEFAULT_SCHEMA_CLASS": "bursar.config.openapi.ContextSchema",
    "DEFAULT_METADATA_CLASS": None,  # OPTIONS: 405, as enterprise-access does; the API's pages describe it
    "EXCEPTION_HANDLER": "bursar.lib.rest_errors.exception_handler",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
    "TEST_REQUEST_RENDERER_CLASSES": [
        "bursar.lib.rest_json.JsonRenderer",
        "rest_framework.renderers.MultiPartRenderer",
    ],
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Bursar",
    "DESCRIPTION": "Sponsored learning for Open edX: requests, licenses, customers, enrollments.",
    "VERSION": "0.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_AUTHENTICATION": [],  # public: a token that has run out must not hide the description
    "SERVERS": [{"url": PUBLIC_URL}],
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "bursar.config.openapi.describe_tags",
    ],
    "SORT_OPERATIONS": True,
    "SCHEMA_PATH_PREFIX": "",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "ENUM_NAME_OVERRIDES": {
        "RequestState": "bursar.subsidy_requests.rest.schemas.STATES"
    },  # jobs have some, too
    # The pages would ask an outside host to check the description, were it not for validatorUrl.
    "SWAGGER_UI_SETTINGS": {"deepLinking": True, "tagsSorter": "alpha", "validatorUrl": None},
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
}

# Words and times
LANGUAGE_CODE = "en"
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"

# Files
STATIC_URL = "/static/"
WHITENOISE_USE_FINDERS = True  # served from where the packages keep them: nothing is collected

# Mail: a folder of .eml files, or what EMAIL_URL names.
MAIL_FOLDER = BURSAR_HOME / "mail"
if env.str("EMAIL_URL", default=""):
    with _naming("EMAIL_URL"):
        vars().update(env.email_url("EMAIL_URL"))
else:
    EMAIL_BACKEND = "bursar.notifications.folder.FolderBackend"
EMAIL_TIMEOUT = 10  # seconds for one exchange with the mail server
DEFAULT_FROM_EMAIL = env.str("BURSAR_FROM_EMAIL", default="Bursar <bursar@localhost>")

# Embargo: without a database no country is known, and nobody is blocked.
GEOIP_DATABASE = env.str("BURSAR_GEOIP_DATABASE", default="")
if GEOIP_DATABASE:
    with _naming("BURSAR_GEOIP_DATABASE"):
        embargo.open_database(GEOIP_DATABASE).close()

# Celery wakes workers up; its messages carry no truth, so none has to survive.
CELERY_BROKER_URL = BROKER_URL
CELERY_BROKER_CONNECTION_TIMEOUT = 1  # seconds
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None  # a worker waits for its broker as long as it takes
CELERY_TASK_PUBLISH_RETRY = False
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_SOFT_TIME_LIMIT = 600  # seconds; all work is in chunks of far less, so this ends what hangs
CELERY_TASK_TIME_LIMIT = 660
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
# A task whose broker went away may as well end: doing it again changes nothing.
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False

OPENEDX_TELEMETRY: list[str] = []  # edx-django-utils would look for New Relic

# Logs: to standard error, JSON unless someone is looking
LOGGING = logs.configuration()

# How often one address may try: (times, seconds). Counted in the cache, so by process unless it is shared.
RATES = {
    "sign_in": (10, 300),  # wrong passwords for one account
    "sign_in_anywhere": (200, 300),  # for any account: behind a proxy many people are one address
    "program": (10, 300),  # wrong secrets for one client id
    "program_anywhere": (200, 300),  # for any client id
    "sign_up": (100, 60),
    "confirmation": (3, 600),  # mails to one person
}


def _rate(text: str) -> str:
    """The text if it is a rate (or none); raises ValueError otherwise."""
    if text and not re.fullmatch(r"[1-9]\d{0,8}/(second|minute|hour|day)", text):
        raise ValueError(f"{text} is no rate: write 40/minute (second, hour, day), or nothing for no limit")
    return text


# How often one caller may use the LMS's enrollment API, with the LMS's figures. Empty: no limit.
with _naming("BURSAR_ENROLLMENT_RATE"):
    ENROLLMENT_RATES = {"user": _rate(env.str("BURSAR_ENROLLMENT_RATE", default="40/minute"))}
with _naming("BURSAR_ENROLLMENT_STAFF_RATE"):
    ENROLLMENT_RATES["staff"] = _rate(env.str("BURSAR_ENROLLMENT_STAFF_RATE", default="120/minute"))


def _days(text: str) -> timedelta | None:
    """The text as a number of days, or None if there is none; raises ValueError for anything else."""
    if not re.fullmatch(r"\d{0,5}", text, re.ASCII):
        raise ValueError(f"{text} is no number of days")
    return timedelta(days=int(text)) if text else None


# How long after a plan is over its learners are taken away from the customer. None: never.
with _naming("BURSAR_UNLINK_EXPIRED_LEARNERS_AFTER"):
    UNLINK_EXPIRED_LEARNERS_AFTER = _days(env.str("BURSAR_UNLINK_EXPIRED_LEARNERS_AFTER", default=""))

SERVER_IS_TEST = "PYTEST_VERSION" in os.environ
if SERVER_IS_TEST:
    PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # fast, and nobody's real password
    RATES, ENROLLMENT_RATES = {}, {}  # tests come from one address; those of the limits set their own
