"""Somebody leaves: what every context kept of them, and what is left in the end."""

import uuid
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest_django
from django.apps import apps
from django.test import Client as Browser

from bursar.identity import api as identity
from bursar.identity.models import Retirement, User
from bursar.lib import clock
from bursar.licenses.models import License
from bursar.notifications.models import Message
from bursar.outbox import api as outbox
from bursar.outbox.models import Scrub
from bursar.subsidy_requests import api as subsidy_requests
from tests.cast import ALICE, BOB, DANA, OLGA, PYTHON, PYTHON_RUN, Client, Organization

NEW = "robert@acme.test"


BOBS = ("'bob'", '"bob"', ": bob", "bob@", "robert")
"""What names Bob: his username, his addresses and his name, as they stand in a row."""

KEEPERS = {
    "admin.LogEntry",
    "customers.HistoricalPendingLearner",
    "customers.PendingLearner",
    "identity.User",
    "licenses.HistoricalLicense",
    "licenses.License",
    "notifications.Message",
    "outbox.Event",
    "outbox.IdempotencyRecord",
    "subsidy_requests.HistoricalLicenseRequest",
    "subsidy_requests.LicenseRequest",
}
"""Who keeps something of him before he leaves."""


def rows_naming_bob() -> list[str]:
    """The rows of every table, Django's own as well, in which one of these stands."""
    found = []
    for model in apps.get_models(include_auto_created=True):
        for values in model._base_manager.values():
            row = f"{model._meta.label}: {values}"
            if any(text in row.lower() for text in BOBS):
                found.append(row)
    return found


def mails_naming_bob(folder: Path) -> list[str]:
    """The files of mails in which one of these stands."""
    found = [(path.name, path.read_text().lower()) for path in folder.iterdir()]
    return [name for name, text in found if any(each in text for each in BOBS)]


def test_nothing_in_the_database_names_a_retired_person(
    acme: Organization,
    client_of: Client,
    drain: Callable[[], None],
    settings: pytest_django.Settings,
    tmp_path: Path,
) -> None:
    settings.EMAIL_BACKEND = "bursar.notifications.folder.FolderBackend"
    settings.MAIL_FOLDER = tmp_path
    acme.takes_requests()
    plan = acme.plan(free=1)
    drain()

    # Bob asks, Alice reads so, he is approved and activates.
    asked = client_of(BOB).post(
        "/api/v1/license-requests/",
        {"enterprise_customer_uuid": str(acme.uuid), "course_id": PYTHON},
        HTTP_IDEMPOTENCY_KEY="ask",
    )
    assert asked.status_code == 201
    acme.requests_of([DANA])
    subsidy_requests.send_digests()
    drain()
    assert len(mails_naming_bob(tmp_path)) == 2  # his own, and the one to Alice
    approval = {
        "enterprise_customer_uuid": str(acme.uuid),
        "subsidy_request_uuids": [asked.json()["uuid"]],
        "subscription_plan_uuid": str(plan.uuid),
        "send_notification": True,
    }
    approved = client_of(ALICE).post("/api/v1/license-requests/approve/", approval, format="json")
    assert approved.status_code == 200
    drain()
    key = License.objects.get(email=BOB.email).activation_key
    assert client_of(BOB).post(f"/api/v1/license-activation?activation_key={key}").status_code < 300
    # Alice puts Bob into a course, and somebody without an account as well.
    pairs = [
        {"email": email, "course_run_key": PYTHON_RUN, "license_uuid": str(uuid.uuid4())}
        for email in (BOB.email, NEW)
    ]
    enrolled = client_of(ALICE).post(
        f"/enterprise/api/v1/enterprise-customer/{acme.uuid}/enroll_learners_in_courses/",
        {"enrollments_info": pairs, "notify": True},
        format="json",
        HTTP_IDEMPOTENCY_KEY="enroll",
    )
    assert enrolled.status_code < 300
    drain()
    # It was Bob's other address: an operator gives it to him, and he confirms it.
    operator = Browser()
    operator.force_login(User.objects.get(username=OLGA.username))
    page = f"/admin/identity/user/{User.objects.get(username='bob').pk}/change/"
    operator.post(page, {"username": "bob", "email": NEW, "name": "Robert Bobbington", "is_active": "on"})
    drain()
    identity.confirm_addresses(lms_user_ids=[BOB.lms_user_id], by=OLGA.lms_user_id)
    drain()
    assert License.objects.get(lms_user_id=BOB.lms_user_id).email == NEW
    assert {row.partition(":")[0] for row in rows_naming_bob()} >= KEEPERS

    people = {"action": "request_retirements", "_selected_action": [str(User.objects.get(username="bob").pk)]}
    operator.post("/admin/identity/user/", people)
    chosen = {"action": "complete", "_selected_action": [str(Retirement.objects.get().pk)]}
    operator.post("/admin/identity/retirement/", {**chosen, "confirmed": "yes"})
    drain()
    Scrub.objects.update(noted_at=clock.now() - timedelta(minutes=16))
    outbox.scrub()

    assert rows_naming_bob() == []
    assert mails_naming_bob(tmp_path) == []
    digest = Message.objects.get(template="subsidy_requests/digest")
    assert (digest.email, digest.state) == (ALICE.email, "sent")
    assert [each["email"] for each in digest.context["requests"]] == [DANA.email]
    assert License.objects.get().status == "unassigned"
    assert Message.objects.filter(lms_user_id=BOB.lms_user_id, state="sent").exists()
