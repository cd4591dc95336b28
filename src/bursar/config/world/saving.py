"""Writing a checked world file, section by section, through the doors of the contexts."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from uuid import UUID

from django.conf import settings

from bursar.catalog import api as catalog
from bursar.catalog.data import CatalogToSave, CourseToSave, ModeToSave, PartnerToSave, RunToSave
from bursar.config.world import document
from bursar.config.world.checking import find_holders
from bursar.config.world.document import Moment, World
from bursar.config.world.reports import Report
from bursar.customers import api as customers
from bursar.customers.data import CustomerToSave, LinkOutcome
from bursar.enrollments import api as enrollments
from bursar.enrollments.data import EnrollmentEntry, OnExisting
from bursar.identity import api as identity
from bursar.identity.data import Person, PersonToSave, ServiceAccountToSave
from bursar.lib import sets
from bursar.lib.outcomes import Refusal, Saved
from bursar.lib.problems import Path, path_text
from bursar.licenses import api as licenses
from bursar.licenses.data import AgreementToSave, PlanToSave
from bursar.subsidy_requests import api as subsidy_requests
from bursar.subsidy_requests.data import ConfigurationToSave, Digest, NewRequest, SubsidyType

COUPON = "coupon"


def save(world: World, report: Report) -> None:
    """Makes the world so, and tells the report. Each command is a transaction of its own.

    A load that is cut off is finished by loading again: nothing is made twice.
    """
    if world.courses:
        report.add("courses", catalog.save_courses([_course(each) for each in world.courses]))
    if world.users:
        report.add("people", identity.save_people(_people(world.users)))
    if world.service_accounts and settings.ISSUES_TOKENS:
        accounts = [
            ServiceAccountToSave(each.client_id, each.client_secret, each.username, tuple(each.roles))
            for each in world.service_accounts
        ]
        report.add("service accounts", identity.save_service_accounts(accounts))
    if world.customers:
        _save_customers(world.customers, report)
    _name_skipped(world, report)
    if not settings.ISSUES_TOKENS:
        _name_what_the_lms_has(world, report)


# Courses and people


def _course(each: document.Course) -> CourseToSave:
    names = ("title", "short_description", "partners", "level", "subjects")
    return CourseToSave(
        key=each.key,
        title=each.title,
        short_description=each.short_description,
        partners=tuple(PartnerToSave(partner.key, partner.name) for partner in each.partners),
        level=each.level,
        subjects=tuple(each.subjects),
        advertised_run_key=each.advertised_run,
        runs=tuple(_run(run) for run in each.runs),
        keep=each.keep({**_same(names), "advertised_run": "advertised_run_key"}),
    )


def _run(each: document.Run) -> RunToSave:
    names = (
        "title",
        "start",
        "end",
        "enrollment_start",
        "enrollment_end",
        "pacing",
        "invitation_only",
        "max_enrollments",
        "blocked_countries",
    )
    return RunToSave(
        key=each.key,
        title=each.title,
        start=_at(each.start),
        end=_at(each.end),
        enrollment_start=_at(each.enrollment_start),
        enrollment_end=_at(each.enrollment_end),
        pacing=each.pacing,
        is_enrollable=each.enrollable,
        invitation_only=each.invitation_only,
        max_enrollments=each.max_enrollments,
        blocked_countries=tuple(each.blocked_countries),
        modes=tuple(
            ModeToSave(
                mode.slug,
                mode.price_cents,
                mode.currency,
                _at(mode.expires),
                keep=mode.keep({**_same(("price_cents", "currency")), "expires": "expires_at"}),
            )
            for mode in each.modes
        ),
        keep=each.keep({**_same(names), "enrollable": "is_enrollable"}),
    )


def _people(users: Sequence[document.User]) -> list[PersonToSave]:
    """What the file leaves out of an account that exists stays as it is."""
    there = identity.find_people_by_email({user.email for user in users})
    return [_person(user, there.get(user.email)) for user in users]


def _person(user: document.User, account: Person | None) -> PersonToSave:
    kept = user.keep(_same(("name", "is_active", "is_staff"))) if account is not None else frozenset()
    return PersonToSave(
        email=user.email,
        username=user.username,
        name=account.name if account and "name" in kept else user.name,
        lms_user_id=user.lms_user_id,
        password=user.password if settings.ISSUES_TOKENS else None,
        is_active=account.is_active if account and "is_active" in kept else user.is_active,
        is_staff=account.is_staff if account and "is_staff" in kept else user.is_staff,
        is_confirmed=user.confirmed,
        roles=tuple(user.roles),
    )


# Customers


def _save_customers(listed: Sequence[document.Customer], report: Report) -> None:
    report.add("customers", customers.save_customers([_customer(each) for each in listed]))
    catalogs = [_catalog(each, customer) for customer in listed for each in customer.catalogs]
    if catalogs:
        report.add("catalogs", catalog.save_catalogs(catalogs))
    for index, customer in enumerate(listed):
        _save_members(("customers", index), customer, report)
    agreements = [AgreementToSave(each.uuid, each.slug, each.name, each.agreement) for each in listed]
    report.add("agreements", licenses.save_agreements(agreements))
    plans = [_plan(each, customer) for customer in listed for each in customer.plans]
    if plans:
        report.add("plans", licenses.save_plans(plans))
    for customer in listed:
        for plan in customer.plans:
            _give_licenses(plan, report)
    _save_requests(listed, report)
    _save_enrollments(listed, report)


def _customer(each: document.Customer) -> CustomerToSave:
    names = ("contact_email", "country", "enable_learner_portal", "enable_universal_link")
    return CustomerToSave(
        uuid=each.uuid,
        name=each.name,
        slug=each.slug,
        contact_email=each.contact_email,
        country=each.country,
        enable_learner_portal=each.enable_learner_portal,
        enable_universal_link=each.enable_universal_link,
        # A world file cannot say that a customer is inactive, so it doesn't say that it is active either.
        keep=each.keep(_same(names)) | {"is_active"},
    )


def _catalog(each: document.Catalog, customer: document.Customer) -> CatalogToSave:
    return CatalogToSave(
        each.uuid, customer.uuid, each.title, tuple(each.courses), keep=each.keep({"courses": "course_keys"})
    )


def _save_members(path: Path, customer: document.Customer, report: Report) -> None:
    for kind, name, add in (
        ("administrators", "admins", customers.make_admins),
        ("learners", "learners", customers.link_learners),
    ):
        emails: list[str] = getattr(customer, name)
        if emails:
            outcomes = add(customer_uuid=customer.uuid, emails=emails, by=None)
            report.add(kind, _count(outcomes))
            _tell_refusals(report, (((*path, name, i), each.refusal) for i, each in enumerate(outcomes)))


def _count(outcomes: Iterable[LinkOutcome]) -> Saved:
    accepted = [each.created for each in outcomes if each.refusal is None]
    return Saved(created=sum(accepted), unchanged=len(accepted) - sum(accepted))


def _plan(each: document.Plan, customer: document.Customer) -> PlanToSave:
    names = {
        "start": "starts_at",
        "expiration": "expires_at",
        "is_active": "is_active",
        "auto_apply": "should_auto_apply",
        "revocation_cap_percent": "revocation_cap_percent",
    }
    return PlanToSave(
        uuid=each.uuid,
        customer_uuid=customer.uuid,
        title=each.title,
        catalog_uuid=each.catalog,
        starts_at=each.start.at,
        expires_at=each.expiration.at,
        license_count=each.licenses,
        is_active=each.is_active,
        should_auto_apply=each.auto_apply,
        revocation_cap_percent=each.revocation_cap_percent,
        keep=each.keep(names),
    )


def _give_licenses(plan: document.Plan, report: Report) -> None:
    """Assigns, activates and revokes for those addresses that never had a license of the plan."""
    listed = [*plan.revoked, *plan.assigned, *plan.activated]
    if not listed:
        return
    had = find_holders(plan.uuid, listed)
    # Each revoked license makes room for another one, so these come first and never need more than there is.
    for chunk in sets.chunks(_without(plan.revoked, had), min(sets.CHUNK, max(1, plan.licenses))):
        _assign(plan.uuid, chunk)
        licenses.revoke(plan_uuid=plan.uuid, addresses=chunk, by=None)
    for chunk in sets.chunks(_without([*plan.assigned, *plan.activated], had)):
        _assign(plan.uuid, chunk)
    for chunk in sets.chunks(_without(plan.activated, had)):
        people = identity.find_people_by_email(chunk)
        holders = {email: person.lms_user_id for email, person in people.items()}
        licenses.activate_for(plan_uuid=plan.uuid, holders=holders, by=None)
    report.add("licenses", Saved(created=len(listed) - len(had), unchanged=len(had)))


def _assign(plan_uuid: UUID, emails: Sequence[str]) -> None:
    # A world file also describes plans that have ended, or haven't begun, and who had licenses of them.
    licenses.assign(plan_uuid=plan_uuid, addresses=emails, by=None, must_be_usable=False)


def _without(emails: Iterable[str], had: Collection[str]) -> list[str]:
    return [email for email in emails if email not in had]


def _save_requests(listed: Sequence[document.Customer], report: Report) -> None:
    configurations = [
        ConfigurationToSave(
            customer_uuid=customer.uuid,
            is_enabled=customer.requests.enabled,
            subsidy_type=SubsidyType(customer.requests.subsidy_type)
            if customer.requests.subsidy_type
            else None,
            digest=Digest(customer.requests.digest),
            keep=customer.requests.keep(
                {"enabled": "is_enabled", "subsidy_type": "subsidy_type", "digest": "digest"}
            ),
        )
        for customer in listed
        if customer.requests is not None
    ]
    if configurations:
        report.add("request settings", subsidy_requests.save_configurations(configurations, by=None))
    wishes = [
        (customer.uuid, wish)
        for customer in listed
        if customer.requests is not None and customer.requests.subsidy_type != COUPON
        for wish in customer.requests.open
    ]
    people = identity.find_people_by_email({wish.email for _, wish in wishes})
    requests = [
        NewRequest(
            SubsidyType.LICENSE, customer_uuid, people[wish.email].lms_user_id, wish.email, wish.course
        )
        for customer_uuid, wish in wishes
    ]
    for chunk in sets.chunks(requests):
        report.add("requests", subsidy_requests.open_requests(chunk, by=None))


def _save_enrollments(listed: Sequence[document.Customer], report: Report) -> None:
    """Puts people into runs, closed or not, or (``is_active: false``) takes them out.

    Who left stays away unless the file says ``is_active: true``.
    """
    wanted = [
        (("customers", i, "enrollments", j), customer, each)
        for i, customer in enumerate(listed)
        for j, each in enumerate(customer.enrollments)
    ]
    if not wanted:
        return
    people = identity.find_people_by_email({each.email for _, _, each in wanted})
    there = enrollments.find_enrollments(
        {(people[each.email].lms_user_id, each.run) for _, _, each in wanted}
    )
    paths: list[Path] = []
    entries: list[EnrollmentEntry] = []
    for path, customer, each in wanted:
        pair = (people[each.email].lms_user_id, each.run)
        has_left = pair in there and not there[pair].is_active
        if not has_left or "is_active" in each.model_fields_set:
            paths.append(path)
            entries.append(
                EnrollmentEntry(
                    *pair,
                    each.mode,
                    force=True,
                    customer_uuid=customer.uuid,
                    existing=OnExisting.UPGRADE if each.is_active else OnExisting.SET,
                    is_active=each.is_active,
                )
            )
    outcomes = enrollments.enroll(entries, by=None)
    pairs = [(each.entry.lms_user_id, each.entry.run_key) for each in outcomes if each.created]
    created = sum(pair not in there for pair in pairs)
    refused = sum(each.refusal is not None for each in outcomes)
    changed = len(pairs) - created
    report.add("enrollments", Saved(created, changed, len(wanted) - refused - created - changed))
    _tell_refusals(report, zip(paths, (each.refusal for each in outcomes), strict=True))


# What is left out


def _name_what_the_lms_has(world: World, report: Report) -> None:
    passwords = sum(user.password is not None for user in world.users)
    for where, count in (("users: password", passwords), ("service_accounts", len(world.service_accounts))):
        if count:
            entries = "entry" if count == 1 else "entries"
            report.notes.append(
                f"{where} ({count} {entries}) passed over: with BURSAR_AUTH=openedx the LMS has them"
            )


def _name_skipped(world: World, report: Report) -> None:
    for index, customer in enumerate(world.customers):
        path: Path = ("customers", index)
        requests = customer.requests
        for where, count in (
            ((*path, "coupons"), len(customer.coupons)),
            ((*path, "default_enrollments"), len(customer.default_enrollments)),
            (
                (*path, "requests", "open"),
                len(requests.open) if requests and requests.subsidy_type == COUPON else 0,
            ),
            ((*path, "requests", "auto_enrollment"), int(requests is not None and requests.auto_enrollment)),
        ):
            if count:
                report.skipped.append(f"{path_text(where)} ({count} {'entry' if count == 1 else 'entries'})")


def _tell_refusals(report: Report, refusals: Iterable[tuple[Path, Refusal | None]]) -> None:
    report.refused += [f"{path_text(path)}: {refusal.message}" for path, refusal in refusals if refusal]


def _at(moment: Moment | None) -> datetime | None:
    return moment.at if moment else None


def _same(names: Iterable[str]) -> dict[str, str]:
    return {name: name for name in names}
