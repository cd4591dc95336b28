"""What can pay for requests: the contexts below, as this one needs them."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from bursar.licenses import api as licenses
from bursar.licenses import data as licenses_data
from bursar.subsidy_requests.data import (
    Assigned,
    Change,
    Container,
    Seat,
    Subsidies,
    SubsidyNotAvailable,
    SubsidyType,
    Supply,
)


class Licenses:
    """Subscription plans and their licenses."""

    def has_supply(self, *, customer_uuid: UUID) -> bool:
        return licenses.has_usable_plan(customer_uuid=customer_uuid)

    def list_supplies(self, *, customer_uuid: UUID) -> list[Supply]:
        return [
            Supply(plan.uuid, plan.title, max(plan.free_count, 0))
            for plan in licenses.list_usable_plans(customer_uuid=customer_uuid)
        ]

    def check_seats(self, *, container: Container, customer_uuid: UUID, emails: Collection[str]) -> None:
        licenses.check_seats(plan_uuid=_uuid(container), customer_uuid=customer_uuid, emails=emails)

    def hold(self, *, container: Container, customer_uuid: UUID, seats: Sequence[Seat]) -> None:
        licenses.hold(
            plan_uuid=_uuid(container),
            customer_uuid=customer_uuid,
            seats=[licenses_data.Seat(seat.approval_uuid, seat.email) for seat in seats],
        )

    def release(self, *, approval_uuids: Collection[UUID]) -> int:
        return licenses.release(approval_uuids=approval_uuids)

    def list_stale_holds(self, *, older_than: timedelta) -> list[UUID]:
        return [each.approval_uuid for each in licenses.list_stale_holds(older_than=older_than)]

    def tell_next_steps(self, assigned: Collection[Assigned]) -> Mapping[Assigned, Mapping[str, Any]]:
        found = licenses.find_licenses({_uuid(each) for each in assigned})
        return {
            pk: {
                "activation_key": str(each.activation_key),
                "is_activated": each.status == licenses_data.Status.ACTIVATED,
            }
            for pk, each in found.items()
        }

    def tell_story(self, assigned: Assigned, *, held_at: datetime | None) -> list[Change]:
        story = licenses.tell_story(_uuid(assigned), held_at=held_at)
        return [Change(each.at, each.reason, each.by) for each in story if each.reason]


def _uuid(key: Container | Assigned) -> UUID:
    if not isinstance(key, UUID):
        raise TypeError(f"{key!r} is no uuid")
    return key


INSTALLED: dict[SubsidyType, Subsidies] = {SubsidyType.LICENSE: Licenses()}
"""What pays, by type. The context that holds coupons is not built yet: with it comes a line here."""


def get_subsidies(subsidy_type: SubsidyType) -> Subsidies:
    """What pays for requests of this type, or SubsidyNotAvailable."""
    check_available(subsidy_type)
    return INSTALLED[subsidy_type]


def check_available(subsidy_type: SubsidyType | None) -> None:
    """Raises SubsidyNotAvailable if nothing here can pay in this way."""
    if subsidy_type is not None and subsidy_type not in INSTALLED:
        raise SubsidyNotAvailable(
            _("This site cannot pay for requested courses with subsidies of the type “%(type)s” yet.")
            % {"type": subsidy_type.value},
            subsidy_type=subsidy_type.value,
        )
