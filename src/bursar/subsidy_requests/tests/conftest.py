"""What the tests of requests share."""

from collections.abc import Callable, Iterator

import pytest

from bursar.config.reactions import AWAITING, REACTIONS
from bursar.outbox import api as outbox
from bursar.subsidy_requests.data import SubsidyType
from bursar.subsidy_requests.service import subsidies
from bursar.subsidy_requests.tests.coupons import Coupons
from bursar.subsidy_requests.tests.paying import Paying, PayingCodes, PayingLicenses
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


@pytest.fixture
def licenses_pay(acme: Organization, install_coupons: Callable[..., Coupons]) -> PayingLicenses:
    """Acme pays for requests with licenses."""
    return PayingLicenses(acme, install_coupons)


@pytest.fixture
def codes_pay(acme: Organization, install_coupons: Callable[..., Coupons]) -> PayingCodes:
    """Acme pays for requests with codes."""
    return PayingCodes(acme, install_coupons)


@pytest.fixture(params=["licenses_pay", "codes_pay"], ids=["licenses", "codes"])
def paying(request: pytest.FixtureRequest) -> Paying:
    """Acme pays for requests with licenses; and the same test again, with codes."""
    made: Paying = request.getfixturevalue(request.param)
    return made
