"""Giving roles, taking them away, and finding who has one."""

import uuid
from collections.abc import Collection, Iterable, Sequence
from uuid import UUID

from django.db import transaction
from django.db.models import OuterRef, Q, Subquery

from bursar.identity.data import ANY_CUSTOMER, Person, RoleAssignment, RoleHolder
from bursar.identity.models import RoleAssignment as RoleRow
from bursar.identity.models import User
from bursar.identity.service.people import to_people
from bursar.lib import clock, sets

_Key = tuple[int, str, str]


def assign_roles(assignments: Sequence[RoleAssignment], *, by: int | None) -> int:
    """Gives the roles and returns how many were new. A role that is there already stays as it is.

    Effects: two statements per 1,000 in the caller's transaction, history included.
    """
    count = 0
    moment = clock.now()
    with transaction.atomic():
        for chunk in sets.chunks(sorted(_keys(assignments))):
            inserted = sets.insert_new(
                RoleRow,
                ("uuid", "lms_user_id", "role", "context", "assigned_at"),
                [(uuid.uuid4(), *key, moment) for key in chunk],
                unique=("lms_user_id", "role", "context"),
            )
            sets.record_history(RoleRow, sorted(inserted), kind="+", by=by)
            count += len(inserted)
    return count


def withdraw_roles(assignments: Sequence[RoleAssignment], *, by: int | None) -> int:
    """Takes the roles away and returns how many there were. A token keeps them until it runs out (one hour).

    Effects: three statements per 1,000 in the caller's transaction, history included.
    """
    count = 0
    with transaction.atomic():
        for chunk in sets.chunks(sorted(_keys(assignments))):
            unwanted = set(chunk)
            rows = RoleRow.objects.select_for_update().filter(
                lms_user_id__in={key[0] for key in chunk},
                role__in={key[1] for key in chunk},
                context__in={key[2] for key in chunk},
            )
            found = sorted(row.uuid for row in rows if (row.lms_user_id, row.role, row.context) in unwanted)
            sets.record_history(RoleRow, found, kind="-", by=by)
            RoleRow.objects.filter(uuid__in=found)._raw_delete(RoleRow.objects.db)
            count += len(found)
    return count


def withdraw_all_roles(lms_user_ids: Collection[int], *, by: int | None) -> None:
    """Takes every role of these people away. Three statements in the caller's transaction, with history."""
    rows = RoleRow.objects.select_for_update().filter(lms_user_id__in=lms_user_ids)
    found = sorted(rows.values_list("uuid", flat=True))
    sets.record_history(RoleRow, found, kind="-", by=by)
    RoleRow.objects.filter(uuid__in=found)._raw_delete(RoleRow.objects.db)


def list_people_with_role(role: str, *, customer_uuid: UUID | None) -> list[Person]:
    """The active accounts that have the role for exactly this customer, by username. One query.

    ``customer_uuid`` None: those who have it for every customer; they are not listed for a single one.
    """
    holders = RoleRow.objects.filter(role=role, context=_context(customer_uuid)).values("lms_user_id")
    return to_people(User.objects.filter(lms_user_id__in=holders, is_active=True).order_by("username"))


def find_role_holders(
    *, customer_uuids: Collection[UUID], role: str, also_of: Collection[int] = ()
) -> list[RoleHolder]:
    """Who has the role for exactly these customers, and every role that the people ``also_of`` have there.

    Active accounts only, in the order in which they got the roles. One query for each 1,000 customers.
    """
    found: list[RoleHolder] = []
    users = User.objects.filter(lms_user_id=OuterRef("lms_user_id"), is_active=True)
    for chunk in sets.chunks(sorted(set(customer_uuids))):
        rows = (
            RoleRow.objects.filter(context__in=[str(each) for each in chunk])
            .filter(Q(role=role) | Q(lms_user_id__in=also_of))
            .annotate(email=Subquery(users.values("email_key")[:1]))
            .order_by("assigned_at", "uuid")
        )
        found += [
            RoleHolder(lms_user_id, email, held, UUID(context))
            for lms_user_id, email, held, context in rows.values_list(
                "lms_user_id", "email", "role", "context"
            )
            if email is not None
        ]
    return found


def _keys(assignments: Iterable[RoleAssignment]) -> set[_Key]:
    return {(each.lms_user_id, each.role, _context(each.customer_uuid)) for each in assignments}


def _context(customer_uuid: UUID | None) -> str:
    return ANY_CUSTOMER if customer_uuid is None else str(customer_uuid)
