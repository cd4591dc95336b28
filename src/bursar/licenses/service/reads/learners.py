"""Licenses of one person, as they are read."""

from collections.abc import Collection
from dataclasses import dataclass, field
from uuid import UUID

from django.db.models import Q, QuerySet

from bursar.catalog import api as catalog
from bursar.lib import clock
from bursar.licenses import models
from bursar.licenses.data import LIVE, Status
from bursar.licenses.service.reads.licenses import WantedLicenses


@dataclass(frozen=True, slots=True)
class LearnerLicenseFilter:
    """Which of a learner's licenses are wanted."""

    customer_uuid: UUID
    active_plans_only: bool = True
    current_plans_only: bool = True
    include_revoked: bool = False
    wanted: WantedLicenses = field(default_factory=WantedLicenses)


def select_learner_licenses(
    which: LearnerLicenseFilter, *, email: str | None, lms_user_id: int
) -> QuerySet[models.License]:
    """The person's licenses at one customer: by account, or by address if ``email`` (confirmed) is given.

    Live ones first, then by the plan's expiry, the furthest first, unless another order is wanted.
    """
    licenses = _with_plans().filter(_own(email, lms_user_id), plan__customer_uuid=which.customer_uuid)
    if which.active_plans_only:
        licenses = licenses.filter(plan__is_active=True)
    if which.current_plans_only:
        moment = clock.now()
        licenses = licenses.filter(plan__starts_at__lte=moment, plan__expires_at__gte=moment)
    statuses: Collection[Status] = (*LIVE, Status.REVOKED) if which.include_revoked else LIVE
    licenses = which.wanted.narrow(licenses.filter(status__in=statuses))
    order = which.wanted.ordering or ("status", "-plan__expires_at")
    return licenses.order_by(*order, "pk")


def select_own_licenses(plan_uuid: UUID, *, email: str | None, lms_user_id: int) -> QuerySet[models.License]:
    """The person's live licenses of the plan: by account, or by address if ``email`` (confirmed) is given."""
    licenses = models.License.objects.filter(_own(email, lms_user_id), plan=plan_uuid, status__in=LIVE)
    return licenses.order_by("status", "pk")


def get_license(license_uuid: UUID) -> models.License:
    """The license with its plan and agreement. One query."""
    return _with_plans().get(pk=license_uuid)


def find_subsidy(*, customer_uuid: UUID, course_key: str, lms_user_id: int) -> models.License | None:
    """The person's activated license that pays for the course (or the run) now, with its plan; or None.

    Of several the one whose plan lasts longest. Only of a plan that is active, started and not expired,
    and whose catalog has the course. Three queries.
    """
    moment = clock.now()
    licenses = _with_plans().filter(
        lms_user_id=lms_user_id,
        status=Status.ACTIVATED,
        plan__customer_uuid=customer_uuid,
        plan__is_active=True,
        plan__starts_at__lte=moment,
        plan__expires_at__gte=moment,
    )
    held = list(licenses.order_by("-plan__expires_at", "pk"))
    if not held:
        return None
    containing = _catalogs_with(customer_uuid, course_key)
    for each in held:
        wanted = each.plan.catalog_uuid or each.plan.agreement.default_catalog_uuid
        # A plan without any catalog pays for whatever the customer may use.
        if wanted in containing or (wanted is None and containing):
            return each
    return None


def _catalogs_with(customer_uuid: UUID, key: str) -> frozenset[UUID]:
    if catalog.is_run_key(key):
        return catalog.find_catalogs_with_runs(customer_uuid=customer_uuid, run_keys=[key])[key]
    if catalog.is_course_key(key):
        return catalog.find_catalogs_with_courses(customer_uuid=customer_uuid, course_keys=[key])[key]
    return frozenset()


def find_licenses_of_address(email: str, *, customer_uuid: UUID | None = None) -> QuerySet[models.License]:
    """All licenses of an address, of every status and plan, at one customer or at all; the newest first."""
    licenses = _with_plans().filter(email=email)
    if customer_uuid is not None:
        licenses = licenses.filter(plan__customer_uuid=customer_uuid)
    return licenses.order_by("-assigned_at", "pk")


def _own(email: str | None, lms_user_id: int) -> Q:
    own = Q(lms_user_id=lms_user_id)
    return own if email is None else own | Q(email=email)


def _with_plans() -> QuerySet[models.License]:
    return models.License.objects.select_related("plan__agreement", "plan__product__plan_type")
