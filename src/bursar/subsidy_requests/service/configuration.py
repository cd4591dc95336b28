"""What customers have configured about requests."""

from collections.abc import Sequence
from typing import Any

from django.db import transaction

from bursar.lib.outcomes import Saved
from bursar.lib.saving import save_row
from bursar.subsidy_requests import models
from bursar.subsidy_requests.data import ConfigurationToSave


@transaction.atomic(durable=True)
def save_configurations(configurations: Sequence[ConfigurationToSave], *, by: int | None) -> Saved:
    """Makes or changes customers' configurations. A request that is pending still ends by itself."""
    saved = Saved()
    for each in configurations:
        found = models.Configuration.objects.select_for_update().filter(pk=each.customer_uuid).first()
        row = found or models.Configuration(customer_uuid=each.customer_uuid)
        wanted: dict[str, Any] = {
            "is_enabled": each.is_enabled,
            "subsidy_type": each.subsidy_type,
            "digest": each.digest,
        }
        if by is not None:
            wanted["changed_by"] = by
        saved += save_row(row, wanted, keep=each.keep, by=by)
    return saved
