"""Retired people in what jobs were asked and answered."""

import re
from collections.abc import Sequence
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


@transaction.atomic(durable=True)
def forget_retired_people(deliveries: Sequence[Delivery[PersonRetired]]) -> None:
    """Reaction: puts stand-ins for the addresses of retired people into items, results and errors.

    Chunks that wait are left alone, and then StillNeeded is raised once the others are clean, so that the
    relay tries again. An address that changes is not followed: a job is a record of what was asked.
    """
    facts = [fact for each in outbox.accept(FORGET_RETIRED_PEOPLE, deliveries) for fact in each.facts]
    stand_ins = StandIns.of(facts).by_address
    for part in sets.chunks(sorted(stand_ins), _PEOPLE):
        named = reduce(or_, (Q(**{f"{column}__icontains": each}) for each in part for column in _TEXTS))
        chunks = models.Chunk.objects.filter(named)
        if chunks.filter(state=models.Chunk.State.WAITING).exists():
            raise StillNeeded("a job that is not done names a retired person")
        rows = chunks.order_by("pk").select_for_update().values_list("pk", *_TEXTS)
        address = _pattern(part)
        for batch in sets.chunks(list(rows), 100):
            cleaned = [
                (pk, *(address.sub(lambda found: stand_ins[found[0].lower()], text) for text in texts))
                for pk, *texts in batch
            ]
            sets.update(models.Chunk, ("uuid", *_TEXTS), cleaned)


def _pattern(addresses: Sequence[str]) -> re.Pattern[str]:
    """Finds the addresses, however they are spelled, but not at the end of longer ones."""
    longest_first = sorted(addresses, key=len, reverse=True)
    return re.compile(
        rf"(?<![\w.%+-])(?:{'|'.join(map(re.escape, longest_first))})(?!\.?[\w-])", re.IGNORECASE
    )
