"""Putting people into runs, a set at a time."""

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Count, QuerySet
from django.utils.translation import gettext as _

from bursar.catalog import api as catalog
from bursar.catalog.data import Run
from bursar.enrollments import models
from bursar.enrollments.data import Enrollment, EnrollmentEntry, EnrollmentOutcome, is_paid
from bursar.events.base import EventType
from bursar.events.enrollments import ENROLLMENTS_CHANGED, ENROLLMENTS_CREATED, EnrollmentChanged
from bursar.identity import api as identity
from bursar.identity.data import Person
from bursar.lib import clock, sets
from bursar.lib.outcomes import Refusal
from bursar.outbox import api as outbox

Pair = tuple[int, str]
"""An LMS user id and a run key."""

EVENT_KEY = "enrollments"

_COLUMNS = (
    "uuid",
    "lms_user_id",
    "run_key",
    "mode",
    "is_active",
    "customer_uuid",
    "created_at",
    "modified_at",
)
"""In the order of ``data.Enrollment``'s fields."""


def find_enrollments(pairs: Collection[Pair]) -> dict[Pair, Enrollment]:
    """The enrollments of these people in these runs, active or not. One query for each 1,000 pairs."""
    found: dict[Pair, Enrollment] = {}
    for chunk in sets.chunks(list(dict.fromkeys(pairs))):
        wanted = set(chunk)
        rows = _rows(wanted).values_list(*_COLUMNS)
        found.update(((row[1], row[2]), Enrollment(*row)) for row in rows if (row[1], row[2]) in wanted)
    return found


def enroll(
    entries: Sequence[EnrollmentEntry],
    *,
    by: int | None,
    people: Mapping[int, Person] | None = None,
    runs: Mapping[str, Run] | None = None,
    likely_new: bool = False,
) -> list[EnrollmentOutcome]:
    """Puts people into runs; one outcome per entry, in order.

    Who is new comes in; who left comes back, in the mode asked for; who is in a free mode and is to
    have a paid one is upgraded; everybody else who is in stays as they are, also after the run has
    closed. Entries for the same place are one wish, for the dearest of their modes. Places in a run
    with limited room go to the first entries.
    Refusals: ``unknown_course_run``, ``unknown_user``, ``mode_not_offered``, ``run_full`` and those of
    ``catalog.data.Run.refusal``. ``people`` and ``runs`` are what the caller has just looked up, if
    it has; what isn't among them counts as unknown. ``likely_new`` is a hint, for speed alone: nobody of
    them is expected to be in yet.
    Effects: a transaction, and four statements (three if hinted), for each 1,000 places if all are
    new; one statement and no transaction if all are taken already. Some more, and a lock, for runs with
    limited room.
    """
    wishes: dict[Pair, EnrollmentEntry] = {}
    for entry in entries:
        pair = (entry.lms_user_id, entry.run_key)
        other = wishes.get(pair)
        wishes[pair] = entry if other is None or other == entry else _merge(other, entry)
    if people is None:
        people = identity.find_people_by_lms_user_id({entry.lms_user_id for entry in entries})
    if runs is None:
        runs = catalog.find_runs(
            [key for key in {entry.run_key for entry in entries} if catalog.is_run_key(key)]
        )
    places: dict[Pair, _Place] = {}
    for chunk in sets.chunks(list(wishes)):
        command = _Command({pair: wishes[pair] for pair in chunk}, people, runs, clock.now(), by)
        places.update(command.run(likely_new=likely_new))
    outcomes: list[EnrollmentOutcome] = []
    told: set[Pair] = set()
    for entry in entries:
        pair = (entry.lms_user_id, entry.run_key)
        place = places[pair]
        if isinstance(place, Refusal):
            outcomes.append(EnrollmentOutcome(entry, refusal=place))
            continue
        seat, is_new = place
        created = is_new and pair not in told
        told.add(pair)
        outcomes.append(EnrollmentOutcome(entry, seat.uuid, seat.mode, True, created, seat.customer_uuid))
    return outcomes


class _Seat(NamedTuple):
    """What must be known of an enrollment to judge it, for the thousands that stay as they are."""

    uuid: UUID
    mode: str
    is_active: bool
    customer_uuid: UUID | None


_Place = Refusal | tuple[_Seat, bool]
"""Why somebody isn't in a run, or the enrollment and whether this command made or changed it."""


def _merge(one: EnrollmentEntry, other: EnrollmentEntry) -> EnrollmentEntry:
    dearer = one if other.mode is None or (one.mode is not None and is_paid(one.mode)) else other
    return replace(
        dearer, force=one.force or other.force, customer_uuid=dearer.customer_uuid or one.customer_uuid
    )


@dataclass(slots=True)
class _Command:
    """One chunk of ``enroll``: what is wished for, what is known, and what became of it."""

    wishes: Mapping[Pair, EnrollmentEntry]
    people: Mapping[int, Person]
    runs: Mapping[str, Run]
    moment: datetime
    by: int | None
    places: dict[Pair, _Place] = field(default_factory=dict)
    _doors: dict[tuple[str, str | None, bool], Refusal | str] = field(default_factory=dict)

    def run(self, *, likely_new: bool) -> dict[Pair, _Place]:
        known = self._refuse_unknown()
        # Who turns out to be in when the rows are inserted is looked up then; not on MariaDB and MySQL,
        # where INSERT IGNORE locks the rows that it passes over, and two who then change one would block
        # each other.
        is_first_look = not likely_new or connection.vendor == "mysql"
        existing = _read(
            [pair for pair in known if is_first_look or isinstance(self._door(self.wishes[pair]), Refusal)]
        )
        open_pairs = [pair for pair in known if not self._settle(pair, existing.get(pair))]
        if open_pairs:
            _make_seat_locks(self._limits(open_pairs))
            with transaction.atomic(durable=True):
                self._write(open_pairs, existing)
        return self.places

    def _refuse_unknown(self) -> list[Pair]:
        known: list[Pair] = []
        for pair in self.wishes:
            lms_user_id, run_key = pair
            if run_key not in self.runs:
                text = _("There is no course run %(run_key)s.") % {"run_key": run_key}
                self.places[pair] = Refusal("unknown_course_run", text)
            elif lms_user_id not in self.people:
                text = _("There is no account with the LMS user id %(id)s.") % {"id": lms_user_id}
                self.places[pair] = Refusal("unknown_user", text)
            else:
                known.append(pair)
        return known

    def _settle(self, pair: Pair, row: _Seat | None) -> bool:
        """Notes the place of somebody who stays as they are, or is refused; says whether it did."""
        wish = self.wishes[pair]
        if row is not None and row.is_active:
            if wish.mode is None or is_paid(row.mode) or not is_paid(wish.mode):
                self.places[pair] = (row, False)
                return True
            if self.runs[pair[1]].has_mode(wish.mode, self.moment):
                return False
            self.places[pair] = _mode_not_offered(wish.mode, pair[1])
            return True
        mode = self._door(wish)
        if isinstance(mode, Refusal):
            self.places[pair] = mode
            return True
        return False

    def _door(self, wish: EnrollmentEntry) -> Refusal | str:
        """Why nobody gets into the run this way now, or the mode they get."""
        way = (wish.run_key, wish.mode, wish.force)
        if way not in self._doors:
            run = self.runs[wish.run_key]
            mode = wish.mode or run.default_mode(self.moment)
            offered: Refusal | str = mode
            if not run.has_mode(mode, self.moment):
                offered = _mode_not_offered(mode, run.key)
            self._doors[way] = run.refusal(self.moment, force=wish.force) or offered
        return self._doors[way]

    def _write(self, pairs: Sequence[Pair], existing: dict[Pair, _Seat]) -> None:
        pairs = self._take_seats(pairs, existing)
        created = self._insert([pair for pair in pairs if pair not in existing])
        lost = [pair for pair in pairs if pair not in existing and pair not in created]
        if lost:  # somebody else put them in meanwhile
            existing.update(_read(lost))
        changed = self._change([existing[pair].uuid for pair in pairs if pair not in created])
        self._announce(ENROLLMENTS_CREATED, {pair: (seat, self.moment) for pair, seat in created.items()})
        self._announce(ENROLLMENTS_CHANGED, changed)

    def _take_seats(self, pairs: Sequence[Pair], existing: dict[Pair, _Seat]) -> Sequence[Pair]:
        """Those of the pairs for whom there is room, the first ones first; the others are refused."""
        limits = self._limits(pairs)
        if not limits:
            return pairs
        free = _lock_seats(limits)
        existing.update(_read([pair for pair in pairs if pair[1] in limits]))
        admitted: list[Pair] = []
        for pair in pairs:
            row = existing.get(pair)
            needs_seat = pair[1] in limits and not (row is not None and row.is_active)
            if needs_seat and free[pair[1]] <= 0:
                text = _("%(run_key)s is full.") % {"run_key": pair[1]}
                self.places[pair] = Refusal("run_full", text)
                continue
            if needs_seat:
                free[pair[1]] -= 1
            admitted.append(pair)
        return admitted

    def _limits(self, pairs: Iterable[Pair]) -> dict[str, int]:
        """The runs with limited room, and their room."""
        rooms = {key: self.runs[key].max_enrollments for key in {key for _, key in pairs}}
        return {key: room for key, room in rooms.items() if room is not None}

    def _insert(self, pairs: Collection[Pair]) -> dict[Pair, _Seat]:
        seats: dict[Pair, _Seat] = {}
        for pair in sorted(pairs):
            wish = self.wishes[pair]
            seats[pair] = _Seat(uuid.uuid4(), str(self._door(wish)), True, wish.customer_uuid)
        inserted = sets.insert_new(
            models.Enrollment,
            (
                "uuid",
                "mode",
                "is_active",
                "customer_uuid",
                "lms_user_id",
                "run_key",
                "created_at",
                "modified_at",
            ),
            [(*seat, *pair, self.moment, self.moment) for pair, seat in seats.items()],
            unique=("lms_user_id", "run_key"),
        )
        created = {pair: seat for pair, seat in seats.items() if seat.uuid in inserted}
        sets.record_history(models.Enrollment, [seat.uuid for seat in created.values()], kind="+", by=self.by)
        return created

    def _change(self, uuids: Collection[UUID]) -> dict[Pair, tuple[_Seat, datetime]]:
        """Brings people back and upgrades them, unless somebody else did so before the rows were locked.

        Gives their seats, and since when they have them.
        """
        if not uuids:
            return {}
        rows = models.Enrollment.objects.filter(uuid__in=uuids).order_by("lms_user_id", "run_key")
        changed: dict[Pair, tuple[_Seat, datetime]] = {}
        for lms_user_id, run_key, created_at, *columns in rows.select_for_update().values_list(
            "lms_user_id", "run_key", "created_at", *_Seat._fields
        ):
            pair, seat = (lms_user_id, run_key), _Seat(*columns)
            if self._settle(pair, seat):
                continue
            wish = self.wishes[pair]
            mode = wish.mode if seat.is_active and wish.mode else str(self._door(wish))
            changed[pair] = (
                _Seat(seat.uuid, mode, True, wish.customer_uuid or seat.customer_uuid),
                created_at,
            )
        sets.update(
            models.Enrollment,
            (*_Seat._fields, "modified_at"),
            [(*seat, self.moment) for seat, _ in changed.values()],
        )
        sets.record_history(
            models.Enrollment, [seat.uuid for seat, _ in changed.values()], kind="~", by=self.by
        )
        return changed

    def _announce(
        self, kind: EventType[EnrollmentChanged], seats: Mapping[Pair, tuple[_Seat, datetime]]
    ) -> None:
        """Notes the places of those who got in or were upgraded, and records the event."""
        facts: list[EnrollmentChanged] = []
        for pair, (seat, created_at) in seats.items():
            self.places[pair] = (seat, True)
            person = self.people[pair[0]]
            facts.append(
                EnrollmentChanged(
                    enrollment_uuid=seat.uuid,
                    lms_user_id=pair[0],
                    username=person.username,
                    email=person.email,
                    run_key=pair[1],
                    mode=seat.mode,
                    is_active=seat.is_active,
                    created_at=created_at,
                    customer_uuid=seat.customer_uuid,
                )
            )
        outbox.record(kind, key=EVENT_KEY, facts=facts, by=self.by)


def _mode_not_offered(mode: str, run_key: str) -> Refusal:
    text = _("%(run_key)s does not offer the mode %(mode)s now.") % {"run_key": run_key, "mode": mode}
    return Refusal("mode_not_offered", text)


def _rows(pairs: Collection[Pair]) -> "QuerySet[models.Enrollment]":
    """The rows of these pairs, and perhaps some of the same people in the same runs."""
    people = {pair[0] for pair in pairs}
    return models.Enrollment.objects.filter(
        lms_user_id__in=people, run_key__in={pair[1] for pair in pairs}
    ).order_by()


def _read(pairs: Collection[Pair]) -> dict[Pair, _Seat]:
    if not pairs:
        return {}
    found = _rows(pairs).values_list("lms_user_id", "run_key", *_Seat._fields)
    return {(lms_user_id, run_key): _Seat(*seat) for lms_user_id, run_key, *seat in found}


def _make_seat_locks(limits: Iterable[str]) -> None:
    """Makes the locks of these runs, before and outside of the transaction that takes them."""
    wanted = set(limits)
    if wanted:
        there = models.SeatLock.objects.filter(run_key__in=wanted).values_list("run_key", flat=True)
        missing = sorted(wanted.difference(there))
        sets.insert_new(models.SeatLock, ("run_key",), [(key,) for key in missing], unique=("run_key",))


def _lock_seats(limits: Mapping[str, int]) -> dict[str, int]:
    """Locks the runs against everybody else who puts people into them; gives each one's free seats."""
    list(models.SeatLock.objects.select_for_update().filter(run_key__in=limits).order_by("run_key"))
    taken = models.Enrollment.objects.filter(run_key__in=limits, is_active=True).order_by()
    counts = dict(taken.values_list("run_key").annotate(Count("uuid")))
    return {key: limit - counts.get(key, 0) for key, limit in limits.items()}
