"""What pays keeps one protocol (``data.Subsidies``): licenses and the stand-in of codes do what it says."""

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from bursar.lib.errors import DomainError, NotFoundError
from bursar.subsidy_requests.data import Container, Seat
from bursar.subsidy_requests.service.kinds import LICENSES
from bursar.subsidy_requests.tests.paying import Paying
from tests.cast import ACME, BOB, DANA, ERIN, GLOBEX, NOWHERE, Member

MINUTE = timedelta(minutes=1)


def seats_of(*members: Member) -> list[Seat]:
    return [Seat(uuid4(), member.email) for member in members]


def hold(paying: Paying, container: Container, *seats: Seat, customer_uuid: UUID = ACME) -> None:
    paying.subsidies.hold(container=container, customer_uuid=customer_uuid, seats=seats)


def refused(command: Callable[[], object]) -> DomainError:
    with pytest.raises(DomainError) as error:
        command()
    return error.value


def free(paying: Paying) -> int:
    (supply,) = paying.subsidies.list_supplies(customer_uuid=ACME)
    return supply.free_count


def test_all_is_held_or_nothing_and_the_refusal_says_how_much_is_free(paying: Paying) -> None:
    supply = paying.supply(free=2)
    wanted = seats_of(BOB, DANA, ERIN)

    error = refused(lambda: hold(paying, supply, *wanted))
    assert "only 2" in error.message
    assert (paying.count_held(), free(paying)) == (0, 2)

    hold(paying, supply, *wanted[:2])
    assert (paying.count_held(), free(paying)) == (2, 0)
    assert "only 0" in refused(lambda: hold(paying, supply, wanted[2])).message


def test_the_same_approval_again_holds_nothing_more(paying: Paying) -> None:
    supply = paying.supply(free=2)
    wanted = seats_of(BOB, DANA)

    hold(paying, supply, *wanted)
    hold(paying, supply, *wanted[::-1])

    assert paying.count_held() == 2


def test_another_approval_of_an_address_shares_its_seat_of_a_plan_and_needs_a_code_of_its_own(
    paying: Paying,
) -> None:
    """What differs: a person has one license of a plan, and a code for each course."""
    supply = paying.supply(free=2)
    twice, once = seats_of(BOB, BOB), seats_of(DANA)

    hold(paying, supply, *twice)

    assert free(paying) == (1 if paying.kind is LICENSES else 0)
    if paying.kind is LICENSES:
        hold(paying, supply, *once)
    else:
        assert "only 0" in refused(lambda: hold(paying, supply, *once)).message


def test_what_is_missing_or_foreign_gives_nothing_and_looks_the_same(paying: Paying) -> None:
    supply = paying.supply(free=2)
    missing: Container = NOWHERE if isinstance(supply, UUID) else 404
    wanted = seats_of(BOB)

    errors = [
        refused(lambda: hold(paying, missing, *wanted)),
        refused(lambda: hold(paying, supply, *wanted, customer_uuid=GLOBEX)),
        refused(
            lambda: paying.subsidies.check_seats(container=supply, customer_uuid=GLOBEX, emails=[BOB.email])
        ),
    ]

    assert len({(type(each), each.message) for each in errors}) == 1
    assert isinstance(errors[0], NotFoundError)
    assert paying.count_held() == 0


def test_what_is_over_gives_nothing_and_is_no_supply(paying: Paying) -> None:
    supply = paying.supply(free=2)
    assert paying.subsidies.has_supply(customer_uuid=ACME)
    paying.end(supply)

    error = refused(lambda: hold(paying, supply, *seats_of(BOB)))

    assert not isinstance(error, NotFoundError)
    assert paying.count_held() == 0
    assert paying.subsidies.list_supplies(customer_uuid=ACME) == []
    assert not paying.subsidies.has_supply(customer_uuid=ACME)


def test_supplies_are_the_customers_own_those_with_nothing_left_included(paying: Paying) -> None:
    supply = paying.supply(free=0)

    assert [each.container for each in paying.subsidies.list_supplies(customer_uuid=ACME)] == [supply]
    assert paying.subsidies.has_supply(customer_uuid=ACME)
    assert paying.subsidies.list_supplies(customer_uuid=GLOBEX) == []
    assert not paying.subsidies.has_supply(customer_uuid=GLOBEX)


def test_checking_raises_what_holding_would_and_holds_nothing(paying: Paying) -> None:
    supply = paying.supply(free=1)
    both = seats_of(BOB, DANA)

    def check(*seats: Seat) -> None:
        paying.subsidies.check_seats(
            container=supply, customer_uuid=ACME, emails=[each.email for each in seats]
        )

    check(both[0])
    too_few = refused(lambda: check(*both))
    assert too_few.message == refused(lambda: hold(paying, supply, *both)).message
    assert (paying.count_held(), free(paying)) == (0, 1)
    paying.end(supply)
    assert refused(lambda: check(both[0])).code == refused(lambda: hold(paying, supply, both[0])).code


def test_releasing_may_be_repeated_and_leaves_others_alone(paying: Paying) -> None:
    supply = paying.supply(free=2)
    bob, dana = seats_of(BOB, DANA)
    hold(paying, supply, bob, dana)
    released = [bob.approval_uuid, uuid4()]

    assert paying.subsidies.release(approval_uuids=released) == 1
    assert paying.subsidies.release(approval_uuids=released) == 0
    assert paying.subsidies.release(approval_uuids=[]) == 0

    assert (paying.count_held(), free(paying)) == (1, 1)


def test_what_is_held_for_long_is_listed_by_its_approval(paying: Paying) -> None:
    supply = paying.supply(free=2)
    old, new = seats_of(BOB, DANA)
    hold(paying, supply, old)
    paying.age_holds(20 * MINUTE)
    hold(paying, supply, new)

    assert paying.subsidies.list_stale_holds(older_than=15 * MINUTE) == [old.approval_uuid]
    assert paying.subsidies.list_stale_holds(older_than=25 * MINUTE) == []


def test_what_was_assigned_has_a_next_step_and_a_story(paying: Paying, drain: Callable[[], None]) -> None:
    supply = paying.supply(free=1)
    request = paying.ask(BOB)
    paying.approve(supply, request)
    drain()
    row = paying.read(request)
    assigned = getattr(row, paying.kind.assigned)

    steps = paying.subsidies.tell_next_steps([assigned])
    story = paying.subsidies.tell_story(assigned, held_at=row.fulfilled_at)

    assert list(steps) == [assigned]
    assert [each.what for each in story] == ["assigned"]
    assert paying.subsidies.tell_next_steps([]) == {}
