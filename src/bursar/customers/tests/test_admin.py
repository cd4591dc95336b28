import uuid

import pytest
from django.apps import apps
from django.contrib.auth import get_user_model
from django.urls import reverse

from bursar.customers import api, models
from bursar.customers.data import FIRST_SWITCHES, BulkPair, PendingState
from tests.cast import ACME, BOB, CS50_RUN

pytestmark = pytest.mark.django_db


@pytest.fixture
def support(cast, client):
    client.force_login(get_user_model().objects.create_superuser("support", "support@bursar.test", "demo"))
    return client


@pytest.mark.parametrize(
    "name",
    [
        "customers_customer",
        "customers_learnerlink",
        "customers_invitekey",
        "customers_pendinglearner",
        "customers_pendingenrollment",
        "customers_sponsoredenrollment",
        "customers_fulfillment",
        "enrollments_enrollment",
    ],
)
def test_support_lists_searches_and_opens_every_kind_of_row(support, name):
    pairs = [
        BulkPair(CS50_RUN, email, license_uuid=str(uuid.uuid4())) for email in (BOB.email, "new@acme.test")
    ]
    api.enroll_in_bulk(customer_uuid=ACME, pairs=pairs, by=None)
    api.create_invite_key(customer_uuid=ACME, by=None)

    listing = reverse(f"admin:{name}_changelist")
    assert support.get(listing).status_code == 200
    assert support.get(listing, {"q": "11"}).status_code == 200
    row = apps.get_model(*name.split("_")).objects.first()
    assert support.get(reverse(f"admin:{name}_change", args=[row.pk])).status_code == 200


def test_support_cannot_give_a_customer_a_slug_that_hides_a_path(support):
    page = support.post(
        reverse("admin:customers_customer_change", args=[ACME]), {"name": "Acme", "slug": "api"}
    )

    assert "reserved" in page.content.decode()
    assert api.get_customer(ACME).slug == "acme"


def test_support_turns_on_only_switches_that_there_are(support):
    path = reverse("admin:customers_customer_change", args=[ACME])
    wanted = {"name": "Acme", "slug": "acme", "is_active": "on"}

    page = support.post(path, {**wanted, "features": '["enable_pathways", "nonsense"]'})
    assert "nonsense" in page.content.decode()
    assert support.post(path, {**wanted, "features": "null"}).status_code == 200
    assert models.Customer.objects.get(uuid=ACME).features == list(FIRST_SWITCHES)

    assert support.post(path, {**wanted, "features": '["enable_pathways"]'}).status_code == 302
    assert models.Customer.objects.get(uuid=ACME).features == ["enable_pathways"]


def test_support_tries_failed_enrollments_again(support):
    pair = BulkPair(CS50_RUN, "new@acme.test", license_uuid=str(uuid.uuid4()))
    api.enroll_in_bulk(customer_uuid=ACME, pairs=[pair], by=None)
    models.PendingEnrollment.objects.update(state=PendingState.FAILED)
    row = models.PendingEnrollment.objects.get()

    support.post(
        reverse("admin:customers_pendingenrollment_changelist"),
        {"action": "try_again", "_selected_action": [str(row.pk)]},
    )

    assert models.PendingEnrollment.objects.get().state == PendingState.WAITING
