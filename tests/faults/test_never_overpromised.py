"""Eight processes want more than a plan has: nobody is promised what they don't get."""

import random
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import pytest

from tests.faults.crowd import Call, Crowd

pytestmark = [pytest.mark.slow, pytest.mark.once, pytest.mark.uncounted]

ALICE, OLGA = 10, 1
HALF = 4
"""Of the eight processes that many approve requests, and that many assign."""


def people(name: str, count: int) -> list[str]:
    return [f"{name}{number}@acme.test" for number in range(count)]


def shares(things: Sequence[Any], count: int = HALF) -> list[list[Any]]:
    """The things dealt out like cards."""
    return [list(things[start::count]) for start in range(count)]


def batches(things: Sequence[Any], size: int = 1) -> list[list[Any]]:
    return [list(things[start : start + size]) for start in range(0, len(things), size)]


def approve(world: dict[str, Any], wanted: list[list[str]], by: int = ALICE) -> Call:
    return "approve", {"customer": world["customer"], "plan": world["plan"], "batches": wanted, "by": by}


def decline(world: dict[str, Any], wanted: list[list[str]], by: int = ALICE) -> Call:
    return "decline", {"customer": world["customer"], "batches": wanted, "by": by}


def assign(world: dict[str, Any], wanted: list[list[str]]) -> Call:
    return "assign", {"plan": world["plan"], "batches": wanted}


def yeses(answers: Iterable[dict[str, Any]]) -> list[Any]:
    """What was said yes to, one by one."""
    return [each for answer in answers for each in answer.get("yes", [])]


def noes(answers: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return [answer for answer in answers if "no" in answer]


def flat(answers: Iterable[Iterable[Any]]) -> list[Any]:
    return [each for some in answers for each in some]


def holders(crowd: Crowd, world: dict[str, Any]) -> dict[str, str]:
    """Who holds which license."""
    found = crowd.call("find_holders", plan=world["plan"])
    assert len(dict(found)) == len(found)
    return dict(found)


def finish(crowd: Crowd, world: dict[str, Any], *, size: int) -> None:
    """Has two processes do the background work at once, and checks that everything fits together then."""
    crowd.at_once([("finish", {}), ("finish", {})])
    wanted = {"customer": world["customer"], "plan": world["plan"], "size": size}
    assert crowd.call("find_contradictions", **wanted) == []


def test_of_ninety_people_who_want_sixty_licenses_exactly_sixty_get_one(crowd: Crowd) -> None:
    """Weaknesses E1, E6 of license-manager: its lock let two in, and ran out; so people were told in vain."""
    learners, others = people("asks", 45), people("given", 45)
    world = crowd.call("open_plan", free=60, requests=learners)

    answers = crowd.at_once(
        [approve(world, batches(share)) for share in shares(list(world["requests"].values()))]
        + [assign(world, batches(share)) for share in shares(others)]
    )

    asked, given = flat(answers[:HALF]), flat(answers[HALF:])
    assert len(yeses(asked)) + len(yeses(given)) == 60
    refused = noes(asked + given)
    assert len(refused) == 30
    assert {(each["no"], each["needed"], each["free"]) for each in refused} == {("not_enough_licenses", 1, 0)}
    finish(crowd, world, size=60)
    promised = {email for email, request in world["requests"].items() if request in yeses(asked)}
    there = holders(crowd, world)
    assert set(there) == promised | {email for email, *_ in yeses(given)}
    assert all(there[email] == license_uuid for email, license_uuid, _ in yeses(given))
    counts = Counter(crowd.call("count_requests", customer=world["customer"]))
    assert counts == Counter(approved=len(promised), requested=45 - len(promised))


def test_the_same_holds_while_two_processes_do_the_background_work(crowd: Crowd) -> None:
    learners, others = people("asks", 45), people("given", 45)
    world = crowd.call("open_plan", free=60, requests=learners)

    answers = crowd.at_once(
        [approve(world, batches(share)) for share in shares(list(world["requests"].values()))]
        + [assign(world, batches(share)) for share in shares(others)]
        + [("relay", {"seconds": 1.5})] * 2
    )

    said_yes = yeses(flat(answers[: 2 * HALF]))
    assert len(said_yes) == 60
    finish(crowd, world, size=60)
    assert len(holders(crowd, world)) == 60


def test_batches_are_served_whole_or_refused_whole(crowd: Crowd) -> None:
    learners, others = people("asks", 120), people("given", 120)
    world = crowd.call("open_plan", free=165, requests=learners)

    answers = crowd.at_once(
        [approve(world, batches(share, 10)) for share in shares(list(world["requests"].values()))]
        + [assign(world, batches(share, 10)) for share in shares(others)]
    )

    every = flat(answers)
    assert len(yeses(every)) == 160
    assert {len(answer["yes"]) for answer in every if "yes" in answer} == {10}
    assert {(each["no"], each["needed"], each["free"]) for each in noes(every)} == {
        ("not_enough_licenses", 10, 5)
    }
    finish(crowd, world, size=165)
    assert len(holders(crowd, world)) == 160


def test_who_is_named_by_everybody_in_every_spelling_gets_one_license(crowd: Crowd) -> None:
    accented, plain = people("josé", 10), people("jose", 10)
    learners = accented + plain + people("other", 20)
    world = crowd.call("open_plan", free=100, requests=learners)
    requests = list(world["requests"].values())
    dice = random.Random(2026)

    def spelled(address: str) -> str:
        cased = "".join(dice.choice([letter.lower(), letter.upper()]) for letter in address)
        return dice.choice(["{}", " {}", "{} "]).format(cased)

    answers = crowd.at_once(
        [approve(world, batches(dice.sample(requests, 40), 1 + n)) for n in range(HALF)]
        + [
            assign(world, batches([spelled(each) for each in dice.sample(learners, 40)], 1 + n))
            for n in range(HALF)
        ]
    )

    assert not noes(flat(answers))
    given = yeses(flat(answers[HALF:]))
    assert len(given) == HALF * 40
    there = holders(crowd, world)
    assert set(there) == set(learners)
    assert {(email, license_uuid) for email, license_uuid, _ in given} == set(there.items())
    assert sorted(email for email, _, is_new in given if is_new) == sorted(learners)
    finish(crowd, world, size=100)
    assert holders(crowd, world) == there
    assert set(yeses(flat(answers[:HALF]))) == set(requests)
    assert crowd.call("count_requests", customer=world["customer"]) == {"approved": 40}


def test_a_seat_that_is_held_for_an_approval_goes_to_nobody_else(crowd: Crowd) -> None:
    learners, others = people("asks", 20), people("given", 40)
    world = crowd.call("open_plan", free=30, requests=learners)
    held = flat(crowd.at_once([approve(world, [list(world["requests"].values())])]))
    assert len(yeses(held)) == 20
    assert crowd.call("count_free", plan=world["plan"]) == 10

    answers = flat(crowd.at_once([assign(world, batches(share)) for share in shares(others, 8)]))

    assert len(yeses(answers)) == 10
    assert {(each["no"], each["free"]) for each in noes(answers)} == {("not_enough_licenses", 0)}
    finish(crowd, world, size=30)
    assert set(learners) <= set(holders(crowd, world))
    assert crowd.call("count_requests", customer=world["customer"]) == {"approved": 20}


def test_who_takes_a_license_by_themselves_shares_it_with_nobody(crowd: Crowd) -> None:
    """Weaknesses E2, E3, E7 of license-manager, with assignments in between: ninety people, sixty seats.

    Each of those who take one does so in two tabs at once.
    """
    takers = [(1_000 + n, email) for n, email in enumerate(people("takes", 45))]
    others = people("given", 45)
    world = crowd.call("open_plan", free=60, requests=[])
    crowd.call("hand_out", plan=world["plan"])

    tabs = [("auto_apply", {"customer": world["customer"], "people": each}) for each in shares(takers, 2)]
    answers = flat(crowd.at_once([*tabs, *tabs, *(assign(world, batches(each)) for each in shares(others))]))

    assert {answer["no"] for answer in noes(answers)} == {"not_enough_licenses"}
    held = holders(crowd, world)
    promised = {tuple(each[:2]) for each in yeses(answers)}
    assert promised == set(held.items())
    assert len(held) == 60 == len(set(held.values()))
    finish(crowd, world, size=60)


def test_revocations_at_once_never_pass_the_cap(crowd: Crowd) -> None:
    """Weakness E4 of license-manager: two times ten were revoked under a cap of ten."""
    learners = people("has", 80)
    world = crowd.call("open_plan", free=100, requests=[])
    crowd.call("hand_out", plan=world["plan"], cap_percent=10, holders=learners)

    answers = flat(
        crowd.at_once(
            [
                ("revoke", {"plan": world["plan"], "batches": batches(each, size=5)})
                for each in shares(learners, 2 * HALF)
            ]
        )
    )

    assert len(yeses(answers)) == 10
    assert {answer["no"] for answer in noes(answers)} == {"not_enough_revocations"}
    assert set(holders(crowd, world)) == set(learners) - set(yeses(answers))
    finish(crowd, world, size=110)


@pytest.mark.parametrize("size", [1, 10, 40])
def test_administrators_who_approve_the_same_requests_at_once_approve_each_once(
    crowd: Crowd, size: int
) -> None:
    world = crowd.call("open_plan", free=45, requests=people("asks", 40))
    requests = list(world["requests"].values())

    answers = crowd.at_once(
        [
            approve(world, batches(requests, size), by=ALICE),
            approve(world, batches(requests[::-1], size), by=OLGA),
        ]
        * HALF
    )

    assert not noes(flat(answers))
    assert sorted(yeses(flat(answers))) == sorted(requests)
    finish(crowd, world, size=45)
    assert transitions(crowd, world) == [{"requested": 1, "approved": 1, "fulfilled": 1}]


@pytest.mark.parametrize("size", [1, 10])
def test_who_approves_and_who_declines_at_once_do_not_both_succeed(crowd: Crowd, size: int) -> None:
    world = crowd.call("open_plan", free=40, requests=people("asks", 40))
    requests = list(world["requests"].values())

    answers = crowd.at_once(
        [approve(world, batches(requests, size), by=ALICE), decline(world, batches(requests, size), by=OLGA)]
        * HALF
    )

    approved, declined = yeses(flat(answers[0::2])), yeses(flat(answers[1::2]))
    assert len(set(approved)) == len(approved)
    assert len(set(declined)) == len(declined)
    assert not set(approved) & set(declined)
    assert {each["no"] for each in noes(flat(answers))} <= {"not_answerable"}
    finish(crowd, world, size=40)
    counts = crowd.call("count_requests", customer=world["customer"])
    assert counts.get("approved", 0) == len(approved)
    assert counts.get("declined", 0) == len(declined)
    assert len(approved) + len(declined) == 40
    for story in transitions(crowd, world):
        assert story in ({"requested": 1, "approved": 1, "fulfilled": 1}, {"requested": 1, "declined": 1})


def transitions(crowd: Crowd, world: dict[str, Any]) -> list[dict[str, int]]:
    """The different stories of the requests: how often what happened."""
    stories = crowd.call("count_transitions", customer=world["customer"]).values()
    return [dict(story) for story in {tuple(sorted(each.items())) for each in stories}]
