"""What administrators are told of new requests: everything once, whatever happens meanwhile."""

import logging
from collections import Counter
from collections.abc import Callable
from uuid import UUID

import pytest
from django.core import mail

from bursar.customers import api as customers
from bursar.customers.models import Customer
from bursar.identity import api as identity
from bursar.identity.data import ADMIN, RoleAssignment
from bursar.notifications.models import Message
from bursar.notifications.rendering import render
from bursar.subsidy_requests import api
from bursar.subsidy_requests.data import (
    ConfigurationChange,
    ConfigurationToSave,
    Decline,
    Digest,
    DigestSweep,
    NewRequest,
    SubsidyType,
    Supply,
)
from bursar.subsidy_requests.models import Configuration, LicenseRequest
from bursar.subsidy_requests.service.subsidies import INSTALLED
from bursar.subsidy_requests.tests.coupons import Coupons
from tests.cast import ALICE, BOB, CAROL, CS50, DANA, ERIN, GUS, Member, Organization
from tests.statements import counted
from tests.threads import at_once

NOTHING = DigestSweep()


@pytest.fixture
def told_at_once(acme: Organization) -> Organization:
    """Acme takes requests, and Alice wants to know of each immediately."""
    acme.plan(free=1)
    configure(acme)
    return acme


def configure(organization: Organization, digest: Digest = Digest.IMMEDIATELY) -> None:
    wanted = ConfigurationToSave(organization.uuid, True, SubsidyType.LICENSE, digest)
    api.save_configurations([wanted], by=None)


def ask(organization: Organization, member: Member) -> UUID:
    request = NewRequest(SubsidyType.LICENSE, organization.uuid, member.lms_user_id, member.email, CS50)
    return api.ask(request, by=member.lms_user_id).pk


def digests() -> list[Message]:
    return list(Message.objects.filter(template="subsidy_requests/digest").order_by("created_at", "email"))


def named(message: Message) -> list[str]:
    return [each["email"] for each in message.context["requests"]]


def test_every_administrator_reads_what_is_new_and_how_much_cannot_be_met(told_at_once: Organization) -> None:
    customers.make_admins(customer_uuid=told_at_once.uuid, emails=[ERIN.email], by=None)
    told_at_once.requests_of([BOB])
    assert api.send_digests() == DigestSweep(1, 1)
    told_at_once.requests_of(told_at_once.learners(27))

    assert api.send_digests() == DigestSweep(1, 27)
    assert api.send_digests() == NOTHING

    assert [each.email for each in digests()] == [ALICE.email, ERIN.email] * 2
    assert len(named(digests()[-1])) == 25
    read = render(digests()[-1])
    assert read.subject == "Acme: 27 new requests wait for your answer"
    for body in (read.text, read.html):
        assert "and 2 more" in body
        assert "In all, 28 requests wait for an answer." in body
        assert "With what is free now, 27 of them cannot be met." in body
        assert BOB.email not in body


def test_the_newest_requests_are_named_first(told_at_once: Organization) -> None:
    for member in (BOB, DANA, ERIN):
        ask(told_at_once, member)

    api.send_digests()

    assert named(digests()[0]) == [ERIN.email, DANA.email, BOB.email]


def test_what_was_answered_or_taken_back_before_is_not_announced(told_at_once: Organization) -> None:
    declined, withdrawn, _waiting = (ask(told_at_once, member) for member in (BOB, DANA, ERIN))
    api.decline(Decline(SubsidyType.LICENSE, told_at_once.uuid, (declined,)), by=None)
    api.withdraw(SubsidyType.LICENSE, withdrawn, lms_user_id=DANA.lms_user_id)

    assert api.send_digests() == DigestSweep(1, 1)
    assert named(digests()[0]) == [ERIN.email]


def test_what_nobody_can_answer_now_waits(told_at_once: Organization, globex: Organization) -> None:
    configure(globex)
    ask(told_at_once, BOB)
    globex.requests_of([GUS], CS50)
    identity.withdraw_roles([RoleAssignment(CAROL.lms_user_id, ADMIN, globex.uuid)], by=None)
    off: tuple[dict[str, object], ...] = ({"is_active": False}, {"enable_learner_portal": False})
    for fields in off:
        Customer.objects.filter(uuid=told_at_once.uuid).update(**fields)
        assert api.send_digests() == NOTHING
        Customer.objects.filter(uuid=told_at_once.uuid).update(is_active=True, enable_learner_portal=True)
    assert not LicenseRequest.objects.exclude(announced_at=None).exists()
    customers.make_admins(customer_uuid=globex.uuid, emails=[CAROL.email], by=None)

    assert api.send_digests() == DigestSweep(2, 2)
    assert [each.email for each in digests()] == [ALICE.email, CAROL.email]


def test_a_digest_that_waits_goes_out_without_who_was_retired(
    told_at_once: Organization, drain: Callable[[], None]
) -> None:
    for member in (BOB, DANA):
        ask(told_at_once, member)
    api.send_digests()

    identity.request_retirements(lms_user_ids=[BOB.lms_user_id], by=None)
    identity.complete_retirements(lms_user_ids=[BOB.lms_user_id], by=None)
    drain()

    (sent,) = (each for each in mail.outbox if each.to == [ALICE.email])
    assert DANA.email in sent.body
    assert BOB.email not in sent.body
    assert [named(each) for each in digests()] == [[DANA.email]]


class Away(Coupons):
    """Coupons that cannot be asked about their own customer."""

    def list_supplies(self, *, customer_uuid: UUID) -> list[Supply]:
        if customer_uuid == self.customer_uuid:
            raise ConnectionError("nobody there")
        return []


def test_a_customer_that_fails_holds_up_no_other_and_no_address_is_logged(
    acme: Organization,
    globex: Organization,
    install_coupons: Callable[..., Coupons],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Weakness W14 of enterprise-access: addresses are logged, and one failure ends the run."""
    caplog.set_level(logging.DEBUG)
    install_coupons(acme, free=1)
    for organization, member in ((acme, BOB), (globex, GUS)):
        organization.takes_requests(of=SubsidyType.COUPON)
        request = NewRequest(SubsidyType.COUPON, organization.uuid, member.lms_user_id, member.email, CS50)
        api.open_requests([request], by=None)

    with monkeypatch.context() as patch:
        patch.setitem(INSTALLED, SubsidyType.COUPON, Away(acme.uuid, free=1))
        assert api.send_digests() == DigestSweep(1, 1, (acme.uuid,))
    assert api.send_digests() == DigestSweep(1, 1)

    assert [each.email for each in digests()] == [CAROL.email, ALICE.email]
    assert "digest failed" in caplog.text
    assert "@" not in caplog.text


def test_a_digest_reverts_no_change_and_is_none_itself(told_at_once: Organization) -> None:
    """Weakness W14 of enterprise-access: the digest writes back a configuration that it read long before."""
    ask(told_at_once, BOB)
    before = Configuration.objects.values().get()
    histories = Configuration.history.count(), LicenseRequest.history.count()
    modified_at = LicenseRequest.objects.get().modified_at

    api.send_digests()

    after = Configuration.objects.values().get()
    assert before.pop("digest_sent_at") is None
    assert after.pop("digest_sent_at") == LicenseRequest.objects.get().announced_at
    assert after == before
    assert (Configuration.history.count(), LicenseRequest.history.count()) == histories
    assert not hasattr(Configuration.history.first(), "digest_sent_at")  # nobody's change, later on either
    assert LicenseRequest.objects.get().modified_at == modified_at


def test_one_request_and_two_hundred_take_the_same_number_of_statements(told_at_once: Organization) -> None:
    learners = told_at_once.learners(201)
    counts = []
    for group in (learners[:1], learners[1:]):
        told_at_once.requests_of(group)
        with counted() as statements:
            assert api.send_digests() == DigestSweep(1, len(group))
        counts.append(statements.count)

    assert counts[0] == counts[1] <= 3 + 9


def test_customers_that_are_not_due_cost_nothing(told_at_once: Organization, globex: Organization) -> None:
    configure(globex, Digest.WEEKLY)
    for organization, member in ((told_at_once, BOB), (globex, GUS)):
        organization.requests_of([member], CS50)
    api.send_digests()
    globex.requests_of(globex.learners(3), CS50)

    with counted() as statements:
        assert api.send_digests() == NOTHING
    assert statements.count == 1


@pytest.mark.django_db(transaction=True)
def test_two_sweeps_and_learners_who_ask_meanwhile_announce_each_request_once(acme: Organization) -> None:
    """Weakness W14 of enterprise-access: who asks while the mail is written is never announced."""
    acme.plan(free=1)
    configure(acme)
    learners = acme.learners(12)
    acme.requests_of(learners[:4])

    def ask_all(members: list[Member]) -> None:
        for member in members:
            ask(acme, member)

    def sweep() -> list[DigestSweep]:
        return [api.send_digests() for _ in range(3)]

    def change() -> None:
        change = ConfigurationChange(acme.uuid, {"is_enabled": True, "digest": Digest.IMMEDIATELY})
        for _ in range(3):
            api.change_configuration(change, by=ALICE.lms_user_id)

    *swept, _, _, _ = at_once(
        sweep, sweep, change, lambda: ask_all(learners[4:8]), lambda: ask_all(learners[8:])
    )
    last = api.send_digests()

    announced = Counter(email for message in digests() for email in named(message))
    assert announced == Counter(each.email for each in learners)
    assert sum(each.request_count for each in [*swept[0], *swept[1], last]) == 12
    assert not any(each.failed for each in [*swept[0], *swept[1], last])
    announced_at = LicenseRequest.objects.order_by("-announced_at").values_list("announced_at", flat=True)
    assert Configuration.objects.get().digest_sent_at == announced_at[0]
