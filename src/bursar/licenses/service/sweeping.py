"""Going over plans by the clock: each by itself, so that one that fails holds up no other."""

import logging
from collections.abc import Callable, Iterable
from uuid import UUID

from bursar.licenses.data import Sweep

log = logging.getLogger(__name__)


def sweep(task: str, plan_uuids: Iterable[UUID], handle: Callable[[UUID], int | None]) -> Sweep:
    """Has every plan handled; one that fails is logged as an error, and left to the next run.

    ``handle`` returns how much it changed, or None if there was nothing to do after all.
    """
    plan_count = change_count = 0
    failed: list[UUID] = []
    for plan_uuid in plan_uuids:
        try:
            changed = handle(plan_uuid)
        except Exception:
            log.exception("plan failed", extra={"task": task, "plan": str(plan_uuid)})
            failed.append(plan_uuid)
            continue
        if changed is not None:
            plan_count += 1
            change_count += changed
    return Sweep(plan_count, change_count, tuple(failed))
