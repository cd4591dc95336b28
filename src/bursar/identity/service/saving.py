"""Saving the accounts that a world file describes."""

import copy
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.contrib.auth.hashers import check_password, make_password
from django.db import transaction
from django.db.models import Q

from bursar.events.identity import ADDRESSES_CONFIRMED, PEOPLE_CHANGED, AddressConfirmed, PersonChanged
from bursar.identity.data import (
    ANY_CUSTOMER,
    Grant,
    PersonToSave,
    RoleAssignment,
    RoleInvalid,
    SavingRefused,
    ServiceAccountToSave,
)
from bursar.identity.models import (
    NAME_MAX_LENGTH,
    ROLE_MAX_LENGTH,
    USERNAME_MAX_LENGTH,
    Counter,
    Retirement,
    ServiceAccount,
    User,
)
from bursar.identity.models import RoleAssignment as RoleRow
from bursar.identity.service.changing import changed_fact
from bursar.identity.service.formers import confirmed_facts
from bursar.identity.service.roles import assign_roles
from bursar.lib import clock, emails, sets
from bursar.lib.outcomes import Saved
from bursar.outbox import api as outbox

_NEW_COLUMNS = (
    "uuid", "lms_user_id", "username", "email", "email_key", "name", "password",
    "is_active", "is_staff", "is_superuser", "confirmed_at", "joined_at", "modified_at",
)  # fmt: skip
_CHANGED_COLUMNS = ("uuid", "username", "name", "is_active", "is_staff", "confirmed_at", "modified_at")


def save_people(people: Sequence[PersonToSave]) -> Saved:
    """Makes the accounts that are missing and brings the others to what is wanted, found by address.

    All or nothing, in the caller's transaction: raises SavingRefused with what is wrong with each entry.
    Beside an LMS no ids are given out: an account that is missing needs one.
    Saying it again changes nothing; an account that is being retired is a fault. A constant number of
    statements per 1,000; hashing takes 0.3 s for each new password.
    Effects: locks the making of accounts; newly confirmed addresses are told as ADDRESSES_CONFIRMED, new
    usernames and names as PEOPLE_CHANGED.
    """
    with transaction.atomic():
        Counter.take_lms_user_ids(0)
        highest_wanted = max((person.lms_user_id or 0 for person in people), default=0)
        plan = _Plan.of(people)
        unnumbered = sum(person.lms_user_id is None for person in plan.missing)
        given_out = iter(Counter.take_lms_user_ids(unnumbered, above=highest_wanted) if unnumbered else ())
        moment = clock.now()
        confirmed: list[AddressConfirmed] = []
        renamed: list[PersonChanged] = []
        for chunk in sets.chunks(plan.missing):
            numbered = [(person.lms_user_id or next(given_out), person) for person in chunk]
            sets.insert(User, _NEW_COLUMNS, [_new_row(person, own, moment) for own, person in numbered])
            confirmed += [
                AddressConfirmed(lms_user_id, person.username, emails.normalize(person.email))
                for lms_user_id, person in numbered
                if person.is_confirmed
            ]
        for changes in sets.chunks(sorted(plan.changes.items())):
            sets.update(
                User, _CHANGED_COLUMNS, [_changed_row(user, person, moment) for _, (user, person) in changes]
            )
            saved = [(user, _as_saved(user, person), person.is_confirmed) for _, (user, person) in changes]
            proved = [new for old, new, is_confirmed in saved if is_confirmed and old.confirmed_at is None]
            confirmed += confirmed_facts(proved) if proved else []
            renamed += [changed_fact(old, new) for old, new, _ in saved if _is_renamed(old, new)]
        outbox.record(ADDRESSES_CONFIRMED, key="people", facts=confirmed, by=None)
        outbox.record(PEOPLE_CHANGED, key="people", facts=renamed, by=None)
        gained = _save_roles({emails.normalize(person.email): person.roles for person in people})
        changed = {str(user.email_key) for user, _ in plan.changes.values()} | gained
        changed -= {emails.normalize(person.email) for person in plan.missing}
        return Saved(len(plan.missing), len(changed), len(people) - len(plan.missing) - len(changed))


@dataclass
class _Plan:
    """What a load would do: ``changes`` maps a row's key to the row and what it should become."""

    missing: list[PersonToSave] = field(default_factory=list)
    changes: dict[UUID, tuple[User, PersonToSave]] = field(default_factory=dict)

    @classmethod
    def of(cls, people: Sequence[PersonToSave]) -> "_Plan":
        """Reads what is there and judges every entry; raises SavingRefused. One query per 1,000."""
        there = _Accounts.like(people)
        plan, errors = cls(), dict[int, str]()
        seen: set[tuple[str, object]] = set()
        for position, person in enumerate(people):
            key = emails.normalize(person.email)
            marks: set[tuple[str, object]] = {("e-mail address", key), ("username", person.username)}
            if person.lms_user_id is not None:
                marks.add(("lms_user_id", person.lms_user_id))
            repeated = sorted(kind for kind, value in marks & seen)
            error = _form_error(person) or there.conflict(person, key)
            if repeated and not error:
                error = f"{person.email}: {repeated[0]} stands twice"
            seen |= marks
            if error:
                errors[position] = error
            elif (user := there.by_address.get(key)) is None:
                plan.missing.append(person)
            elif _differs(user, person):
                plan.changes[user.uuid] = user, person
        if errors:
            raise SavingRefused(errors)
        return plan


@dataclass
class _Accounts:
    """The accounts that share an address, a username or an id with the wanted ones."""

    by_address: dict[str, User] = field(default_factory=dict)
    by_username: dict[str, User] = field(default_factory=dict)
    by_id: dict[int, User] = field(default_factory=dict)
    retiring: set[int] = field(default_factory=set)

    @classmethod
    def like(cls, people: Sequence[PersonToSave]) -> "_Accounts":
        accounts = cls()
        for chunk in sets.chunks(people):
            same = (
                Q(email_key__in={emails.normalize(person.email) for person in chunk})
                | Q(username__in={person.username for person in chunk})
                | Q(lms_user_id__in={person.lms_user_id for person in chunk if person.lms_user_id})
            )
            for user in User.objects.filter(same):
                accounts.by_address[user.email_key or ""] = user
                accounts.by_username[user.username] = user
                accounts.by_id[user.lms_user_id] = user
        for ids in sets.chunks(sorted(accounts.by_id)):
            rows = Retirement.objects.filter(lms_user_id__in=ids)
            accounts.retiring.update(rows.values_list("lms_user_id", flat=True))
        return accounts

    def conflict(self, person: PersonToSave, key: str) -> str | None:
        """Why the entry cannot be this account, or None."""
        same = self.by_address.get(key)
        if same is not None and same.lms_user_id in self.retiring:
            return f"{person.email}: the account is being retired"
        namesake = self.by_username.get(person.username)
        if namesake is not None and namesake is not same and (same is None or namesake.uuid != same.uuid):
            return f"{person.email}: the username {person.username} belongs to another account"
        if person.lms_user_id is None:
            is_numbered = same is not None or settings.ISSUES_TOKENS
            return None if is_numbered else f"{person.email}: the lms_user_id is missing, which the LMS gives"
        if same is not None and same.lms_user_id != person.lms_user_id:
            return f"{person.email}: the account has the lms_user_id {same.lms_user_id}, which cannot change"
        if same is None and person.lms_user_id in self.by_id:
            return f"{person.email}: the lms_user_id {person.lms_user_id} belongs to another account"
        return None


def _form_error(person: PersonToSave) -> str | None:
    if not emails.is_valid(emails.normalize(person.email)):
        return f"{person.email!r} is not an e-mail address"
    username = person.username
    if not username.strip() or len(username) > USERNAME_MAX_LENGTH or not username.isprintable():
        return f"{person.email}: a username has 1 to {USERNAME_MAX_LENGTH} printable characters"
    if len(person.name) > NAME_MAX_LENGTH or not (person.name.isprintable() or not person.name):
        return f"{person.email}: a name has at most {NAME_MAX_LENGTH} printable characters"
    if person.lms_user_id is not None and person.lms_user_id < 1:
        return f"{person.email}: an lms_user_id is at least 1"
    error = next((error for grant in person.roles if (error := _grant_error(grant))), None)
    return f"{person.email}: {error}" if error else None


def _grant_error(grant: Grant) -> str | None:
    if not grant.role or len(grant.role) > ROLE_MAX_LENGTH:
        return f"a role has 1 to {ROLE_MAX_LENGTH} characters"
    try:
        _customer_of(grant)
    except RoleInvalid as error:
        return error.message
    return None


def _customer_of(grant: Grant) -> UUID | None:
    if grant.context == ANY_CUSTOMER:
        return None
    try:
        return UUID(grant.context)
    except ValueError as error:
        raise RoleInvalid(f"the role {grant} needs a customer's uuid or * after its colon") from error


def _as_saved(user: User, person: PersonToSave) -> User:
    saved = copy.copy(user)
    saved.username, saved.name = person.username, person.name
    return saved


def _is_renamed(old: User, new: User) -> bool:
    return (old.username, old.name) != (new.username, new.name)


def _differs(user: User, person: PersonToSave) -> bool:
    wanted = (person.username, person.name, person.is_active, person.is_staff)
    confirms = person.is_confirmed and user.confirmed_at is None
    return confirms or wanted != (user.username, user.name, user.is_active, user.is_staff)


def _new_row(person: PersonToSave, lms_user_id: int, moment: datetime) -> tuple[object, ...]:
    return (
        uuid.uuid4(),
        lms_user_id,
        person.username,
        person.email.strip(),
        emails.normalize(person.email),
        person.name,
        make_password(person.password),
        person.is_active,
        person.is_staff,
        False,
        moment if person.is_confirmed else None,
        moment,
        moment,
    )


def _changed_row(user: User, person: PersonToSave, moment: datetime) -> tuple[object, ...]:
    confirmed_at = user.confirmed_at or (moment if person.is_confirmed else None)
    return (user.uuid, person.username, person.name, person.is_active, person.is_staff, confirmed_at, moment)


def _save_roles(wanted: dict[str, tuple[Grant, ...]]) -> set[str]:
    """Adds the roles; returns the addresses of those who gained one."""
    assignments: list[RoleAssignment] = []
    gained: set[str] = set()
    holders = sorted(address for address, grants in wanted.items() if grants)
    for chunk in sets.chunks(holders):
        users = User.objects.filter(email_key__in=chunk)
        ids = {user.email_key or "": user.lms_user_id for user in users}
        new = _missing_roles({ids[address]: wanted[address] for address in chunk})
        gained |= {address for address in chunk if ids[address] in {each.lms_user_id for each in new}}
        assignments += new
    if assignments:
        assign_roles(assignments, by=None)
    return gained


def _missing_roles(wanted: dict[int, Iterable[Grant]]) -> list[RoleAssignment]:
    rows = RoleRow.objects.filter(lms_user_id__in=list(wanted))
    held = set(rows.values_list("lms_user_id", "role", "context"))
    return [
        RoleAssignment(lms_user_id, grant.role, _customer_of(grant))
        for lms_user_id, grants in wanted.items()
        for grant in grants
        if (lms_user_id, grant.role, str(_customer_of(grant) or ANY_CUSTOMER)) not in held
    ]


def save_service_accounts(accounts: Sequence[ServiceAccountToSave]) -> Saved:
    """Makes the programs' accounts that are missing, found by client id; a new secret replaces the old one.

    All or nothing, in the caller's transaction: raises SavingRefused. There are few of them, so they are
    saved one after the other.
    """
    saved = Saved()
    errors: dict[int, str] = {}
    with transaction.atomic():
        Counter.take_lms_user_ids(0)
        for position, account in enumerate(accounts):
            error = next((text for grant in account.roles if (text := _grant_error(grant))), None)
            error = error or _service_account_error(account)
            if error:
                errors[position] = f"{account.client_id}: {error}"
            else:
                saved += _save_service_account(account)
        if errors:
            raise SavingRefused(errors)
    return saved


def _service_account_error(account: ServiceAccountToSave) -> str | None:
    if not account.client_id or not account.client_secret or not account.username:
        return "client_id, client_secret and username are needed"
    namesake = User.objects.filter(username=account.username).select_related("service_account").first()
    if namesake is not None and getattr(namesake, "service_account", None) is None:
        return f"the username {account.username} belongs to a person"
    if namesake is not None and namesake.service_account.client_id != account.client_id:
        return f"the username {account.username} belongs to {namesake.service_account.client_id}"
    users = User.objects.filter(service_account__client_id=account.client_id)
    if Retirement.objects.filter(lms_user_id__in=users.values("lms_user_id")).exists():
        return "the account is being retired"
    return None


def _save_service_account(account: ServiceAccountToSave) -> Saved:
    row = ServiceAccount.objects.select_related("user").filter(client_id=account.client_id).first()
    if row is None:
        user = User(
            username=account.username,
            lms_user_id=Counter.take_lms_user_ids(1)[0],
            password=make_password(None),
            confirmed_at=clock.now(),
        )
        user.save()
        ServiceAccount.objects.create(
            client_id=account.client_id, secret_hash=make_password(account.client_secret), user=user
        )
        assign_roles(_missing_roles({user.lms_user_id: account.roles}), by=None)
        return Saved(created=1)
    user = row.user
    changed = bool(assign_roles(_missing_roles({user.lms_user_id: account.roles}), by=None))
    if user.username != account.username:
        old = copy.copy(user)
        user.username = account.username
        user.save(update_fields=["username", "modified_at"])
        key = str(user.lms_user_id)
        outbox.record(PEOPLE_CHANGED, key=key, facts=[changed_fact(old, user)], by=None)
        changed = True
    if not check_password(account.client_secret, row.secret_hash):
        row.secret_hash = make_password(account.client_secret)
        row.save(update_fields=["secret_hash"])
        changed = True
    return Saved(changed=1) if changed else Saved(unchanged=1)
