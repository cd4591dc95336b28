"""Each success of an account is an event from which an order can be made; a failed order undoes nothing."""

import uuid
from collections.abc import Sequence

import pytest

from bursar.config.reactions import AWAITING, REACTIONS
from bursar.customers import api, models
from bursar.customers.data import BulkPair
from bursar.enrollments import api as enrollments
from bursar.events.customers import LEARNERS_ENROLLED, LearnerEnrolled
from bursar.identity import api as identity
from bursar.identity.data import PersonToSave
from bursar.lib import clock
from bursar.outbox import api as outbox
from bursar.outbox.data import Delivery, Reaction
from bursar.outbox.models import Delivery as DeliveryRow
from tests.cast import ACME, ALICE, BOB, CS50_RUN, DANA, PYTHON_RUN

pytestmark = pytest.mark.django_db(transaction=True)


class Shop:
    """Takes orders, as coupons will; refuses those of one learner."""

    def __init__(self, refuses: int | None = None) -> None:
        self.orders: list[LearnerEnrolled] = []
        self.refuses = refuses

    def take(self, deliveries: Sequence[Delivery[LearnerEnrolled]]) -> None:
        facts = [fact for each in deliveries for fact in each.facts]
        if any(fact.lms_user_id == self.refuses for fact in facts):
            raise ConnectionError("the shop is closed")
        self.orders += facts

    def open(self) -> None:
        taking = Reaction(LEARNERS_ENROLLED, "coupons.create_orders", self.take, catches_up=True)
        outbox.register([*REACTIONS, taking])


@pytest.fixture
def enroll(cast):
    def enroll(*members, run_key=PYTHON_RUN, **options):
        pairs = [BulkPair(run_key, each.email, license_uuid=str(uuid.uuid4())) for each in members]
        return api.enroll_in_bulk(customer_uuid=ACME, pairs=pairs, by=ALICE.lms_user_id, **options)

    yield enroll
    outbox.register(REACTIONS, awaiting=AWAITING)


def test_orders_are_made_of_earlier_enrollments_too(enroll):
    """Weakness F22 of edx-enterprise: bulk enrollment makes no orders for learners who have an account."""
    enroll(BOB, discount_percent=40)
    shop = Shop()
    shop.open()

    outbox.catch_up()
    enroll(DANA)
    enroll(BOB)
    outbox.relay()

    bob, dana, again = shop.orders  # the last one with another license
    assert (bob.username, bob.email, bob.run_key, bob.mode) == ("bob", BOB.email, PYTHON_RUN, "verified")
    assert (bob.customer_uuid, bob.discount_percent, bob.is_new) == (ACME, 40.0, True)
    assert (dana.lms_user_id, dana.discount_percent) == (DANA.lms_user_id, 100.0)
    assert (again.lms_user_id, again.is_new) == (BOB.lms_user_id, False)


def test_a_failed_order_undoes_no_enrollment_and_is_visible(enroll):
    shop = Shop(refuses=BOB.lms_user_id)
    shop.open()
    enroll(BOB, DANA)

    for _ in range(9):
        outbox.relay()
        DeliveryRow.objects.filter(state="waiting").update(next_attempt_at=clock.now())

    assert [each.lms_user_id for each in shop.orders] == [DANA.lms_user_id]
    assert outbox.count_dead() == 1
    assert "the shop is closed" in DeliveryRow.objects.get(state="dead").last_error
    assert enrollments.find_enrollments([(BOB.lms_user_id, PYTHON_RUN)])
    assert models.Fulfillment.objects.filter(is_revoked=False).count() == 2


def test_who_waits_is_ordered_for_once_enrolled(enroll):
    shop = Shop()
    shop.open()
    api.enroll_in_bulk(
        customer_uuid=ACME,
        pairs=[BulkPair(CS50_RUN, "new@acme.test", license_uuid=str(uuid.uuid4()))],
        by=None,
        discount_percent=25,
    )
    assert not shop.orders

    identity.save_people([PersonToSave("new@acme.test", "new")])
    outbox.relay()

    (order,) = shop.orders
    assert (order.email, order.discount_percent) == ("new@acme.test", 25.0)
