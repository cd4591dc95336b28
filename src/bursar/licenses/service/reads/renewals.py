"""Chains of renewals: what takes a plan's place, and what it took the place of."""

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from bursar.licenses import models


class Link(NamedTuple):
    """One renewal. Without a renewed plan it is only intended."""

    prior_uuid: UUID
    prior_starts_at: datetime
    renewed_uuid: UUID | None
    renewed_starts_at: datetime | None
    effective_at: datetime
    renewed_expires_at: datetime
    is_processed: bool


class Renewals:
    """The renewals of some agreements, to be followed from plan to plan without asking the database."""

    def __init__(self, links: Iterable[Link]) -> None:
        self._after = {link.prior_uuid: link for link in links}
        self._before = {link.renewed_uuid: link for link in self._after.values() if link.renewed_uuid}

    def next_of(self, plan_uuid: UUID) -> Link | None:
        """The plan's own renewal."""
        return self._after.get(plan_uuid)

    def after(self, plan_uuid: UUID) -> list[Link]:
        """The chain from the plan on, the next one first."""
        return list(self._follow(plan_uuid))

    def before(self, plan_uuid: UUID) -> list[Link]:
        """The chain that led to the plan, the oldest first."""
        return list(self._trace(plan_uuid))[::-1]

    def _follow(self, plan_uuid: UUID) -> Iterator[Link]:
        passed: set[UUID] = set()  # no rule of the tables forbids a ring
        link = self._after.get(plan_uuid)
        while link is not None and link.prior_uuid not in passed:
            yield link
            passed.add(link.prior_uuid)
            link = self._after.get(link.renewed_uuid) if link.renewed_uuid else None

    def _trace(self, plan_uuid: UUID) -> Iterator[Link]:
        passed: set[UUID] = set()
        link = self._before.get(plan_uuid)
        while link is not None and link.prior_uuid not in passed:
            yield link
            passed.add(link.prior_uuid)
            link = self._before.get(link.prior_uuid)


def find_renewals(agreement_uuids: Collection[UUID]) -> Renewals:
    """The renewals of the plans of these agreements. One query."""
    if not agreement_uuids:
        return Renewals(())
    rows = models.Renewal.objects.filter(prior_plan__agreement__in=agreement_uuids)
    columns = ("prior_plan_id", "prior_plan__starts_at", "renewed_plan_id", "renewed_plan__starts_at")
    terms = ("effective_at", "renewed_expires_at", "is_processed")
    return Renewals(Link(*row) for row in rows.values_list(*columns, *terms))
