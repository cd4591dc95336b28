"""What customers have configured about requests."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from bursar.customers import api as customers
from bursar.events.subsidy_requests import SUBSIDY_TYPES_CHANGED, SubsidyTypeChanged
from bursar.lib.outcomes import Saved
from bursar.lib.saving import save_row
from bursar.outbox import api as outbox
from bursar.subsidy_requests import models
from bursar.subsidy_requests.data import (
    ConfigurationChange,
    ConfigurationExists,
    ConfigurationNotFound,
    ConfigurationToSave,
    UnknownCustomer,
)
from bursar.subsidy_requests.service.subsidies import check_available


@transaction.atomic(durable=True)
def save_configurations(configurations: Sequence[ConfigurationToSave], *, by: int | None) -> Saved:
    """Makes or changes customers' configurations, as a world file has them."""
    saved = Saved()
    for each in configurations:
        row = lock_configuration(each.customer_uuid) or models.Configuration(customer_uuid=each.customer_uuid)
        saved += _save(row, _values(each), keep=each.keep, by=by)
    return saved


def create_configuration(wanted: ConfigurationToSave, *, by: int | None) -> models.Configuration:
    """Makes a customer's configuration and returns it.

    Errors: UnknownCustomer, SubsidyNotAvailable, ConfigurationExists.
    """
    check_available(wanted.subsidy_type)
    if wanted.customer_uuid not in customers.find_customers([wanted.customer_uuid]):
        raise UnknownCustomer(_("There is no such organization."))
    exists = _("This organization has a configuration already. Change that.")
    if models.Configuration.objects.filter(pk=wanted.customer_uuid).exists():
        raise ConfigurationExists(exists)
    row = models.Configuration(customer_uuid=wanted.customer_uuid)
    try:
        with transaction.atomic(durable=True):
            _save(row, _values(wanted), by=by)
    except IntegrityError as error:
        raise ConfigurationExists(exists) from error
    return row


@transaction.atomic(durable=True)
def change_configuration(change: ConfigurationChange, *, by: int | None) -> models.Configuration:
    """Changes what the change names and nothing else; returns the configuration as it is then.

    Errors: ConfigurationNotFound, SubsidyNotAvailable.
    Effects: locks the configuration. Another type has open requests of the old one declined, after the
    commit: SUBSIDY_TYPES_CHANGED.
    """
    check_available(change.values.get("subsidy_type"))
    row = lock_configuration(change.customer_uuid)
    if row is None:
        raise ConfigurationNotFound(_("This organization has not set up course requests."))
    _save(row, change.values, is_notification_wanted=change.is_notification_wanted, by=by)
    return row


def lock_configurations(customer_uuids: Collection[UUID]) -> list[models.Configuration]:
    """The configurations of these customers, locked, in the order of their keys; requests come after them."""
    rows = models.Configuration.objects.select_for_update().filter(pk__in=list(customer_uuids))
    return list(rows.order_by("pk"))


def lock_configuration(customer_uuid: UUID) -> models.Configuration | None:
    """The customer's configuration, locked, if there is one."""
    return next(iter(lock_configurations([customer_uuid])), None)


def _values(wanted: ConfigurationToSave) -> dict[str, Any]:
    return {"is_enabled": wanted.is_enabled, "subsidy_type": wanted.subsidy_type, "digest": wanted.digest}


def _save(
    row: models.Configuration,
    values: Mapping[str, Any],
    *,
    keep: frozenset[str] = frozenset(),
    is_notification_wanted: bool = False,
    by: int | None,
) -> Saved:
    was = None if row._state.adding else row.subsidy_type
    is_changed = row._state.adding or any(
        getattr(row, name) != value for name, value in values.items() if name not in keep
    )
    who = {"changed_by": by} if by is not None and is_changed else {}
    saved = save_row(row, {**values, **who}, keep=keep, by=by)
    if was is not None and was != row.subsidy_type:
        fact = SubsidyTypeChanged(row.customer_uuid, was, is_notification_wanted)
        outbox.record(SUBSIDY_TYPES_CHANGED, key=str(row.customer_uuid), facts=[fact], by=by)
    return saved
