"""What the entries of a world file say about each other and about the database.

Everything is checked before anything is written. Each check yields (path, reason).
"""

from collections import Counter
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.conf import settings

from bursar.catalog import api as catalog
from bursar.catalog import data as catalog_data
from bursar.config.world import document
from bursar.config.world.document import World
from bursar.customers import api as customers
from bursar.identity import api as identity
from bursar.identity.data import ANY_CUSTOMER, Grant, Person
from bursar.lib import sets
from bursar.lib.problems import Path
from bursar.licenses import api as licenses
from bursar.licenses.data import Plan, Status

Problem = tuple[Path, str]


def find_problems(world: World) -> list[Problem]:
    """Every fault, section by section. Effects: a few queries, and some for each customer and plan."""
    known = Known.about(world)
    return [
        *_check_courses(world, known),
        *_check_users(world, known),
        *(_check_service_accounts(world, known) if settings.ISSUES_TOKENS else ()),
        *_check_customers(world, known),
    ]


@dataclass(frozen=True)
class Known:
    """What the file refers to and the database has."""

    courses: Mapping[str, catalog_data.Course]
    runs: Mapping[str, catalog_data.Run]
    by_email: Mapping[str, Person]
    by_username: Mapping[str, Person]
    by_lms_user_id: Mapping[int, Person]
    catalogs: Mapping[UUID, catalog_data.CustomerCatalog]
    customer_uuids: Collection[UUID]
    plans: Mapping[UUID, Plan]

    @classmethod
    def about(cls, world: World) -> "Known":
        each = world.customers
        course_keys = {course.key for course in world.courses}
        course_keys |= {key for customer in each for listed in customer.catalogs for key in listed.courses}
        course_keys |= {
            wish.course for customer in each if customer.requests for wish in customer.requests.open
        }
        content_keys = {wish.content_key for customer in each for wish in customer.default_enrollments}
        run_keys = {course.advertised_run for course in world.courses if course.advertised_run}
        run_keys |= {enrollment.run for customer in each for enrollment in customer.enrollments}
        usernames = {user.username for user in world.users}
        usernames |= {account.username for account in world.service_accounts}
        return cls(
            courses=catalog.find_courses((course_keys | content_keys) - {catalog_data.EVERYTHING}),
            runs=catalog.find_runs(run_keys | content_keys),
            by_email=identity.find_people_by_email(
                {user.email for user in world.users}
                | {email for customer in each for _, email in _addresses_with_accounts(customer)}
            ),
            by_username=identity.find_people_by_username(usernames),
            by_lms_user_id=identity.find_people_by_lms_user_id(
                {user.lms_user_id for user in world.users if user.lms_user_id is not None}
            ),
            catalogs=catalog.find_catalogs(
                {listed.uuid for customer in each for listed in customer.catalogs}
                | {plan.catalog for customer in each for plan in customer.plans}
                | {coupon.catalog for customer in each for coupon in customer.coupons}
            ),
            customer_uuids=customers.find_customers(
                {customer.uuid for customer in each} | set(_customers_in_roles(world))
            ).keys(),
            plans=licenses.find_plans({plan.uuid for customer in each for plan in customer.plans}),
        )


# Courses


def _check_courses(world: World, known: Known) -> Iterator[Problem]:
    yield from _twice(
        ((("courses", i, "key"), course.key) for i, course in enumerate(world.courses)), "course"
    )
    yield from _twice(
        (
            (("courses", i, "runs", j, "key"), run.key)
            for i, course in enumerate(world.courses)
            for j, run in enumerate(course.runs)
        ),
        "run",
    )
    for i, course in enumerate(world.courses):
        path: Path = ("courses", i)
        yield from _twice(
            (((*path, "partners", j, "key"), partner.key) for j, partner in enumerate(course.partners)),
            "partner",
        )
        yield from _check_advertised_run((*path, "advertised_run"), course, known)
        for j, run in enumerate(course.runs):
            yield from _check_run((*path, "runs", j), run)


def _check_advertised_run(path: Path, course: document.Course, known: Known) -> Iterator[Problem]:
    key = course.advertised_run
    if key is None or key in {run.key for run in course.runs}:
        return
    stored = known.runs.get(key)
    if stored is None or stored.course_key != course.key:
        yield path, f"{key} is none of the runs of {course.key}"


def _check_run(path: Path, run: document.Run) -> Iterator[Problem]:
    yield from _twice((((*path, "modes", k, "slug"), mode.slug) for k, mode in enumerate(run.modes)), "mode")
    for first, last in (("start", "end"), ("enrollment_start", "enrollment_end")):
        begins, ends = getattr(run, first), getattr(run, last)
        if begins and ends and ends.at < begins.at:
            yield (*path, last), f"must not be before {first}"


# People


def _check_users(world: World, known: Known) -> Iterator[Problem]:
    users = [(("users", i), user) for i, user in enumerate(world.users)]
    yield from _twice((((*path, "email"), user.email) for path, user in users), "address")
    yield from _twice((((*path, "username"), user.username) for path, user in users), "username")
    yield from _twice(
        (((*path, "lms_user_id"), user.lms_user_id) for path, user in users if user.lms_user_id is not None),
        "lms_user_id",
    )
    for path, user in users:
        account = known.by_email.get(user.email)
        namesake = known.by_username.get(user.username)
        if namesake is not None and namesake != account:
            yield (*path, "username"), f"{user.username} belongs to another account"
        if user.lms_user_id is None and account is None and not settings.ISSUES_TOKENS:
            yield (*path, "lms_user_id"), "is required with BURSAR_AUTH=openedx: the LMS numbers its people"
        if user.lms_user_id is not None:
            yield from _check_lms_user_id((*path, "lms_user_id"), user.lms_user_id, account, known)
        yield from _check_roles((*path, "roles"), user.roles, world, known)


def _check_lms_user_id(path: Path, wanted: int, account: Person | None, known: Known) -> Iterator[Problem]:
    if account is not None and account.lms_user_id != wanted:
        yield path, f"must stay {account.lms_user_id}: an account never gets another number"
    elif account is None and wanted in known.by_lms_user_id:
        yield path, f"{wanted} belongs to another account"


def _check_service_accounts(world: World, known: Known) -> Iterator[Problem]:
    accounts = [(("service_accounts", i), account) for i, account in enumerate(world.service_accounts)]
    yield from _twice((((*path, "client_id"), account.client_id) for path, account in accounts), "client_id")
    yield from _twice((((*path, "username"), account.username) for path, account in accounts), "username")
    people = {user.username for user in world.users}
    for path, account in accounts:
        stored = known.by_username.get(account.username)
        if account.username in people or (stored is not None and stored.email):
            yield (*path, "username"), f"{account.username} belongs to a person"
        yield from _check_roles((*path, "roles"), account.roles, world, known)


def _check_roles(path: Path, roles: Iterable[Grant], world: World, known: Known) -> Iterator[Problem]:
    there = {customer.uuid for customer in world.customers} | set(known.customer_uuids)
    for index, grant in enumerate(roles):
        if grant.context != ANY_CUSTOMER and UUID(grant.context) not in there:
            yield (*path, index), f"there is no customer {grant.context}"


def _customers_in_roles(world: World) -> Iterator[UUID]:
    grants = [grant for user in world.users for grant in user.roles]
    grants += [grant for account in world.service_accounts for grant in account.roles]
    yield from (UUID(grant.context) for grant in grants if grant.context != ANY_CUSTOMER)


# Customers


def _check_customers(world: World, known: Known) -> Iterator[Problem]:
    listed = [(("customers", i), customer) for i, customer in enumerate(world.customers)]
    yield from _twice((((*path, "uuid"), customer.uuid) for path, customer in listed), "uuid")
    yield from _twice((((*path, "slug"), customer.slug) for path, customer in listed), "slug")
    for kind, unique in (("catalogs", "uuid"), ("plans", "uuid"), ("coupons", "id")):
        yield from _twice(
            (
                ((*path, kind, j, unique), getattr(entry, unique))
                for path, customer in listed
                for j, entry in enumerate(getattr(customer, kind))
            ),
            unique,
        )
    agreements = (((*path, "agreement"), each.agreement) for path, each in listed if each.agreement)
    yield from _twice(agreements, "agreement")
    facts = _Facts.of(world, known)
    for path, customer in listed:
        owner = customers.find_customer_by_slug(customer.slug)
        if owner is not None and owner.uuid != customer.uuid:
            yield (*path, "slug"), f"{customer.slug} belongs to another customer"
        for name in ("admins", "learners"):
            addresses = getattr(customer, name)
            yield from _twice((((*path, name, j), each) for j, each in enumerate(addresses)), "address")
        for place, email in _addresses_with_accounts(customer):
            if email not in facts.addresses:
                yield (*path, *place), f"nobody has an account with the address {email}"
        yield from _check_catalogs(path, customer, facts, known)
        yield from _check_plans(path, customer, facts, known)
        yield from _check_coupons(path, customer, facts)
        yield from _check_wishes(path, customer, facts, known)


@dataclass(frozen=True)
class _Facts:
    """What there will be once the file is loaded."""

    addresses: Collection[str]
    course_keys: Collection[str]
    run_keys: Collection[str]
    modes_of: Mapping[str, Collection[str]]
    catalogs_of: Mapping[UUID, Collection[UUID]]

    @classmethod
    def of(cls, world: World, known: Known) -> "_Facts":
        runs = {run.key: run for course in world.courses for run in course.runs}
        modes = {key: {mode.slug for mode in run.modes} for key, run in runs.items()}
        for key, stored in known.runs.items():
            modes[key] = modes.get(key, set()) | {mode.slug for mode in stored.modes}
        catalogs: dict[UUID, set[UUID]] = {customer.uuid: set() for customer in world.customers}
        for customer in world.customers:
            catalogs[customer.uuid] |= {listed.uuid for listed in customer.catalogs}
        for stored_catalog in known.catalogs.values():
            catalogs.setdefault(stored_catalog.customer_uuid, set()).add(stored_catalog.uuid)
        return cls(
            addresses={user.email for user in world.users} | set(known.by_email),
            course_keys={course.key for course in world.courses} | set(known.courses),
            run_keys=set(runs) | set(known.runs),
            modes_of=modes,
            catalogs_of=catalogs,
        )


def _addresses_with_accounts(customer: document.Customer) -> Iterator[tuple[Path, str]]:
    """Where an address stands whose account must exist: nobody else can hold what is given to it."""
    for j, plan in enumerate(customer.plans):
        for k, email in enumerate(plan.activated):
            yield ("plans", j, "activated", k), email
    for j, wish in enumerate(customer.requests.open if customer.requests else []):
        yield ("requests", "open", j, "email"), wish.email
    for j, enrollment in enumerate(customer.enrollments):
        yield ("enrollments", j, "email"), enrollment.email


def _check_catalogs(
    path: Path, customer: document.Customer, facts: _Facts, known: Known
) -> Iterator[Problem]:
    for j, listed in enumerate(customer.catalogs):
        here: Path = (*path, "catalogs", j)
        stored = known.catalogs.get(listed.uuid)
        if stored is not None and stored.customer_uuid != customer.uuid:
            yield (*here, "uuid"), f"{listed.uuid} is a catalog of another customer"
        if catalog_data.EVERYTHING in listed.courses and len(listed.courses) > 1:
            yield (*here, "courses"), f"lists courses beside {catalog_data.EVERYTHING}"
        yield from _twice((((*here, "courses", k), key) for k, key in enumerate(listed.courses)), "course")
        for k, key in enumerate(listed.courses):
            if key != catalog_data.EVERYTHING and key not in facts.course_keys:
                yield (*here, "courses", k), f"there is no course {key}"


def _check_plans(path: Path, customer: document.Customer, facts: _Facts, known: Known) -> Iterator[Problem]:
    titles = (((*path, "plans", j, "title"), plan.title) for j, plan in enumerate(customer.plans))
    yield from _twice(titles, "title")
    for j, plan in enumerate(customer.plans):
        here: Path = (*path, "plans", j)
        stored = known.plans.get(plan.uuid)
        if stored is not None and stored.customer_uuid != customer.uuid:
            yield (*here, "uuid"), f"{plan.uuid} is a plan of another customer"
            continue
        if plan.catalog not in facts.catalogs_of[customer.uuid]:
            yield (*here, "catalog"), f"{customer.name} has no catalog {plan.catalog}"
        if plan.expiration.at <= plan.start.at:
            yield (*here, "expiration"), "must be after start"
        yield from _twice(
            (
                ((*here, name, k), email)
                for name in ("assigned", "activated", "revoked")
                for k, email in enumerate(getattr(plan, name))
            ),
            "address",
        )
        yield from _check_seats(here, plan, stored)


def _check_seats(path: Path, plan: document.Plan, stored: Plan | None) -> Iterator[Problem]:
    holders = [*plan.assigned, *plan.activated]
    if len(set(holders)) > plan.licenses:
        yield (
            (*path, "licenses"),
            f"{plan.licenses} are too few for {len(set(holders))} assigned and activated",
        )
        return
    if plan.revoked and not plan.licenses:
        yield (*path, "licenses"), "must be at least 1: a revoked license was assigned before"
    if stored is None:
        return
    new = set(holders) | set(plan.revoked)
    new -= find_holders(plan.uuid, sorted(new))
    needed = max(len(new & set(holders)), int(bool(new)))
    counts = licenses.count_by_status(plan.uuid)
    size = sum(count for status, count in counts.items() if status is not Status.REVOKED)
    free = stored.free_count + max(0, plan.licenses - size)
    if needed > free:
        yield (*path, "licenses"), f"{needed} more are to be given out, and {free} are free"


def find_holders(plan_uuid: UUID, emails: Sequence[str]) -> set[str]:
    """Which of these addresses ever had a license of the plan. One query for each 1,000."""
    return {
        email
        for chunk in sets.chunks(emails)
        for email in licenses.find_holders(plan_uuid=plan_uuid, emails=chunk)
    }


def _check_coupons(path: Path, customer: document.Customer, facts: _Facts) -> Iterator[Problem]:
    for j, coupon in enumerate(customer.coupons):
        here: Path = (*path, "coupons", j)
        if coupon.catalog not in facts.catalogs_of[customer.uuid]:
            yield (*here, "catalog"), f"{customer.name} has no catalog {coupon.catalog}"
        if coupon.end.at <= coupon.start.at:
            yield (*here, "end"), "must be after start"
        if coupon.usage == "single_use" and len(coupon.assigned) > coupon.codes:
            yield (*here, "codes"), f"{coupon.codes} are too few for {len(coupon.assigned)} assigned"


def _check_wishes(path: Path, customer: document.Customer, facts: _Facts, known: Known) -> Iterator[Problem]:
    """Requests, default enrollments and enrollments."""
    requests = customer.requests
    if requests is not None:
        wishes = [((*path, "requests", "open", j), wish) for j, wish in enumerate(requests.open)]
        if requests.subsidy_type == "coupon":
            yield from _twice(((here, (wish.email, wish.course)) for here, wish in wishes), "request")
        else:
            yield from _twice((((*here, "email"), wish.email) for here, wish in wishes), "address")
        for here, wish in wishes:
            if wish.course not in facts.course_keys:
                yield (*here, "course"), f"there is no course {wish.course}"
        if wishes and requests.subsidy_type is None:
            yield (*path, "requests", "open"), "need a subsidy_type"
    defaults = customer.default_enrollments
    yield from _twice(
        (
            ((*path, "default_enrollments", j, "content_key"), each.content_key)
            for j, each in enumerate(defaults)
        ),
        "content_key",
    )
    for j, each in enumerate(defaults):
        if each.content_key not in facts.course_keys and each.content_key not in facts.run_keys:
            yield (*path, "default_enrollments", j, "content_key"), f"there is no {each.content_key}"
    yield from _check_enrollments((*path, "enrollments"), customer, facts)


def _check_enrollments(path: Path, customer: document.Customer, facts: _Facts) -> Iterator[Problem]:
    pairs = (((*path, j), (each.email, each.run)) for j, each in enumerate(customer.enrollments))
    yield from _twice(pairs, "enrollment")
    for j, each in enumerate(customer.enrollments):
        if each.run not in facts.run_keys:
            yield (*path, j, "run"), f"there is no run {each.run}"
        elif each.mode is not None and each.mode not in (
            facts.modes_of[each.run] or {catalog_data.DEFAULT_MODE.slug}
        ):
            yield (*path, j, "mode"), f"{each.run} does not offer {each.mode}"


def _twice(named: Iterable[tuple[Path, Hashable]], kind: str) -> Iterator[Problem]:
    """A problem for each name that stood before."""
    seen: Counter[Hashable] = Counter()
    for path, name in named:
        if seen[name]:
            shown = " ".join(map(str, name)) if isinstance(name, tuple) else name
            yield path, f"the {kind} {shown} stands twice"
        seen[name] += 1
