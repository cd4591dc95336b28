"""What learners and administrators read about requests."""

from collections.abc import Collection
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from bursar.identity import api as identity
from bursar.licenses import api as licenses
from bursar.notifications import api as notifications
from bursar.subsidy_requests import models
from bursar.subsidy_requests.data import RequestNotFound, StoryLine
from bursar.subsidy_requests.service.answers import about


def visible_requests(
    *, lms_user_id: int, customer_uuids: Collection[UUID] | None
) -> QuerySet[models.LicenseRequest]:
    """The person's own requests and those of the customers they administer (None: of every customer)."""
    requests = models.LicenseRequest.objects.filter(is_removed=False)
    if customer_uuids is None:
        return requests
    return requests.filter(Q(lms_user_id=lms_user_id) | Q(customer_uuid__in=customer_uuids))


def visible_configurations(customer_uuids: Collection[UUID] | None) -> QuerySet[models.Configuration]:
    """The configurations of these customers (None: of every customer)."""
    configurations = models.Configuration.objects.all()
    return configurations if customer_uuids is None else configurations.filter(pk__in=customer_uuids)


def tell_story(request: models.LicenseRequest) -> list[StoryLine]:
    """Everything that became of a request, its license and its mails, oldest first. Constant queries."""
    lines = [
        StoryLine(
            row.history_date,
            "request",
            row.history_change_reason or row.state,
            row.history_user_id,
            None,
            row.decline_reason or row.error_message or "",
        )
        for row in models.LicenseRequest.history.filter(uuid=request.pk).order_by("history_id")
    ]
    if request.license_uuid is not None:
        lines += [
            StoryLine(change.at, "license", change.reason, change.by, None, str(request.license_uuid))
            for change in licenses.tell_story(request.license_uuid, held_at=request.fulfilled_at)
            if change.reason
        ]
    for message in notifications.find_messages([about(request.pk)]):
        lines.append(StoryLine(message.created_at, "message", "written", None, None, message.email))
        if message.sent_at is not None:
            lines.append(StoryLine(message.sent_at, "message", "sent", None, None, message.subject))
    people = identity.find_people_by_lms_user_id({line.by for line in lines if line.by is not None})
    return sorted(
        (
            StoryLine(
                line.at,
                line.subject,
                line.event,
                line.by,
                people[line.by].username if line.by in people else None,
                line.detail,
            )
            for line in lines
        ),
        key=lambda line: line.at,
    )


def get_visible(requests: QuerySet[models.LicenseRequest], request_uuid: UUID) -> models.LicenseRequest:
    """The request, if it is among those that may be seen; else RequestNotFound."""
    found = requests.filter(pk=request_uuid).first()
    if found is None:
        raise RequestNotFound(_("There is no such request."))
    return found
