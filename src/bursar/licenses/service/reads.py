"""What learners and administrators read."""

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Count, Q, QuerySet

from bursar.lib import clock
from bursar.licenses import models
from bursar.licenses.data import LIVE, Status


@dataclass(frozen=True, slots=True)
class LearnerLicenseFilter:
    """Which of a learner's licenses are wanted."""

    customer_uuid: UUID
    active_plans_only: bool = True
    current_plans_only: bool = True
    include_revoked: bool = False


def learner_licenses(
    wanted: LearnerLicenseFilter, *, email: str | None, lms_user_id: int
) -> QuerySet[models.License]:
    """The person's licenses at one customer: by account, or by address if ``email`` (confirmed) is given.

    Live ones first, then by the plan's expiry, the furthest first.
    """
    own = Q(lms_user_id=lms_user_id)
    if email is not None:
        own |= Q(email=email)
    licenses = models.License.objects.filter(own, plan__customer_uuid=wanted.customer_uuid)
    if wanted.active_plans_only:
        licenses = licenses.filter(plan__is_active=True)
    if wanted.current_plans_only:
        moment = clock.now()
        licenses = licenses.filter(plan__starts_at__lte=moment, plan__expires_at__gte=moment)
    statuses: Collection[Status] = (*LIVE, Status.REVOKED) if wanted.include_revoked else LIVE
    return (
        licenses.filter(status__in=statuses)
        .select_related("plan__agreement", "plan__product__plan_type")
        .order_by("status", "-plan__expires_at", "pk")
    )


def get_license(license_uuid: UUID) -> models.License:
    """The license with its plan and agreement. One query."""
    return models.License.objects.select_related("plan__agreement", "plan__product__plan_type").get(
        pk=license_uuid
    )


def find_plan(plan_uuid: UUID) -> models.Plan | None:
    """The plan's row, or None."""
    return models.Plan.objects.filter(pk=plan_uuid).first()


def find_agreement(customer_uuid: UUID) -> tuple[models.Agreement, list[models.Plan]] | None:
    """The customer's agreement with all its plans. Two queries."""
    agreement = models.Agreement.objects.filter(customer_uuid=customer_uuid).first()
    return (agreement, list(models.Plan.objects.filter(agreement=agreement))) if agreement else None


def find_agreement_by_uuid(agreement_uuid: UUID) -> models.Agreement | None:
    """The agreement's row, or None."""
    return models.Agreement.objects.filter(pk=agreement_uuid).first()


def count_licenses(
    plan_uuid: UUID, *, statuses: Collection[str], search: str, ignore_null_emails: bool
) -> list[tuple[str, int]]:
    """How many licenses of the plan have each status, the most first; absent statuses are left out."""
    licenses = models.License.objects.filter(plan=plan_uuid)
    if statuses:
        licenses = licenses.filter(status__in=statuses)
    if search:
        licenses = licenses.filter(email__contains=search)
    if ignore_null_emails:
        licenses = licenses.filter(Q(email__isnull=False) | Q(status=Status.UNASSIGNED))
    rows = licenses.order_by().values_list("status").annotate(count=Count("pk"))
    return sorted(rows, key=lambda row: (-row[1], row[0]))


def counts_on_plan(plan: models.Plan) -> list[tuple[str, int]]:
    """The same without filters, read from the plan's row: it costs nothing however large the plan is."""
    counts = [(status.value, getattr(plan, f"{status}_count")) for status in Status]
    return sorted(((status, count) for status, count in counts if count), key=lambda row: (-row[1], row[0]))
