"""Retired people in what jobs were asked and answered."""

import re
from collections.abc import Mapping, Sequence
from functools import reduce
from operator import or_

from django.db import transaction
from django.db.models import Q

from bursar.events.identity import PersonRetired
from bursar.identity.data import StandIns
from bursar.jobs import models
from bursar.lib import sets
from bursar.outbox import api as outbox
from bursar.outbox.data import Delivery

FORGET_RETIRED_PEOPLE = "jobs.forget_retired_people"

_PEOPLE = 300  # looked for at once: SQLite takes no more than a thousand conditions
_TEXTS = ("items", "results", "last_error")


class StillNeeded(Exception):
    """A job that is not done yet names a retired person: try again when it is."""


def forget_retired_people(deliveries: Sequence[Delivery[PersonRetired]]) -> None:
    """Reaction: puts stand-ins for the addresses of retired people into items, results and errors.

    Chunks that wait are left alone, and StillNeeded is raised once the others are clean, so that the relay
    tries again. An address that changes is not followed: a job is a record of what was asked.
    """
    fresh = outbox.find_fresh(FORGET_RETIRED_PEOPLE, deliveries)
    stand_ins = StandIns.of([fact for each in fresh for fact in each.facts]).by_address
    with transaction.atomic(durable=True):
        parts = sets.chunks(sorted(stand_ins), _PEOPLE)
        is_needed = sum(_forget(part, stand_ins) for part in parts) > 0
        if not is_needed:
            outbox.accept(FORGET_RETIRED_PEOPLE, deliveries)
    if is_needed:
        raise StillNeeded("a job that is not done names a retired person")


def _forget(addresses: Sequence[str], stand_ins: Mapping[str, str]) -> bool:
    """Whether a chunk that waits names one of them; in the others nothing does any more."""
    named = reduce(or_, (Q(**{f"{column}__icontains": each}) for each in addresses for column in _TEXTS))
    chunks = models.Chunk.objects.filter(named)
    is_needed = chunks.filter(state=models.Chunk.State.WAITING).exists()  # first: it may end meanwhile
    over = chunks.exclude(state=models.Chunk.State.WAITING)
    rows = over.order_by("pk").select_for_update().values_list("pk", *_TEXTS)
    address = _pattern(addresses)
    for batch in sets.chunks(list(rows), 100):
        cleaned = [
            (
                pk,
                *(
                    address.sub(lambda found: stand_ins.get(found[0].lower(), found[0]), text)
                    for text in texts
                ),
            )
            for pk, *texts in batch
        ]
        sets.update(models.Chunk, ("uuid", *_TEXTS), cleaned)
    return is_needed


def _pattern(addresses: Sequence[str]) -> re.Pattern[str]:
    """Finds the addresses, however they are spelled, but not at the end of longer ones."""
    longest_first = sorted(addresses, key=len, reverse=True)
    return re.compile(
        rf"(?<![\w.%+-])(?:{'|'.join(map(re.escape, longest_first))})(?!\.?[\w-])", re.IGNORECASE
    )
