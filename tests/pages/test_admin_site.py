"""The Django admin, as the people who operate the site use it."""

import pytest
from django.contrib import admin
from django.test import Client

from bursar.identity.models import User
from bursar.licenses import api as licenses
from bursar.outbox import models as outbox_models
from bursar.subsidy_requests.data import Approval, SubsidyType
from tests.cast import ALICE, BOB, OLGA, Member, Organization

PAGES = sorted(f"/admin/{model._meta.app_label}/{model._meta.model_name}/" for model in admin.site._registry)


def browser_of(member: Member) -> Client:
    client = Client()
    client.force_login(User.objects.get(username=member.username))
    return client


@pytest.mark.parametrize("path", ["/admin/", *PAGES])
def test_an_operator_sees_every_list(acme: Organization, path: str) -> None:
    acme.takes_requests()
    acme.requests_of([BOB])
    licenses.assign(plan_uuid=acme.plan(free=2).uuid, addresses=[BOB.email], by=None)

    page = browser_of(OLGA).get(path)

    assert page.status_code == 200
    assert browser_of(OLGA).get(path, {"q": "bob"}).status_code in (200, 302)


@pytest.mark.parametrize("member", [ALICE, BOB])
def test_a_customers_people_do_not_get_in(acme: Organization, member: Member) -> None:
    assert browser_of(member).get("/admin/").status_code == 302


def test_being_staff_alone_opens_no_list(acme: Organization) -> None:
    User.objects.filter(username="bob").update(is_staff=True)

    assert browser_of(BOB).get("/admin/licenses/license/").status_code == 403


def test_the_story_of_a_license_can_be_read_and_nothing_be_changed(acme: Organization) -> None:
    (outcome,) = licenses.assign(plan_uuid=acme.plan(free=1).uuid, addresses=[BOB.email], by=None)
    browser = browser_of(OLGA)

    page = browser.get(f"/admin/licenses/license/{outcome.license_uuid}/change/").content.decode()
    history = browser.get(f"/admin/licenses/license/{outcome.license_uuid}/history/").content.decode()

    assert BOB.email in page
    assert "_save" not in page
    assert "assigned" in history


def test_dead_deliveries_are_tried_again_with_one_action(acme: Organization) -> None:
    from bursar.subsidy_requests import api as subsidy_requests

    acme.takes_requests()
    (request,) = acme.requests_of([BOB])
    subsidy_requests.approve(
        Approval(SubsidyType.LICENSE, acme.uuid, acme.plan(free=1).uuid, (request,)), by=ALICE.lms_user_id
    )
    delivery = outbox_models.Delivery.objects.get(handler="licenses.fulfil_approvals")
    browser, form = browser_of(OLGA), {"action": "try_again", "_selected_action": str(delivery.pk)}
    assert (
        "Only dead deliveries" in browser.post("/admin/outbox/delivery/", form, follow=True).content.decode()
    )

    outbox_models.Delivery.objects.update(state="dead", attempt_count=8)
    page = browser.post("/admin/outbox/delivery/", form, follow=True).content.decode()

    assert "1 delivery is tried again." in page
    delivery.refresh_from_db()
    assert (delivery.state, delivery.attempt_count) == ("waiting", 0)


def test_what_an_operator_changes_by_hand_is_in_the_history_under_their_name(acme: Organization) -> None:
    from bursar.customers.models import Customer

    browser, path = browser_of(OLGA), f"/admin/customers/customer/{acme.uuid}/change/"
    form = browser.get(path).context["adminform"].form
    unchanged = {name: value for name, value in form.initial.items() if value not in (None, False)}

    answer = browser.post(path, {**unchanged, "features": "[]", "name": "Acme Limited"})

    assert answer.status_code == 302
    latest = Customer.history.filter(uuid=acme.uuid).latest()
    assert (latest.name, latest.history_type, latest.history_user_id) == (
        "Acme Limited",
        "~",
        OLGA.lms_user_id,
    )
