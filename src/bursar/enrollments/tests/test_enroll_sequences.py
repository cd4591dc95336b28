"""``api.enroll`` against a few lines that say what it should do, over random sequences of entries."""

from dataclasses import dataclass, field, replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bursar.catalog import api as catalog
from bursar.catalog.data import ModeToSave
from bursar.enrollments import api, models
from bursar.enrollments.data import EnrollmentEntry, OnExisting
from bursar.enrollments.tests.places import AUDIT, VERIFIED, YESTERDAY
from bursar.enrollments.tests.scenes import RUN, make_run
from bursar.identity import api as identity
from tests.cast import BOB, DANA, ERIN, GUS

pytestmark = pytest.mark.django_db

OTHER_RUN = "course-v1:Test+T1+2"
SEATS = 2
IDS = [each.lms_user_id for each in (BOB, DANA, ERIN, GUS)]
OFFERED, PAID = {"audit", "verified"}, {"verified", "professional", "masters"}


@dataclass
class Model:
    """Who is where, and what one call of ``enroll`` makes of it; ``professional`` has expired."""

    places: dict = field(default_factory=dict)
    changes: int = 0

    def enroll(self, entries, *, is_closed):
        taken = sum(is_in for (_, run_key), (_, is_in) in self.places.items() if run_key == RUN)
        answers = []
        for entry in entries:
            pair = (entry.lms_user_id, entry.run_key)
            before = self.places.get(pair)
            after = self._judge(entry, before, is_closed)
            comes_in = isinstance(after, tuple) and after[1] and not (before and before[1])
            if comes_in and entry.run_key == RUN:
                if taken >= SEATS and not entry.ignore_room:
                    after = "run_full"
                else:
                    taken += 1
            if isinstance(after, str):
                answers.append((after, None, False, False))
                continue
            self.places[pair] = after
            self.changes += after != before
            answers.append((None, *after, after != before))
        return answers

    def _judge(self, entry, before, is_closed):
        if before is None:
            return self._enter(entry, is_closed)
        mode, is_in = before
        if entry.existing is OnExisting.SET:
            wished = (entry.mode or mode, is_in if entry.is_active is None else entry.is_active)
            if wished != before:
                return wished if entry.mode is None or self._is_offered(entry) else "mode_not_offered"
        if not is_in:
            return before if entry.is_active is False else self._enter(entry, is_closed)
        is_upgrade = entry.mode in PAID and mode not in PAID and entry.is_active is not False
        if entry.existing is OnExisting.UPGRADE and is_upgrade:
            return (entry.mode, True) if self._is_offered(entry) else "mode_not_offered"
        return before

    def _enter(self, entry, is_closed):
        if entry.mode and not self._is_offered(entry):
            return "mode_not_offered"
        if is_closed and not entry.force:
            return "enrollment_closed"
        return entry.mode or "audit", entry.is_active is not False

    def _is_offered(self, entry):
        return entry.mode in OFFERED or (entry.mode == "professional" and entry.is_active is False)


entries = st.builds(
    EnrollmentEntry,
    st.sampled_from(IDS),
    st.sampled_from([RUN, RUN, OTHER_RUN]),
    st.sampled_from([None, "audit", "verified", "professional", "masters"]),
    force=st.booleans(),
    existing=st.sampled_from(OnExisting),
    is_active=st.sampled_from([None, None, True, False]),
    ignore_room=st.sampled_from([False] * 9 + [True]),
    # The model knows nothing of these, and of a tuple every field would be made up.
    customer_uuid=st.none(),
    attributes=st.none(),
    may_enter_expired=st.just(False),
    may_set_expired=st.just(False),
    linked_customer_uuid=st.none(),
)
calls = st.tuples(
    st.lists(entries, min_size=1, max_size=5, unique_by=lambda each: (each.lms_user_id, each.run_key)),
    st.sampled_from([False, False, True]),
    st.booleans(),
)


def test_any_sequence_of_entries_ends_as_the_rules_say(cast):
    modes = (AUDIT, VERIFIED, ModeToSave("professional", expires_at=YESTERDAY))
    make_run(max_enrollments=SEATS, modes=modes)
    make_run(OTHER_RUN, modes=modes)
    open_runs = catalog.find_runs([RUN, OTHER_RUN])
    closed_runs = {key: replace(run, enrollment_end=YESTERDAY) for key, run in open_runs.items()}
    people = identity.find_people_by_lms_user_id(IDS)

    @given(st.lists(calls, min_size=6, max_size=16))
    @settings(
        derandomize=True, database=None, max_examples=60, deadline=None, suppress_health_check=HealthCheck
    )
    def check(sequence):
        models.Enrollment.objects.all()._raw_delete("default")
        history, model = models.Enrollment.history.count(), Model()
        for wanted, is_closed, likely_new in sequence:
            runs = closed_runs if is_closed else open_runs
            outcomes = api.enroll(wanted, by=None, people=people, runs=runs, likely_new=likely_new)

            answers = [
                (each.refusal and each.refusal.code, each.mode, each.is_active, each.created)
                for each in outcomes
            ]
            assert answers == model.enroll(wanted, is_closed=is_closed), sequence
        rows = models.Enrollment.objects.values_list("lms_user_id", "run_key", "mode", "is_active")
        assert {tuple(row[:2]): tuple(row[2:]) for row in rows} == model.places
        assert models.Enrollment.history.count() - history == model.changes

    check()
