"""Asking, and taking the question back."""

import uuid
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from bursar.catalog import api as catalog
from bursar.customers import api as customers
from bursar.lib import clock, sets
from bursar.lib.outcomes import Saved
from bursar.licenses import api as licenses
from bursar.subsidy_requests import models
from bursar.subsidy_requests.data import (
    AlreadyRequested,
    MayNotRequest,
    NewRequest,
    NotWithdrawable,
    RequestNotFound,
    RequestsNotConfigured,
    State,
    SubsidyType,
    UnknownCourse,
)

_COLUMNS = (
    "uuid",
    "customer_uuid",
    "lms_user_id",
    "email",
    "course_key",
    "course_title",
    "course_partners",
    "state",
    "is_notification_wanted",
    "is_removed",
    "created_at",
    "modified_at",
)


def request_license(request: NewRequest, *, by: int | None) -> models.LicenseRequest:
    """Makes a request for a license and returns it.

    The learner must be linked to a customer whose portal and requests are on and which has a current,
    active plan, even one with nothing left: the administrator then sees that somebody waits.

    Errors: RequestsNotConfigured, MayNotRequest, UnknownCourse, AlreadyRequested.
    """
    _check_configured(request.customer_uuid, SubsidyType.LICENSE)
    _check_may_request(request)
    made = _insert([request], by=by)
    if not made:
        raise AlreadyRequested(_("You already have an open request for a license."))
    return models.LicenseRequest.objects.get(pk=made[0])


def open_requests(requests: Sequence[NewRequest], *, by: int | None) -> Saved:
    """Makes those requests of a world file whose learner never had one at the customer for the course."""
    customers_ = {each.customer_uuid for each in requests}
    learners = {each.lms_user_id for each in requests}
    had = set(
        models.LicenseRequest.objects.filter(
            customer_uuid__in=customers_, lms_user_id__in=learners
        ).values_list("customer_uuid", "lms_user_id", "course_key")
    )
    new = [each for each in requests if (each.customer_uuid, each.lms_user_id, each.course_key) not in had]
    made = _insert(new, by=by)
    return Saved(created=len(made), unchanged=len(requests) - len(made))


def _insert(requests: Sequence[NewRequest], *, by: int | None) -> list[UUID]:
    """Writes the requests of learners without an open one; title and partners are the catalog's of today."""
    courses = catalog.find_courses({each.course_key for each in requests if each.course_key})
    moment = clock.now()
    rows: list[tuple[Any, ...]] = []
    for each in requests:
        course = courses.get(each.course_key) if each.course_key else None
        partners = (
            [{"uuid": str(partner.uuid), "name": partner.name} for partner in course.partners]
            if course
            else None
        )
        rows.append(
            (
                uuid.uuid4(),
                each.customer_uuid,
                each.lms_user_id,
                each.email,
                each.course_key,
                course.title if course else None,
                partners,
                State.REQUESTED.value,
                False,
                False,
                moment,
                moment,
            )
        )
    rows.sort(key=lambda row: (row[1], row[2]))
    with transaction.atomic(durable=True):
        made = sets.insert_new(
            models.LicenseRequest, _COLUMNS, rows, unique=("lms_user_id", "customer_uuid", "is_open")
        )
        sets.record_history(
            models.LicenseRequest, sorted(made), kind="+", by=by, reason="requested", at=moment
        )
    return sorted(made)


def _check_configured(customer_uuid: UUID, subsidy_type: SubsidyType) -> None:
    configuration = models.Configuration.objects.filter(pk=customer_uuid).first()
    if configuration is None:
        reason, message = "no_configuration", _("This organization has not set up course requests.")
    elif not configuration.is_enabled:
        reason, message = "disabled", _("This organization does not take course requests at the moment.")
    elif configuration.subsidy_type is None:
        reason, message = "no_type", _("This organization has not chosen what pays for requested courses.")
    elif configuration.subsidy_type != subsidy_type:
        reason, message = (
            "other_type",
            _("This organization does not pay for requested courses with licenses."),
        )
    else:
        return
    raise RequestsNotConfigured(message, reason=reason)


def _check_may_request(request: NewRequest) -> None:
    customer = customers.find_customers([request.customer_uuid]).get(request.customer_uuid)
    linked = customer is not None and customers.is_linked(
        customer_uuid=request.customer_uuid, lms_user_id=request.lms_user_id
    )
    if customer is None or not linked:
        raise MayNotRequest(_("You are not linked to this organization."), reason="not_linked")
    if not (customer.is_active and customer.enable_learner_portal):
        raise MayNotRequest(_("This organization's learner portal is off."), reason="no_portal")
    if not licenses.list_usable_plans(customer_uuid=request.customer_uuid):
        raise MayNotRequest(_("This organization has no current subscription plan."), reason="no_plan")
    if request.course_key:
        found = catalog.find_catalogs_with_courses(
            customer_uuid=request.customer_uuid, course_keys=[request.course_key]
        )
        if not found.get(request.course_key):
            raise UnknownCourse(
                _("The course %(course)s is not in your organization's catalog.")
                % {"course": request.course_key}
            )


@transaction.atomic(durable=True)
def withdraw(request_uuid: UUID, *, lms_user_id: int) -> None:
    """Takes the learner's own request back, as long as nobody answered it.

    Errors: RequestNotFound, NotWithdrawable.
    """
    request = (
        models.LicenseRequest.objects.select_for_update()
        .filter(pk=request_uuid, lms_user_id=lms_user_id, is_removed=False)
        .first()
    )
    if request is None:
        raise RequestNotFound(_("You have no such request."))
    if request.state != State.REQUESTED:
        raise NotWithdrawable(
            _("This request is %(state)s and can no longer be withdrawn.") % {"state": request.state},
            state=request.state,
        )
    models.LicenseRequest.objects.filter(pk=request_uuid).update(is_removed=True, modified_at=clock.now())
    sets.record_history(models.LicenseRequest, [request_uuid], kind="~", by=lms_user_id, reason="withdrawn")
