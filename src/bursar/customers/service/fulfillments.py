"""What is paid for, and by what: reading it, and what learners may say about it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from bursar.catalog import api as catalog
from bursar.catalog.data import Run
from bursar.customers import models
from bursar.customers.data import (
    Fulfillment,
    FulfillmentKind,
    FulfillmentNotFound,
    SponsoredEnrollmentNotFound,
)
from bursar.enrollments import api as enrollments
from bursar.enrollments.data import Enrollment
from bursar.lib import clock, sets


def get_fulfillment(fulfillment_uuid: UUID) -> Fulfillment:
    """The fulfillment with its place. Errors: FulfillmentNotFound. One query."""
    row = models.Fulfillment.objects.filter(uuid=fulfillment_uuid).values_list(*_COLUMNS).first()
    if row is None:
        raise FulfillmentNotFound(_("There is no such fulfillment."))
    return _fulfillment(row)


def list_unenrolled(*, since: datetime | None) -> list[Fulfillment]:
    """What paid for places that learners left (at or after a moment), of all customers, the oldest first."""
    rows = models.Fulfillment.objects.filter(sponsored_enrollment__is_unenrolled=True)
    if since is not None:
        rows = rows.filter(sponsored_enrollment__unenrolled_at__gte=since)
    rows = rows.order_by("sponsored_enrollment__unenrolled_at", "uuid")
    return [_fulfillment(row) for row in rows.values_list(*_COLUMNS)]


@dataclass(frozen=True, slots=True)
class OwnPlace:
    """A learner's sponsored place, with what the enrollments and the catalog know of it."""

    run_key: str
    created_at: datetime
    is_saved_for_later: bool
    is_revoked: bool
    enrollment: Enrollment | None
    run: Run | None


def list_own_places(*, customer_uuid: UUID, lms_user_id: int) -> list[OwnPlace]:
    """What the customer sponsors or did for this learner, the newest first. Four queries.

    Revoked means that something paid for the place once and nothing does any more.
    """
    rows = models.SponsoredEnrollment.objects.filter(
        link__customer_id=customer_uuid, link__lms_user_id=lms_user_id
    ).order_by("-created_at", "uuid")
    places = list(rows.values_list("uuid", "run_key", "created_at", "is_saved_for_later"))
    paid: dict[UUID, list[bool]] = {}
    fulfillments = models.Fulfillment.objects.filter(
        sponsored_enrollment__link__customer_id=customer_uuid,
        sponsored_enrollment__link__lms_user_id=lms_user_id,
    ).order_by()
    for sponsored_uuid, is_revoked in fulfillments.values_list("sponsored_enrollment_id", "is_revoked"):
        paid.setdefault(sponsored_uuid, []).append(is_revoked)
    keys = [run_key for _uuid, run_key, *_ in places]
    found = enrollments.find_enrollments([(lms_user_id, key) for key in keys]) if keys else {}
    runs = catalog.find_runs(keys) if keys else {}
    return [
        OwnPlace(
            run_key,
            created_at,
            is_saved_for_later,
            sponsored_uuid in paid and all(paid[sponsored_uuid]),
            found.get((lms_user_id, run_key)),
            runs.get(run_key),
        )
        for sponsored_uuid, run_key, created_at, is_saved_for_later in places
    ]


@transaction.atomic(durable=True)
def save_for_later(
    *, customer_uuid: UUID, lms_user_id: int, run_key: str, is_saved: bool, by: int | None
) -> None:
    """Puts a learner's course aside, or takes it up again. Errors: SponsoredEnrollmentNotFound."""
    rows = models.SponsoredEnrollment.objects.filter(
        link__customer_id=customer_uuid, link__lms_user_id=lms_user_id, link__is_linked=True, run_key=run_key
    )
    row = rows.select_for_update().values_list("uuid", "is_saved_for_later").first()
    if row is None:
        raise SponsoredEnrollmentNotFound(_("This organization does not pay for this course of yours."))
    sponsored_uuid, was_saved = row
    if was_saved != is_saved:
        columns = ("uuid", "is_saved_for_later", "modified_at")
        sets.update(models.SponsoredEnrollment, columns, [(sponsored_uuid, is_saved, clock.now())])
        sets.record_history(models.SponsoredEnrollment, [sponsored_uuid], kind="~", by=by)


def _fulfillment(row: Sequence[object]) -> Fulfillment:
    uuid, kind, *columns = row
    return Fulfillment(uuid, FulfillmentKind(str(kind)), *columns)  # type: ignore[arg-type]


_COLUMNS = (
    "uuid", "kind", "subsidy_uuid", "is_revoked", "sponsored_enrollment__link__customer_id",
    "sponsored_enrollment__link_id", "sponsored_enrollment__link__lms_user_id",
    "sponsored_enrollment__run_key", "sponsored_enrollment__is_saved_for_later",
    "sponsored_enrollment__is_unenrolled", "sponsored_enrollment__unenrolled_at",
    "sponsored_enrollment__created_at", "created_at", "modified_at",
)  # fmt: skip
"""In the order of ``data.Fulfillment``'s fields."""
