"""Sponsored enrollments follow the enrollments: who leaves a run, and who comes back.

Contract: customers A7, what edx-enterprise does on the LMS's signals. Its third reaction, a row for every
enrollment of a learner's own in a run of the active customer's catalog, is not built.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from django.db import transaction

from bursar.customers import models
from bursar.customers.service.ending import mark_enrolled, mark_revoked, mark_unenrolled, record_ended
from bursar.customers.service.sponsoring import Pair
from bursar.enrollments import api as enrollments
from bursar.events.customers import SponsorshipEnded
from bursar.events.enrollments import EnrollmentChanged
from bursar.lib import clock, sets
from bursar.outbox.data import Delivery

FOLLOW_ENROLLMENTS = "customers.follow_enrollments"
"""One handler for leaving and coming back, for the relay keeps the order of what one handler gets."""


def note_left(deliveries: Sequence[Delivery[EnrollmentChanged]]) -> None:
    """Reaction: whoever left a run is sponsored there no more, and what paid for it is revoked.

    An event may be older than what happened since, so what counts is whether the person is in now. That is
    asked again afterwards: whoever was put back in at that very moment gets everything back.
    Effects: no inbox, for nothing happens twice; one query for each 1,000 places that nobody sponsors.
    """
    for chunk in sets.chunks(_pairs(deliveries)):
        marked = _end_places(_outside(_find(chunk, is_unenrolled=False)))
        back = _find(_inside(marked), is_unenrolled=True)
        _revive(back, with_fulfillments=True)


def note_back(deliveries: Sequence[Delivery[EnrollmentChanged]]) -> None:
    """Reaction: whoever came back into a run is enrolled for the customer again; what was revoked stays so.

    Somebody whose sponsorship ended after the event has not come back since.
    """
    came_at = {
        (fact.lms_user_id, fact.run_key): each.recorded_at for each in deliveries for fact in each.facts
    }
    for chunk in sets.chunks(sorted(came_at)):
        rows = _find(chunk, is_unenrolled=True)
        before = {pair: row for pair, row in rows.items() if row[1] is None or row[1] < came_at[pair]}
        inside = set(_inside(before))
        _revive({pair: row for pair, row in before.items() if pair in inside}, with_fulfillments=False)


_Row = tuple[list[UUID], datetime | None]
"""The sponsored enrollments of a place (one for each customer), and when the last of them ended."""


def _pairs(deliveries: Iterable[Delivery[EnrollmentChanged]]) -> list[Pair]:
    return sorted({(fact.lms_user_id, fact.run_key) for each in deliveries for fact in each.facts})


def _find(pairs: Iterable[Pair], *, is_unenrolled: bool) -> dict[Pair, _Row]:
    wanted = set(pairs)
    found: dict[Pair, _Row] = {}
    if not wanted:
        return found
    rows = models.SponsoredEnrollment.objects.filter(
        link__lms_user_id__in={lms_user_id for lms_user_id, _ in wanted},
        run_key__in={run_key for _, run_key in wanted},
        is_unenrolled=is_unenrolled,
    ).order_by("unenrolled_at")
    for *key, uuid, ended_at in rows.values_list("link__lms_user_id", "run_key", "uuid", "unenrolled_at"):
        pair = (key[0], key[1])
        if pair in wanted:
            uuids = found[pair][0] if pair in found else []
            found[pair] = ([*uuids, uuid], ended_at)
    return found


def _inside(pairs: Iterable[Pair]) -> list[Pair]:
    listed = list(pairs)
    found = enrollments.find_enrollments(listed) if listed else {}
    return [pair for pair in listed if pair in found and found[pair].is_active]


def _outside(rows: Mapping[Pair, _Row]) -> dict[Pair, _Row]:
    inside = set(_inside(rows))
    return {pair: row for pair, row in rows.items() if pair not in inside}


def _end_places(rows: Mapping[Pair, _Row]) -> list[Pair]:
    """Marks the places as left and revokes what pays for them; gives the pairs."""
    uuids = sorted(uuid for listed, _ in rows.values() for uuid in listed)
    if not uuids:
        return []
    moment = clock.now()
    with transaction.atomic(durable=True):
        places = models.SponsoredEnrollment.objects.filter(pk__in=uuids, is_unenrolled=False)
        left = places.order_by("link_id", "run_key").select_for_update()
        locked = list(left.values_list("pk", flat=True))
        paying = models.Fulfillment.objects.filter(
            sponsored_enrollment__in=locked, is_revoked=False
        ).order_by("sponsored_enrollment_id", "kind", "subsidy_uuid")
        list(paying.select_for_update().values_list("pk"))
        facts = [
            SponsorshipEnded(*columns, False)  # type: ignore[call-arg]  # six columns, whatever the types say
            for columns in paying.values_list(*_FACT_COLUMNS)
        ]
        mark_unenrolled(locked, by=None, at=moment)
        mark_revoked([fact.fulfillment_uuid for fact in facts], by=None, at=moment)
        record_ended(facts, by=None)
    return list(rows)


def _revive(rows: Mapping[Pair, _Row], *, with_fulfillments: bool) -> None:
    uuids = sorted(uuid for listed, _ in rows.values() for uuid in listed)
    if not uuids:
        return
    moment = clock.now()
    with transaction.atomic(durable=True):
        places = models.SponsoredEnrollment.objects.filter(pk__in=uuids, is_unenrolled=True)
        locked = dict(
            places.order_by("link_id", "run_key").select_for_update().values_list("pk", "unenrolled_at")
        )
        if with_fulfillments:
            ended = models.Fulfillment.objects.filter(
                sponsored_enrollment__in=locked, is_revoked=True, modified_at__in=set(locked.values())
            ).order_by("sponsored_enrollment_id", "kind", "subsidy_uuid")
            revived = list(ended.select_for_update().values_list("pk", flat=True))
            mark_revoked(revived, is_revoked=False, by=None, at=moment)
        mark_enrolled(locked, by=None, at=moment)


_FACT_COLUMNS = (
    "sponsored_enrollment__link__customer_id", "sponsored_enrollment__link__lms_user_id",
    "sponsored_enrollment__run_key", "uuid", "kind", "subsidy_uuid",
)  # fmt: skip
