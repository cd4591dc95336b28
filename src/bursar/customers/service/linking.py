"""Who learns at a customer: linked people, and addresses that wait to be confirmed.

``members`` has the commands; what changes rows here runs in their transactions.
"""

import uuid
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from uuid import UUID

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from bursar.customers import models
from bursar.customers.data import LearnerLink, PendingState
from bursar.customers.service.rows import Ensured, Row, Table, ensure
from bursar.identity import api as identity
from bursar.identity.data import LEARNER, RoleAssignment
from bursar.lib import clock, emails, sets
from bursar.lib.outcomes import Refusal

_LINK_COLUMNS = ("uuid", "customer_id", "lms_user_id", "is_linked", "is_relinkable", "is_active")
"""In the order of ``data.LearnerLink``'s fields."""


def find_links(*, customer_uuid: UUID, lms_user_ids: Collection[int]) -> dict[int, LearnerLink]:
    """The links of these people to the customer, by LMS user id, also of those who were unlinked.

    Effects: one query for each 1,000 people.
    """
    found: dict[int, LearnerLink] = {}
    for chunk in sets.chunks(list(dict.fromkeys(lms_user_ids))):
        rows = models.LearnerLink.objects.filter(customer_id=customer_uuid, lms_user_id__in=chunk).order_by()
        found.update((row[2], LearnerLink(*row)) for row in rows.values_list(*_LINK_COLUMNS))
    return found


def is_linked(*, customer_uuid: UUID, lms_user_id: int) -> bool:
    """Whether the person learns at the customer now."""
    return models.LearnerLink.objects.filter(
        customer_id=customer_uuid, lms_user_id=lms_user_id, is_linked=True
    ).exists()


def list_waiting_learners(
    *, customer_uuid: UUID | None = None, email: str | None = None
) -> "QuerySet[models.PendingLearner, tuple[UUID, str]]":
    """Customer and address of all that wait to be confirmed, by address; lazy, so that it can be paged."""
    rows = models.PendingLearner.objects.filter(state=PendingState.WAITING)
    if customer_uuid is not None:
        rows = rows.filter(customer_id=customer_uuid)
    if email is not None:
        rows = rows.filter(email=emails.normalize(email))
    return rows.order_by("email", "uuid").values_list("customer_id", "email")


@dataclass(frozen=True, slots=True)
class Links:
    """The links of those who are linked now. ``created`` were not linked before; ``fresh`` never were."""

    uuids: dict[int, UUID]
    created: frozenset[int]
    fresh: frozenset[int]


def link_people(
    customer_uuid: UUID, lms_user_ids: Iterable[int], *, invite_key_uuid: UUID | None = None, by: int | None
) -> Links:
    """Links the people and gives them the learner's role; those who may not be linked again are left out.

    ``invite_key_uuid`` is the key with which they come.
    Effects: four statements if all are new, two if all are linked.
    """
    moment = clock.now()
    table = Table(
        models.LearnerLink,
        (
            "uuid", "customer", "lms_user_id", "is_linked", "is_relinkable", "is_active", "invite_key_uuid",
            "created_at", "modified_at",
        ),
        unique=("customer", "lms_user_id"),
        read=lambda ids, lock: _read_links(customer_uuid, ids, lock),
    )  # fmt: skip
    wanted = set(lms_user_ids)
    ensured = ensure(
        table,
        wanted,
        lambda each: (
            uuid.uuid4(), customer_uuid, each, True, True, True, invite_key_uuid, moment, moment,
        ),
        revive=lambda _, row: (True, True, invite_key_uuid, moment) if not row[1] and row[2] else None,
        revived_columns=("is_linked", "is_active", "invite_key_uuid", "modified_at"),
        by=by,
    )  # fmt: skip
    created = ensured.revived.union(ensured.created)
    assign_role(customer_uuid, LEARNER, created, by=by)
    barred = {each for each, (_, linked, relinkable) in ensured.present.items() if not (linked or relinkable)}
    uuids = {each: ensured.uuid_of(each) for each in wanted if each not in barred}
    return Links(uuids, created, frozenset(ensured.created))


def foresee_links(customer_uuid: UUID, lms_user_ids: Collection[int]) -> Links:
    """What ``link_people`` would give, without linking anybody: who has no row yet gets a made-up key."""
    found = find_links(customer_uuid=customer_uuid, lms_user_ids=lms_user_ids)
    wanted = set(lms_user_ids)
    barred = {each for each, link in found.items() if not (link.is_linked or link.is_relinkable)}
    unlinked = {each for each, link in found.items() if not link.is_linked} - barred
    uuids = {each: found[each].uuid if each in found else uuid.uuid4() for each in wanted - barred}
    fresh = frozenset(wanted - found.keys())
    return Links(uuids, fresh | unlinked, fresh)


def assign_role(customer_uuid: UUID, role: str, lms_user_ids: Iterable[int], *, by: int | None) -> None:
    """Gives the people a role at the customer."""
    assignments = [RoleAssignment(each, role, customer_uuid) for each in sorted(lms_user_ids)]
    if assignments:
        identity.assign_roles(assignments, by=by)


def add_pending_learners(
    customer_uuid: UUID, addresses: Iterable[str], *, becomes_admin: bool = False, by: int | None
) -> Ensured[str]:
    """Makes the addresses wait for an account that confirms them."""
    moment = clock.now()
    table = Table(
        models.PendingLearner,
        (
            "uuid", "customer", "email", "state", "becomes_admin", "lms_user_id", "last_error", "created_by",
            "created_at", "modified_at",
        ),
        unique=("customer", "email"),
        read=lambda keys, lock: _read_pending_learners(customer_uuid, keys, lock),
    )  # fmt: skip

    def wait_again(_: str, row: Row) -> Row | None:
        _, state, is_admin = row
        if state == PendingState.WAITING and is_admin >= becomes_admin:
            return None
        return (PendingState.WAITING.value, is_admin or becomes_admin, "", moment)

    return ensure(
        table,
        set(addresses),
        lambda address: (
            uuid.uuid4(), customer_uuid, address, PendingState.WAITING.value, becomes_admin, None, "", by,
            moment, moment,
        ),
        revive=wait_again,
        revived_columns=("state", "becomes_admin", "last_error", "modified_at"),
        by=by,
    )  # fmt: skip


def invalid_email(address: str) -> Refusal:
    return Refusal("invalid_email", _("%(address)s is not an e-mail address.") % {"address": address})


def not_relinkable(address: str) -> Refusal:
    return Refusal(
        "not_relinkable",
        _("%(address)s was removed from this organization for good; only support can bring them back.")
        % {"address": address},
    )


def _read_links(customer_uuid: UUID, lms_user_ids: Collection[int], lock: bool) -> dict[int, Row]:
    rows = models.LearnerLink.objects.filter(customer_id=customer_uuid, lms_user_id__in=lms_user_ids)
    rows = rows.order_by("lms_user_id")
    if lock:
        rows = rows.select_for_update()
    columns = ("lms_user_id", "uuid", "is_linked", "is_relinkable")
    return {lms_user_id: tuple(row) for lms_user_id, *row in rows.values_list(*columns)}


def _read_pending_learners(customer_uuid: UUID, addresses: Collection[str], lock: bool) -> dict[str, Row]:
    rows = models.PendingLearner.objects.filter(customer_id=customer_uuid, email__in=addresses).order_by(
        "email"
    )
    if lock:
        rows = rows.select_for_update()
    columns = ("email", "uuid", "state", "becomes_admin")
    return {email: tuple(row) for email, *row in rows.values_list(*columns)}
