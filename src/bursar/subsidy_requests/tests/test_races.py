"""At the same moment: administrators who answer, learners who ask and withdraw, a customer that pays anew."""

from collections import Counter
from collections.abc import Callable
from functools import partial
from uuid import UUID

import pytest

from bursar.lib.errors import DomainError
from bursar.subsidy_requests import api as subsidy_requests
from bursar.subsidy_requests.data import AnswerOutcome, ConfigurationChange, Digest, State
from bursar.subsidy_requests.models import Configuration
from bursar.subsidy_requests.tests.paying import Paying, PayingCodes, PayingLicenses
from tests.cast import ALICE, BOB, DANA, ERIN, OLGA, Organization
from tests.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)

Drain = Callable[[], None]
APPROVED = ["requested", "approved", "fulfilled"]


def tried(*commands: Callable[[], object]) -> list[object]:
    """Does one after the other; what each gave, or the code of its refusal."""
    given: list[object] = []
    for command in commands:
        try:
            given.append(command())
        except DomainError as error:
            given.append(error.code)
    return given


def at_once_tried(*threads: list[Callable[[], object]]) -> list[list[object]]:
    return at_once(*(partial(tried, *commands) for commands in threads))


def changed(given: list[object]) -> list[UUID]:
    """Which requests these answers have changed."""
    outcomes = [each for answer in given if isinstance(answer, list) for each in answer]
    return [each.request_uuid for each in outcomes if isinstance(each, AnswerOutcome) and not each.refusal]


def change(acme: Organization, by: int, **values: object) -> None:
    subsidy_requests.change_configuration(ConfigurationChange(acme.uuid, values), by=by)


def test_the_last_one_is_promised_once(licenses_pay: PayingLicenses, drain: Drain) -> None:
    """Weakness W3 of enterprise-access: with one license left two approvals both succeeded."""
    supply = licenses_pay.supply(free=1)
    requests = [licenses_pay.ask(each) for each in (BOB, DANA, ERIN)]

    answers = at_once_tried(*([partial(licenses_pay.approve, supply, each)] for each in requests))
    drain()

    assert sum(len(changed(each)) for each in answers) == 1
    assert Counter(map(licenses_pay.state, requests)) == {State.APPROVED: 1, State.REQUESTED: 2}
    assert (licenses_pay.count_held(), licenses_pay.count_given()) == (0, 1)


def test_a_learner_who_asks_in_several_tabs_at_once_asks_once(paying: Paying) -> None:
    """Weakness W8 of enterprise-access: two open requests of one learner."""
    paying.supply(free=1)

    answers = at_once_tried(*([partial(paying.ask, BOB)] for _ in range(4)))

    given = [answer for answers_of_tab in answers for answer in answers_of_tab]
    assert Counter(map(str, given))["already_requested"] == 3
    (request,) = paying.kind.model._default_manager.all()
    assert paying.story(request.pk) == ["requested"]


def test_whoever_answers_at_once_a_request_has_one_end(licenses_pay: PayingLicenses, drain: Drain) -> None:
    """Weaknesses W7, W13 of enterprise-access: a stale refusal overwrote an approval, and the reverse."""
    learners = licenses_pay.organization.learners(18)
    supply = licenses_pay.supply(free=18)
    requests = [licenses_pay.ask(each) for each in learners]

    def pairs(of: list[UUID]) -> list[tuple[UUID, ...]]:
        return list(zip(of[::2], of[1::2], strict=True))

    alice, olga, declining, withdrawing = at_once_tried(
        [partial(licenses_pay.approve, supply, *each) for each in pairs(requests)],
        [partial(licenses_pay.approve, supply, *each, by=OLGA.lms_user_id) for each in pairs(requests[::-1])],
        [
            partial(licenses_pay.decline, *each, by=OLGA.lms_user_id)
            for each in pairs(requests[4:] + requests[:4])
        ],
        [partial(licenses_pay.withdraw, *each) for each in zip(requests, learners, strict=True)][::3],
    )
    drain()

    approved, declined = changed(alice) + changed(olga), changed(declining)
    assert len({*approved, *declined}) == len(approved) + len(declined)
    for request in requests:
        story = ["requested", "declined"] if request in declined else ["requested", "withdrawn"]
        assert licenses_pay.story(request) == (APPROVED if request in approved else story)
    assert withdrawing.count(None) == len(requests) - len(approved) - len(declined)
    assert (licenses_pay.count_held(), licenses_pay.count_given()) == (0, len(approved))


def test_who_asks_again_while_the_old_request_is_approved_has_one_of_them_open(
    licenses_pay: PayingLicenses, drain: Drain
) -> None:
    learners = licenses_pay.organization.learners(8)
    supply = licenses_pay.supply(free=8)
    old = [licenses_pay.ask(each) for each in learners]
    licenses_pay.approve(supply, *old)
    licenses_pay.let_go(*old)
    drain()

    asking, approving = at_once_tried(
        [partial(licenses_pay.ask, each) for each in learners],
        [partial(licenses_pay.approve, supply, each) for each in old],
    )
    held = licenses_pay.count_held()
    drain()

    again = asking.count("already_requested")
    assert held == len(changed(approving)) == again
    assert Counter(map(licenses_pay.state, old)) == Counter(
        {State.APPROVED: again, State.ERROR: len(old) - again}
    )


def test_nothing_of_the_old_type_stays_open_whoever_asks_and_answers_meanwhile(
    codes_pay: PayingCodes, drain: Drain
) -> None:
    learners = codes_pay.organization.learners(12)
    supply = codes_pay.supply(free=4)
    waiting = [codes_pay.ask(each) for each in learners[:6]]

    at_once_tried(
        *([partial(codes_pay.ask, each) for each in some] for some in (learners[6:9], learners[9:])),
        [partial(codes_pay.approve, supply, each) for each in waiting[:4]],
        [partial(change, codes_pay.organization, ALICE.lms_user_id, subsidy_type=None)],
    )
    drain()

    states = Counter(codes_pay.kind.model._default_manager.values_list("state", flat=True))
    assert set(states) <= {State.APPROVED, State.DECLINED}
    assert states[State.DECLINED] >= 2
    assert (codes_pay.count_held(), codes_pay.count_given()) == (0, states[State.APPROVED])


def test_two_administrators_who_change_different_fields_at_once_both_succeed(acme: Organization) -> None:
    acme.takes_requests()

    at_once(
        partial(change, acme, ALICE.lms_user_id, digest=Digest.WEEKLY),
        partial(change, acme, OLGA.lms_user_id, subsidy_type=None, is_enabled=False),
    )

    row = Configuration.objects.get(pk=acme.uuid)
    assert (row.digest, row.subsidy_type, row.is_enabled) == (Digest.WEEKLY, None, False)
    changes = Configuration.history.filter(customer_uuid=acme.uuid, history_type="~")
    assert sorted(changes.values_list("history_user_id", flat=True)) == [OLGA.lms_user_id, ALICE.lms_user_id]
    assert row.changed_by == changes.latest("history_id").history_user_id
