"""Calling as everybody, with what each call has changed and told."""

import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import unquote

from django.http import HttpResponse

from tests.architecture.calls import Call, text_of
from tests.architecture.tables import Rows, names, read_rows, undone, watched, without_chance
from tests.architecture.world import PEOPLE, Ids, Side, World, make_world

_TELLING = ("Content-Type", "Location", "Allow", "WWW-Authenticate", "Retry-After", "Bursar-Error-Code")


@dataclass(frozen=True)
class Answer:
    """What came back, and what is in the tables afterwards (None: nothing was written)."""

    status: int
    text: str
    headers: tuple[str | None, ...]
    after: Rows | None

    def same_as(self, ids: Ids) -> tuple[int, str]:
        """Comparable with an answer about other ids: each is replaced by its name."""
        text = f"{unquote(str(self.headers))}\n{self.text}"
        for name, value in ids.as_texts().items():
            text = re.sub(rf"(?<![\w@.]){re.escape(value)}(?![\w@.])", f"({name})", text)
        return self.status, without_chance(text)


@dataclass
class Tenants:
    """The world, and what is in its tables as long as nobody writes."""

    world: World
    before: Rows

    def call(self, call: Call, ids: Ids, person: str, **changes: object) -> Answer:
        """Makes the call and takes back what it wrote."""
        client = self.world.client_of(PEOPLE[person], call.is_page)
        return self.watch(lambda: call.send(client, ids, **changes))

    def watch(self, make: Callable[[], HttpResponse]) -> Answer:
        """Any request, its effect taken back."""
        with undone(), watched() as has_written:
            answer = make()
            after = read_rows() if has_written() else None
            return Answer(
                answer.status_code,
                text_of(answer),
                tuple(answer.headers.get(each) for each in _TELLING),
                None if after == self.before else after,
            )

    def sides_for(self, call: Call) -> list[tuple[str, Side, Side]]:
        """Both sides; for a call that names nothing one of them says it all."""
        return list(self.sides()) if call.names() else list(self.sides())[:1]

    def sides(self) -> Iterator[tuple[str, Side, Side]]:
        yield "Acme", self.world.acme, self.world.globex
        yield "Globex", self.world.globex, self.world.acme

    def leaks(self, answer: Answer, person: str, sent: Ids) -> list[str]:
        """What the answer tells that this person must not read, apart from what the call has sent itself."""
        quoted = set(sent.as_texts().values())
        hidden = set().union(*(side.hidden_from(PEOPLE[person]) for _, side, _ in self.sides()))
        return sorted(text for text in hidden - quoted if text in answer.text)

    def harm(self, answer: Answer, victim: Side, *, quoted: frozenset[str] = frozenset()) -> list[str]:
        """Rows of the victim that are changed or gone, and new rows that name something of the victim's."""
        if answer.after is None:
            return []
        lost = [f"changed or gone: {row}" for row in self.before - answer.after if names(row, victim.secrets)]
        secrets = victim.secrets - quoted
        return lost + [f"new: {row}" for row in answer.after - self.before if names(row, secrets)]


@contextmanager
def make_tenants() -> Iterator[Tenants]:
    """The world for as long as the block lasts, for a whole module of tests: none of them leaves a trace."""
    access = logging.getLogger("bursar.access")
    with undone():
        world = make_world()
        for person in PEOPLE.values():
            world.client_of(person, False)
            world.client_of(person, True)
        access.disabled = True  # thousands of lines around the one that says what failed
        try:
            yield Tenants(world, read_rows())
        finally:
            access.disabled = False
