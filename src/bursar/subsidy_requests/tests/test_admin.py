"""Requests at /admin/, as the people who operate the site use it."""

from collections.abc import Callable

import pytest
from django.test import Client as Browser

from bursar.identity.models import User
from bursar.subsidy_requests.models import Configuration, LicenseRequest
from tests.cast import BOB, NOWHERE, OLGA, Organization

CONFIGURATIONS = "/admin/subsidy_requests/configuration/"


@pytest.fixture
def browser(cast: None) -> Browser:
    browser = Browser()
    browser.force_login(User.objects.get(username=OLGA.username))
    return browser


def test_a_type_that_is_changed_by_hand_declines_what_waits(
    acme: Organization, browser: Browser, drain: Callable[[], None]
) -> None:
    acme.takes_requests()
    (request,) = acme.requests_of([BOB])
    form = {"is_enabled": "on", "subsidy_type": "", "digest": "weekly"}

    answer = browser.post(f"{CONFIGURATIONS}{acme.uuid}/change/", form)
    drain()

    assert answer.status_code == 302
    row = Configuration.objects.get(pk=acme.uuid)
    assert (row.subsidy_type, row.digest, row.changed_by) == (None, "weekly", OLGA.lms_user_id)
    assert row.history.first().history_user_id == OLGA.lms_user_id
    declined = LicenseRequest.objects.get(pk=request)
    assert (declined.state, declined.reviewer_lms_user_id) == ("declined", OLGA.lms_user_id)


@pytest.mark.once
def test_what_the_rules_refuse_is_said_in_the_form(acme: Organization, browser: Browser) -> None:
    form = {"customer_uuid": str(acme.uuid), "subsidy_type": "coupon", "digest": "daily"}

    coupon = browser.post(f"{CONFIGURATIONS}add/", form)
    nobody = browser.post(
        f"{CONFIGURATIONS}add/", {**form, "customer_uuid": str(NOWHERE), "subsidy_type": "license"}
    )
    made = browser.post(f"{CONFIGURATIONS}add/", {**form, "subsidy_type": "license"})

    assert "cannot pay for requested courses" in coupon.content.decode()
    assert "There is no such organization." in nobody.content.decode()
    assert made.status_code == 302
    assert Configuration.objects.get().customer_uuid == acme.uuid
    assert browser.post(f"{CONFIGURATIONS}{acme.uuid}/delete/", {"post": "yes"}).status_code == 403
