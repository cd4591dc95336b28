"""What is left in the outbox of people who were retired: nothing that names them."""

import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from django.db import transaction

from bursar.config.reactions import REACTIONS
from bursar.events.identity import PEOPLE_RETIRED
from bursar.events.licenses import ASSIGNMENTS_REFUSED, LICENSES_ASSIGNED, AssignmentRefused, LicenseAssigned
from bursar.identity import api as identity
from bursar.lib import clock
from bursar.outbox import api as outbox
from bursar.outbox import models
from bursar.outbox.data import Reaction
from bursar.outbox.models import Delivery, Event, IdempotencyRecord, Scrub
from tests.cast import ALICE, BOB, DANA, OLGA, Client, Member, Organization
from tests.statements import counted

PLAN = uuid.UUID("cccccccc-0000-4000-8000-000000000001")

Drain = Callable[[], None]


def retire(*people: Member) -> None:
    ids = [each.lms_user_id for each in people]
    identity.request_retirements(lms_user_ids=ids, by=OLGA.lms_user_id)
    identity.complete_retirements(lms_user_ids=ids, by=OLGA.lms_user_id)


def let_time_pass() -> None:
    Scrub.objects.update(noted_at=clock.now() - timedelta(minutes=16))


def assigned(email: str) -> LicenseAssigned:
    return LicenseAssigned(uuid.uuid4(), PLAN, PLAN, email, is_new=False)  # nobody is linked for it


def record_assigned(*emails: str) -> Event:
    with transaction.atomic():
        outbox.record(LICENSES_ASSIGNED, key=str(PLAN), facts=[assigned(each) for each in emails], by=None)
    return Event.objects.latest("id")


def rows_naming(*texts: str) -> list[str]:
    kept = [
        *(f"{row.type} {row.facts}" for row in Event.objects.all()),
        *Delivery.objects.values_list("last_error", flat=True),
        *IdempotencyRecord.objects.values_list("answer", flat=True),
    ]
    return [text for text in kept if any(each in text.lower() for each in texts)]


@pytest.fixture
def failing() -> Iterator[None]:
    """A reaction to assigned licenses that fails and quotes the facts."""

    def fail(deliveries: object) -> None:
        raise ValueError(f"cannot handle {deliveries}")

    outbox.register([*REACTIONS, Reaction(LICENSES_ASSIGNED, "test.fail", fail)])
    yield
    outbox.register(REACTIONS)


def test_nothing_that_is_kept_names_a_retired_person(
    acme: Organization, client_of: Client, drain: Drain
) -> None:
    acme.takes_requests()
    (request,) = acme.requests_of([BOB])
    body = {
        "enterprise_customer_uuid": str(acme.uuid),
        "subsidy_request_uuids": [str(request)],
        "subscription_plan_uuid": str(acme.plan(free=1).uuid),
        "send_notification": True,
    }
    path = "/api/v1/license-requests/approve/"
    answer = client_of(ALICE).post(path, body, format="json", HTTP_IDEMPOTENCY_KEY="one")
    assert answer.status_code == 200
    IdempotencyRecord.objects.update(answer=f'{{"to": ["{BOB.email.title()}"]}}')
    identity.change_person(lms_user_id=BOB.lms_user_id, email="robert@acme.test", by=OLGA.lms_user_id)
    drain()
    assert rows_naming(BOB.email)

    retire(BOB)
    drain()
    let_time_pass()
    outbox.scrub()

    assert rows_naming(BOB.email, "robert@acme.test", "'bob'", '"bob"') == []
    again = client_of(ALICE).post(path, body, format="json", HTTP_IDEMPOTENCY_KEY="one")
    assert again.json()["to"][0].startswith("retired__user_")
    assert not Scrub.objects.exists()


def test_others_stay_as_they_are(cast: None, drain: Drain) -> None:
    event = record_assigned(BOB.email, DANA.email, f"x.{BOB.email}")
    drain()

    retire(BOB)
    drain()
    outbox.scrub()

    event.refresh_from_db()
    stand_in = identity.find_people_by_lms_user_id([BOB.lms_user_id])[BOB.lms_user_id].email
    assert [fact["email"] for fact in event.facts] == [stand_in, DANA.email, f"x.{BOB.email}"]


def test_an_address_within_prose_is_replaced(cast: None, drain: Drain) -> None:
    ids = [uuid.uuid4() for _ in range(4)]
    refused = AssignmentRefused(*ids, "new@acme.test", "odd", f"The seat of {BOB.email.title()}, is gone.")
    with transaction.atomic():
        outbox.record(ASSIGNMENTS_REFUSED, key="x", facts=[refused], by=None)
    drain()

    retire(BOB)
    drain()
    outbox.scrub()

    assert rows_naming(BOB.email) == []
    message = Event.objects.get(type=ASSIGNMENTS_REFUSED.name).facts[0]["message"]
    assert message.startswith("The seat of retired__user_")


def test_an_event_keeps_its_facts_until_every_reaction_to_it_is_done(
    cast: None, drain: Drain, failing: None
) -> None:
    event = record_assigned(BOB.email)
    drain()
    retire(BOB)
    drain()
    let_time_pass()

    assert outbox.scrub() == 0
    event.refresh_from_db()
    assert event.facts[0]["email"] == BOB.email

    outbox.register(REACTIONS)
    event.deliveries.filter(handler="test.fail").update(state=Delivery.State.DONE, last_error="")
    assert outbox.scrub() == 1
    assert rows_naming(BOB.email) == []


def test_what_died_keeps_the_kind_of_its_error_only(cast: None, drain: Drain, failing: None) -> None:
    event = record_assigned(BOB.email)
    for _ in range(8):
        Delivery.objects.filter(state=Delivery.State.WAITING).update(next_attempt_at=clock.now())
        drain()
    delivery = event.deliveries.get(handler="test.fail")
    assert (delivery.state, BOB.email in delivery.last_error) == ("dead", True)

    retire(BOB)
    drain()
    let_time_pass()
    outbox.scrub()

    assert rows_naming(BOB.email) == []
    delivery.refresh_from_db()
    assert delivery.last_error == "ValueError"
    assert Event.objects.get(type="outbox.delivery_died").facts[0]["error"] == "ValueError"


def test_a_retirement_that_died_somewhere_can_still_be_tried_again(cast: None, drain: Drain) -> None:
    def fail(deliveries: object) -> None:
        raise ValueError("not today")

    outbox.register([*REACTIONS, Reaction(PEOPLE_RETIRED, "test.fail", fail)])
    retire(BOB)
    for _ in range(8):
        Delivery.objects.filter(state=Delivery.State.WAITING).update(next_attempt_at=clock.now())
        drain()
    let_time_pass()
    assert outbox.scrub() == 0
    event = Event.objects.get(type=PEOPLE_RETIRED.name)
    assert event.facts[0]["old_email"] == BOB.email

    outbox.register(REACTIONS)
    event.deliveries.filter(handler="test.fail").update(state=Delivery.State.DONE)
    assert outbox.scrub() == 1
    assert rows_naming(BOB.email) == []


def test_it_goes_on_looking_for_a_while(cast: None, drain: Drain) -> None:
    retire(BOB)
    drain()
    assert outbox.scrub() == 0

    record_assigned(BOB.email)  # by a request that had begun before
    drain()
    let_time_pass()

    assert outbox.scrub() == 1
    assert rows_naming(BOB.email) == []


def test_a_retirement_that_is_delivered_twice_is_noted_once(cast: None, drain: Drain) -> None:
    retire(BOB)
    drain()
    Delivery.objects.update(state=Delivery.State.WAITING, next_attempt_at=clock.now())
    drain()

    assert Scrub.objects.count() == 1


def test_one_event_and_many_take_the_same_number_of_statements(cast: None, drain: Drain) -> None:
    record_assigned(BOB.email)
    drain()
    retire(BOB)
    drain()
    with counted() as few:
        outbox.scrub()
    for _ in range(80):
        record_assigned(*[BOB.email] * 20)
    models.Delivery.objects.update(state=Delivery.State.DONE)
    with counted() as many:
        outbox.scrub()

    assert rows_naming(BOB.email) == []
    assert many.count == few.count


def test_without_retired_people_it_asks_once(cast: None) -> None:
    with counted() as statements:
        assert outbox.scrub() == 0

    assert statements.count == 1
