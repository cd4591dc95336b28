"""Retiring people: the account is closed, then its name and address are replaced for good."""

import uuid
from collections.abc import Collection, Sequence
from typing import Any

from django.contrib.admin.models import LogEntry
from django.contrib.auth.hashers import make_password
from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.db.models import QuerySet
from django.utils.crypto import salted_hmac

from bursar.events.identity import PEOPLE_RETIRED, PersonRetired
from bursar.identity import models
from bursar.identity.data import WORKING, Retirement, RetirementState
from bursar.identity.service import formers
from bursar.identity.service.roles import withdraw_all_roles
from bursar.lib import clock, emails, sets
from bursar.outbox import api as outbox

_LOCK = "!"
"""Before a password's hash: no password matches it any more, and the hash can be had back."""


def request_retirements(*, lms_user_ids: Collection[int], by: int | None) -> int:
    """Closes the accounts, to be retired for good later, and returns how many that is new for.

    Nobody signs in to a closed account; its tokens and sessions are worth nothing from now on.
    Effects: a constant number of statements per 1,000 people.
    """
    count = 0
    for chunk in sets.chunks(sorted(set(lms_user_ids))):
        with transaction.atomic():
            count += _request(_lock_users(chunk), by=by)
    return count


def _request(users: Sequence[models.User], *, by: int | None) -> int:
    moment = clock.now()
    rows = {user.lms_user_id: (uuid.uuid4(), *_request_row(user), moment, by) for user in users}
    made = sets.insert_new(models.Retirement, _REQUEST_COLUMNS, rows.values(), unique=("lms_user_id",))
    closed = [user for user in users if rows[user.lms_user_id][0] in made]
    sets.update(
        models.User,
        ("uuid", "is_active", "password", "modified_at"),
        [(user.pk, False, _LOCK + user.password, moment) for user in closed],
    )
    return len(closed)


_REQUEST_COLUMNS = (
    "uuid", "lms_user_id", "original_username", "original_email", "username", "email", "state", "was_active",
    "requested_at", "requested_by",
)  # fmt: skip


def _request_row(user: models.User) -> tuple[Any, ...]:
    username = _stand_in(user.lms_user_id)
    email = f"{username}@{emails.RETIRED_DOMAIN}" if user.email_key else ""
    return (
        user.lms_user_id,
        user.username,
        user.email_key or "",
        username,
        email,
        RetirementState.PENDING.value,
        user.is_active,
    )


def _stand_in(lms_user_id: int) -> str:
    """The same for a person each time; nobody without our secret can tell whose it is."""
    digest = salted_hmac("bursar.identity.retired", str(lms_user_id), algorithm="sha256").hexdigest()
    return f"retired__user_{digest[:32]}"


def find_retirement(*, username: str) -> Retirement | None:
    """The retirement, not yet complete, of whoever has this username."""
    if not username or "\0" in username:
        return None
    row = models.Retirement.objects.filter(original_username=username, state__in=WORKING).first()
    # MariaDB passes over blanks at the end.
    return _to_data(row) if row is not None and row.original_username == username else None


def begin_retirements(*, lms_user_ids: Collection[int]) -> int:
    """From now on the pending retirements cannot be cancelled any more; returns how many they were."""
    return _of(lms_user_ids, RetirementState.PENDING).update(state=RetirementState.RETIRING)


def cancel_retirements(*, lms_user_ids: Collection[int]) -> int:
    """Takes pending retirements back, password included, and returns how many they were.

    Those that were begun or completed stay. Effects: a constant number of statements per 1,000 people.
    """
    count = 0
    for chunk in sets.chunks(sorted(set(lms_user_ids))):
        with transaction.atomic():
            users = _lock_users(chunk)
            pending = {
                row.lms_user_id: row for row in _of(chunk, RetirementState.PENDING).select_for_update()
            }
            moment = clock.now()
            sets.update(
                models.User,
                ("uuid", "is_active", "password", "modified_at"),
                [
                    (user.pk, pending[user.lms_user_id].was_active, user.password.removeprefix(_LOCK), moment)
                    for user in users
                    if user.lms_user_id in pending
                ],
            )
            models.Retirement.objects.filter(pk__in=[row.pk for row in pending.values()]).delete()
            count += len(pending)
    return count


def complete_retirements(*, lms_user_ids: Collection[int], by: int | None) -> int:
    """Replaces usernames, addresses and names for good, takes all roles away; returns how many are new.

    Accounts whose retirement was not requested are passed over.
    Effects: a constant number of statements per 1,000 people; records PEOPLE_RETIRED.
    """
    count = 0
    for chunk in sets.chunks(sorted(set(lms_user_ids))):
        with transaction.atomic():
            users = {user.lms_user_id: user for user in _lock_users(chunk)}
            rows = list(_of(chunk, *WORKING).select_for_update().order_by("lms_user_id"))
            if rows:
                _complete([(row, users[row.lms_user_id]) for row in rows], by=by)
            count += len(rows)
    return count


def _complete(pairs: Sequence[tuple[models.Retirement, models.User]], *, by: int | None) -> None:
    moment = clock.now()
    ids = [user.lms_user_id for _, user in pairs]
    facts = _facts(pairs)
    sets.update(
        models.User,
        (
            "uuid", "username", "email", "email_key", "name", "password", "is_active", "is_staff",
            "is_superuser", "confirmed_at", "last_login", "active_customer_uuid", "modified_at",
        ),
        [
            (
                user.pk, row.username, row.email, row.email or None, "", make_password(None), False, False,
                False, None, None, None, moment,
            )
            for row, user in pairs
        ],
    )  # fmt: skip
    withdraw_all_roles(ids, by=by)
    _forget([user for _, user in pairs])
    models.FormerAddress.objects.filter(lms_user_id__in=ids).delete()
    models.Retirement.objects.filter(pk__in=[row.pk for row, _ in pairs]).update(
        state=RetirementState.COMPLETE, original_username="", original_email="", completed_at=moment
    )
    key = str(ids[0]) if len(ids) == 1 else "people"
    outbox.record(PEOPLE_RETIRED, key=key, facts=facts, by=by)


def _facts(pairs: Sequence[tuple[models.Retirement, models.User]]) -> list[PersonRetired]:
    left = formers.find_formers([user.lms_user_id for _, user in pairs])
    return [
        PersonRetired(user.lms_user_id, address, user.username, row.email, row.username)
        for row, user in pairs
        for address in _proved_addresses(user, left.get(user.lms_user_id, []))
    ]


def _proved_addresses(user: models.User, left: Sequence[str]) -> Sequence[str]:
    current = [user.email_key] if user.email_key and user.confirmed_at else []
    return [*left, *current] or [""]


def _forget(users: Sequence[models.User]) -> None:
    """Removes what hangs on the accounts: credentials of programs, permissions, names in the admin's log."""
    keys = [user.pk for user in users]
    models.ServiceAccount.objects.filter(user__in=keys).delete()
    models.User.groups.through.objects.filter(user__in=keys).delete()
    models.User.user_permissions.through.objects.filter(user__in=keys).delete()
    LogEntry.objects.filter(
        content_type=ContentType.objects.get_for_model(models.User), object_id__in=[str(key) for key in keys]
    ).update(object_repr="")


def _lock_users(lms_user_ids: Collection[int]) -> list[models.User]:
    return list(
        models.User.objects.select_for_update().filter(lms_user_id__in=lms_user_ids).order_by("lms_user_id")
    )


def _of(lms_user_ids: Collection[int], *states: RetirementState) -> QuerySet[models.Retirement]:
    return models.Retirement.objects.filter(lms_user_id__in=lms_user_ids, state__in=states)


def _to_data(row: models.Retirement) -> Retirement:
    return Retirement(
        lms_user_id=row.lms_user_id,
        original_username=row.original_username,
        original_email=row.original_email,
        username=row.username,
        email=row.email,
        state=RetirementState(row.state),
        requested_at=row.requested_at,
        requested_by=row.requested_by,
        completed_at=row.completed_at,
    )
