"""Invite keys: whoever opens the link with one learns at its customer, up to the key's limit."""

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from bursar.customers import models
from bursar.customers.data import (
    INVITE_LASTS,
    INVITE_USAGE_LIMIT,
    Customer,
    CustomerNotFound,
    InviteKey,
    InviteKeyInvalid,
    InviteKeyNotFound,
    NotRelinkable,
)
from bursar.customers.service.linking import find_links, link_people
from bursar.customers.service.organizations import get_active_customer
from bursar.lib import clock
from bursar.lib.saving import save_row


def list_invite_keys(*, customer_uuid: UUID) -> list[InviteKey]:
    """All keys of the customer, the newest first. Effects: one query."""
    rows = models.InviteKey.objects.filter(customer_id=customer_uuid).select_related("customer")
    return [_to_key(row, is_on=row.customer.enable_universal_link) for row in rows]


def find_customer_of_key(key_uuid: UUID) -> UUID | None:
    """Whose key this is."""
    return models.InviteKey.objects.filter(uuid=key_uuid).values_list("customer_id", flat=True).first()


@transaction.atomic(durable=True)
def create_invite_key(
    *,
    customer_uuid: UUID,
    usage_limit: int = INVITE_USAGE_LIMIT,
    expires_at: datetime | None = None,
    by: int | None,
) -> InviteKey:
    """A new key, valid for a year unless ``expires_at`` says otherwise. Errors: CustomerNotFound."""
    customer = get_active_customer(customer_uuid)
    row = _insert(customer_uuid, usage_limit=usage_limit, expires_at=expires_at, by=by)
    return _to_key(row, is_on=customer.enable_universal_link)


@transaction.atomic(durable=True)
def switch_invite_key(*, key_uuid: UUID, is_active: bool, by: int | None) -> InviteKey:
    """Switches the key off, or on again. Errors: InviteKeyNotFound. Effects: locks the key."""
    row = _lock(key_uuid)
    if row.is_active != is_active:
        save_row(row, {"is_active": is_active, "modified_at": clock.now()}, by=by)
    customer = models.Customer.objects.get(uuid=row.customer_id)
    return _to_key(row, is_on=customer.enable_universal_link)


@transaction.atomic(durable=True)
def switch_universal_link(*, customer_uuid: UUID, is_on: bool, by: int | None) -> None:
    """Switches all links of the customer off, or on again.

    While they are off no key is valid; afterwards each is as it was. If none is valid once they are on,
    one is made. Errors: CustomerNotFound. Effects: locks the customer.
    """
    customer = models.Customer.objects.select_for_update().filter(uuid=customer_uuid, is_active=True).first()
    if customer is None:
        raise CustomerNotFound(_("There is no such organization."))
    save_row(customer, {"enable_universal_link": is_on}, by=by)
    if is_on and all(_problem_of(row, is_on=True) for row in customer.invite_keys.all()):
        _insert(customer_uuid, usage_limit=INVITE_USAGE_LIMIT, expires_at=None, by=by)


@transaction.atomic(durable=True)
def link_by_key(*, key_uuid: UUID, lms_user_id: int) -> tuple[Customer, bool]:
    """The customer where the person learns now, and whether that is new.

    Who learns there already does so with any key of the customer, and uses up nothing.
    Errors: InviteKeyNotFound, InviteKeyInvalid, NotRelinkable. Effects: locks the key, so that no more
    people are linked with it than it allows.
    """
    row = _lock(key_uuid)
    try:
        customer = get_active_customer(row.customer_id)
    except CustomerNotFound as error:
        raise _not_found() from error
    link = find_links(customer_uuid=customer.uuid, lms_user_ids=[lms_user_id]).get(lms_user_id)
    if link is not None and link.is_linked:
        return customer, False
    problem = _problem_of(row, is_on=customer.enable_universal_link)
    if problem is not None:
        raise InviteKeyInvalid(problem)
    links = link_people(customer.uuid, [lms_user_id], invite_key_uuid=row.uuid, by=lms_user_id)
    if lms_user_id not in links.uuids:
        raise NotRelinkable(
            _("You were removed from this organization for good; only support can bring you back.")
        )
    if lms_user_id not in links.created:  # linked in another way at this very moment
        return customer, False
    row.usage_count += 1
    models.InviteKey.objects.filter(uuid=row.uuid).update(usage_count=row.usage_count)
    return customer, True


def _insert(
    customer_uuid: UUID, *, usage_limit: int, expires_at: datetime | None, by: int | None
) -> models.InviteKey:
    moment = clock.now()
    row = models.InviteKey(
        customer_id=customer_uuid,
        usage_limit=usage_limit,
        expires_at=expires_at or moment + INVITE_LASTS,
        created_by=by,
        created_at=moment,
        modified_at=moment,
    )
    save_row(row, {}, by=by)
    return row


def _lock(key_uuid: UUID) -> models.InviteKey:
    row = models.InviteKey.objects.select_for_update().filter(uuid=key_uuid).first()
    if row is None:
        raise _not_found()
    return row


def _not_found() -> InviteKeyNotFound:
    return InviteKeyNotFound(_("There is no such invite link."))


def _problem_of(row: models.InviteKey, *, is_on: bool) -> str | None:
    """Why the key links nobody, or None."""
    if not is_on or not row.is_active:
        return _("This invite link is switched off. Ask your organization for another one.")
    if row.expires_at <= clock.now():
        return _("This invite link has expired. Ask your organization for another one.")
    if row.usage_count >= row.usage_limit:
        return _("This invite link is used up. Ask your organization for another one.")
    return None


def _to_key(row: models.InviteKey, *, is_on: bool) -> InviteKey:
    return InviteKey(
        uuid=row.uuid,
        customer_uuid=row.customer_id,
        usage_limit=row.usage_limit,
        usage_count=row.usage_count,
        expires_at=row.expires_at,
        is_active=row.is_active,
        is_valid=_problem_of(row, is_on=is_on) is None,
        created_at=row.created_at,
        modified_at=row.modified_at,
    )
