"""What the tests of requests share."""

from collections.abc import Callable, Iterator

import pytest

from bursar.config.reactions import AWAITING, REACTIONS
from bursar.outbox import api as outbox
from bursar.subsidy_requests.data import SubsidyType
from bursar.subsidy_requests.service import subsidies
from bursar.subsidy_requests.tests.coupons import Coupons
from tests.cast import Organization


@pytest.fixture
def install_coupons(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Coupons]]:
    """Has an organization's requests for codes met by a coupon with this many free codes."""

    def install(organization: Organization, *, free: int) -> Coupons:
        coupons = Coupons(organization.uuid, free=free)
        monkeypatch.setitem(subsidies.INSTALLED, SubsidyType.COUPON, coupons)
        outbox.register([*REACTIONS, coupons.reaction], awaiting=AWAITING)
        return coupons

    yield install
    outbox.register(REACTIONS, awaiting=AWAITING)
