"""Signing up, confirming an address, signing in and out."""

import re
import uuid
from uuid import UUID

from django.contrib import auth
from django.contrib.auth.hashers import make_password
from django.contrib.auth.password_validation import validate_password
from django.core import signing
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _

from bursar.events.identity import (
    ADDRESS_CONFIRMATIONS_REQUESTED,
    ADDRESSES_CONFIRMED,
    AddressConfirmationRequested,
)
from bursar.identity.backends import check_sign_in_attempts
from bursar.identity.data import (
    CONFIRMATION_LASTS,
    Confirmation,
    ConfirmationInvalid,
    Person,
    PersonNotFound,
    SignInRefused,
    SignUpRefused,
)
from bursar.identity.models import NAME_MAX_LENGTH, Counter, User
from bursar.identity.service.formers import confirmed_facts
from bursar.identity.service.people import to_person
from bursar.identity.throttling import address_of, take_attempt
from bursar.lib import clock, emails
from bursar.outbox import api as outbox

PASSWORD_MAX_LENGTH = 128  # a longer one only makes us hash longer
_CONFIRMATION_SALT = "bursar.identity.confirm_email"
_USERNAME = re.compile(r"[A-Za-z0-9_-]{2,30}")  # the LMS's rule for new accounts
_LINK_IN_NAME = re.compile(r"[<>]|://|www\.", re.IGNORECASE)


def sign_up(*, email: str, username: str, name: str, password: str, accepts_terms: bool) -> Person:
    """Makes an account whose address is yet to be confirmed, and has the link mailed to it.

    Raises SignUpRefused with what is wrong per field (``email``, ``username``, ``name``, ``password``,
    ``terms_of_service``); ``is_conflict`` when the address or the username is taken.
    Effects: one transaction; records ADDRESS_CONFIRMATIONS_REQUESTED.
    """
    key = emails.normalize(email)
    user = User(username=username.strip(), email=email.strip(), email_key=key, name=name.strip())
    errors = form_errors(user) | _password_errors(user, password)
    if not accepts_terms:
        errors["terms_of_service"] = _("To make an account, agree to the terms of service.")
    if errors:
        raise SignUpRefused(errors, is_conflict=False)
    user.password = make_password(password)  # slow on purpose: done before accounts are locked
    with transaction.atomic():
        user.lms_user_id = Counter.take_lms_user_ids(1)[0]
        taken = _find_taken(user)
        if taken:
            raise SignUpRefused(taken, is_conflict=True)
        user.save(force_insert=True)
        record_confirmation_request(user, by=user.lms_user_id)
    return to_person(user)


def check_sign_up_attempts(request: HttpRequest) -> None:
    """Takes one attempt to sign up from whoever sends the request; raises TooManyAttempts."""
    take_attempt("sign_up", address_of(request))


def request_confirmation(*, lms_user_id: int) -> bool:
    """Has another confirmation link mailed; False, and no mail, when the address is confirmed already.

    Raises TooManyAttempts, so that nobody's mailbox is flooded, and PersonNotFound.
    """
    with transaction.atomic():
        user = User.objects.filter(lms_user_id=lms_user_id, is_active=True, email_key__isnull=False).first()
        if user is None:
            raise PersonNotFound("No active account has this LMS user id.")
        if user.confirmed_at is not None:
            return False
        take_attempt("confirmation", str(lms_user_id))
        record_confirmation_request(user, by=lms_user_id)
    return True


def check_confirmation(*, token: str) -> Person:
    """Whose address the link would confirm; changes nothing, for mail scanners open links, too.

    Raises ConfirmationInvalid.
    """
    return to_person(_user_of_confirmation(token))


def confirm_address(*, token: str) -> Confirmation:
    """Confirms the address that the link was mailed to. A second time changes nothing.

    Raises ConfirmationInvalid for a link that is damaged, older than three days, or for another address
    than the account has. Effects: records ADDRESSES_CONFIRMED once.
    """
    with transaction.atomic():
        user = _user_of_confirmation(token)
        unconfirmed = User.objects.filter(uuid=user.uuid, email_key=user.email_key, confirmed_at__isnull=True)
        is_new = bool(unconfirmed.update(confirmed_at=clock.now(), modified_at=clock.now()))
        if is_new:
            record_confirmed([user], by=user.lms_user_id)
        user.refresh_from_db()
    return Confirmation(to_person(user), is_new)


def confirm_addresses(*, lms_user_ids: list[int], by: int | None) -> int:
    """Confirms addresses on an operator's word; returns how many were not confirmed before."""
    with transaction.atomic():
        waiting = User.objects.select_for_update().filter(
            lms_user_id__in=lms_user_ids, confirmed_at__isnull=True, email_key__isnull=False
        )
        users = list(waiting.order_by("lms_user_id"))
        mine, moment = User.objects.filter(uuid__in=[user.uuid for user in users]), clock.now()
        mine.update(confirmed_at=moment, modified_at=moment)
        record_confirmed(users, by=by)
    return len(users)


def sign_in(request: HttpRequest, *, login: str, password: str) -> Person:
    """Starts a session for whoever the username (or address) and the password prove.

    Raises SignInRefused, and TooManyAttempts after too many wrong passwords.
    """
    check_sign_in_attempts(request, login)
    user = auth.authenticate(request, username=login, password=password)
    if not isinstance(user, User):
        raise SignInRefused(_("The e-mail address, the username or the password is not right."))
    auth.login(request, user)
    return to_person(user)


def start_session(request: HttpRequest, *, lms_user_id: int) -> None:
    """Starts a session for someone who has just signed up."""
    auth.login(request, User.objects.get(lms_user_id=lms_user_id, is_active=True))


def sign_out(request: HttpRequest) -> None:
    """Ends the session."""
    auth.logout(request)


def set_active_customer(*, lms_user_id: int, customer_uuid: UUID | None) -> None:
    """Remembers which customer the person acts for; new tokens name its roles first."""
    User.objects.filter(lms_user_id=lms_user_id).update(
        active_customer_uuid=customer_uuid, modified_at=clock.now()
    )


def form_errors(user: User) -> dict[str, str]:
    """What is wrong with the account's address, username and name."""
    errors: dict[str, str] = {}
    if not emails.is_valid(user.email_key or ""):
        errors["email"] = _("Enter an e-mail address that can receive mail.")
    if not _USERNAME.fullmatch(user.username):
        errors["username"] = _("Use 2 to 30 letters (A to Z), digits, hyphens or underscores.")
    if not user.name or len(user.name) > NAME_MAX_LENGTH or not user.name.isprintable():
        limit = {"limit": NAME_MAX_LENGTH}
        errors["name"] = _("Enter your full name, with at most %(limit)d characters.") % limit
    elif _LINK_IN_NAME.search(user.name):
        errors["name"] = _("A name cannot contain a link or angle brackets.")
    return errors


def _password_errors(user: User, password: str) -> dict[str, str]:
    if len(password) > PASSWORD_MAX_LENGTH:
        return {"password": _("Use at most %(limit)d characters.") % {"limit": PASSWORD_MAX_LENGTH}}
    try:
        validate_password(password, user)
    except ValidationError as error:
        return {"password": " ".join(error.messages)}
    return {}


def _find_taken(user: User) -> dict[str, str]:
    taken: dict[str, str] = {}
    if User.objects.filter(email_key=user.email_key).exists():
        taken["email"] = _("There is an account with this e-mail address already. Sign in instead.")
    if User.objects.filter(username=user.username).exists():
        taken["username"] = _("This username is taken. Choose another one.")
    return taken


def record_confirmation_request(user: User, *, by: int | None) -> None:
    """Has the link that confirms the account's address mailed to it."""
    address = user.email_key or ""
    token = signing.dumps([user.lms_user_id, _fingerprint(address)], salt=_CONFIRMATION_SALT)
    fact = AddressConfirmationRequested(user.lms_user_id, address, user.name, token, uuid.uuid4())
    outbox.record(ADDRESS_CONFIRMATIONS_REQUESTED, key=str(user.lms_user_id), facts=[fact], by=by)


def record_confirmed(users: list[User], *, by: int | None) -> None:
    """Tells that the accounts' addresses are confirmed now."""
    key = str(users[0].lms_user_id) if len(users) == 1 else "people"
    outbox.record(ADDRESSES_CONFIRMED, key=key, facts=confirmed_facts(users), by=by)


def _user_of_confirmation(token: str) -> User:
    invalid = ConfirmationInvalid(_("This link is damaged or too old. Sign in and ask for a new one."))
    try:
        lms_user_id, fingerprint = signing.loads(token, salt=_CONFIRMATION_SALT, max_age=CONFIRMATION_LASTS)
    except (signing.BadSignature, ValueError) as error:
        raise invalid from error
    user = User.objects.filter(lms_user_id=lms_user_id, is_active=True, email_key__isnull=False).first()
    if user is None or _fingerprint(user.email_key or "") != fingerprint:
        raise invalid
    return user


def _fingerprint(address: str) -> str:
    """Stands for the address in a link, so that the address is not read from logs and histories."""
    return salted_hmac(_CONFIRMATION_SALT, address, algorithm="sha256").hexdigest()[:16]
