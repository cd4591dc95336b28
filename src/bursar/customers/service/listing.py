"""The members of a customer: its learners, and the addresses that wait to become learners."""

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from django.db.models import Count

from bursar.customers import models
from bursar.customers.data import Member, MemberOrder, PendingState
from bursar.identity import api as identity
from bursar.identity.data import LEARNER, Person

Row = tuple[int | None, str, datetime]
"""LMS user id (None: waits), address (empty: the account's), since when."""


def list_members(
    *,
    customer_uuid: UUID,
    search: str = "",
    order: MemberOrder = MemberOrder.JOINED,
    is_reversed: bool = False,
) -> list[Row]:
    """All members in the wanted order, as rows for ``members_of``: first or fewest first, unless reversed.

    ``search`` is a part of the name or of the address, in any case.
    Effects: two statements; one more to search or to order by name, or to order by enrollments.
    """
    links = models.LearnerLink.objects.filter(customer_id=customer_uuid, is_linked=True)
    waiting = models.PendingLearner.objects.filter(customer_id=customer_uuid, state=PendingState.WAITING)
    rows: list[Row] = [
        (lms_user_id, "", joined_at)
        for lms_user_id, joined_at in links.order_by().values_list("lms_user_id", "created_at")
    ]
    rows += [(None, *row) for row in waiting.order_by().values_list("email", "created_at")]
    people: dict[int, Person] = {}
    if search or order is MemberOrder.NAME:
        holders = identity.list_people_with_role(LEARNER, customer_uuid=customer_uuid)
        people = {each.lms_user_id: each for each in holders}
    if search:
        rows = [row for row in rows if _matches(row, people, search.casefold())]
    rows.sort(key=_by_joining)
    if order is MemberOrder.NAME:
        rows.sort(key=lambda row: _name(row, people))
    elif order is MemberOrder.ENROLLMENTS:
        counts = _count_enrollments(customer_uuid)
        rows.sort(key=lambda row: counts[row[0]])
    if is_reversed:
        rows.reverse()
    return rows


def members_of(customer_uuid: UUID, rows: Sequence[Row]) -> list[Member]:
    """The members of these rows, in order. Effects: two statements for up to 1,000."""
    ids = [lms_user_id for lms_user_id, _, _ in rows if lms_user_id is not None]
    people = identity.find_people_by_lms_user_id(ids)
    counts = _count_enrollments(customer_uuid, ids)
    members = []
    for lms_user_id, email, joined_at in rows:
        person = people.get(lms_user_id) if lms_user_id is not None else None
        members.append(
            Member(
                lms_user_id,
                person.email if person else email,
                person.name if person else "",
                joined_at,
                counts[lms_user_id],
            )
        )
    return members


def _count_enrollments(
    customer_uuid: UUID, lms_user_ids: Collection[int] | None = None
) -> Counter[int | None]:
    """How many sponsored enrollments go on, by learner."""
    rows = models.SponsoredEnrollment.objects.filter(link__customer_id=customer_uuid, is_unenrolled=False)
    if lms_user_ids is not None:
        rows = rows.filter(link__lms_user_id__in=lms_user_ids)
    counted = rows.order_by().values_list("link__lms_user_id").annotate(count=Count("uuid"))
    return Counter(dict(counted))


def _by_joining(row: Row) -> tuple[datetime, int, str]:
    lms_user_id, email, joined_at = row
    return joined_at, lms_user_id or 0, email


def _name(row: Row, people: dict[int, Person]) -> str:
    """The name by which somebody is listed: the address where there is none."""
    person = people.get(row[0]) if row[0] is not None else None
    return (person.name or person.email if person else row[1]).casefold()


def _matches(row: Row, people: dict[int, Person], part: str) -> bool:
    person = people.get(row[0]) if row[0] is not None else None
    texts = (person.name, person.email) if person else (row[1],)
    return any(part in text.casefold() for text in texts)
