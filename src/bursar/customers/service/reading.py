"""What somebody may read about customers and their people.

Queries come back already limited to what the viewer may see; ``profiles_of`` and ``learners_of`` make values
of their rows, with the same number of statements for one row and for a hundred.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from bursar.catalog import api as catalog
from bursar.customers import models
from bursar.customers.data import CustomerNotFound, CustomerProfile, LearnerProfile, Viewer
from bursar.identity import api as identity
from bursar.identity.data import ADMIN, Person, RoleHolder

Row = tuple[Any, ...]

_CUSTOMER_COLUMNS = (
    "uuid", "name", "slug", "is_active", "contact_email", "reply_to", "sender_alias", "country",
    "default_language", "auth_org_id", "identity_provider", "enable_learner_portal", "enable_universal_link",
    "enable_autocohorting", "features", "modified_at",
)  # fmt: skip
"""In the order of ``data.CustomerProfile``'s fields."""

_LINK_COLUMNS = ("uuid", "lms_user_id", "is_active", "invite_key_uuid", "created_at")
"""Before the customer's columns."""


def seen_customers(viewer: Viewer) -> QuerySet[models.Customer]:
    """The active customers that the viewer belongs to, by name."""
    return _active_customers(viewer.belongs_to)


def administered_customers(viewer: Viewer) -> QuerySet[models.Customer]:
    """The active customers that the viewer administers, by name."""
    return _active_customers(viewer.administers)


def _active_customers(uuids: Collection[UUID] | None) -> QuerySet[models.Customer]:
    rows = models.Customer.objects.filter(is_active=True)
    if uuids is not None:
        rows = rows.filter(uuid__in=uuids)
    return rows.order_by("name", "uuid")


def rows_of(customers: QuerySet[models.Customer]) -> QuerySet[models.Customer, Row]:
    """The customers as rows for ``profiles_of``."""
    return customers.values_list(*_CUSTOMER_COLUMNS)


def get_profile(customers: QuerySet[models.Customer], customer_uuid: UUID) -> CustomerProfile:
    """One of these customers. Errors: CustomerNotFound. Effects: three statements."""
    row = rows_of(customers).filter(uuid=customer_uuid).first()
    if row is None:
        raise CustomerNotFound(_("There is no such organization."))
    return profiles_of([row])[0]


def profiles_of(rows: Sequence[Row]) -> list[CustomerProfile]:
    """The customers of these rows, in order. Effects: two statements for up to 1,000."""
    uuids = [row[0] for row in rows]
    return _profiles(rows, identity.find_role_holders(customer_uuids=uuids, role=ADMIN))


def seen_links(
    viewer: Viewer, *, customer_uuid: UUID | None = None, lms_user_ids: Collection[int] | None = None
) -> QuerySet[models.LearnerLink, Row]:
    """Who is linked to an active customer, as rows for ``learners_of``: active links first, the newest first.

    Of customers that the viewer does not administer: the viewer's own. ``lms_user_ids`` None: all people.
    """
    links = models.LearnerLink.objects.filter(is_linked=True, customer__is_active=True)
    if viewer.administers is not None:
        links = links.filter(Q(customer_id__in=viewer.administers) | Q(lms_user_id=viewer.lms_user_id))
    if customer_uuid is not None:
        links = links.filter(customer_id=customer_uuid)
    if lms_user_ids is not None:
        links = links.filter(lms_user_id__in=lms_user_ids)
    customer_columns = [f"customer__{name}" for name in _CUSTOMER_COLUMNS]
    return links.order_by("-is_active", "-modified_at", "uuid").values_list(*_LINK_COLUMNS, *customer_columns)


def learners_of(rows: Sequence[Row]) -> list[LearnerProfile]:
    """The learners of these rows, in order. Effects: three statements for up to 1,000."""
    own = len(_LINK_COLUMNS)
    customers = {row[own]: row[own:] for row in rows}
    people = identity.find_people_by_lms_user_id({row[1] for row in rows})
    holders = identity.find_role_holders(customer_uuids=customers.keys(), role=ADMIN, also_of=people.keys())
    roles: dict[tuple[int, UUID], list[str]] = defaultdict(list)
    for holder in holders:
        roles[holder.lms_user_id, holder.customer_uuid].append(holder.role)
    profiles = {each.uuid: each for each in _profiles(list(customers.values()), holders)}
    return [
        _learner(row[:own], profiles[row[own]], people.get(row[1]), roles[row[1], row[own]]) for row in rows
    ]


def _profiles(rows: Sequence[Row], holders: Sequence[RoleHolder]) -> list[CustomerProfile]:
    admins: dict[UUID, list[RoleHolder]] = defaultdict(list)
    for holder in holders:
        if holder.role == ADMIN:
            admins[holder.customer_uuid].append(holder)
    catalogs = catalog.find_catalogs_of([row[0] for row in rows])
    return [_profile(row, catalogs.get(row[0], ()), admins[row[0]]) for row in rows]


def _learner(
    row: Row, customer: CustomerProfile, person: Person | None, roles: Collection[str]
) -> LearnerProfile:
    link_uuid, lms_user_id, is_active, invite_key_uuid, created_at = row
    return LearnerProfile(
        link_uuid, lms_user_id, is_active, invite_key_uuid, created_at, customer, person, tuple(sorted(roles))
    )


def _profile(row: Row, catalog_uuids: Iterable[UUID], admins: Iterable[RoleHolder]) -> CustomerProfile:
    *columns, switches, modified_at = row
    values = (*columns, frozenset(switches), modified_at, tuple(catalog_uuids), tuple(admins))
    return CustomerProfile(*values)
