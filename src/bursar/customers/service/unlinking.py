"""Taking learners away from a customer, and leaving one."""

import logging
from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from bursar.customers import models
from bursar.customers.data import NotLinked, PendingState, UnlinkOutcome
from bursar.customers.service.organizations import get_active_customer
from bursar.events.customers import LEARNERS_UNLINKED, LearnerUnlinked
from bursar.identity import api as identity
from bursar.identity.data import LEARNER, RoleAssignment
from bursar.lib import clock, sets
from bursar.lib.emails import normalize
from bursar.outbox import api as outbox

log = logging.getLogger(__name__)

_OPEN = (PendingState.WAITING.value, PendingState.FAILED.value)
"""What may still be done, by itself or by support."""


def unlink_learners(
    *, customer_uuid: UUID, emails: Sequence[str], is_relinkable: bool = True, by: int | None
) -> list[UnlinkOutcome]:
    """Unlinks the people with these addresses; what waits for the addresses is never done.

    One outcome per address, in order; an address of which the customer has nothing is passed over and
    logged. ``is_relinkable`` false unlinks for good, also those who were unlinked before: only support
    brings them back. It says nothing of an address that only waits: that may be linked again.
    Errors: CustomerNotFound. Effects: the role of a learner goes, that of an administrator stays; an event;
    one transaction and at most 15 statements per 1,000 addresses.
    """
    get_active_customer(customer_uuid)
    wanted = {raw: normalize(raw) for raw in dict.fromkeys(emails)}
    outcomes: dict[str, UnlinkOutcome] = {}
    for chunk in sets.chunks(sorted(set(wanted.values()))):
        outcomes.update(_unlink_chunk(customer_uuid, chunk, is_relinkable=is_relinkable, by=by))
    answers: list[UnlinkOutcome] = []
    seen: set[str] = set()
    for raw in emails:
        outcome = outcomes[wanted[raw]]
        is_first = wanted[raw] not in seen
        seen.add(wanted[raw])
        answers.append(
            UnlinkOutcome(
                raw, outcome.lms_user_id, outcome.unlinked and is_first, outcome.removed and is_first
            )
        )
    return answers


def unlink_people(
    *, customer_uuid: UUID, lms_user_ids: Collection[int], is_relinkable: bool = True, by: int | None
) -> frozenset[int]:
    """Unlinks these people, whatever their addresses are by now; gives those who were linked until then.

    What waits for addresses goes on waiting. ``is_relinkable`` and effects: as ``unlink_learners``.
    """
    unlinked: set[int] = set()
    for chunk in sets.chunks(sorted(set(lms_user_ids))):
        with transaction.atomic(durable=True):
            unlinked |= _unlink_people(customer_uuid, chunk, is_relinkable=is_relinkable, by=by)
    return frozenset(unlinked)


@transaction.atomic(durable=True)
def leave(*, customer_uuid: UUID, lms_user_id: int) -> None:
    """Unlinks the person, who may be linked again.

    Errors: NotLinked. Effects: as ``unlink_learners``.
    """
    if not _unlink_people(customer_uuid, [lms_user_id], is_relinkable=True, by=lms_user_id):
        raise NotLinked(_("You do not learn at this organization."))


def _unlink_chunk(
    customer_uuid: UUID, addresses: Sequence[str], *, is_relinkable: bool, by: int | None
) -> Mapping[str, UnlinkOutcome]:
    # Confirmed or not: somebody who is linked by the account's id may never have confirmed the address.
    people = identity.find_people_by_email(addresses)
    ids = {address: person.lms_user_id for address, person in people.items()}
    with transaction.atomic(durable=True):
        unlinked = _unlink_people(customer_uuid, ids.values(), is_relinkable=is_relinkable, by=by)
        removed = _remove_waiting(customer_uuid, addresses, by=by)
    outcomes = {
        address: UnlinkOutcome(address, ids.get(address), ids.get(address) in unlinked, address in removed)
        for address in addresses
    }
    count = sum(not outcome.unlinked and not outcome.removed for outcome in outcomes.values())
    if count:
        log.info(
            "addresses to be unlinked are not linked", extra={"customer": str(customer_uuid), "n": count}
        )
    return outcomes


def _unlink_people(
    customer_uuid: UUID, lms_user_ids: Collection[int], *, is_relinkable: bool, by: int | None
) -> frozenset[int]:
    """Those who were linked until now. Who was not may still be barred, but not be allowed back."""
    rows = models.LearnerLink.objects.filter(customer_id=customer_uuid, lms_user_id__in=lms_user_ids)
    found = list(
        rows.order_by("lms_user_id")
        .select_for_update()
        .values_list("uuid", "lms_user_id", "is_linked", "is_relinkable")
    )
    unlinked = sorted(lms_user_id for _, lms_user_id, is_linked, _ in found if is_linked)
    moment = clock.now()
    changed = sorted(
        (row_uuid, False, False, is_relinkable, moment)
        for row_uuid, _, is_linked, was_relinkable in found
        if is_linked or (was_relinkable and not is_relinkable)
    )
    columns = ("uuid", "is_linked", "is_active", "is_relinkable", "modified_at")
    sets.update(models.LearnerLink, columns, changed)
    sets.record_history(models.LearnerLink, [row[0] for row in changed], kind="~", by=by)
    if unlinked:
        roles = [RoleAssignment(each, LEARNER, customer_uuid) for each in unlinked]
        identity.withdraw_roles(roles, by=by)
    facts = [LearnerUnlinked(customer_uuid, each, is_relinkable) for each in unlinked]
    outbox.record(LEARNERS_UNLINKED, key=str(customer_uuid), facts=facts, by=by)
    return frozenset(unlinked)


def _remove_waiting(customer_uuid: UUID, addresses: Collection[str], *, by: int | None) -> frozenset[str]:
    """The addresses of which something waited, or had failed and could be tried again."""
    learners = models.PendingLearner.objects.filter(customer_id=customer_uuid, email__in=addresses)
    found = list(learners.order_by("email").select_for_update().values_list("uuid", "email", "state"))
    if not found:
        return frozenset()
    enrollments = models.PendingEnrollment.objects.filter(
        learner_id__in=[row[0] for row in found], state__in=_OPEN
    )
    places = list(enrollments.order_by("uuid").select_for_update().values_list("uuid", "learner_id"))
    moment, gone = clock.now(), PendingState.REMOVED.value
    # Whoever is linked again one day comes back as a learner, not as an administrator.
    waiting = sorted((row_uuid, gone, False, moment) for row_uuid, _, state in found if state in _OPEN)
    sets.update(models.PendingLearner, ("uuid", "state", "becomes_admin", "modified_at"), waiting)
    sets.record_history(models.PendingLearner, [row[0] for row in waiting], kind="~", by=by)
    sets.update(
        models.PendingEnrollment,
        ("uuid", "state", "modified_at"),
        [(row_uuid, gone, moment) for row_uuid, _ in places],
    )
    sets.record_history(models.PendingEnrollment, [row[0] for row in places], kind="~", by=by)
    removed = {row[0] for row in waiting}.union(learner for _, learner in places)
    return frozenset(email for row_uuid, email, _ in found if row_uuid in removed)
