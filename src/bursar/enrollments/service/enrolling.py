"""Putting people into runs, and changing or ending their places, a set at a time."""

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection, transaction
from django.utils.translation import gettext as _

from bursar.catalog import api as catalog
from bursar.catalog.data import Run
from bursar.enrollments import models
from bursar.enrollments.data import EnrollmentEntry, EnrollmentOutcome, OnExisting, is_paid, is_upgrade
from bursar.enrollments.service.admission import find_allowed, find_team
from bursar.enrollments.service.announcing import announce, announce_customers
from bursar.enrollments.service.attributes import as_stored
from bursar.enrollments.service.filters import find_kept_out
from bursar.enrollments.service.places import Change, Pair, Seat, read_seats
from bursar.enrollments.service.seats import count_seats, lock_seats, make_seat_locks
from bursar.identity import api as identity
from bursar.identity.data import Person
from bursar.lib import clock, sets
from bursar.lib.outcomes import Refusal


def enroll(
    entries: Sequence[EnrollmentEntry],
    *,
    by: int | None,
    people: Mapping[int, Person] | None = None,
    runs: Mapping[str, Run] | None = None,
    likely_new: bool = False,
) -> list[EnrollmentOutcome]:
    """Puts people into runs, or changes their places; one outcome per entry, in order.

    Who is new comes in; who left comes back, in the mode asked for. What happens to somebody who is in
    says the entry (``data.OnExisting``). Who stays as they are is fine also after the run has closed.
    Entries for the same place are one wish, for the dearest of their modes. Places in a run with limited
    room go to the first entries. Whoever staff allowed into a run, or is of its team, gets in while it is
    closed to others.
    Refusals: ``unknown_course_run``, ``unknown_user``, ``mode_not_offered``, ``run_full``, ``prevented`` (by
    a pipeline of the operator's) and those of ``catalog.data.Run.refusal``. ``people`` and ``runs`` are what
    the caller has just looked up, if it has; what isn't among them counts as unknown. ``likely_new`` is a
    hint, for speed alone: nobody of them is expected to be in yet.
    Effects: a transaction, and five statements (four if hinted), for each 1,000 places if all are
    new; one statement and no transaction if all are taken already. Some more, and a lock, for runs with
    limited room.
    """
    wishes = _wishes_of(entries)
    people, runs = _look_up(entries, people, runs)
    places: dict[Pair, _Place] = {}
    for chunk in sets.chunks(list(wishes)):
        command = _Command({pair: wishes[pair] for pair in chunk}, people, runs, clock.now(), by)
        places.update(command.run(likely_new=likely_new))
    return _outcomes(entries, places)


def rehearse(
    entries: Sequence[EnrollmentEntry],
    *,
    people: Mapping[int, Person] | None = None,
    runs: Mapping[str, Run] | None = None,
) -> list[EnrollmentOutcome]:
    """What ``enroll`` would do with these entries now: the same outcomes, but nothing is written.

    An enrollment that would be made has no uuid and no moment yet. The operator's pipelines are asked, too.
    Effects: reads only: one statement, some more for runs that are closed or of limited room.
    """
    people, runs = _look_up(entries, people, runs)
    command = _Command(_wishes_of(entries), people, runs, clock.now(), by=None)
    return _outcomes(entries, command.rehearse())


_Place = Refusal | tuple[Seat, bool]
"""Why somebody isn't in a run, or the enrollment and whether this command made or changed it."""


def _wishes_of(entries: Iterable[EnrollmentEntry]) -> dict[Pair, EnrollmentEntry]:
    wishes: dict[Pair, EnrollmentEntry] = {}
    for entry in entries:
        pair = (entry.lms_user_id, entry.run_key)
        other = wishes.get(pair)
        wishes[pair] = entry if other is None or other == entry else _merge(other, entry)
    return wishes


def _look_up(
    entries: Sequence[EnrollmentEntry],
    people: Mapping[int, Person] | None,
    runs: Mapping[str, Run] | None,
) -> tuple[Mapping[int, Person], Mapping[str, Run]]:
    if people is None:
        people = identity.find_people_by_lms_user_id({entry.lms_user_id for entry in entries})
    if runs is None:
        runs = catalog.find_runs(
            [key for key in {entry.run_key for entry in entries} if catalog.is_run_key(key)]
        )
    return people, runs


def _outcomes(entries: Sequence[EnrollmentEntry], places: Mapping[Pair, _Place]) -> list[EnrollmentOutcome]:
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
        outcomes.append(EnrollmentOutcome(entry, *seat[:3], created, *seat[3:]))
    return outcomes


class _Target(NamedTuple):
    """What a place is to become."""

    mode: str
    is_active: bool


def _merge(one: EnrollmentEntry, other: EnrollmentEntry) -> EnrollmentEntry:
    """One wish for the dearer of the modes, with what only the other one says, too."""
    is_first_dearer = other.mode is None or (one.mode is not None and is_paid(one.mode))
    dearer, rest = (one, other) if is_first_dearer else (other, one)
    return dearer._replace(
        force=one.force or other.force,
        ignore_room=one.ignore_room or other.ignore_room,
        customer_uuid=dearer.customer_uuid or rest.customer_uuid,
        linked_customer_uuid=dearer.linked_customer_uuid or rest.linked_customer_uuid,
        attributes=rest.attributes if dearer.attributes is None else dearer.attributes,
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
    _doors: dict[tuple[str, str | None, bool, bool], Refusal | str] = field(default_factory=dict)
    _let_in: set[Pair] = field(default_factory=set)

    def run(self, *, likely_new: bool) -> dict[Pair, _Place]:
        known = self._refuse_unknown()
        # Who turns out to be in when the rows are inserted is looked up then; not on MariaDB and MySQL,
        # where INSERT IGNORE locks the rows that it passes over, and two who then change one would block
        # each other.
        is_first_look = not likely_new or connection.vendor == "mysql"
        existing = read_seats([pair for pair in known if is_first_look or self._is_refused(pair)])
        open_pairs = self._find_admitted(known, existing)
        if open_pairs:
            make_seat_locks(self._limits(open_pairs))
        names_customers = any(wish.linked_customer_uuid for wish in self.wishes.values())
        while open_pairs or names_customers:
            with transaction.atomic(durable=True):
                # On MariaDB the INSERT has locked the rows that others put in meanwhile, as they have theirs:
                # to change them as well, it takes a transaction that holds nothing yet.
                open_pairs = self._write(open_pairs, existing)
                if names_customers and not open_pairs:
                    self._name_customers()
                    names_customers = False
        return self.places

    def rehearse(self) -> dict[Pair, _Place]:
        """What ``run`` would do, by the same rules and without a lock."""
        known = self._refuse_unknown()
        existing = read_seats(known)
        open_pairs: Sequence[Pair] = self._find_admitted(known, existing)
        if limits := self._limits(open_pairs):
            rooms = count_seats(limits, [pair for pair in open_pairs if pair[1] in limits])
            open_pairs = self._take_seats(open_pairs, existing, *rooms)
        for pair in open_pairs:
            row = existing.get(pair)
            target = self._target(pair, row)
            if target is not None:
                seat = _UNMADE if row is None else row
                self.places[pair] = (seat._replace(mode=target.mode, is_active=target.is_active), True)
        return self.places

    def _find_admitted(self, known: list[Pair], existing: Mapping[Pair, Seat]) -> list[Pair]:
        """Those of the pairs whose places must be made or changed, and may be; but for the room of runs."""
        open_pairs = self._find_open(known, existing)
        if self._find_let_in(known, existing):
            open_pairs = self._find_open(known, existing)
        return self._filter(open_pairs, existing)

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

    def _find_open(self, pairs: Collection[Pair], existing: Mapping[Pair, Seat]) -> list[Pair]:
        """Those of the pairs whose places must be made or changed, and may be."""
        return [pair for pair in pairs if self._target(pair, existing.get(pair)) is not None]

    def _find_let_in(self, pairs: Collection[Pair], existing: Mapping[Pair, Seat]) -> bool:
        """Finds for whom of the refused a closed run is open; says whether there is anybody."""
        refused = [pair for pair in pairs if isinstance(self.places.get(pair), Refusal)]
        closed_out = [pair for pair in refused if not _is_in(existing.get(pair))]
        allowed = find_allowed(closed_out, self.people)
        self._let_in = allowed | find_team([pair for pair in closed_out if pair not in allowed], self.runs)
        return bool(self._let_in)

    def _filter(self, pairs: list[Pair], existing: Mapping[Pair, Seat]) -> list[Pair]:
        """Those of the pairs that no pipeline of the operator's prevents; the others are refused."""
        comers = [pair for pair in pairs if not _is_in(existing.get(pair))]
        prevented = find_kept_out(
            comers, modes={pair: self.wishes[pair].mode for pair in comers}, people=self.people
        )
        self.places.update(prevented)
        return [pair for pair in pairs if pair not in prevented]

    def _is_refused(self, pair: Pair) -> bool:
        return isinstance(self._door(pair), Refusal)

    def _target(self, pair: Pair, row: Seat | None) -> "_Target | None":
        """What the place must become; None, and its place noted, for who stays as they are or is refused."""
        target = self._judge(pair, row)
        if isinstance(target, Refusal):
            self.places[pair] = target
            return None
        if target is None and row is not None:
            self.places[pair] = (row, False)
        return target

    def _judge(self, pair: Pair, row: Seat | None) -> _Target | Refusal | None:
        """What the place is to become, why not, or None: it is as wished."""
        wish = self.wishes[pair]
        if row is None:
            return self._enter(pair)
        if wish.existing is OnExisting.SET:
            target = _Target(
                wish.mode or row.mode, row.is_active if wish.is_active is None else wish.is_active
            )
            if target != (row.mode, row.is_active):
                return self._check_mode(wish, wish.may_set_expired) or target
        if not row.is_active:
            return None if wish.is_active is False else self._enter(pair)
        mode = wish.mode or row.mode
        if wish.existing is OnExisting.UPGRADE and is_upgrade(row.mode, mode) and wish.is_active is not False:
            return self._check_mode(wish, False) or _Target(mode, True)
        return None

    def _enter(self, pair: Pair) -> _Target | Refusal:
        mode = self._door(pair)
        return mode if isinstance(mode, Refusal) else _Target(mode, self.wishes[pair].is_active is not False)

    def _check_mode(self, wish: EnrollmentEntry, include_expired: bool) -> Refusal | None:
        # Whoever leaves may do so in a mode that has expired (the LMS's rule).
        include_expired = include_expired or wish.is_active is False
        run = self.runs[wish.run_key]
        if wish.mode is None or run.has_mode(wish.mode, self.moment, include_expired=include_expired):
            return None
        return _mode_not_offered(wish.mode, wish.run_key)

    def _door(self, pair: Pair) -> Refusal | str:
        """Why nobody gets into the run this way now, or the mode they get."""
        wish = self.wishes[pair]
        passes = wish.force or pair in self._let_in
        include_expired = wish.may_enter_expired or wish.is_active is False
        way = (wish.run_key, wish.mode, passes, include_expired)
        if way not in self._doors:
            run = self.runs[wish.run_key]
            mode = wish.mode or run.default_mode(self.moment)
            offered: Refusal | str = mode
            if not run.has_mode(mode, self.moment, include_expired=include_expired):
                offered = _mode_not_offered(mode, run.key)
            closed = run.refusal(self.moment, force=passes)
            self._doors[way] = offered if isinstance(offered, Refusal) or closed is None else closed
        return self._doors[way]

    def _write(self, pairs: Sequence[Pair], existing: dict[Pair, Seat]) -> list[Pair]:
        """Writes the places; gives those that somebody else made meanwhile and that are to be changed."""
        limits = self._limits(pairs)
        if limits:
            limited = [pair for pair in pairs if pair[1] in limits]
            rooms = lock_seats(limits, limited)
            existing.update(read_seats(limited))
            pairs = self._take_seats(pairs, existing, *rooms)
        created = self._insert([pair for pair in pairs if pair not in existing])
        lost = [pair for pair in pairs if pair not in existing and pair not in created]
        changed = self._change([existing[pair].uuid for pair in pairs if pair in existing])
        existing.update(read_seats(lost))
        changes = [*created.values(), *changed]
        announce(changes, people=self.people, runs=self.runs, by=self.by)
        self.places.update((each.pair, (each.seat, True)) for each in changes)
        return [pair for pair in lost if self._target(pair, existing[pair]) is not None]

    def _name_customers(self) -> None:
        linked = [pair for pair, place in self.places.items() if not isinstance(place, Refusal)]
        announce_customers([self.wishes[pair] for pair in linked], by=self.by)

    def _take_seats(
        self,
        pairs: Sequence[Pair],
        existing: Mapping[Pair, Seat],
        free: dict[str, int],
        seatless: Collection[Pair],
    ) -> list[Pair]:
        """Those of the pairs for whom there is room, the first ones first; the others are refused."""
        admitted: list[Pair] = []
        for pair in pairs:
            if pair[1] in free and self._needs_seat(pair, existing.get(pair)):
                if free[pair[1]] <= 0 and not self.wishes[pair].ignore_room:
                    text = _("%(run_key)s is full.") % {"run_key": pair[1]}
                    self.places[pair] = Refusal("run_full", text)
                    continue
                free[pair[1]] -= pair not in seatless
            admitted.append(pair)
        return admitted

    def _needs_seat(self, pair: Pair, row: Seat | None) -> bool:
        target = self._target(pair, row)
        return target is not None and target.is_active and not _is_in(row)

    def _limits(self, pairs: Iterable[Pair]) -> dict[str, int]:
        """The runs with limited room into which somebody wants, and their room; leaving takes no seat."""
        entered = {pair[1] for pair in pairs if self.wishes[pair].is_active is not False}
        rooms = {key: self.runs[key].max_enrollments for key in entered}
        return {key: room for key, room in rooms.items() if room is not None}

    def _insert(self, pairs: Collection[Pair]) -> dict[Pair, Change]:
        rows: list[tuple[Any, ...]] = []
        changes: dict[Pair, Change] = {}
        for pair in sorted(pairs):
            wish = self.wishes[pair]
            is_active = wish.is_active is not False
            seat = Seat(uuid.uuid4(), str(self._door(pair)), is_active, wish.customer_uuid, self.moment)
            changes[pair] = Change(pair, seat, None)
            rows.append((*seat, *pair, _noted(wish), self.moment))
        inserted = sets.insert_new(
            models.Enrollment,
            (*Seat._fields, "lms_user_id", "run_key", "attributes", "modified_at"),
            rows,
            unique=("lms_user_id", "run_key"),
        )
        created = {pair: change for pair, change in changes.items() if change.seat.uuid in inserted}
        sets.record_history(
            models.Enrollment, [change.seat.uuid for change in created.values()], kind="+", by=self.by
        )
        return created

    def _change(self, uuids: Collection[UUID]) -> list[Change]:
        """Brings people back, changes and ends places, unless that was done before the rows were locked."""
        if not uuids:
            return []
        rows = models.Enrollment.objects.filter(uuid__in=uuids).order_by("lms_user_id", "run_key")
        changes: list[Change] = []
        updates: list[tuple[Any, ...]] = []
        for lms_user_id, run_key, attributes, *columns in rows.select_for_update().values_list(
            "lms_user_id", "run_key", "attributes", *Seat._fields
        ):
            pair, before = (lms_user_id, run_key), Seat(*columns)
            target = self._target(pair, before)
            if target is None:
                continue
            wish = self.wishes[pair]
            customer_uuid = wish.customer_uuid or before.customer_uuid
            seat = Seat(before.uuid, *target, customer_uuid, before.created_at)
            changes.append(Change(pair, seat, before))
            noted = attributes if wish.attributes is None else _noted(wish)
            updates.append((*seat[:4], noted, self.moment))
        sets.update(models.Enrollment, (*Seat._fields[:4], "attributes", "modified_at"), updates)
        sets.record_history(models.Enrollment, [row[0] for row in updates], kind="~", by=self.by)
        return changes


_UNMADE: Any = Seat(None, "", True, None, None)  # type: ignore[arg-type]  # nothing to be found by yet


def _is_in(row: Seat | None) -> bool:
    return row is not None and row.is_active


def _noted(wish: EnrollmentEntry) -> list[dict[str, str]] | None:
    return None if wish.attributes is None else as_stored(wish.attributes)


def _mode_not_offered(mode: str, run_key: str) -> Refusal:
    text = _("%(run_key)s does not offer the mode %(mode)s now.") % {"run_key": run_key, "mode": mode}
    return Refusal("mode_not_offered", text)
