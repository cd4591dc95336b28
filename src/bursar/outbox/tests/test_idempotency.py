"""POSTs with an Idempotency-Key, through an endpoint that has them."""

from datetime import timedelta

import pytest
from rest_framework.test import APIClient

from bursar.lib import clock
from bursar.outbox.models import IdempotencyRecord
from bursar.subsidy_requests.models import LicenseRequest
from tests.cast import BOB, DANA, PYTHON, Client, Organization

PATH = "/api/v1/license-requests/"


@pytest.fixture
def bob(acme: Organization, client_of: Client) -> APIClient:
    acme.takes_requests()
    acme.plan()
    return client_of(BOB)


def ask(client: APIClient, acme: Organization, key: str, course: str = PYTHON) -> tuple[int, object, str]:
    body = {"enterprise_customer_uuid": str(acme.uuid), "course_id": course}
    response = client.post(PATH, body, headers={"Idempotency-Key": key})
    return response.status_code, response.json(), response.headers.get("Idempotency-Replayed", "")


def test_the_first_answer_is_given_again(acme: Organization, bob: APIClient) -> None:
    first = ask(bob, acme, "one")
    again = ask(bob, acme, "one")

    assert first[0] == again[0] == 201
    assert first[1] == again[1]
    assert (first[2], again[2]) == ("", "true")
    assert LicenseRequest.objects.count() == 1


def test_another_body_with_the_same_key_is_refused(acme: Organization, bob: APIClient) -> None:
    ask(bob, acme, "one")

    status, body, _replayed = ask(bob, acme, "one", course="HarvardX+CS50")

    assert status == 422
    assert body["code"] == "idempotency_key_reused"  # type: ignore[index]


def test_another_persons_key_is_another_key(acme: Organization, bob: APIClient, client_of: Client) -> None:
    assert ask(bob, acme, "one")[0] == 201
    assert ask(client_of(DANA), acme, "one")[0] == 201
    assert LicenseRequest.objects.count() == 2


def test_while_the_first_runs_the_second_is_told_to_wait(acme: Organization, bob: APIClient) -> None:
    ask(bob, acme, "one")
    IdempotencyRecord.objects.update(
        status=None, answer="", running_until=clock.now() + timedelta(seconds=60)
    )

    status, body, _replayed = ask(bob, acme, "one")

    assert status == 409
    assert body["code"] == "idempotency_key_busy"  # type: ignore[index]


def test_after_a_crash_the_command_runs_again(acme: Organization, bob: APIClient) -> None:
    ask(bob, acme, "one")
    LicenseRequest.objects.all().delete()
    IdempotencyRecord.objects.update(status=None, answer="", running_until=clock.now() - timedelta(seconds=1))

    assert ask(bob, acme, "one")[0] == 201
    assert LicenseRequest.objects.count() == 1


def test_what_the_caller_can_mend_is_not_remembered(acme: Organization, bob: APIClient) -> None:
    body = {"enterprise_customer_uuid": str(acme.uuid), "course_id": "x" * 500}

    assert bob.post(PATH, body, headers={"Idempotency-Key": "one"}).status_code == 400
    assert not IdempotencyRecord.objects.exists()


def test_after_a_day_a_key_is_new(acme: Organization, bob: APIClient) -> None:
    ask(bob, acme, "one")
    LicenseRequest.objects.all().delete()
    IdempotencyRecord.objects.update(created_at=clock.now() - timedelta(hours=25))

    assert ask(bob, acme, "one")[2] == ""


@pytest.mark.parametrize("key", ["", " ", "x" * 256])
def test_a_key_that_is_none_is_refused(acme: Organization, bob: APIClient, key: str) -> None:
    status, body, _replayed = ask(bob, acme, key)

    assert status == 400
    assert "1 to 255" in body["detail"]  # type: ignore[index]
