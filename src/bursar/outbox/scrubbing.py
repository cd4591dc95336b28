"""Removing people who were retired from what the outbox keeps: events, errors, stored answers."""

import re
import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, TypeVar

import orjson
from django.db import transaction
from django.db.models import Model, Q, QuerySet

from bursar.events.identity import PEOPLE_RETIRED, PersonRetired
from bursar.lib import clock, sets
from bursar.outbox import recording
from bursar.outbox.data import Delivery as DeliveryData
from bursar.outbox.models import Delivery, Event, IdempotencyRecord, Scrub

NOTE_RETIRED_PEOPLE = "outbox.note_retired_people"
BATCH = 100  # events read at once: up to 1,000 facts each
QUIET = timedelta(minutes=15)  # longer than any request that was under way when the person was retired

RowT = TypeVar("RowT", bound=Model)


@transaction.atomic
def note_retired_people(deliveries: Sequence[DeliveryData[PersonRetired]]) -> None:
    """Writes down whom ``scrub`` has to look for. Other reactions to the same facts may still need them."""
    moment = clock.now()
    facts = [fact for each in recording.accept(NOTE_RETIRED_PEOPLE, deliveries) for fact in each.facts]
    sets.insert(
        Scrub,
        ("uuid", "lms_user_id", "old_email", "email", "username", "noted_at"),
        [
            (uuid.uuid4(), fact.lms_user_id, fact.old_email, fact.email, fact.username, moment)
            for fact in facts
        ],
    )


def scrub() -> int:
    """Puts stand-ins where retired people are named, and returns how many notes are done with.

    An event that still waits for a reaction is left for the next run; so is a retirement with a dead
    reaction, which an operator has to try again. A note stays until a run has met no such event, at least
    a quarter of an hour after the retirement. Safe to repeat.
    Effects: one query if nobody was retired; else reads all events, a constant number of statements
    for each 100.
    """
    notes = list(Scrub.objects.all())
    if not notes:
        return 0
    scrubber = Scrubber(notes)
    needed = [_scrub_events(events, scrubber) for events in _batches(Event.objects.all())]
    for answers in _batches(IdempotencyRecord.objects.filter(status__isnull=False)):
        _scrub_answers(answers, scrubber)
    if any(needed):
        return 0
    before = clock.now() - QUIET
    done = [note.pk for note in notes if note.noted_at <= before]
    Scrub.objects.filter(pk__in=done).delete()
    return len(done)


def _batches(rows: "QuerySet[RowT]") -> Iterator[list[RowT]]:
    last = 0
    while batch := list(rows.filter(pk__gt=last).order_by("pk")[:BATCH]):
        yield batch
        last = batch[-1].pk


def _scrub_events(events: Collection[Event], scrubber: "Scrubber") -> bool:
    """Whether one of them names somebody and is still needed."""
    cleaned = {event.pk: clean for event in events if (clean := scrubber.clean(event.facts)) != event.facts}
    if not cleaned:
        return False
    with transaction.atomic():
        deliveries = Delivery.objects.filter(event__in=cleaned)
        needed = set(deliveries.filter(_needs_facts()).values_list("event_id", flat=True))
        finished = [pk for pk in cleaned if pk not in needed]
        sets.update(Event, ("id", "facts"), [(pk, cleaned[pk]) for pk in finished])
        failed = deliveries.filter(event__in=finished).exclude(last_error="").order_by("pk")
        errors = failed.values_list("pk", "last_error")
        sets.update(Delivery, ("uuid", "last_error"), [(pk, _kind(error)) for pk, error in errors])
    return bool(needed)


def _needs_facts() -> Q:
    """What is yet to be handed over. Of a dead delivery the rest is lost, but not whom to retire."""
    dead = Q(state=Delivery.State.DEAD, event__type=PEOPLE_RETIRED.name)
    return Q(state=Delivery.State.WAITING) | dead


def _scrub_answers(records: Collection[IdempotencyRecord], scrubber: "Scrubber") -> None:
    answers = {each.pk: orjson.loads(each.answer) for each in records if each.answer}
    cleaned = [(pk, clean) for pk, answer in answers.items() if (clean := scrubber.clean(answer)) != answer]
    sets.update(
        IdempotencyRecord, ("id", "answer"), [(pk, orjson.dumps(answer).decode()) for pk, answer in cleaned]
    )


class Scrubber:
    """Puts stand-ins where the retired people are named.

    In what carries a person's LMS user id: for their address, username and name. Elsewhere: for a value
    that is the address, and for the address within prose.
    """

    def __init__(self, notes: Collection[Scrub]) -> None:
        self._people = {note.lms_user_id: note for note in notes}
        self._addresses = {note.old_email: note.email for note in notes if note.old_email}
        alternatives = "|".join(map(re.escape, sorted(self._addresses, key=len, reverse=True)))
        self._in_prose = re.compile(alternatives or r"(?!)", re.IGNORECASE)

    def clean(self, value: Any) -> Any:
        """The value, of plain JSON, without the people; equal to it if they are not in there."""
        if isinstance(value, str):
            return self._clean_text(value)
        if isinstance(value, list):
            return [self.clean(each) for each in value]
        if isinstance(value, dict):
            return self._clean_object(value)
        return value

    def _clean_text(self, text: str) -> str:
        if text.lower() in self._addresses:
            return self._addresses[text.lower()]
        if " " not in text:
            return text  # another address may end like this one
        return self._in_prose.sub(lambda found: self._addresses.get(found[0].lower(), ""), text)

    def _clean_object(self, stored: Mapping[str, Any]) -> dict[str, Any]:
        clean = {name: self.clean(value) for name, value in stored.items()}
        lms_user_id = stored.get("lms_user_id")
        person = self._people.get(lms_user_id) if isinstance(lms_user_id, int) else None
        if person is not None:
            stand_ins = {
                "email": person.email, "old_email": person.email,
                "username": person.username, "old_username": person.username,
                "name": "", "old_name": "",
            }  # fmt: skip
            clean |= {name: stand_ins[name] for name, value in clean.items() if name in stand_ins and value}
        if "error" in clean and clean != stored:
            clean["error"] = _kind(str(clean["error"]))
        return clean


def _kind(error: str) -> str:
    """What kind of error it was; the rest of its text may quote anything."""
    return error.partition(":")[0]
