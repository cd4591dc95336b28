"""Declined learners whom the customer parts with."""

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

import pytest

from bursar.customers import api as customers
from bursar.customers.models import LearnerLink
from bursar.identity import api as identity
from bursar.identity.data import ADMIN, LEARNER
from bursar.lib import clock
from bursar.notifications.models import Message
from bursar.notifications.rendering import render
from bursar.outbox import api as outbox
from bursar.outbox.models import Delivery, Event
from bursar.subsidy_requests.data import SubsidyType
from bursar.subsidy_requests.models import CouponCodeRequest
from bursar.subsidy_requests.tests.coupons import Coupons
from tests.cast import ALICE, BOB, CS50, DANA, GUS, PYTHON, Client, Member, Organization

LICENSES = "/api/v1/license-requests/"
CODES = "/api/v1/coupon-code-requests/"
Drain = Callable[[], None]


@pytest.fixture
def decline(acme: Organization, client_of: Client, drain: Drain) -> Callable[..., None]:
    """Alice declines and unlinks, and the background does its part."""

    def run(requests: Sequence[UUID | str], path: str = LICENSES) -> None:
        body = {
            "enterprise_customer_uuid": str(acme.uuid),
            "subsidy_request_uuids": list(map(str, requests)),
            "send_notification": True,
            "unlink_users_from_enterprise": True,
        }
        assert client_of(ALICE).post(f"{path}decline/", body).status_code == 200
        drain()

    return run


def roles(member: Member, organization: Organization) -> set[str]:
    holders = identity.find_role_holders(
        customer_uuids=[organization.uuid], role=LEARNER, also_of=[member.lms_user_id]
    )
    return {each.role for each in holders if each.lms_user_id == member.lms_user_id}


def test_a_declined_learner_is_unlinked_for_good_and_reads_so(
    acme: Organization, client_of: Client, decline: Any, drain: Drain
) -> None:
    acme.takes_requests()
    acme.plan(free=1)
    mine, _hers = acme.requests_of([BOB, DANA])

    decline([mine])

    assert (roles(BOB, acme), roles(DANA, acme)) == (set(), {LEARNER})
    link = LearnerLink.objects.get(customer_id=acme.uuid, lms_user_id=BOB.lms_user_id)
    assert (link.is_linked, link.is_relinkable) == (False, False)
    (message,) = Message.objects.filter(email=BOB.email, template="subsidy_requests/declined")
    mail = render(message)
    assert "You no longer learn at Acme." in mail.text
    assert "You may ask again" not in mail.text + mail.html
    body = {"enterprise_customer_uuid": str(acme.uuid), "course_id": PYTHON}
    assert client_of(BOB).post(LICENSES, body).status_code == 403

    events = Event.objects.count()
    Delivery.objects.update(state=Delivery.State.WAITING, next_attempt_at=clock.now())
    outbox.relay()

    assert Event.objects.count() == events
    LearnerLink.objects.filter(pk=link.pk).update(is_linked=True)  # support brings him back
    Delivery.objects.update(state=Delivery.State.WAITING, next_attempt_at=clock.now())
    outbox.relay()
    assert LearnerLink.objects.get(pk=link.pk).is_linked
    LearnerLink.objects.filter(pk=link.pk).update(is_linked=False)
    customers.link_learners(customer_uuid=acme.uuid, emails=[BOB.email], by=None)
    assert roles(BOB, acme) == set()


def test_nobody_but_the_customers_own_learners_is_unlinked(
    acme: Organization, globex: Organization, decline: Any
) -> None:
    customers.make_admins(customer_uuid=acme.uuid, emails=[DANA.email], by=None)
    customers.link_learners(customer_uuid=acme.uuid, emails=[GUS.email], by=None)
    acme.takes_requests()
    globex.takes_requests()
    (foreign,) = globex.requests_of([GUS], CS50)

    decline([*acme.requests_of([DANA, GUS]), foreign])

    assert (roles(GUS, acme), roles(GUS, globex)) == (set(), {LEARNER})
    assert roles(DANA, acme) == {ADMIN}


def test_what_was_approved_before_still_ends_with_its_code(
    acme: Organization,
    install_coupons: Callable[..., Coupons],
    client_of: Client,
    decline: Any,
    drain: Drain,
) -> None:
    """A yes keeps its promise: who was unlinked meanwhile gets the code, and stays unlinked."""
    acme.takes_requests(of=SubsidyType.COUPON)
    install_coupons(acme, free=1)
    customer = {"enterprise_customer_uuid": str(acme.uuid)}
    bob = client_of(BOB)
    yes, no = (bob.post(CODES, {**customer, "course_id": course}).json()["uuid"] for course in (PYTHON, CS50))
    approval = {**customer, "subsidy_request_uuids": [yes], "coupon_id": 7}
    assert client_of(ALICE).post(f"{CODES}approve/", approval).status_code == 200

    decline([no], CODES)

    states = dict(CouponCodeRequest.objects.values_list("course_key", "state"))
    assert states == {PYTHON: "approved", CS50: "declined"}
    assert roles(BOB, acme) == set()
