"""Getting people into runs at a customer's expense: intent, call, result.

Three steps, each a transaction of its own: link the people (``link_for``), have them enrolled, write down
what was sponsored. A crash between two of them is mended by the same command again, for every step passes
over what is there; who was enrolled before the crash still counts as new until the last step is done.
"""

import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from uuid import UUID

from django.db import transaction

from bursar.catalog.data import Run
from bursar.customers import models
from bursar.customers.data import EnrollmentSource
from bursar.customers.service.linking import Links, link_people, not_relinkable
from bursar.customers.service.rows import Ensured, Row, Table, ensure, foresee
from bursar.enrollments import api as enrollments
from bursar.enrollments.data import EnrollmentEntry, EnrollmentOutcome
from bursar.events.customers import LEARNERS_ENROLLED, LearnerEnrolled
from bursar.identity.data import Person
from bursar.lib import clock, sets
from bursar.lib.outcomes import Refusal
from bursar.outbox import api as outbox

Pair = tuple[int, str]
"""An LMS user id and a run key."""

Subsidy = tuple[str, UUID]
"""The kind of a fulfillment, and the license or transaction."""

_Paid = tuple[int, str, str, UUID]
"""A pair and what pays for it."""


@dataclass(slots=True)
class Place:
    """A person to be put into a run, and what pays for it. ``key`` is the pair of both."""

    key: Pair
    person: Person
    run: Run
    mode: str
    subsidy: Subsidy
    force: bool
    is_default_auto_enrollment: bool
    discount_percent: Decimal


@dataclass(slots=True)
class Sponsored:
    """What became of a place. ``is_new`` says that this command is the one that got the learner in.

    In a rehearsal a fulfillment that would be made has no uuid.
    """

    fulfillment_uuid: UUID | None = None
    is_new: bool = False
    refusal: Refusal | None = None


def link_for(customer_uuid: UUID, lms_user_ids: Collection[int], *, by: int | None) -> Links:
    """Links any number of people, each 1,000 in a transaction of their own."""
    uuids: dict[int, UUID] = {}
    created: set[int] = set()
    fresh: set[int] = set()
    for chunk in sets.chunks(sorted(lms_user_ids)):
        with transaction.atomic(durable=True):
            links = link_people(customer_uuid, chunk, by=by)
        uuids |= links.uuids
        created |= links.created
        fresh |= links.fresh
    return Links(uuids, frozenset(created), frozenset(fresh))


@dataclass(slots=True)
class Sponsoring:
    """One chunk of people who get into runs at a customer's expense.

    ``prepare`` first, outside of any transaction; then ``write``, in the caller's. Or ``rehearse`` alone.
    """

    customer_uuid: UUID
    places: Sequence[Place]
    links: Links
    source: EnrollmentSource
    by: int | None = None
    _enrolled: dict[Pair, EnrollmentOutcome] = field(init=False)
    _sponsored: dict[Pair, Row] = field(default_factory=dict)
    _fulfillments: dict[_Paid, Row] = field(default_factory=dict)

    def prepare(self, *, is_first: bool = False) -> None:
        """Has the people enrolled. Sees before what was sponsored, unless the caller knows: nothing."""
        if not is_first:
            self._read_what_is_there()
        entries, people, runs = self._entries()
        outcomes = enrollments.enroll(
            list(entries.values()),
            by=self.by,
            people=people,
            runs=runs,
            likely_new=self.links.fresh.issuperset(people),
        )
        self._enrolled = dict(zip(entries, outcomes, strict=True))

    def _read_what_is_there(self) -> None:
        old = {
            place.person.lms_user_id for place in self.places if place.person.lms_user_id in self.links.uuids
        }
        old -= self.links.fresh
        if not old:
            return
        rows = models.SponsoredEnrollment.objects.filter(
            link__customer_id=self.customer_uuid,
            link__lms_user_id__in=old,
            run_key__in={place.run.key for place in self.places},
        ).order_by()
        for lms_user_id, run_key, *state in rows.values_list(*_STATE_COLUMNS):
            row_uuid, unenrolled, saved, kind, subsidy_uuid, fulfillment_uuid, revoked = state
            self._sponsored[lms_user_id, run_key] = (row_uuid, unenrolled, saved)
            if fulfillment_uuid is not None:
                self._fulfillments[lms_user_id, run_key, kind, subsidy_uuid] = (fulfillment_uuid, revoked)

    def _entries(self) -> tuple[dict[Pair, EnrollmentEntry], dict[int, Person], dict[str, Run]]:
        """Who is to be enrolled where, each place once, and the people and runs of these places."""
        linked = self.links.uuids
        entries: dict[Pair, EnrollmentEntry] = {}
        people: dict[int, Person] = {}
        runs: dict[str, Run] = {}
        for place in self.places:
            pair = place.key
            if pair[0] in linked and (pair not in entries or place.force):
                entries[pair] = EnrollmentEntry(*pair, place.mode, place.force, self.customer_uuid)
                people[pair[0]] = place.person
                runs[pair[1]] = place.run
        return entries, people, runs

    def write(self) -> list[Sponsored]:
        """Writes down what was sponsored; one outcome per place, in order. Records one event.

        Effects: five statements if all is new, none if nothing is.
        """
        in_run, just_in = self._in_run()
        sponsored = ensure_sponsored(
            self.links, in_run, self.source, by=self.by, known=self._sponsored, just_in=just_in
        )
        fulfillments = self._ensure_fulfillments(sponsored)
        outcomes: list[Sponsored] = []
        facts: dict[_Paid, LearnerEnrolled] = {}
        new_pairs = self._find_new(sponsored)
        told: set[Pair] = set()
        for place in self.places:
            pair = place.key
            refusal = self._refusal(pair, place)
            if refusal is not None:
                outcomes.append(Sponsored(refusal=refusal))
                continue
            paid = (*pair, *place.subsidy)
            fulfillment_uuid = fulfillments.uuid_of(paid)
            is_new = pair in new_pairs
            outcomes.append(Sponsored(fulfillment_uuid, is_new and pair not in told))
            told.add(pair)
            if fulfillments.has_changed(paid):
                facts[paid] = self._fact(place, fulfillment_uuid, is_new)
        outbox.record(LEARNERS_ENROLLED, key=str(self.customer_uuid), facts=list(facts.values()), by=self.by)
        return outcomes

    def rehearse(self) -> list[Sponsored]:
        """What ``prepare`` and ``write`` would do now; one outcome per place, in order. Reads only."""
        self._read_what_is_there()
        entries, people, runs = self._entries()
        outcomes = enrollments.rehearse(list(entries.values()), people=people, runs=runs)
        self._enrolled = dict(zip(entries, outcomes, strict=True))
        in_run, just_in = self._in_run()
        sponsored = foresee(in_run, known=self._sponsored, revive=_reviver(just_in))
        new_pairs = self._find_new(sponsored)
        foreseen: list[Sponsored] = []
        for place in self.places:
            pair = place.key
            refusal = self._refusal(pair, place)
            if refusal is None:
                row = self._fulfillments.get((*pair, *place.subsidy))
                foreseen.append(Sponsored(row[0] if row else None, pair in new_pairs))
                new_pairs.discard(pair)
            else:
                foreseen.append(Sponsored(refusal=refusal))
        return foreseen

    def _in_run(self) -> tuple[list[Pair], set[Pair]]:
        """The pairs that are in their runs now, and those of them that this command got in."""
        in_run = [pair for pair, outcome in self._enrolled.items() if outcome.refusal is None]
        return in_run, {pair for pair in in_run if self._enrolled[pair].created}

    def _fact(self, place: Place, fulfillment_uuid: UUID, is_new: bool) -> LearnerEnrolled:
        person, (kind, subsidy_uuid) = place.person, place.subsidy
        return LearnerEnrolled(
            customer_uuid=self.customer_uuid,
            lms_user_id=place.key[0],
            run_key=place.key[1],
            mode=self._enrolled[place.key].mode or place.mode,
            fulfillment_uuid=fulfillment_uuid,
            is_new=is_new,
            username=person.username,
            email=person.email,
            subsidy_kind=kind,
            subsidy_uuid=subsidy_uuid,
            discount_percent=float(place.discount_percent),
            is_default_auto_enrollment=place.is_default_auto_enrollment,
        )

    def _refusal(self, pair: Pair, place: Place) -> Refusal | None:
        outcome = self._enrolled.get(pair)
        return not_relinkable(place.person.email) if outcome is None else outcome.refusal

    def _find_new(self, sponsored: Ensured[Pair]) -> set[Pair]:
        """Whom this command got in, and no other: their mail and their ``created`` are ours."""
        new: set[Pair] = set()
        for pair, outcome in self._enrolled.items():
            before = self._sponsored.get(pair)
            if before is None:
                # Enrolled for this customer but not written down: this command, or one that crashed.
                is_ours = outcome.created or outcome.customer_uuid == self.customer_uuid
                is_new = pair in sponsored.created and is_ours
            else:
                is_new = pair in sponsored.revived if before[1] else outcome.created
            if is_new:
                new.add(pair)
        return new

    def _ensure_fulfillments(self, sponsored: Ensured[Pair]) -> Ensured[_Paid]:
        moment = clock.now()
        wanted: set[_Paid] = set()
        for place in self.places:
            pair = place.key
            outcome = self._enrolled.get(pair)
            if outcome is not None and outcome.refusal is None:
                wanted.add((*pair, *place.subsidy))
        return ensure(
            Table(models.Fulfillment, _FULFILLMENT_COLUMNS, _FULFILLMENT_KEY, self._read_fulfillments),
            wanted,
            lambda paid: (uuid.uuid4(), sponsored.uuid_of(paid[:2]), *paid[2:], False, moment, moment),
            known=self._fulfillments,
            revive=lambda _, row: (False, moment) if row[1] else None,
            revived_columns=("is_revoked", "modified_at"),
            by=self.by,
        )

    def _read_fulfillments(self, wanted: Collection[_Paid], lock: bool) -> Mapping[_Paid, Row]:
        pairs = {
            row[0]: pair
            for pair, row in _read_sponsored(self.links, {paid[:2] for paid in wanted}, False).items()
        }
        rows = models.Fulfillment.objects.filter(sponsored_enrollment_id__in=pairs).order_by(
            *_FULFILLMENT_KEY
        )
        if lock:
            rows = rows.select_for_update()
        found = rows.values_list(*_FULFILLMENT_KEY, "uuid", "is_revoked")
        states = {(*pairs[place], kind, subsidy): tuple(state) for place, kind, subsidy, *state in found}
        return {paid: states[paid] for paid in wanted if paid in states}


def ensure_sponsored(
    links: Links,
    pairs: Collection[Pair],
    source: EnrollmentSource,
    *,
    by: int | None,
    known: Mapping[Pair, Row] | None = None,
    just_in: Collection[Pair] = (),
) -> Ensured[Pair]:
    """Writes down that the customer of these links sponsors the pairs, in the caller's transaction.

    What was unenrolled is revived; what was saved for later as well, for those who have ``just`` got ``in``.
    Effects: two statements if all is new, none if all is ``known`` and fine.
    """
    moment = clock.now()
    return ensure(
        Table(
            models.SponsoredEnrollment,
            _SPONSORED_COLUMNS,
            ("link", "run_key"),
            lambda wanted, lock: _read_sponsored(links, wanted, lock),
        ),
        pairs,
        lambda pair: (
            uuid.uuid4(), links.uuids[pair[0]], pair[1], source.value, False, False, None, moment, moment,
        ),
        known=known,
        revive=_reviver(just_in),
        revived_columns=("is_unenrolled", "is_saved_for_later", "unenrolled_at", "modified_at"),
        by=by,
    )  # fmt: skip


def _reviver(just_in: Collection[Pair]) -> Callable[[Pair, Row], Row | None]:
    moment = clock.now()

    def revive(pair: Pair, row: Row) -> Row | None:
        _, is_unenrolled, is_saved_for_later = row
        if is_unenrolled or (is_saved_for_later and pair in just_in):
            return (False, False, None, moment)
        return None

    return revive


def _read_sponsored(links: Links, pairs: Collection[Pair], lock: bool) -> Mapping[Pair, Row]:
    people = {links.uuids[pair[0]]: pair[0] for pair in pairs}
    rows = models.SponsoredEnrollment.objects.filter(
        link_id__in=people, run_key__in={pair[1] for pair in pairs}
    ).order_by("link_id", "run_key")
    if lock:
        rows = rows.select_for_update()
    found = rows.values_list("link_id", "run_key", "uuid", "is_unenrolled", "is_saved_for_later")
    states = {(people[link], run_key): tuple(state) for link, run_key, *state in found}
    return {pair: states[pair] for pair in pairs if pair in states}


_SPONSORED_COLUMNS = (
    "uuid", "link", "run_key", "source", "is_saved_for_later", "is_unenrolled", "unenrolled_at", "created_at",
    "modified_at",
)  # fmt: skip
_FULFILLMENT_COLUMNS = (
    "uuid", "sponsored_enrollment", "kind", "subsidy_uuid", "is_revoked", "created_at", "modified_at",
)  # fmt: skip
_FULFILLMENT_KEY = ("sponsored_enrollment", "kind", "subsidy_uuid")
_STATE_COLUMNS = (
    "link__lms_user_id", "run_key", "uuid", "is_unenrolled", "is_saved_for_later", "fulfillments__kind",
    "fulfillments__subsidy_uuid", "fulfillments__uuid", "fulfillments__is_revoked",
)  # fmt: skip
