"""Making a single row as it should be, for the few rows that are not worth a set."""

from collections.abc import Mapping
from typing import Any

from django.db import models

from bursar.lib.outcomes import Saved


def save_row(
    row: models.Model,
    wanted: Mapping[str, Any],
    *,
    keep: frozenset[str] = frozenset(),
    by: int | None = None,
    reason: str | None = None,
) -> Saved:
    """Gives the row the wanted values and saves it if that changes anything.

    A row that exists already keeps the fields named in ``keep``. The history, where the model has one,
    names ``by`` and the reason.
    """
    is_new = row._state.adding
    changes = {
        name: value
        for name, value in wanted.items()
        if is_new or (name not in keep and getattr(row, name) != value)
    }
    if not changes and not is_new:
        return Saved(unchanged=1)
    for name, value in changes.items():
        setattr(row, name, value)
    row._history_user = by  # type: ignore[attr-defined]
    row._change_reason = reason  # type: ignore[attr-defined]
    row.save(force_insert=is_new)
    return Saved(created=1) if is_new else Saved(changed=1)
