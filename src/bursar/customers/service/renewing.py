"""Licenses that are renewed: what the one before pays for is paid for by its successor from then on."""

from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from bursar.customers import models
from bursar.customers.data import FulfillmentKind, PendingState
from bursar.customers.service.ending import mark_revoked
from bursar.events.licenses import LicenseRenewed
from bursar.lib import clock, sets
from bursar.outbox.data import Delivery


def pay_with_renewed(deliveries: Sequence[Delivery[LicenseRenewed]]) -> None:
    """Reaction: has renewed licenses pay for what those before paid for, which ends with them from then on.

    It needs no inbox: once done, nothing is paid for by the licenses before.
    """
    for delivery in deliveries:
        renewed = {fact.prior_license_uuid: fact.license_uuid for fact in delivery.facts}
        replace_licenses(renewed, by=delivery.by)


@transaction.atomic(durable=True)
def replace_licenses(renewed: Mapping[UUID, UUID], *, by: int | None) -> None:
    """Has licenses pay for what others paid for, and what waits to be paid for by them. Repeatable.

    ``renewed`` has the license that pays from now on by the one that did: 1,000 at most.
    Effects: two statements if nothing is paid for, else a constant number for each 1,000 places.
    """
    _move_fulfillments(renewed, by=by)
    _move_waiting(renewed, by=by)


def _move_fulfillments(renewed: Mapping[UUID, UUID], *, by: int | None) -> None:
    paying = models.Fulfillment.objects.filter(
        kind=FulfillmentKind.LICENSE, subsidy_uuid__in=renewed, is_revoked=False
    )
    places = set(paying.order_by().values_list("sponsored_enrollment_id", flat=True))
    if not places:
        return
    moment = clock.now()
    # In the order in which everybody locks them.
    locked = models.SponsoredEnrollment.objects.filter(pk__in=places).order_by("link_id", "run_key")
    list(locked.select_for_update().values_list("pk"))
    rows = list(
        paying.order_by("sponsored_enrollment_id", "kind", "subsidy_uuid")
        .select_for_update()
        .values_list("pk", "sponsored_enrollment_id", "subsidy_uuid")
    )
    there = _find_there(places, renewed.values())
    moved = {pk: renewed[old] for pk, place, old in rows if (place, renewed[old]) not in there}
    for chunk in sets.chunks(sorted(moved)):
        sets.update(
            models.Fulfillment,
            ("uuid", "subsidy_uuid", "modified_at"),
            [(pk, moved[pk], moment) for pk in chunk],
        )
        sets.record_history(models.Fulfillment, chunk, kind="~", by=by, reason="renewed", at=moment)
    # The successor pays for the place as well, in a row of its own: that one stays.
    doubled = {pk: there[place, renewed[old]] for pk, place, old in rows if pk not in moved}
    mark_revoked(doubled, by=by, at=moment)
    mark_revoked(doubled.values(), is_revoked=False, by=by, at=moment)


def _find_there(places: Collection[UUID], licenses: Collection[UUID]) -> dict[tuple[UUID, UUID], UUID]:
    """What these licenses pay for, or paid for, at these places: the rows by place and license."""
    rows = models.Fulfillment.objects.filter(
        kind=FulfillmentKind.LICENSE, sponsored_enrollment__in=places, subsidy_uuid__in=licenses
    ).order_by()
    return {
        (place, license_uuid): pk
        for pk, place, license_uuid in rows.values_list("pk", "sponsored_enrollment_id", "subsidy_uuid")
    }


def _move_waiting(renewed: Mapping[UUID, UUID], *, by: int | None) -> None:
    waiting = models.PendingEnrollment.objects.filter(
        subsidy_kind=FulfillmentKind.LICENSE, subsidy_uuid__in=renewed, state=PendingState.WAITING
    )
    rows = list(
        waiting.order_by("uuid")
        .select_for_update()
        .values_list("uuid", "learner_id", "run_key", "subsidy_uuid", "last_error")
    )
    if not rows:
        return
    moment = clock.now()
    successors = models.PendingEnrollment.objects.filter(
        subsidy_kind=FulfillmentKind.LICENSE,
        subsidy_uuid__in={renewed[old] for _, _, _, old, _ in rows},
        learner__in={learner for _, learner, _, _, _ in rows},
    ).order_by()
    there = {
        (learner, run_key, license_uuid): state
        for learner, run_key, license_uuid, state in successors.values_list(
            "learner_id", "run_key", "subsidy_uuid", "state"
        )
    }
    changes: list[tuple[UUID, UUID, str, str]] = []
    for pk, learner, run_key, old, error in rows:
        state = there.get((learner, run_key, renewed[old]))
        if state is None:
            changes.append((pk, renewed[old], PendingState.WAITING.value, error))
        elif state in (PendingState.WAITING, PendingState.DONE):
            text = _("license_renewed: The renewed license was to pay for it as well.")
            changes.append((pk, old, PendingState.FAILED.value, text))
    for chunk in sets.chunks(changes):
        sets.update(
            models.PendingEnrollment,
            ("uuid", "subsidy_uuid", "state", "last_error", "modified_at"),
            [(*change, moment) for change in chunk],
        )
        uuids = [change[0] for change in chunk]
        sets.record_history(models.PendingEnrollment, uuids, kind="~", by=by, reason="renewed", at=moment)
