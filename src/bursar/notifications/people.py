"""What becomes of messages when their people change or are retired."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from bursar.events.identity import AddressConfirmed, PersonChanged, PersonRetired
from bursar.identity.data import StandIns, moved_addresses
from bursar.lib import emails, sets
from bursar.notifications.data import MessageState
from bursar.notifications.folder import delete_mails
from bursar.notifications.models import Message
from bursar.outbox import api as outbox
from bursar.outbox.data import Delivery

FOLLOW_ADDRESSES = "notifications.follow_addresses"
CANCEL_DEAD_LINKS = "notifications.cancel_dead_links"
FORGET_RETIRED_PEOPLE = "notifications.forget_retired_people"

CONFIRM_ADDRESS = "identity/confirm_address"
"""The template of the mail with the link that confirms an address."""


@transaction.atomic
def follow_addresses(deliveries: Sequence[Delivery[AddressConfirmed]]) -> None:
    """Has what waits for somebody's former address sent to the one that they have confirmed instead.

    What waits for both already stays as it is. Effects: five statements.
    """
    facts = [fact for each in outbox.accept(FOLLOW_ADDRESSES, deliveries) for fact in each.facts]
    moved = moved_addresses(facts)
    for chunk in sets.chunks(sorted(moved)):
        _send_elsewhere({old: moved[old] for old in chunk})


def _send_elsewhere(moved: dict[str, str]) -> None:
    waiting = Message.objects.select_for_update().filter(email__in=moved, state=MessageState.WAITING)
    rows = {row.pk: (row.template, moved[row.email], row.about) for row in waiting.order_by("pk")}
    there = Message.objects.filter(
        email__in={email for _, email, _ in rows.values()}, about__in={about for *_, about in rows.values()}
    )
    taken = set(there.values_list("template", "email", "about"))
    changes = []
    for pk, mail in rows.items():
        if mail not in taken:
            taken.add(mail)
            changes.append((pk, mail[1]))
    for part in sets.chunks(changes):
        sets.update(Message, ("uuid", "email"), part)


@transaction.atomic
def cancel_dead_links(deliveries: Sequence[Delivery[PersonChanged]]) -> None:
    """Cancels mails that are yet to be sent to an address that its account no longer wants confirmed.

    Effects: two statements.
    """
    facts = [fact for each in outbox.accept(CANCEL_DEAD_LINKS, deliveries) for fact in each.facts]
    left = {(fact.lms_user_id, fact.old_email) for fact in facts if fact.old_email != fact.email}
    for chunk in sets.chunks(sorted(left)):
        waiting = Message.objects.filter(
            template=CONFIRM_ADDRESS,
            state=MessageState.WAITING,
            lms_user_id__in={lms_user_id for lms_user_id, _ in chunk},
            email__in={email for _, email in chunk},
        )
        waiting.update(state=MessageState.CANCELLED)


@transaction.atomic
def forget_retired_people(deliveries: Sequence[Delivery[PersonRetired]]) -> None:
    """Removes the people from their messages, and cancels what was not sent yet. The rows stay.

    Files in the mail folder are deleted. Effects: three statements, and one more for each further
    1,000 messages.
    """
    facts = [fact for each in outbox.accept(FORGET_RETIRED_PEOPLE, deliveries) for fact in each.facts]
    for chunk in sets.chunks(facts):
        people = StandIns.of(chunk)
        theirs = Message.objects.filter(Q(lms_user_id__in=people.by_id) | Q(email__in=people.by_address))
        rows = [row for row in theirs.select_for_update().order_by("pk") if not emails.is_retired(row.email)]
        for part in sets.chunks(rows):
            sets.update(Message, _FORGOTTEN_COLUMNS, [_forgotten(row, people) for row in part])
        delete_mails(_keys(rows))


_FORGOTTEN_COLUMNS = ("uuid", "email", "context", "subject", "last_error", "state", "claimed_until")


def _forgotten(row: Message, people: StandIns) -> tuple[object, ...]:
    was_sent = row.state == MessageState.SENT
    state = MessageState.SENT if was_sent else MessageState.CANCELLED
    email = people.of_row(row.pk, email=row.email, lms_user_id=row.lms_user_id)
    return (row.pk, email, {}, "", "", state.value, None)


def revise(about: Collection[str], change: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> None:
    """Gives the messages about these things the context that ``change`` makes of theirs.

    For mails that name somebody else than their reader, who was retired. Those that wait go out as they are
    then; files in the mail folder, which say what was there before, are deleted. In the caller's transaction.
    Effects: one statement, and one for each 1,000 messages.
    """
    rows = list(Message.objects.select_for_update().filter(about__in=about).order_by("pk")) if about else []
    for part in sets.chunks(rows):
        sets.update(Message, ("uuid", "context"), [(row.pk, dict(change(row.context))) for row in part])
    delete_mails(_keys(rows))


def _keys(rows: Iterable[Message]) -> list[UUID]:
    return [row.pk for row in rows]
