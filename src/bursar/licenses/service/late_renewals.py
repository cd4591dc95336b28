"""What happens on a plan between the processing of its renewal and its end goes along as well.

Renewals are processed hours before, by hand even days, and licenses are assigned and activated until the end.
"""

import logging
from uuid import UUID

from django.db import transaction

from bursar.lib import clock, sets
from bursar.licenses import models
from bursar.licenses.data import LIVE, CopiedStatuses, Status
from bursar.licenses.service import assignment, seats
from bursar.licenses.service.renewals import lock_renewal
from bursar.licenses.service.renewing import COPIED, Copying, LicenseToCopy, lock_both

log = logging.getLogger(__name__)


def catch_up_renewal(plan_uuid: UUID) -> None:
    """Renews what was assigned on the plan since its renewal was processed, and activates what was activated.

    For a plan that is over. Repeatable: only what was not renewed is. Where the renewed plan has too few free
    licenses, activated ones go along first, then those that were assigned first; the rest is logged.
    Effects: two queries; if there is something, transactions that lock both plans.
    """
    renewal = models.Renewal.objects.filter(
        prior_plan=plan_uuid, is_processed=True, renewed_plan__isnull=False
    ).first()
    if renewal is None or renewal.renewed_plan_id is None:
        return
    # Somebody may have activated the license before on the last day.
    rows = models.License.objects.filter(
        plan=plan_uuid,
        status=Status.ACTIVATED,
        lms_user_id__isnull=False,
        renewed_to__status=Status.ASSIGNED,
        renewed_to__plan=renewal.renewed_plan_id,
    )
    holders = [(email, number) for email, number in rows.values_list("renewed_to__email", "lms_user_id")]
    for chunk in sets.chunks(sorted((email, number) for email, number in holders if email and number)):
        assignment.activate_for(plan_uuid=renewal.renewed_plan_id, holders=dict(chunk), by=None)
    for status in sorted(COPIED[CopiedStatuses(renewal.copied_statuses)]):  # activated ones first
        while _copy_late(renewal.pk, status):
            pass


@transaction.atomic(durable=True)
def _copy_late(renewal_id: int, status: Status) -> int:
    """How many more licenses were copied: at most 1,000."""
    renewal = lock_renewal(renewal_id)
    prior, plan = lock_both(renewal)
    if plan is None or renewal.processed_at is None:
        return 0
    late = models.License.objects.filter(
        plan=prior, status=status, renewed_to__isnull=True, assigned_at__gt=renewal.processed_at
    )
    # Who was given one of the renewed plan as well has what they need.
    served = models.License.objects.filter(plan=plan, status__in=LIVE).values("email")
    late = late.exclude(email__in=served).order_by("assigned_at", "email")
    free = max(seats.free_count(plan), 0)
    rows = [LicenseToCopy(*row) for row in late.values_list(*LicenseToCopy._fields)[: sets.CHUNK]]
    taken = rows[:free]
    if len(taken) < len(rows):
        log.warning(
            "the renewed plan has no license for everybody who came late",
            extra={"plan": str(plan.pk), "left": len(rows) - len(taken)},
        )
    if taken:
        Copying(prior, plan, None, clock.now(), len(taken)).copy(sorted(taken), status)
    return len(taken)
