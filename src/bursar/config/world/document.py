"""The world file as types: which keys there are, and what may stand in each.

What an entry can say about itself is checked here; what entries say about each other and about the
database is checked in ``checking``.
"""

import re
from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

from django.core.exceptions import ValidationError
from django.core.validators import validate_slug
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainValidator, ValidationInfo

from bursar.catalog import api as catalog
from bursar.catalog.data import EVERYTHING, MODE_SLUGS
from bursar.customers.data import SLUG_MAX_LENGTH
from bursar.identity.data import ANY_CUSTOMER, Grant
from bursar.lib import emails, slugs
from bursar.lib.problems import check_line, check_moment, check_storable

_BIGGEST_INTEGER = 2**31 - 1  # the databases' integer columns
_BIGGEST_ID = 2**63 - 1  # their big ones
_MOST_LICENSES = 1_000_000  # in one plan: each is a row


# Words that stand in a world file


@dataclass(frozen=True, slots=True)
class Moment:
    """A time. A relative one (``-30d``) counts from the moment of loading, and only for a row that is new."""

    at: datetime
    is_relative: bool


_RELATIVE = re.compile(r"([+-])(\d{1,6})([hdwy])")
_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


def _moment(value: Any, info: ValidationInfo) -> Moment:
    now: datetime = info.context["now"] if info.context else datetime.now(UTC)
    if value == "now":
        return Moment(now, is_relative=True)
    refusal = ValueError(
        "is not a time: use ISO 8601 in UTC (2026-09-01T12:00:00Z), now, or -30d, +2h, +6w, +1y"
    )
    if not isinstance(value, str):
        raise refusal
    try:
        relative = _RELATIVE.fullmatch(value)
        if relative:
            sign, count, unit = relative.groups()
            at = _shift(now, int(sign + count), unit)
        else:
            at = datetime.fromisoformat(value)
            at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise refusal from error
    return Moment(check_moment(at), is_relative=relative is not None)


def _shift(moment: datetime, count: int, unit: str) -> datetime:
    if unit != "y":
        return moment + count * _UNITS[unit]
    year = moment.year + count
    if not 1 <= year <= 9999:
        raise OverflowError
    return moment.replace(year=year, day=min(moment.day, monthrange(year, moment.month)[1]))


def _uuid(value: Any) -> UUID:
    try:
        if not isinstance(value, str):
            raise ValueError
        return UUID(value)
    except ValueError as error:
        raise ValueError("is not a valid uuid") from error


def _printable(text: str) -> str:
    if not text.isprintable() or (text and not text.strip()):
        raise ValueError("must have printable characters only")
    return text


def _email(text: str) -> str:
    address = emails.normalize(text)
    if not emails.is_valid(address):
        raise ValueError(f"{text!r} is not an e-mail address")
    return address


def _course_key(text: str) -> str:
    if not catalog.is_course_key(text):
        raise ValueError(f"{text!r} is not a course key (Org+Course)")
    return text


def _run_key(text: str) -> str:
    if not (text.startswith("course-v1:") and catalog.is_run_key(text)):
        raise ValueError(f"{text!r} is not a course run key (course-v1:Org+Course+Run)")
    return text


def _content_key(text: str) -> str:
    if not catalog.is_course_key(text):
        return _run_key(text)
    return text


def _course_key_or_everything(text: str) -> str:
    return text if text == EVERYTHING else _course_key(text)


def _mode(text: str) -> str:
    if text not in MODE_SLUGS:
        raise ValueError(f"there is no mode {text!r}: use one of {', '.join(sorted(MODE_SLUGS))}")
    return text


def _currency(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z]{3}", text):
        raise ValueError(f"{text!r} is not a currency (USD, EUR, ...)")
    return text.upper()


def _country(text: str) -> str:
    if not re.fullmatch(r"[A-Z]{2}", text):
        raise ValueError(f"{text!r} is not a country's code (two capitals)")
    return text


def _slug(text: str) -> str:
    try:
        validate_slug(text)
    except ValidationError as error:
        raise ValueError("may have letters, digits, hyphens and underscores only") from error
    if slugs.is_reserved(text):
        raise ValueError(f"{text!r} is reserved: pages at it would hide others")
    return text


def _grant(value: Any) -> Grant:
    form = re.fullmatch(r"([a-zA-Z0-9_-]{1,64}):(.+)", value) if isinstance(value, str) else None
    if form is None:
        raise ValueError("must be role:context, as in enterprise_openedx_operator:*")
    role, context = form.groups()
    if context == ANY_CUSTOMER:
        return Grant(role, context)
    try:
        return Grant(role, str(UUID(context)))
    except ValueError as error:
        raise ValueError(f"{context!r} is neither a customer's uuid nor *") from error


_OneLine = AfterValidator(check_line)
_Printable = AfterValidator(_printable)
_Line = Annotated[str, Field(min_length=1, max_length=255), _OneLine]
_Text = Annotated[str, Field(max_length=100_000), AfterValidator(check_storable)]
_Username = Annotated[str, Field(min_length=1, max_length=150), _Printable]
Time = Annotated[Moment, PlainValidator(_moment)]
Uuid = Annotated[UUID, PlainValidator(_uuid)]
Email = Annotated[str, AfterValidator(_email)]
CourseKey = Annotated[str, AfterValidator(_course_key)]
RunKey = Annotated[str, AfterValidator(_run_key)]
_Mode = Annotated[str, AfterValidator(_mode)]
_Count = Annotated[int, Field(ge=0, le=_BIGGEST_INTEGER)]
_Percent = Annotated[int, Field(ge=0, le=100)]


class Entry(BaseModel):
    """Something in a world file. A key that isn't known is an error."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    def keep(self, names: Mapping[str, str]) -> frozenset[str]:
        """Which fields an existing row keeps: what the file leaves out, and relative times.

        ``names`` maps the file's names to those of the row.
        """
        return frozenset(
            ours
            for theirs, ours in names.items()
            if theirs not in self.model_fields_set or _is_relative(getattr(self, theirs))
        )


def _is_relative(value: Any) -> bool:
    return isinstance(value, Moment) and value.is_relative


# Courses


class Partner(Entry):
    key: _Line
    name: _Line


class Mode(Entry):
    slug: _Mode
    price_cents: _Count = 0
    currency: Annotated[str, AfterValidator(_currency)] = "USD"
    expires: Time | None = None


class Run(Entry):
    key: RunKey
    title: Annotated[str, Field(max_length=255), _OneLine] = ""
    start: Time | None = None
    end: Time | None = None
    enrollment_start: Time | None = None
    enrollment_end: Time | None = None
    pacing: Literal["instructor_paced", "self_paced"] = "instructor_paced"
    enrollable: bool = True
    invitation_only: bool = False
    max_enrollments: _Count | None = None
    blocked_countries: list[Annotated[str, AfterValidator(_country)]] = []
    modes: list[Mode] = []


class Course(Entry):
    key: CourseKey
    title: _Line
    short_description: _Text = ""
    partners: list[Partner] = []
    level: Annotated[str, Field(max_length=100), _OneLine] = ""
    subjects: list[_Line] = []
    advertised_run: RunKey | None = None
    runs: list[Run] = []


# People


class User(Entry):
    email: Email
    username: _Username
    name: Annotated[str, Field(max_length=255), _Printable] = ""
    lms_user_id: Annotated[int, Field(ge=1, le=_BIGGEST_ID)] | None = None
    password: Annotated[str, Field(min_length=1, max_length=128)] | None = None
    is_active: bool = True
    is_staff: bool = False
    confirmed: bool = True
    roles: list[Annotated[Grant, PlainValidator(_grant)]] = []


class ServiceAccount(Entry):
    client_id: Annotated[str, Field(min_length=1, max_length=150), _OneLine]
    client_secret: Annotated[str, Field(min_length=1, max_length=128)]
    username: _Username
    roles: list[Annotated[Grant, PlainValidator(_grant)]] = []


# Customers


class Catalog(Entry):
    uuid: Uuid
    title: _Line
    courses: list[Annotated[str, AfterValidator(_course_key_or_everything)]] = []


class Plan(Entry):
    uuid: Uuid
    title: Annotated[str, Field(min_length=1, max_length=128), _OneLine]
    catalog: Uuid
    start: Time
    expiration: Time
    licenses: Annotated[int, Field(ge=0, le=_MOST_LICENSES)]
    is_active: bool = True
    auto_apply: bool = False
    revocation_cap_percent: _Percent | None = None
    assigned: list[Email] = []
    activated: list[Email] = []
    revoked: list[Email] = []


class CodeAssignment(Entry):
    email: Email
    code: Annotated[str, Field(min_length=1, max_length=128), _OneLine] | None = None


class Coupon(Entry):
    id: Annotated[int, Field(ge=1, le=_BIGGEST_INTEGER)]
    title: _Line
    catalog: Uuid
    start: Time
    end: Time
    codes: Annotated[int, Field(ge=1, le=_MOST_LICENSES)]
    usage: Literal["single_use", "multi_use", "once_per_customer", "multi_use_per_customer"] = "single_use"
    max_uses: Annotated[int, Field(ge=1, le=_BIGGEST_INTEGER)] | None = None
    discount_percent: Annotated[float, Field(gt=0, le=100)] = 100
    assigned: list[CodeAssignment] = []


class OpenRequest(Entry):
    email: Email
    course: CourseKey


class Requests(Entry):
    enabled: bool = False
    subsidy_type: Literal["license", "coupon"] | None = None
    auto_enrollment: bool = False
    digest: Literal["immediately", "daily", "weekly", "never"] = "daily"
    open: list[OpenRequest] = []


class DefaultEnrollment(Entry):
    content_key: Annotated[str, AfterValidator(_content_key)]


class Enrollment(Entry):
    email: Email
    run: RunKey
    mode: _Mode | None = None
    is_active: bool = True


class Customer(Entry):
    uuid: Uuid
    name: _Line
    slug: Annotated[str, Field(min_length=1, max_length=SLUG_MAX_LENGTH), AfterValidator(_slug)]
    contact_email: Annotated[str, AfterValidator(lambda text: text and _email(text))] = ""
    country: Annotated[str, AfterValidator(lambda text: text and _country(text))] = ""
    enable_learner_portal: bool = True
    enable_universal_link: bool = False
    agreement: Uuid | None = None
    catalogs: list[Catalog] = []
    admins: list[Email] = []
    learners: list[Email] = []
    plans: list[Plan] = []
    coupons: list[Coupon] = []
    requests: Requests | None = None
    default_enrollments: list[DefaultEnrollment] = []
    enrollments: list[Enrollment] = []


class World(Entry):
    """A whole file."""

    courses: list[Course] = []
    users: list[User] = []
    service_accounts: list[ServiceAccount] = []
    customers: list[Customer] = []
