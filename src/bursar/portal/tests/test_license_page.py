"""The page on which a learner accepts a license."""

from uuid import UUID

import pytest
from django.test import Client

from bursar.identity.models import User
from bursar.licenses import api as licenses
from bursar.licenses.data import Plan
from tests.cast import ALICE, BOB, Member, Organization


@pytest.fixture
def plan(acme: Organization) -> Plan:
    return acme.plan(free=1, title="Acme 2026")


@pytest.fixture
def key(plan: Plan) -> UUID:
    """The activation key of Bob's license."""
    (outcome,) = licenses.assign(plan_uuid=plan.uuid, addresses=[BOB.email], by=None)
    assert outcome.activation_key is not None
    return outcome.activation_key


def browser_of(member: Member) -> Client:
    client = Client()
    client.force_login(User.objects.get(username=member.username))
    return client


def test_a_learner_activates_the_license_with_one_button(plan: Plan, key: UUID) -> None:
    browser, path = browser_of(BOB), f"/acme/licenses/{key}/activate"

    page = browser.get(path).content.decode()
    assert "Acme 2026" in page
    assert "Activate the license" in page

    done = browser.post(path).content.decode()
    assert "Your license is active" in done
    assert "Your license is active" in browser.get(path).content.decode()


def test_looking_at_the_page_activates_nothing(plan: Plan, key: UUID) -> None:
    browser_of(BOB).get(f"/acme/licenses/{key}/activate")

    assert [change.status.value for change in licenses.tell_story(licenses_of(plan))] == [
        "unassigned",
        "assigned",
    ]


def licenses_of(plan: Plan) -> UUID:
    from bursar.licenses.models import License

    return License.objects.get(plan=plan.uuid).pk


def test_a_stranger_signs_in_first(key: UUID) -> None:
    response = Client().get(f"/acme/licenses/{key}/activate")

    assert response.status_code == 302
    assert response.headers["Location"].startswith("/login?next=/acme/licenses/")


def test_somebody_elses_link_says_what_may_be_wrong(key: UUID) -> None:
    response = browser_of(ALICE).post(f"/acme/licenses/{key}/activate")

    assert response.status_code == 404
    assert "another address" in response.content.decode()


def test_a_revoked_license_says_so(plan: Plan, key: UUID) -> None:
    licenses.revoke(plan_uuid=plan.uuid, addresses=[BOB.email], by=None)
    path = f"/acme/licenses/{key}/activate"

    for response in (browser_of(BOB).get(path), browser_of(BOB).post(path)):
        assert response.status_code == 422
        assert "revoked" in response.content.decode()


def test_a_link_with_another_slug_is_not_complete(key: UUID) -> None:
    assert browser_of(BOB).get(f"/globex/licenses/{key}/activate").status_code == 404
