"""How many statements requests take: the same for 1 and for 200, for licenses and for coupon codes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest

from bursar.notifications.models import Message
from bursar.outbox import api as outbox
from bursar.subsidy_requests import api
from bursar.subsidy_requests.data import NewRequest, SubsidyType
from bursar.subsidy_requests.service.kinds import KINDS
from bursar.subsidy_requests.tests.coupons import Coupons
from tests.cast import ALICE, BOB, PYTHON, PYTHON_RUN, Client, Member, Organization
from tests.statements import counted

AUTHENTICATION = 2  # the user, the roles


@dataclass(frozen=True)
class Asked:
    """An organization whose learners ask for one kind of subsidy, and how its people call."""

    organization: Organization
    subsidy_type: SubsidyType
    container: dict[str, object]
    client_of: Client

    @property
    def path(self) -> str:
        return f"/api/v1/{self.subsidy_type.replace('coupon', 'coupon-code')}-requests/"

    @property
    def customer(self) -> dict[str, Any]:
        return {"enterprise_customer_uuid": str(self.organization.uuid)}

    def requests_of(self, learners: list[Member]) -> list[UUID]:
        """An open request of each."""
        customer_uuid = self.organization.uuid
        wanted = [
            NewRequest(self.subsidy_type, customer_uuid, each.lms_user_id, each.email, PYTHON)
            for each in learners
        ]
        api.open_requests(wanted, by=None)
        rows = KINDS[self.subsidy_type].model._default_manager.filter(
            lms_user_id__in=[each.lms_user_id for each in learners]
        )
        return list(rows.values_list("pk", flat=True))

    def count_reading(self, path: str = "") -> int:
        """Statements of an administrator's reading."""
        client = self.client_of(ALICE)
        with counted() as statements:
            assert client.get(f"{self.path}{path}", self.customer).status_code == 200
        return statements.count - AUTHENTICATION

    def count_answering(self, what: str, learners: list[Member], **more: object) -> tuple[int, int]:
        """Statements of an administrator's answer, and of the background until the messages are written."""
        asked = [str(pk) for pk in self.requests_of(learners)]
        client = self.client_of(ALICE)
        outbox.relay()  # what the preparations left to do is not counted
        body = {**self.customer, "subsidy_request_uuids": asked, "send_notification": True, **more}
        with counted() as in_the_request:
            assert len(client.post(f"{self.path}{what}/", body).json()) == len(learners)
        with counted() as in_the_background:
            outbox.relay()
        assert Message.objects.filter(email__in=[each.email for each in learners]).count() == len(learners)
        return in_the_request.count - AUTHENTICATION, in_the_background.count


@pytest.fixture(params=SubsidyType)
def asked(
    request: pytest.FixtureRequest,
    acme: Organization,
    client_of: Client,
    install_coupons: Callable[..., Coupons],
) -> Asked:
    """Acme takes requests of one kind and has 201 to give."""
    subsidy_type = request.param
    acme.takes_requests(of=subsidy_type)
    if subsidy_type is SubsidyType.COUPON:
        container: dict[str, object] = {"coupon_id": install_coupons(acme, free=201).coupon_id}
    else:
        container = {"subscription_plan_uuid": str(acme.plan(free=201).uuid)}
    return Asked(acme, subsidy_type, container, client_of)


def test_asking_takes_at_most_ten(asked: Asked, client_of: Client) -> None:
    body = {**asked.customer, "course_id": PYTHON, "course_run_id": PYTHON_RUN}
    client = client_of(BOB)

    with counted() as statements:
        assert client.post(asked.path, body).status_code == 201

    assert statements.count - AUTHENTICATION <= 10


def test_what_is_read_of_any_number_takes_the_same(asked: Asked) -> None:
    """Weakness W10 of enterprise-access: a query for each row."""
    learners = asked.organization.learners(200)
    counts = []

    for of in (learners[:1], learners[1:]):
        asked.requests_of(of)
        counts.append([asked.count_reading(path) for path in ("", "overview/", "capacity/")])

    assert counts[0] == counts[1]
    assert counts[0][:2] == [2, 1]  # the count, the rows; the states


def test_an_approval_takes_the_same_for_one_and_for_two_hundred(asked: Asked) -> None:
    learners = asked.organization.learners(201)

    one, two_hundred = (
        asked.count_answering("approve", of, **asked.container) for of in (learners[:1], learners[1:])
    )

    assert one == two_hundred
    assert one[0] <= 12


def test_a_refusal_takes_the_same_for_one_and_for_two_hundred(asked: Asked) -> None:
    learners = asked.organization.learners(201)
    no = {"decline_reason": "Next year.", "unlink_users_from_enterprise": True}

    one, two_hundred = (asked.count_answering("decline", of, **no) for of in (learners[:1], learners[1:]))

    assert one == two_hundred
    assert one[0] <= 10
