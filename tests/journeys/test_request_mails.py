"""The mails about requests, as learners and administrators read them."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail

from bursar.lib import clock
from bursar.licenses.data import Plan
from bursar.licenses.models import License
from bursar.outbox import api as outbox
from bursar.outbox.models import Delivery
from bursar.subsidy_requests import api as subsidy_requests
from bursar.subsidy_requests.data import SubsidyType
from bursar.subsidy_requests.tests import conftest
from bursar.subsidy_requests.tests.coupons import Coupons
from tests.cast import ALICE, BOB, CS50, DANA, PYTHON, PYTHON_RUN, Client, Member, Organization

pytestmark = pytest.mark.once  # what is written down is the same everywhere

LICENSES = "/api/v1/license-requests/"
CODES = "/api/v1/coupon-code-requests/"
TITLE = "Introduction to Programming in Python"

Drain = Callable[[], None]
install_coupons = conftest.install_coupons


class People:
    """Bob, Dana and Alice at work, and the mails they find afterwards."""

    def __init__(self, acme: Organization, client_of: Client, drain: Drain) -> None:
        self.acme, self.drain = acme, drain
        # Signed in before the clock is moved.
        self.clients = {each: client_of(each) for each in (ALICE, BOB, DANA)}
        drain()
        mail.outbox.clear()

    def ask(self, learner: Member, to: str = LICENSES, course: str = PYTHON, **more: object) -> str:
        body = {"enterprise_customer_uuid": str(self.acme.uuid), "course_id": course, **more}
        response = self.clients[learner].post(to, body)
        assert response.status_code == 201, response.json()
        request_uuid: str = response.json()["uuid"]
        return request_uuid

    def answer(self, path: str, *request_uuids: str, **more: object) -> None:
        body = {
            "enterprise_customer_uuid": str(self.acme.uuid),
            "subsidy_request_uuids": list(request_uuids),
            "send_notification": True,
            **more,
        }
        response = self.clients[ALICE].post(path, body)
        assert response.status_code == 200, response.json()

    def configure(self, **changes: object) -> None:
        path = f"/api/v1/customer-configurations/{self.acme.uuid}/"
        response = self.clients[ALICE].patch(path, changes)
        assert response.status_code == 200, response.json()

    def read(self, reader: Member) -> list[Any]:
        """What has come for somebody since they looked last."""
        self.drain()
        found = [each for each in mail.outbox if each.to == [reader.email]]
        mail.outbox[:] = [each for each in mail.outbox if each not in found]
        return found

    def read_one(self, reader: Member) -> tuple[str, str]:
        """The subject and the text of the one mail that has come; its HTML part has the same words."""
        (found,) = self.read(reader)
        ((html, _type),) = found.alternatives
        for line in found.body.splitlines():
            assert not line.startswith("http") or line in html
        return found.subject, found.body


@pytest.fixture
def plan(acme: Organization) -> Plan:
    """Acme pays with licenses, and has two."""
    acme.takes_requests()
    return acme.plan(free=2)


@pytest.fixture
def people(acme: Organization, client_of: Client, drain: Drain) -> People:
    return People(acme, client_of, drain)


def deliver_again() -> None:
    """What is handed over at least once is handed over twice."""
    Delivery.objects.update(state=Delivery.State.WAITING, next_attempt_at=clock.now())
    outbox.relay()


def test_a_learner_reads_that_the_request_arrived_and_once_that_the_license_is_there(
    plan: Plan, people: People
) -> None:
    request = people.ask(BOB, course_run_id=PYTHON_RUN)
    subject, text = people.read_one(BOB)
    assert subject == f"Your request for “{TITLE}” has arrived"
    assert PYTHON_RUN in text

    people.answer(f"{LICENSES}approve/", request, subscription_plan_uuid=str(plan.uuid))
    assert mail.outbox == []  # nothing is promised before it is there
    subject, text = people.read_one(BOB)
    deliver_again()

    assert subject == f"Your request for “{TITLE}” is approved"
    key = License.objects.get(email=BOB.email).activation_key
    for words in (TITLE, PYTHON_RUN, f"/acme/licenses/{key}/activate", "Then enroll in this run."):
        assert words in text
    assert people.read(BOB) == []


def test_the_mail_about_a_code_names_it_with_the_course_and_the_next_step(
    acme: Organization, install_coupons: Callable[..., Coupons], people: People, settings: Any
) -> None:
    settings.HAS_LEARNER_PORTAL, settings.LEARNER_PORTAL_URL = True, "https://learn.test"
    acme.takes_requests(of=SubsidyType.COUPON)
    install_coupons(acme, free=1)
    request = people.ask(BOB, CODES)
    people.read(BOB)

    people.answer(f"{CODES}approve/", request, coupon_id=7)
    subject, text = people.read_one(BOB)
    deliver_again()

    assert subject == f"Your request for “{TITLE}” is approved"
    for words in (TITLE, "CODE0", "choose a run", f"https://learn.test/acme/course/{PYTHON}"):
        assert words in text
    assert people.read(BOB) == []


def test_a_declined_learner_reads_why_if_the_administrator_wishes(plan: Plan, people: People) -> None:
    asked = [people.ask(each) for each in (BOB, DANA)]
    people.drain()
    mail.outbox.clear()

    people.answer(f"{LICENSES}decline/", asked[0], decline_reason="No budget left.")
    people.answer(f"{LICENSES}decline/", asked[1], decline_reason="Not now.", send_notification=False)

    subject, text = people.read_one(BOB)
    assert subject == f"Your request for “{TITLE}” was declined"
    assert "No budget left." in text
    assert "You may ask again at any time." in text
    assert people.read(DANA) == []


@pytest.mark.parametrize("is_wanted", [True, False])
def test_who_waits_when_the_customer_pays_in_another_way_is_declined_and_told_if_wanted(
    plan: Plan, install_coupons: Callable[..., Coupons], people: People, is_wanted: bool
) -> None:
    install_coupons(people.acme, free=1)
    people.ask(BOB)
    people.read(BOB)

    people.configure(subsidy_type="coupon", send_notification=is_wanted)

    told = people.read(BOB)
    assert [each.subject for each in told] == [f"Your request for “{TITLE}” was declined"] * is_wanted
    assert all("pays for courses in another way now" in each.body for each in told)
    assert all("You may ask again" in each.body for each in told)


def test_nobody_is_told_to_ask_again_where_nothing_pays_any_more(plan: Plan, people: People) -> None:
    people.ask(BOB)
    people.read(BOB)

    people.configure(subsidy_type=None, send_notification=True)

    _subject, text = people.read_one(BOB)
    assert "does not pay for requested courses any more" in text
    assert "ask again" not in text


# What administrators read


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[timedelta], None]:
    """Moves the clock on."""
    moved = timedelta()
    real = clock.now

    def move(step: timedelta) -> None:
        nonlocal moved
        moved += step
        monkeypatch.setattr(clock, "now", lambda: real() + moved)

    return move


@pytest.mark.parametrize(
    ("digest", "pause"),
    [("immediately", None), ("daily", timedelta(days=1)), ("weekly", timedelta(weeks=1))],
)
def test_administrators_read_who_waits_as_often_as_they_wish(
    plan: Plan,
    people: People,
    later: Callable[[timedelta], None],
    settings: Any,
    digest: str,
    pause: timedelta | None,
) -> None:
    settings.ADMIN_PORTAL_URL = "https://admin.test"
    people.configure(digest=digest)
    people.ask(BOB)
    subsidy_requests.send_digests()
    first = people.read_one(ALICE)
    subsidy_requests.send_digests()
    assert people.read(ALICE) == []

    people.ask(DANA, course=CS50)  # between two digests
    if pause is not None:
        subsidy_requests.send_digests()
        later(pause - timedelta(minutes=1))
        subsidy_requests.send_digests()
        assert people.read(ALICE) == []
        later(timedelta(minutes=1))
    subsidy_requests.send_digests()
    second = people.read_one(ALICE)

    link = "https://admin.test/acme/admin/subscriptions/manage-requests"
    for (subject, text), new, old, waiting in (
        (first, f"{BOB.email}: {TITLE}", DANA.email, "1 request waits"),
        (second, f"{DANA.email}: Introduction to Computer Science", BOB.email, "2 requests wait"),
    ):
        assert subject == "Acme: 1 new request waits for your answer"
        assert new in text
        assert old not in text
        assert f"In all, {waiting} for an answer." in text
        assert [line for line in text.splitlines() if line.startswith(settings.ADMIN_PORTAL_URL)] == [link]


def test_who_wants_no_digest_gets_none_and_later_everything_that_still_waits(
    plan: Plan, people: People
) -> None:
    people.configure(digest="never")
    people.ask(BOB)
    subsidy_requests.send_digests()
    assert people.read(ALICE) == []

    people.configure(digest="daily")
    subsidy_requests.send_digests()

    assert BOB.email in people.read_one(ALICE)[1]
