"""Asking, and taking the question back."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from bursar.catalog import api as catalog
from bursar.catalog.data import Course
from bursar.customers import api as customers
from bursar.customers.data import Customer, CustomerNotFound
from bursar.lib import clock, sets
from bursar.lib.outcomes import Saved
from bursar.subsidy_requests import models
from bursar.subsidy_requests.data import (
    AlreadyRequested,
    CourseRequired,
    MayNotRequest,
    NewRequest,
    NotWithdrawable,
    RequestNotFound,
    RequestsNotConfigured,
    State,
    SubsidyType,
    UnknownCourse,
)
from bursar.subsidy_requests.service import mails
from bursar.subsidy_requests.service.configuration import lock_configuration, lock_configurations
from bursar.subsidy_requests.service.kinds import KINDS, Kind
from bursar.subsidy_requests.service.subsidies import get_subsidies

_COLUMNS = (
    "uuid",
    "customer_uuid",
    "lms_user_id",
    "email",
    "course_key",
    "course_run_key",
    "course_title",
    "course_partners",
    "state",
    "is_notification_wanted",
    "is_removed",
    "created_at",
    "modified_at",
)


def ask(request: NewRequest, *, by: int | None) -> models.SubsidyRequest:
    """Makes a request and returns it; the learner gets a mail that says so.

    The learner must be linked to a customer whose portal and requests are on and which has something current
    and active that pays in this way, even if nothing of it is left: the administrator then sees that somebody
    waits. Title and partners of the course are the catalog's of today.

    Errors: CourseRequired, SubsidyNotAvailable, RequestsNotConfigured, MayNotRequest, UnknownCourse,
    AlreadyRequested.
    Effects: locks the customer's configuration, so that a change of it finds every request of before.
    """
    kind = KINDS[request.subsidy_type]
    if kind.is_course_required and not request.course_key:
        raise CourseRequired(_("Name the course that you would like to take."))
    subsidies = get_subsidies(kind.subsidy_type)
    customer = _get_customer_of_learner(request)
    course = _get_course(request)
    if not subsidies.has_supply(customer_uuid=request.customer_uuid):
        raise MayNotRequest(_("This organization has nothing that could pay now."), reason="nothing_current")
    moment = clock.now()
    row = _row(request, course, moment)
    with transaction.atomic(durable=True):
        _check_configured(lock_configuration(request.customer_uuid), kind)
        if not _insert(kind, [row], by=by, at=moment):
            raise AlreadyRequested(_already_requested(kind))
        made = kind.model(**dict(zip(_COLUMNS, row, strict=True)))
        mails.send_received(kind, made, customer, by=by)
    return made


def open_requests(requests: Sequence[NewRequest], *, by: int | None) -> Saved:
    """Makes those requests of a world file whose learner never had one at the customer for the course.

    They are of one type. Nobody gets a mail.
    """
    if not requests:
        return Saved()
    kind = KINDS[requests[0].subsidy_type]
    had = set(
        kind.model._default_manager.filter(
            customer_uuid__in={each.customer_uuid for each in requests},
            lms_user_id__in={each.lms_user_id for each in requests},
        ).values_list("customer_uuid", "lms_user_id", "course_key")
    )
    new = [each for each in requests if (each.customer_uuid, each.lms_user_id, each.course_key) not in had]
    courses = catalog.find_courses({each.course_key for each in new if each.course_key})
    moment = clock.now()
    rows = [_row(each, courses.get(each.course_key or ""), moment) for each in new]
    with transaction.atomic(durable=True):
        lock_configurations({each.customer_uuid for each in new})  # a digest marks all that it finds
        made = _insert(kind, rows, by=by, at=moment)
    return Saved(created=len(made), unchanged=len(requests) - len(made))


def _row(request: NewRequest, course: Course | None, moment: datetime) -> tuple[Any, ...]:
    partners = course and [{"uuid": str(each.uuid), "name": each.name} for each in course.partners]
    return (
        uuid.uuid4(),
        request.customer_uuid,
        request.lms_user_id,
        request.email,
        request.course_key,
        request.course_run_key,
        course.title if course else None,
        partners,
        State.REQUESTED.value,
        False,
        False,
        moment,
        moment,
    )


def _insert(kind: Kind, rows: Sequence[tuple[Any, ...]], *, by: int | None, at: datetime) -> list[UUID]:
    """Writes the requests of learners without an open one."""
    made = sets.insert_new(kind.model, _COLUMNS, rows, unique=(*kind.one_open_per, "is_open"))
    sets.record_history(kind.model, sorted(made), kind="+", by=by, reason="requested", at=at)
    return sorted(made)


def _already_requested(kind: Kind) -> str:
    if kind.is_course_required:
        return _("You already have an open request for this course.")
    return _("You already have an open request for a license.")


def _check_configured(configuration: models.Configuration | None, kind: Kind) -> None:
    if configuration is None:
        reason, message = "no_configuration", _("This organization has not set up course requests.")
    elif not configuration.is_enabled:
        reason, message = "disabled", _("This organization does not take course requests at the moment.")
    elif configuration.subsidy_type is None:
        reason, message = "no_type", _("This organization has not chosen what pays for requested courses.")
    elif configuration.subsidy_type != kind.subsidy_type:
        reason, message = "other_type", _OTHER_TYPE[kind.subsidy_type]()
    else:
        return
    raise RequestsNotConfigured(message, reason=reason)


_OTHER_TYPE: Mapping[SubsidyType, Any] = {
    SubsidyType.LICENSE: lambda: _("This organization does not pay for requested courses with licenses."),
    SubsidyType.COUPON: lambda: _("This organization does not pay for requested courses with coupon codes."),
}


def _get_customer_of_learner(request: NewRequest) -> Customer:
    try:
        customer = customers.get_active_customer(request.customer_uuid, linked_to=request.lms_user_id)
    except CustomerNotFound as error:
        raise MayNotRequest(_("You are not linked to this organization."), reason="not_linked") from error
    if not customer.enable_learner_portal:
        raise MayNotRequest(_("This organization's learner portal is off."), reason="no_portal")
    return customer


def _get_course(request: NewRequest) -> Course | None:
    """The course that is asked for, if one is; it is one of the customer's, and the run is one of its."""
    if not request.course_key:
        if request.course_run_key:
            raise UnknownCourse(_("Name the course of the course run, too."))
        return None
    course = catalog.find_courses([request.course_key]).get(request.course_key)
    catalogs = catalog.list_catalogs(customer_uuid=request.customer_uuid) if course else []
    if course is None or not any(each.contains(course.key) for each in catalogs):
        raise UnknownCourse(
            _("The course %(course)s is not in your organization's catalog.") % {"course": request.course_key}
        )
    if request.course_run_key and request.course_run_key not in course.run_keys:
        raise UnknownCourse(
            _("%(run)s is no run of the course %(course)s.")
            % {"run": request.course_run_key, "course": request.course_key}
        )
    return course


@transaction.atomic(durable=True)
def withdraw(subsidy_type: SubsidyType, request_uuid: UUID, *, lms_user_id: int) -> None:
    """Takes the learner's own request back, as long as nobody answered it.

    Errors: RequestNotFound, NotWithdrawable.
    """
    model = KINDS[subsidy_type].model
    request = (
        model._default_manager.select_for_update()
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
    model._default_manager.filter(pk=request_uuid).update(is_removed=True, modified_at=clock.now())
    sets.record_history(model, [request_uuid], kind="~", by=lms_user_id, reason="withdrawn")
