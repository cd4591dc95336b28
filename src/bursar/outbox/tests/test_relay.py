"""Handing events over: at least once, in order per key, one bad fact harming no other."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from django.db import transaction

from bursar.config.reactions import AWAITING, REACTIONS
from bursar.events.base import EventType
from bursar.events.outbox import DELIVERIES_DIED
from bursar.lib import clock
from bursar.outbox import api as outbox
from bursar.outbox import models
from bursar.outbox.data import Delivery, Reaction

State = models.Delivery.State


@dataclass(frozen=True, slots=True)
class Counted:
    """A number; -1 is poison."""

    number: int


COUNTED = EventType("test.counted", Counted, keyed_by="test")
ALSO_COUNTED = EventType("test.also_counted", Counted, keyed_by="test")


@dataclass
class Recorder:
    """A handler that remembers what it was given, refuses poison, and accepts each delivery once."""

    name: str
    seen: list[int] = field(default_factory=list)
    calls: int = 0
    crash_after: bool = False

    def __call__(self, deliveries: Sequence[Delivery[Counted]]) -> None:
        self.calls += 1
        with transaction.atomic():
            fresh = outbox.accept(self.name, deliveries)
            numbers = [fact.number for delivery in fresh for fact in delivery.facts]
            if -1 in numbers:
                raise ValueError("poison")
        self.seen += numbers
        if self.crash_after:
            raise ConnectionError("died between the effect and the mark")


@pytest.fixture
def recorder(db: None) -> Iterator[Recorder]:
    made = Recorder("test.recorder")
    outbox.register([Reaction(COUNTED, made.name, made)])
    yield made
    outbox.register(REACTIONS, awaiting=AWAITING)


def record(*numbers: int, key: str = "one", by: int | None = None, on: EventType[Counted] = COUNTED) -> None:
    with transaction.atomic():
        outbox.record(on, key=key, facts=[Counted(number) for number in numbers], by=by)


def pass_time(seconds: int = 3600) -> None:
    """Lets every back-off end."""
    models.Delivery.objects.filter(state=State.WAITING).update(
        next_attempt_at=clock.now() - timedelta(seconds=1)
    )


def test_an_event_reaches_its_handler_in_order(recorder: Recorder) -> None:
    record(1, 2, by=7)
    record(3)

    assert outbox.relay() == 2

    assert recorder.seen == [1, 2, 3]
    assert recorder.calls == 1
    assert set(models.Delivery.objects.values_list("state", flat=True)) == {State.DONE}


def test_an_event_outside_a_transaction_is_refused(transactional_db: None) -> None:
    with pytest.raises(RuntimeError, match="transaction"):
        outbox.record(COUNTED, key="one", facts=[Counted(1)], by=None)


def test_what_is_rolled_back_was_never_recorded(recorder: Recorder) -> None:
    with transaction.atomic():
        record(1)
        transaction.set_rollback(True)

    assert outbox.relay() == 0
    assert not models.Event.objects.exists()


def test_more_than_a_chunk_becomes_several_events(recorder: Recorder) -> None:
    record(*range(1001))

    outbox.relay()

    assert recorder.seen == list(range(1001))
    assert models.Event.objects.count() == 2


def test_a_delivery_that_comes_again_has_no_second_effect(recorder: Recorder) -> None:
    recorder.crash_after = True
    record(1)
    outbox.relay()
    recorder.crash_after = False
    pass_time()

    outbox.relay()

    assert recorder.seen == [1]
    assert models.Delivery.objects.get().state == State.DONE


def test_a_failure_holds_back_its_own_key_only(recorder: Recorder) -> None:
    record(-1, key="bad")
    record(1, key="good")
    record(2, key="bad")

    outbox.relay()

    assert recorder.seen == [1]


def test_a_handler_of_two_events_gets_them_as_they_happened(recorder: Recorder) -> None:
    outbox.register([Reaction(each, recorder.name, recorder) for each in (COUNTED, ALSO_COUNTED)])
    for number in (1, 2, 3, 4):
        record(number, on=(COUNTED, ALSO_COUNTED)[number % 2])

    outbox.relay()

    assert recorder.seen == [1, 2, 3, 4]


def test_a_failure_holds_back_its_key_in_the_other_event_of_its_handler_too(recorder: Recorder) -> None:
    outbox.register([Reaction(each, recorder.name, recorder) for each in (COUNTED, ALSO_COUNTED)])
    record(-1, key="bad")
    record(1, key="bad", on=ALSO_COUNTED)
    record(2, key="good", on=ALSO_COUNTED)

    outbox.relay()
    assert recorder.seen == [2]

    models.Event.objects.filter(type=COUNTED.name).update(facts=[{"number": 0}])
    pass_time()
    outbox.relay()
    assert recorder.seen == [2, 0, 1]


def test_after_its_last_try_a_delivery_is_dead_and_its_key_goes_on(recorder: Recorder) -> None:
    record(-1, key="bad")
    record(2, key="bad")

    for _try in range(8):
        pass_time()
        outbox.relay()

    assert recorder.seen == [2]
    dead = models.Delivery.objects.get(state=State.DEAD)
    assert dead.attempt_count == 8
    assert dead.last_error == "ValueError: poison"
    assert outbox.count_dead() == 1


def test_a_death_is_an_event_itself(recorder: Recorder) -> None:
    seen: list[tuple[str, list[dict[str, object]]]] = []

    def mourn(deliveries: Sequence[Delivery[object]]) -> None:
        seen.extend((died.handler, died.facts) for each in deliveries for died in each.facts)  # type: ignore[attr-defined]

    outbox.register(
        [Reaction(COUNTED, recorder.name, recorder), Reaction(DELIVERIES_DIED, "test.mourn", mourn)]
    )
    record(-1)

    for _try in range(9):
        pass_time()
        outbox.relay()

    assert seen == [("test.recorder", [{"number": -1}])]


def test_one_bad_fact_of_a_chunk_harms_no_other(recorder: Recorder) -> None:
    record(1, -1, 3)
    record(4)

    for _try in range(3):
        pass_time()
        outbox.relay()

    assert recorder.seen[:2] == [1, 3]
    for _try in range(8):
        pass_time()
        outbox.relay()
    assert recorder.seen == [1, 3, 4]
    assert models.Delivery.objects.filter(state=State.SPLIT).count() == 1
    assert models.Delivery.objects.filter(state=State.DEAD).count() == 1


def test_a_dead_delivery_can_be_tried_again(recorder: Recorder) -> None:
    record(-1)
    for _try in range(8):
        pass_time()
        outbox.relay()
    models.Event.objects.update(facts=[{"number": 5}])  # the operator mended the cause

    assert outbox.retry_dead([models.Delivery.objects.get(state=State.DEAD).pk]) == 1
    outbox.relay()

    assert recorder.seen == [5]


def test_a_reaction_that_the_code_no_longer_has_is_kept_and_shown(recorder: Recorder) -> None:
    record(1)
    outbox.register([])

    outbox.relay()

    waiting = models.Delivery.objects.get()
    assert waiting.state == State.WAITING
    assert "no reaction named test.recorder" in waiting.last_error


def test_a_second_relay_leaves_the_work_to_the_first(recorder: Recorder) -> None:
    record(1)
    with outbox.lease("relay", seconds=15) as held:
        assert held is not None
        assert outbox.relay() == 0
    assert outbox.relay() == 1


def test_a_dead_relays_lease_ends_by_itself(recorder: Recorder) -> None:
    record(1)
    with outbox.lease("relay", seconds=15):
        models.Lease.objects.update(expires_at=clock.now() - timedelta(seconds=1))
        assert outbox.relay() == 1


def test_who_recorded_while_the_relay_was_busy_is_not_forgotten(db: None) -> None:
    seen: list[int] = []

    def chain(deliveries: Sequence[Delivery[Counted]]) -> None:
        for delivery in deliveries:
            for fact in delivery.facts:
                seen.append(fact.number)
                if fact.number < 5:
                    record(fact.number + 1)

    outbox.register([Reaction(COUNTED, "test.chain", chain)])
    try:
        record(1)
        outbox.relay()
    finally:
        outbox.register(REACTIONS, awaiting=AWAITING)

    assert seen == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("count", [1, 200])
def test_recording_takes_the_same_statements_for_any_number(
    recorder: Recorder, django_assert_num_queries: Callable[..., object], count: int
) -> None:
    with transaction.atomic(), django_assert_num_queries(2):  # type: ignore[attr-defined]
        outbox.record(COUNTED, key="one", facts=[Counted(number) for number in range(count)], by=None)


def test_what_is_old_and_done_is_purged_and_what_is_dead_stays(recorder: Recorder) -> None:
    record(1)
    record(-1, key="bad")
    for _try in range(8):
        pass_time()
        outbox.relay()
    models.Event.objects.update(recorded_at=clock.now() - timedelta(days=31))
    models.InboxEntry.objects.update(accepted_at=clock.now() - timedelta(days=31))

    outbox.purge()

    assert models.Event.objects.get(type=COUNTED.name).key == "bad"
    assert not models.InboxEntry.objects.exists()


def test_two_reactions_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="twice"):
        outbox.register([Reaction(COUNTED, "twin", print), Reaction(COUNTED, "twin", print)])
    outbox.register(REACTIONS, awaiting=AWAITING)
