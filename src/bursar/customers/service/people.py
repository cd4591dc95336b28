"""What becomes of addresses that wait when their people change or are retired."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from bursar.customers import models
from bursar.customers.data import PendingState
from bursar.customers.service.waiting import enroll_waiting
from bursar.events.identity import AddressConfirmed, PersonRetired
from bursar.identity.data import StandIns, moved_addresses
from bursar.lib import clock, emails, sets
from bursar.outbox import api as outbox
from bursar.outbox.data import Delivery

FOLLOW_ADDRESSES = "customers.follow_addresses"
FORGET_RETIRED_PEOPLE = "customers.forget_retired_people"


def follow_addresses(deliveries: Sequence[Delivery[AddressConfirmed]]) -> None:
    """Moves what was written for a person's former address to the one they confirmed, and does what waits.

    Where the new address has a row at the customer already, the old one stays as it is.
    """
    with transaction.atomic(durable=True):
        facts = [fact for each in outbox.accept(FOLLOW_ADDRESSES, deliveries) for fact in each.facts]
        moved = moved_addresses(facts)
        for chunk in sets.chunks(sorted(moved)):
            _move({old: moved[old] for old in chunk})
    # Again at each delivery: a crash before this line leaves nothing waiting.
    every = [fact for delivery in deliveries for fact in delivery.facts]
    enroll_waiting({fact.email for fact in every if fact.old_email})


def _move(moved: Mapping[str, str]) -> None:
    rows = (
        models.PendingLearner.objects.select_for_update()
        .filter(email__in=moved)
        .order_by("customer_id", "email")
    )
    targets = {row.pk: (row.customer_id, moved[row.email]) for row in rows}
    there = models.PendingLearner.objects.filter(email__in={email for _, email in targets.values()})
    taken = set(there.values_list("customer_id", "email"))
    moment, changes = clock.now(), []
    for pk, target in targets.items():
        if target not in taken:
            taken.add(target)
            changes.append((pk, target[1], moment))
    for part in sets.chunks(sorted(changes)):
        sets.update(models.PendingLearner, ("uuid", "email", "modified_at"), part)
        keys = [pk for pk, *_ in part]
        sets.record_history(models.PendingLearner, keys, kind="~", by=None, reason="address changed")


@transaction.atomic(durable=True)
def forget_retired_people(deliveries: Sequence[Delivery[PersonRetired]]) -> None:
    """Puts stand-ins for the addresses of retired people, history included, and ends their waiting.

    Effects: a constant number of statements per 1,000 rows.
    """
    facts = [fact for each in outbox.accept(FORGET_RETIRED_PEOPLE, deliveries) for fact in each.facts]
    for chunk in sets.chunks(facts):
        people = StandIns.of(chunk)
        rows = (
            models.PendingLearner.objects.select_for_update()
            .filter(Q(lms_user_id__in=people.by_id) | Q(email__in=people.by_address))
            .order_by("pk")
        )
        theirs = [row for row in rows if not emails.is_retired(row.email)]
        for part in sets.chunks(theirs):
            _forget_learners(part, people)
            _forget_enrollments([row.pk for row in part])


def _forget_learners(rows: Sequence[models.PendingLearner], people: StandIns) -> None:
    stand_ins = {row.pk: people.of_row(row.pk, email=row.email, lms_user_id=row.lms_user_id) for row in rows}
    moment = clock.now()
    sets.update(
        models.PendingLearner,
        ("uuid", "email", "state", "last_error", "modified_at"),
        [(row.pk, stand_ins[row.pk], *_ended(row.state), moment) for row in rows],
    )
    sets.rewrite_history(
        models.PendingLearner,
        ("uuid", "email", "last_error"),
        [(pk, email, "") for pk, email in stand_ins.items()],
    )
    sets.record_history(models.PendingLearner, list(stand_ins), kind="~", by=None, reason="retired")


def _forget_enrollments(learners: Sequence[UUID]) -> None:
    rows = models.PendingEnrollment.objects.filter(learner__in=learners).order_by("pk")
    for part in sets.chunks(list(rows.select_for_update().values_list("pk", "state"))):
        moment, keys = clock.now(), [pk for pk, _ in part]
        sets.update(
            models.PendingEnrollment,
            ("uuid", "state", "last_error", "modified_at"),
            [(pk, *_ended(state), moment) for pk, state in part],
        )
        sets.rewrite_history(models.PendingEnrollment, ("uuid", "last_error"), [(pk, "") for pk in keys])
        sets.record_history(models.PendingEnrollment, keys, kind="~", by=None, reason="retired")


def _ended(state: str) -> tuple[str, str]:
    """State and error of what waited for somebody who will not come."""
    if state in (PendingState.DONE, PendingState.REMOVED):
        return state, ""
    return PendingState.FAILED.value, _("The person was retired.")
