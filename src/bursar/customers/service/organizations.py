"""The customers themselves: find them, and save them as wanted."""

from collections import Counter
from collections.abc import Collection, Sequence
from uuid import UUID

from django.core.exceptions import ValidationError
from django.core.validators import validate_slug
from django.db import transaction
from django.utils.translation import gettext as _

from bursar.customers import models
from bursar.customers.data import (
    FIRST_SWITCHES,
    SLUG_MAX_LENGTH,
    Customer,
    CustomerInvalid,
    CustomerNotFound,
    CustomerToSave,
)
from bursar.lib import sets, slugs
from bursar.lib.outcomes import Saved
from bursar.lib.saving import save_row

_COLUMNS = (
    "uuid",
    "name",
    "slug",
    "is_active",
    "contact_email",
    "country",
    "enable_learner_portal",
    "enable_universal_link",
)
"""In the order of ``data.Customer``'s fields."""


def find_customers(uuids: Collection[UUID]) -> dict[UUID, Customer]:
    """The customers that exist, by uuid, active or not. Effects: one query for each 1,000 uuids."""
    found: dict[UUID, Customer] = {}
    for chunk in sets.chunks(list(dict.fromkeys(uuids))):
        rows = models.Customer.objects.filter(uuid__in=chunk).order_by()
        found.update((row[0], Customer(*row)) for row in rows.values_list(*_COLUMNS))
    return found


def get_customer(uuid: UUID) -> Customer:
    """The customer, active or not. Errors: CustomerNotFound."""
    customer = find_customers([uuid]).get(uuid)
    if customer is None:
        raise CustomerNotFound(_("There is no such organization."))
    return customer


def get_active_customer(uuid: UUID, *, linked_to: int | None = None) -> Customer:
    """The active customer; with ``linked_to``, only if this person is linked to it.

    Errors: CustomerNotFound. Effects: one query.
    """
    rows = models.Customer.objects.filter(uuid=uuid, is_active=True)
    if linked_to is not None:
        rows = rows.filter(links__lms_user_id=linked_to, links__is_linked=True)
    row = rows.values_list(*_COLUMNS).first()
    if row is None:
        raise CustomerNotFound(_("There is no such organization."))
    return Customer(*row)


def find_customer_by_slug(slug: str) -> Customer | None:
    """The customer whose pages stand at this slug, active or not."""
    row = models.Customer.objects.filter(slug=slug).values_list(*_COLUMNS).first()
    return None if row is None else Customer(*row)


def save_customers(customers: Sequence[CustomerToSave]) -> Saved:
    """Makes or changes the customers, with history.

    Errors: CustomerInvalid (a slug that is taken, reserved or malformed), and nothing is written.
    """
    wanted = list(dict.fromkeys(customers))
    problems = _find_problems(wanted)
    if problems:
        raise CustomerInvalid(problems)
    saved = Saved()
    with transaction.atomic(durable=True):
        rows = {
            row.uuid: row
            for row in models.Customer.objects.select_for_update()
            .filter(uuid__in=[customer.uuid for customer in wanted])
            .order_by("uuid")
        }
        for customer in wanted:
            row = rows.get(customer.uuid) or models.Customer(
                uuid=customer.uuid, features=list(FIRST_SWITCHES)
            )
            values = {
                "name": customer.name,
                "slug": customer.slug,
                "contact_email": customer.contact_email,
                "country": customer.country,
                "is_active": customer.is_active,
                "enable_learner_portal": customer.enable_learner_portal,
                "enable_universal_link": customer.enable_universal_link,
            }
            saved += save_row(row, values, keep=customer.keep)
    return saved


def _find_problems(wanted: Sequence[CustomerToSave]) -> list[str]:
    taken = dict(
        models.Customer.objects.filter(slug__in=[customer.slug for customer in wanted]).values_list(
            "slug", "uuid"
        )
    )
    slug_counts = Counter(customer.slug for customer in wanted)
    uuid_counts = Counter(customer.uuid for customer in wanted)
    problems: list[str] = []
    for customer in wanted:
        problem = problem_of_slug(customer.slug)
        if problem:
            problems.append(f"{customer.name}: {problem}")
        elif slug_counts[customer.slug] > 1 or taken.get(customer.slug, customer.uuid) != customer.uuid:
            problems.append(f"{customer.name}: the slug {customer.slug} belongs to another customer")
        if uuid_counts[customer.uuid] > 1:
            problems.append(f"{customer.uuid}: stands for two different customers")
    return problems


def problem_of_slug(slug: str) -> str | None:
    """Why no customer's pages can stand under this slug, or None."""
    if slugs.is_reserved(slug):
        return f"the slug {slug} is reserved: it would hide a path of Bursar"
    try:
        validate_slug(slug)
    except ValidationError:
        return f"{slug!r} is not a slug: letters, digits, hyphens and underscores only"
    return (
        f"the slug {slug} is longer than {SLUG_MAX_LENGTH} characters"
        if len(slug) > SLUG_MAX_LENGTH
        else None
    )
