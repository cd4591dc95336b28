"""What staff do by hand, many people at a time: put them into runs, closed or full as they may be, or out.

Source: the LMS's bulk_enroll. Everything done is written down with its reason.
"""

import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from bursar.catalog.data import Run
from bursar.enrollments import models
from bursar.enrollments.data import (
    STAFF_LIMIT,
    Enrollment,
    EnrollmentEntry,
    EnrollmentOutcome,
    OnExisting,
    SpotState,
    StaffOutcome,
    TooManyPlaces,
    Transition,
)
from bursar.enrollments.service.allowing import Spot, delete_allowances, read_allowances, set_allowances
from bursar.enrollments.service.cohorts import find_cohort_names, join_cohorts
from bursar.enrollments.service.enrolling import enroll
from bursar.enrollments.service.filters import find_kept_in
from bursar.enrollments.service.places import Pair, find_enrollments
from bursar.identity import api as identity
from bursar.identity.data import Person
from bursar.lib import clock, emails, sets
from bursar.lib.outcomes import Refusal
from bursar.notifications import api as notifications
from bursar.notifications.data import NewMessage


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Whom (usernames, addresses) staff put where, or take out. ``reason`` is kept, ``notify`` mails them."""

    identifiers: Sequence[str]
    runs: Sequence[Run]
    by: int | None
    reason: str | None = None
    notify: bool = False


def enroll_by_staff(
    order: Order, *, auto_enroll: bool, cohorts: Mapping[str, models.Cohort] | None = None
) -> dict[str, list[StaffOutcome]]:
    """Puts people into runs; by run key, an outcome for each identifier, in order.

    Whoever has a confirmed account is enrolled whatever the state of the run, in the present mode or the
    run's default. Any other address may come into the run from now on; with ``auto_enroll`` it is put in once
    it is confirmed. ``cohorts`` has a group for each run, by its key. Mails tell each person once, of what is
    new.
    Raises TooManyPlaces for more than 10,000 people times runs.
    Effects: a constant number of statements per 1,000. The places are one transaction for each 1,000, the
    cohorts up to two, all the rest another one: after a crash in between the same order finishes it.
    """
    scene = _Scene(order, has_cohorts=bool(cohorts))
    names = cohorts or {}
    entries = [
        EnrollmentEntry(*pair, scene.mode_of(pair), force=True, existing=OnExisting.KEEP, ignore_room=True)
        for pair in scene.pairs
    ]
    outcomes = enroll(entries, by=order.by, people=scene.people, runs=scene.runs)
    placed = dict(zip(scene.pairs, outcomes, strict=True))
    wanted = {spot: (auto_enroll, names[spot[1]].uuid if names else None) for spot in scene.spots}
    if names:
        entered = [pair for pair, outcome in placed.items() if outcome.refusal is None]
        for part in sets.chunks(entered):
            join_cohorts({pair: names[pair[1]] for pair in part}, by=order.by)
    with transaction.atomic(durable=True):
        new: set[Spot] = set()
        for chunk in sets.chunks(sorted(wanted)):
            new |= set_allowances({spot: wanted[spot] for spot in chunk}, by=order.by)
        return _conclude(scene, _Entering(placed, new, auto_enroll, names), "enrollments/enrolled_by_staff")


def unenroll_by_staff(order: Order) -> dict[str, list[StaffOutcome]]:
    """Takes people out of runs, takes back that addresses may come in; otherwise as ``enroll_by_staff``."""
    scene = _Scene(order, has_cohorts=False)
    inside = {pair: each for pair, each in scene.places.items() if each.is_active}
    kept = find_kept_in(inside)
    entries = [
        EnrollmentEntry(*pair, existing=OnExisting.SET, is_active=False)
        for pair in inside
        if pair not in kept
    ]
    enroll(entries, by=order.by, people=scene.people, runs=scene.runs)
    with transaction.atomic(durable=True):
        every_spot = [
            (subject.address, key) for subject in scene.subjects.values() if subject for key in scene.runs
        ]
        for chunk in sets.chunks(sorted(set(every_spot))):
            delete_allowances(chunk, by=order.by)
        return _conclude(scene, _Leaving(kept), "enrollments/unenrolled_by_staff")


class _Subject(NamedTuple):
    """Whom an identifier means: a confirmed account, or an address that has none."""

    address: str
    person: Person | None


class _Conclusion(NamedTuple):
    """What became of a subject in a run, what is written down about it, and whether it is news to them."""

    outcome: StaffOutcome
    transition: Transition
    enrollment_uuid: UUID | None
    is_news: bool


class _Deed(Protocol):
    """One of the two things that staff do."""

    def conclude(
        self, identifier: str, subject: _Subject, run: Run, before: SpotState, place: Enrollment | None
    ) -> _Conclusion:
        """What became of the subject, who stood like ``before``."""


class _Scene:
    """Who and what an order is about, as it was before."""

    def __init__(self, order: Order, *, has_cohorts: bool) -> None:
        identifiers = list(dict.fromkeys(order.identifiers))
        if len(identifiers) * len(order.runs) > STAFF_LIMIT:
            text = _("Name at most %(limit)d people times course runs in one request.")
            raise TooManyPlaces(text % {"limit": STAFF_LIMIT})
        self.order = order
        self.runs = {run.key: run for run in order.runs}
        self.subjects = _find_subjects(identifiers)
        known = [subject for subject in self.subjects.values() if subject]
        self.people = {each.person.lms_user_id: each.person for each in known if each.person}
        self.pairs: list[Pair] = [(each, key) for key in self.runs for each in self.people]
        self.spots: list[Spot] = [
            (address, key)
            for key in self.runs
            for address in dict.fromkeys(each.address for each in known if not each.person)
        ]
        self.places = find_enrollments(self.pairs)
        addresses = {each.address for each in known if each.address}
        self.allowed = _in_chunks(read_allowances, [(each, key) for key in self.runs for each in addresses])
        self._has_cohorts = has_cohorts
        self._cohorts = _in_chunks(find_cohort_names, self.pairs) if has_cohorts else {}

    def mode_of(self, pair: Pair) -> str | None:
        """The mode in which the person is in the run now, if they are."""
        place = self.places.get(pair)
        return place.mode if place and place.is_active else None

    def state_of(self, subject: _Subject, run_key: str) -> SpotState:
        """How the subject stood to the run."""
        allowed = self.allowed.get((subject.address, run_key))
        cohort, is_enrolled = allowed.cohort.name if allowed and allowed.cohort else None, False
        if subject.person is not None:
            pair = (subject.person.lms_user_id, run_key)
            cohort, is_enrolled = self._cohorts.get(pair), self.mode_of(pair) is not None
        return SpotState(
            is_account=subject.person is not None,
            is_enrolled=is_enrolled,
            is_allowed=allowed is not None,
            auto_enroll=allowed is not None and allowed.auto_enroll,
            cohort=cohort,
            has_cohort=self._has_cohorts,
        )


def _find_subjects(identifiers: Sequence[str]) -> dict[str, _Subject | None]:
    by_name = identity.find_people_by_username(identifiers)
    addresses = {each: emails.normalize(each) for each in identifiers if each not in by_name}
    valid = {address for address in addresses.values() if emails.is_valid(address)}
    by_address = identity.find_people_by_email(valid) if valid else {}
    subjects: dict[str, _Subject | None] = {}
    for each in identifiers:
        person = by_name.get(each) or by_address.get(addresses[each])
        address = person.email if person else addresses[each]
        if person is not None and person.is_active and person.is_confirmed:
            subjects[each] = _Subject(address, person)
        else:
            # Whoever only claims an address, or is closed, gets nothing but what waits for the address.
            is_reachable = emails.is_valid(address) and not emails.is_retired(address)
            subjects[each] = _Subject(address, None) if is_reachable else None
    return subjects


def _in_chunks(read: Any, keys: Sequence[Any]) -> dict[Any, Any]:
    found: dict[Any, Any] = {}
    for chunk in sets.chunks(keys):
        found.update(read(chunk))
    return found


@dataclass(frozen=True, slots=True)
class _Entering:
    """People were put in, addresses let in."""

    placed: Mapping[Pair, EnrollmentOutcome]
    new_spots: set[Spot]
    auto_enroll: bool
    cohorts: Mapping[str, models.Cohort]

    def conclude(
        self, identifier: str, subject: _Subject, run: Run, before: SpotState, place: Enrollment | None
    ) -> _Conclusion:
        after = replace(before, cohort=self.cohorts[run.key].name if self.cohorts else None)
        if subject.person is None:
            after = replace(after, is_allowed=True, auto_enroll=self.auto_enroll)
            is_news = (subject.address, run.key) in self.new_spots
            outcome = StaffOutcome(identifier, before, after)
            return _Conclusion(outcome, Transition.UNENROLLED_TO_ALLOWED, None, is_news)
        entered = self.placed[subject.person.lms_user_id, run.key]
        if entered.refusal is not None:
            outcome = StaffOutcome(identifier, refusal=entered.refusal)
            return _Conclusion(outcome, Transition.NOTHING, None, False)
        outcome = StaffOutcome(identifier, before, replace(after, is_enrolled=True))
        if before.is_enrolled:
            transition = Transition.ENROLLED_TO_ENROLLED
        elif before.is_allowed:
            transition = Transition.ALLOWED_TO_ENROLLED
        else:
            transition = Transition.UNENROLLED_TO_ENROLLED
        return _Conclusion(outcome, transition, entered.enrollment_uuid, entered.created)


@dataclass(frozen=True, slots=True)
class _Leaving:
    """People were taken out, addresses are no longer let in."""

    kept: Mapping[Pair, Refusal]

    def conclude(
        self, identifier: str, subject: _Subject, run: Run, before: SpotState, place: Enrollment | None
    ) -> _Conclusion:
        pair = (subject.person.lms_user_id if subject.person else 0, run.key)
        if pair in self.kept:
            outcome = StaffOutcome(identifier, refusal=self.kept[pair])
            return _Conclusion(outcome, Transition.NOTHING, None, False)
        after = replace(before, is_enrolled=False, is_allowed=False, auto_enroll=False)
        if before.is_enrolled:
            transition = Transition.ENROLLED_TO_UNENROLLED
        elif before.is_allowed:
            transition = Transition.ALLOWED_TO_UNENROLLED
        else:
            transition = Transition.UNENROLLED_TO_UNENROLLED
        is_news = before.is_enrolled or before.is_allowed
        return _Conclusion(
            StaffOutcome(identifier, before, after), transition, place.uuid if place else None, is_news
        )


def _conclude(scene: _Scene, deed: _Deed, template: str) -> dict[str, list[StaffOutcome]]:
    """Writes down what was done and tells people, in the caller's transaction."""
    order, moment = scene.order, clock.now()
    results: dict[str, list[StaffOutcome]] = {}
    audits: list[tuple[Any, ...]] = []
    news: dict[_Subject, dict[str, Run]] = defaultdict(dict)  # by key: a person may be named twice
    for run in order.runs:
        results[run.key] = listed = []
        for identifier, subject in scene.subjects.items():
            if subject is None:
                listed.append(StaffOutcome(identifier, is_invalid=True))
                continue
            place = scene.places.get((subject.person.lms_user_id, run.key)) if subject.person else None
            conclusion = deed.conclude(identifier, subject, run, scene.state_of(subject, run.key), place)
            listed.append(conclusion.outcome)
            if conclusion.outcome.refusal is None:
                audits.append(
                    (
                        uuid.uuid4(), conclusion.enrollment_uuid, run.key, order.by, subject.address,
                        conclusion.transition.value, order.reason, None, moment,
                    )
                )  # fmt: skip
            if conclusion.is_news and subject.address:
                news[subject][run.key] = run
    _record(audits, order.by)
    if order.notify:
        notifications.send(_messages(template, news), by=order.by)
    return results


def _record(audits: Sequence[tuple[Any, ...]], by: int | None) -> None:
    for chunk in sets.chunks(sorted(audits, key=lambda row: row[0])):
        sets.insert(models.ManualEnrollmentAudit, _AUDIT_COLUMNS, chunk)
        sets.record_history(models.ManualEnrollmentAudit, [row[0] for row in chunk], kind="+", by=by)


def _messages(template: str, news: Mapping[_Subject, Mapping[str, Run]]) -> list[NewMessage]:
    about = f"by_staff:{uuid.uuid4()}"
    return [
        NewMessage(
            template=template,
            customer_uuid=None,
            email=subject.address,
            about=about,
            context={
                "courses": [{"title": run.title, "run_key": run.key} for run in runs.values()],
                "has_account": subject.person is not None,
            },
            lms_user_id=subject.person.lms_user_id if subject.person else None,
        )
        for subject, runs in news.items()
    ]


_AUDIT_COLUMNS = (
    "uuid", "enrollment_uuid", "run_key", "enrolled_by", "enrolled_email", "state_transition", "reason",
    "role", "recorded_at",
)  # fmt: skip
