"""Finding accounts."""

from collections.abc import Collection
from typing import Any

from django.db.models import Q, QuerySet

from bursar.identity.data import Person, PersonNotFound
from bursar.identity.models import User
from bursar.lib import emails, sets


def find_people_by_email(addresses: Collection[str]) -> dict[str, Person]:
    """The accounts with these addresses, by normalized address. One query per 1,000.

    An account may be there whose address is not confirmed: ask ``is_confirmed`` before giving it anything.
    """
    found = _find("email_key", {emails.normalize(address) for address in addresses})
    return {person.email: person for person in found}


def find_people_by_lms_user_id(ids: Collection[int]) -> dict[int, Person]:
    """The accounts with these ids. One query per 1,000."""
    return {person.lms_user_id: person for person in _find("lms_user_id", set(ids))}


def find_people_by_username(usernames: Collection[str]) -> dict[str, Person]:
    """The accounts with exactly these usernames. One query per 1,000."""
    # Nobody has a NUL in the name, and PostgreSQL refuses to look for one.
    wanted = {username for username in usernames if "\0" not in username}
    return {person.username: person for person in _find("username", wanted)}


def get_person(*, email: str) -> Person:
    """The account with this address; raises PersonNotFound."""
    person = find_people_by_email([email]).get(emails.normalize(email))
    if person is None:
        raise PersonNotFound(f"No account has the address {email}.")
    return person


def to_person(user: User) -> Person:
    """What other contexts see of an account."""
    return Person(
        lms_user_id=user.lms_user_id,
        username=user.username,
        email=user.email_key or "",
        name=user.name,
        is_active=user.is_active,
        is_staff=user.is_staff,
        is_confirmed=user.confirmed_at is not None,
        joined_at=user.joined_at,
    )


def to_people(users: QuerySet[User]) -> list[Person]:
    """The accounts in their order. Not with all their columns: a thousand of those take twice as long."""
    rows = users.annotate(is_confirmed=_IS_CONFIRMED).values_list(*_COLUMNS)
    return [
        Person(lms_user_id, username, email or "", *columns)
        for lms_user_id, username, email, *columns in rows
    ]


_COLUMNS = (
    "lms_user_id", "username", "email_key", "name", "is_active", "is_staff", "is_confirmed", "joined_at",
)  # fmt: skip
"""In the order of ``data.Person``'s fields."""

_IS_CONFIRMED = Q(confirmed_at__isnull=False)


def _find(column: str, keys: Collection[Any]) -> list[Person]:
    return [
        person
        for chunk in sets.chunks(sorted(keys))
        for person in to_people(User.objects.filter(**{f"{column}__in": chunk}))
    ]
