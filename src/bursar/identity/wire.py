"""Accounts as Open edX writes them in JSON: the LMS's registration and account APIs."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.templatetags.static import static

from bursar.identity.data import Person, SignUpRefused

_IMAGE_SIZES = ("full", "large", "medium", "small")


def to_account(person: Person) -> dict[str, Any]:
    """What a person (and staff) sees of an account: ``/api/user/v1/accounts/{username}``.

    The LMS's ``is_active`` says that the address was confirmed; a closed account is not shown at all.
    ``extended_profile`` must be a list: the learner portal stays blank otherwise.
    """
    return {
        **to_public_account(person),
        "id": person.lms_user_id,
        "email": person.email,
        "name": person.name,
        "is_active": person.is_confirmed,
        "extended_profile": [],
        "language_proficiencies": [],
        "social_links": [],
        "course_certificates": None,
        "country": None,
        "bio": None,
        "level_of_education": None,
        "time_zone": None,
        "requires_parental_consent": False,
    }


def to_public_account(person: Person) -> dict[str, Any]:
    """What everybody who is signed in sees of an account, as the LMS shows a private profile."""
    image = f"{settings.PUBLIC_URL}{static('identity/person.svg')}"
    return {
        "username": person.username,
        "profile_image": {
            "has_image": False,
            **{f"image_url_{size}": image for size in _IMAGE_SIZES},
        },
        "account_privacy": "private",
    }


def to_registration_errors(refusal: SignUpRefused) -> dict[str, Any]:
    """Per field a list of messages, and one code for the whole."""
    fields = sorted(refusal.errors)
    code = f"duplicate-{'-'.join(fields)}" if refusal.is_conflict else "validation-error"
    return {**{field: [{"user_message": refusal.errors[field]}] for field in fields}, "error_code": code}


def is_true(value: Any) -> bool:
    """Whether a form's field is ticked; JSON sends a boolean, browsers and clients several words."""
    return value is True or str(value).strip().lower() in ("true", "on", "1", "yes")


def text(body: Mapping[str, Any], field: str) -> str:
    """A field of a form as text; what is missing or not text is empty, and refused for that."""
    value = body.get(field)
    return value if isinstance(value, str) else ""
