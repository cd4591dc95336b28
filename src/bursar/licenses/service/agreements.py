"""Setting up agreements. Contract: subsidies A.5, provisioning."""

from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from bursar.catalog import api as catalog
from bursar.customers import api as customers
from bursar.lib.saving import save_row
from bursar.licenses import models
from bursar.licenses.data import AgreementNotFound, FieldsRefused


def lock_agreement(agreement_uuid: UUID) -> models.Agreement:
    """The agreement's row, locked until the transaction ends: its plans and renewals change one by one.

    Whoever needs both locks the agreement first, then plans.
    """
    try:
        return _locked().get(pk=agreement_uuid)
    except models.Agreement.DoesNotExist:
        raise AgreementNotFound(_("There is no such agreement.")) from None


def lock_agreements(customer_uuids: Collection[UUID]) -> list[models.Agreement]:
    """The same for the agreements of these customers, in the order of their keys."""
    return list(_locked().filter(customer_uuid__in=customer_uuids).order_by("pk"))


def _locked() -> "QuerySet[models.Agreement]":
    # Who changes a plan twice has PostgreSQL look at its agreement again, at the commit: it must not wait for
    # us, who may wait for the plan. The key stays, which is all that it asks for.
    no_key = connection.features.has_select_for_no_key_update
    return models.Agreement.objects.select_for_update(no_key=no_key)


def lock_plans(plan_uuids: Collection[UUID]) -> dict[UUID, models.Plan]:
    """These plans, locked in the order of their keys, as everybody does who locks several."""
    rows = models.Plan.objects.select_for_update().filter(pk__in=plan_uuids).order_by("pk")
    return {each.pk: each for each in rows}


@transaction.atomic(durable=True)
def make_agreement(*, values: Mapping[str, Any], by: int | None) -> UUID:
    """Makes the agreement of a customer that has none; gives its uuid.

    ``values`` are columns of the table. Name and slug are the customer's own if they are left out.

    Errors: FieldsRefused.
    """
    customer_uuid = values["customer_uuid"]
    customer = customers.find_customers([customer_uuid]).get(customer_uuid)
    if customer is None:
        raise FieldsRefused({"customer_uuid": _("There is no such customer: make the customer first.")})
    if models.Agreement.objects.filter(customer_uuid=customer_uuid).exists():
        raise FieldsRefused({"customer_uuid": _("This customer has an agreement already: change that one.")})
    agreement = models.Agreement(
        customer_uuid=customer_uuid, customer_name=customer.name, customer_slug=customer.slug
    )
    _save(agreement, values, by=by)
    return agreement.pk


@transaction.atomic(durable=True)
def change_agreement(*, agreement_uuid: UUID, changes: Mapping[str, Any], by: int | None) -> None:
    """Gives columns of the agreement other values.

    Errors: AgreementNotFound, FieldsRefused.
    """
    _save(lock_agreement(agreement_uuid), changes, by=by)


def _save(agreement: models.Agreement, values: Mapping[str, Any], *, by: int | None) -> None:
    check_catalog(values.get("default_catalog_uuid"), agreement.customer_uuid, column="default_catalog_uuid")
    after = {name: values.get(name, getattr(agreement, name)) for name in _SCALING}
    if after["enable_auto_scaling"] and None in after.values():
        text = _("Auto-scaling needs a threshold, an increment and the number of licenses to stop at.")
        raise FieldsRefused({"enable_auto_scaling": text})
    if slug := values.get("customer_slug"):
        others = models.Agreement.objects.filter(customer_slug=slug).exclude(pk=agreement.pk)
        if others.exists():
            raise FieldsRefused({"customer_slug": _("Another customer's agreement has this slug.")})
    try:
        with transaction.atomic():
            save_row(agreement, values, by=by)
    except IntegrityError as error:  # somebody else was quicker
        raise FieldsRefused({"": _("This customer, or this slug, has an agreement already.")}) from error


_SCALING = (
    "enable_auto_scaling", "auto_scaling_max_licenses", "auto_scaling_threshold_percent",
    "auto_scaling_increment_percent",
)  # fmt: skip


def check_catalog(catalog_uuid: UUID | None, customer_uuid: UUID, *, column: str) -> None:
    """Raises FieldsRefused for a catalog that is not the customer's. One query, none without a catalog."""
    if catalog_uuid is None:
        return
    found = catalog.find_catalogs([catalog_uuid]).get(catalog_uuid)
    if found is None or found.customer_uuid != customer_uuid:
        raise FieldsRefused({column: _("The customer has no such catalog.")})
