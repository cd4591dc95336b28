from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import pytest

from bursar.config.jobs import JOB_KINDS
from bursar.identity.data import ADMIN, OPERATOR
from bursar.jobs import api as jobs
from bursar.jobs.data import Item, Job, JobKind, Result, Work
from tests.cast import ACME, ALICE


@dataclass
class Desk:
    """Does jobs of the tests' own kind: doubles numbers, breaks on the ones in ``poison``."""

    seen: list[list[Item]] = field(default_factory=list)
    ended: list[Job] = field(default_factory=list)
    poison: set[int] = field(default_factory=set)
    meanwhile: list[object] = field(default_factory=list)

    def run(self, work: Work) -> Sequence[Result]:
        self.seen.append([item[0] for item in work.items])
        while self.meanwhile:
            self.meanwhile.pop()()  # type: ignore[operator]
        if self.poison.intersection(self.seen[-1]):
            raise ConnectionError("the desk is away from bob@acme.test")
        return [
            {**self.describe(item), "outcome": "odd" if item[0] % 2 else "even", "double": 2 * item[0]}
            for item in work.items
        ]

    def describe(self, item: Item) -> Result:
        return {"number": item[0], **({"email": item[1]} if len(item) > 1 else {})}

    def kind(self) -> JobKind:
        return JobKind(
            "test.double",
            lambda: "Doubling",
            self.run,
            self.describe,
            (ADMIN, OPERATOR),
            (("number", "number"), ("outcome", "what"), ("email", "e-mail")),
            self.ended.append,
            free_texts=("note",),
        )

    def start(self, *chunks: Sequence[int], customer_uuid=ACME, by=ALICE.lms_user_id):  # type: ignore[no-untyped-def]
        return jobs.start(
            kind="test.double",
            customer_uuid=customer_uuid,
            parameters={"colour": "red", "note": "for Bob"},
            chunks=[[[number] for number in chunk] for chunk in chunks],
            by=by,
        )


@pytest.fixture
def desk() -> Iterator[Desk]:
    made = Desk()
    jobs.register([made.kind()])
    yield made
    jobs.register(JOB_KINDS)
