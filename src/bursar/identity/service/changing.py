"""Giving an account another address, username or name."""

import copy

from django.db import transaction
from django.utils.translation import gettext as _

from bursar.events.identity import PEOPLE_CHANGED, PersonChanged
from bursar.identity.data import ChangeRefused, Person, PersonNotFound, RetirementUnderWay
from bursar.identity.models import Counter, Retirement, User
from bursar.identity.service import formers
from bursar.identity.service.accounts import form_errors, record_confirmation_request, record_confirmed
from bursar.identity.service.people import to_person
from bursar.lib import clock, emails
from bursar.outbox import api as outbox

_FIELDS = ("email", "username", "name")


def change_person(
    *,
    lms_user_id: int,
    email: str | None = None,
    username: str | None = None,
    name: str | None = None,
    is_confirmed: bool = False,
    by: int | None,
) -> Person:
    """Changes what is given and returns the person. What is that already changes nothing.

    A new address has to be confirmed: the link is mailed to it, and older links die. ``is_confirmed``
    says that it is the person's, on an operator's word.
    Errors: PersonNotFound, RetirementUnderWay, ChangeRefused with what is wrong per field.
    Effects: one transaction, in which no other account is made or changed; records PEOPLE_CHANGED, and
    ADDRESS_CONFIRMATIONS_REQUESTED or ADDRESSES_CONFIRMED for a new address.
    """
    with transaction.atomic():
        old, user = _lock(lms_user_id, email, username, name)
        has_new_address = user.email_key != old.email_key
        if has_new_address:
            proved = (old.email_key or "") if old.confirmed_at else ""
            formers.leave(lms_user_id=lms_user_id, old_email=proved, email=user.email_key or "")
            user.confirmed_at = clock.now() if is_confirmed else None
        if any(getattr(old, field) != getattr(user, field) for field in _FIELDS):
            user.save(update_fields=[*_FIELDS, "email_key", "confirmed_at", "modified_at"])
        record_changed(old, user, by=by)
        if has_new_address and is_confirmed:
            record_confirmed([user], by=by)
        elif has_new_address and user.is_active:
            record_confirmation_request(user, by=by)
    return to_person(user)


def check_person_change(
    *, lms_user_id: int, email: str | None = None, username: str | None = None, name: str | None = None
) -> None:
    """Raises what ``change_person`` would raise, and changes nothing.

    Inside a transaction the answer stays true until its end.
    """
    with transaction.atomic():
        _lock(lms_user_id, email, username, name)


def changed_fact(old: User, new: User) -> PersonChanged:
    """What to tell of an account that was ``old``."""
    return PersonChanged(
        new.lms_user_id,
        old.email_key or "",
        new.email_key or "",
        old.username,
        new.username,
        old.name,
        new.name,
    )


def _lock(lms_user_id: int, email: str | None, username: str | None, name: str | None) -> tuple[User, User]:
    """The account as it is, locked, and as it shall be; raises unless it may be like that."""
    Counter.take_lms_user_ids(0)
    old = User.objects.select_for_update().filter(lms_user_id=lms_user_id).first()
    if old is None:
        raise PersonNotFound("No account has this LMS user id.")
    if Retirement.objects.filter(lms_user_id=lms_user_id).exists():
        raise RetirementUnderWay(_("This account is being retired. Cancel the retirement first."))
    user = copy.copy(old)
    if email is not None and (email.strip() or old.email_key):
        user.email, user.email_key = email.strip(), emails.normalize(email)
    if username is not None:
        user.username = username.strip()
    if name is not None:
        user.name = name.strip()
    changed = {field for field in _FIELDS if getattr(old, field) != getattr(user, field)}
    errors = {field: error for field, error in form_errors(user).items() if field in changed}
    if errors:
        raise ChangeRefused(errors, is_conflict=False)
    taken = _find_taken(user)
    if taken:
        raise ChangeRefused(taken, is_conflict=True)
    return old, user


def _find_taken(user: User) -> dict[str, str]:
    others = User.objects.exclude(pk=user.pk)
    taken: dict[str, str] = {}
    if user.email_key and others.filter(email_key=user.email_key).exists():
        taken["email"] = _("Another account has this e-mail address. Choose another address.")
    if others.filter(username=user.username).exists():
        taken["username"] = _("Another account has this username. Choose another one.")
    return taken


def record_changed(old: User, user: User, *, by: int | None) -> None:
    """Tells what of the account is another now, if anything is."""
    fact = changed_fact(old, user)
    if (fact.old_email, fact.old_username, fact.old_name) != (fact.email, fact.username, fact.name):
        outbox.record(PEOPLE_CHANGED, key=str(user.lms_user_id), facts=[fact], by=by)
