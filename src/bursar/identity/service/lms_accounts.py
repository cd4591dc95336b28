"""Accounts of an LMS (BURSAR_AUTH=openedx): its tokens make them and keep them up to date.

The LMS user id is the person. Nobody is merged with anybody, and nobody's name or address is taken away
for somebody else: docs/decisions/0005-embedded-issuer.md.
"""

import copy
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.hashers import make_password
from django.db import transaction
from django.db.models import Q

from bursar.identity.data import ClaimsRefused
from bursar.identity.models import NAME_MAX_LENGTH, USERNAME_MAX_LENGTH, Counter, User
from bursar.identity.service import formers
from bursar.identity.service.accounts import record_confirmed
from bursar.identity.service.changing import record_changed
from bursar.lib import clock, emails
from bursar.lib.problems import check_line

log = logging.getLogger(__name__)

_BIGGEST_ID = 2**63 - 1  # the databases' big integer


@dataclass(frozen=True, slots=True)
class _Told:
    """What a token says of its person. None: it does not say, or nothing that can be stored."""

    lms_user_id: int
    username: str
    email: str | None
    is_email_verified: bool
    name: str | None
    is_staff: bool | None

    @property
    def email_key(self) -> str | None:
        return emails.normalize(self.email) if self.email else None


def keep_account(claims: Mapping[str, Any]) -> User:
    """The account of the token's person: made if there is none, and brought to what the token says.

    A closed account stays as it is. Raises ClaimsRefused. One query when there is nothing to write.
    Effects: else one transaction, which locks the making of accounts; what changes is told as PEOPLE_CHANGED,
    an address that becomes confirmed as ADDRESSES_CONFIRMED.
    """
    told = _read(claims)
    difference = _compare(told)
    if not difference.changes:
        return difference.user
    Counter.prepare()
    with transaction.atomic():
        Counter.take_lms_user_ids(0)
        difference = _compare(told)  # again, now that nobody else makes or changes accounts
        if difference.changes:
            _change_by_claims(difference)
    return difference.user


def _read(claims: Mapping[str, Any]) -> _Told:
    lms_user_id = claims.get("user_id")
    if lms_user_id is None:
        raise ClaimsRefused(
            "The token has no user_id: the application that asked for it at the LMS needs the scope user_id."
        )
    if type(lms_user_id) is not int or not 0 < lms_user_id <= _BIGGEST_ID:
        raise ClaimsRefused("The token's user_id is not the number of an account.")
    username = _line(claims.get("preferred_username"), USERNAME_MAX_LENGTH)
    if not username:
        raise ClaimsRefused("The token has no preferred_username.")
    email, is_staff = _line(claims.get("email"), emails.MAX_LENGTH), claims.get("administrator")
    return _Told(
        lms_user_id=lms_user_id,
        username=username,
        email=email if email and emails.is_valid(emails.normalize(email)) else None,
        is_email_verified=claims.get("email_verified") is True,
        name=_line(claims.get("name"), NAME_MAX_LENGTH),
        is_staff=is_staff if isinstance(is_staff, bool) else None,
    )


def _line(value: object, max_length: int) -> str | None:
    """The claim as a line of text that fits its column; None for anything else."""
    if not isinstance(value, str) or len(value) > max_length:
        return None
    try:
        return check_line(value.strip())
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class _Difference:
    """What has to be written into an account, which may be a new one. ``holder``: who has its address."""

    user: User
    changes: dict[str, Any]
    holder: User | None = None


def _compare(told: _Told) -> _Difference:
    """The account as it is against what the token says. One query."""
    same = Q(lms_user_id=told.lms_user_id) | Q(username=told.username)
    if told.email_key:
        same |= Q(email_key=told.email_key)
    found = list(User.objects.filter(same))
    user = next((each for each in found if each.lms_user_id == told.lms_user_id), None)
    if user is not None and not user.is_active:
        return _Difference(user, {})
    others = [each for each in found if each is not user]
    namesake = next((each for each in others if each.username == told.username), None)
    if namesake is not None:
        _warn("a token is refused: its username belongs to another account", told, namesake)
        raise ClaimsRefused("The token's username belongs to another account here. Tell an operator.")
    holder = next((each for each in others if each.email_key and each.email_key == told.email_key), None)
    user = user or User(lms_user_id=told.lms_user_id, password=make_password(None))
    wanted = _wanted(told, user, is_address_free=holder is None)
    changes = {name: value for name, value in wanted.items() if getattr(user, name) != value}
    return _Difference(user, changes, holder)


def _wanted(told: _Told, user: User, *, is_address_free: bool) -> dict[str, Any]:
    wanted: dict[str, Any] = {"username": told.username}
    if told.name is not None:
        wanted["name"] = told.name
    if told.is_staff is not None:
        wanted["is_staff"] = told.is_staff
    if told.email_key:
        key = told.email_key if is_address_free else None
        confirmed_at = user.confirmed_at if key and key == user.email_key else None
        if key and told.is_email_verified:
            confirmed_at = confirmed_at or clock.now()
        wanted |= {"email": told.email if key else "", "email_key": key, "confirmed_at": confirmed_at}
    return wanted


def _change_by_claims(difference: _Difference) -> None:
    """Writes what the token says, and records what others have to hear of it."""
    user, changes = difference.user, difference.changes
    old, is_new = copy.copy(user), user._state.adding
    for name, value in changes.items():
        setattr(user, name, value)
    if old.email_key != user.email_key and not is_new:
        proved = (old.email_key or "") if old.confirmed_at else ""
        formers.leave(lms_user_id=user.lms_user_id, old_email=proved, email=user.email_key or "")
    user.save(force_insert=is_new, update_fields=None if is_new else {*changes, "modified_at"})
    if not is_new:
        record_changed(old, user, by=user.lms_user_id)
    if changes.get("confirmed_at") is not None:
        record_confirmed([user], by=user.lms_user_id)
    if difference.holder is not None and (is_new or "email_key" in changes):
        _warn("an account goes without its address: it belongs to another account", user, difference.holder)


def _warn(message: str, one: _Told | User, other: User) -> None:
    ids = {"lms_user_id": one.lms_user_id, "other_lms_user_id": other.lms_user_id}
    log.warning(message, extra=ids)
