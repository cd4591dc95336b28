"""What learners and administrators read about requests."""

from collections.abc import Collection
from uuid import UUID

from django.db.models import Count, Q, QuerySet
from django.utils.translation import gettext as _

from bursar.identity import api as identity
from bursar.lib import emails
from bursar.notifications import api as notifications
from bursar.subsidy_requests import models
from bursar.subsidy_requests.data import Capacity, RequestNotFound, State, StoryLine
from bursar.subsidy_requests.service.kinds import Kind
from bursar.subsidy_requests.service.subsidies import get_subsidies


def visible_requests(
    kind: Kind,
    *,
    lms_user_id: int,
    customer_uuids: Collection[UUID] | None,
    of_customer: UUID | None = None,
) -> QuerySet[models.SubsidyRequest]:
    """The person's own requests and those of the customers they administer (None: of every customer).

    ``of_customer``: only that customer's. An administrator's list then reads one index and not two.
    """
    requests = kind.model._default_manager.filter(is_removed=False)
    if of_customer is not None:
        requests = requests.filter(customer_uuid=of_customer)
    if customer_uuids is None or of_customer in customer_uuids:
        return requests
    own = Q(lms_user_id=lms_user_id)
    if of_customer is None and customer_uuids:
        own |= Q(customer_uuid__in=customer_uuids)
    return requests.filter(own)


def searched(requests: QuerySet[models.SubsidyRequest], search: str) -> QuerySet[models.SubsidyRequest]:
    """Those whose address contains each of these words (separated by blanks or commas)."""
    for word in search.replace(",", " ").split():
        requests = requests.filter(email__contains=emails.normalize(word))
    return requests


def count_states(requests: QuerySet[models.SubsidyRequest]) -> list[tuple[str, int]]:
    """How many of these requests there are in each state, the most frequent first. One query."""
    counted = requests.order_by().values_list("state").annotate(count=Count("pk"))
    return [(state, count) for state, count in counted.order_by("-count", "state")]


def get_capacity(kind: Kind, customer_uuid: UUID) -> Capacity:
    """How many requests wait for the customer's answer, and what there is to give.

    Errors: SubsidyNotAvailable.
    """
    supplies = get_subsidies(kind.subsidy_type).list_supplies(customer_uuid=customer_uuid)
    return Capacity(count_waiting(kind, customer_uuid), tuple(supplies))


def count_waiting(kind: Kind, customer_uuid: UUID) -> int:
    """How many requests wait for the customer's answer."""
    waiting = kind.model._default_manager.filter(
        customer_uuid=customer_uuid, state=State.REQUESTED, is_removed=False
    )
    return waiting.count()


def visible_configurations(customer_uuids: Collection[UUID] | None) -> QuerySet[models.Configuration]:
    """The configurations of these customers (None: of every customer)."""
    configurations = models.Configuration.objects.all()
    return configurations if customer_uuids is None else configurations.filter(pk__in=customer_uuids)


def tell_story(kind: Kind, request: models.SubsidyRequest) -> list[StoryLine]:
    """Everything that became of a request, of what was assigned and of its mails, oldest first.

    Constant queries.
    """
    history = kind.model.history.filter(uuid=request.pk).order_by("history_id")  # type: ignore[attr-defined]
    lines = [
        StoryLine(
            row.history_date,
            "request",
            row.history_change_reason or row.state,
            row.history_user_id,
            None,
            row.decline_reason or row.error_message or "",
        )
        for row in history
    ]
    assigned = getattr(request, kind.assigned)
    if assigned is not None:
        lines += [
            StoryLine(change.at, kind.subsidy_type.value, change.what, change.by, None, str(assigned))
            for change in get_subsidies(kind.subsidy_type).tell_story(assigned, held_at=request.fulfilled_at)
        ]
    for message in notifications.find_messages([kind.about_request(request.pk)]):
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


def get_visible(requests: QuerySet[models.SubsidyRequest], request_uuid: UUID) -> models.SubsidyRequest:
    """The request, if it is among those that may be seen; else RequestNotFound."""
    found = requests.filter(pk=request_uuid).first()
    if found is None:
        raise RequestNotFound(_("There is no such request."))
    return found
