"""The platform's retirement takes the licenses of people who leave."""

from contextlib import suppress
from uuid import UUID

import pytest
from django.http import HttpResponse
from rest_framework.test import APIClient

from bursar.identity.models import User
from bursar.licenses import api as licenses
from bursar.licenses import models
from bursar.licenses.data import LicenseNotFound, Plan, Status
from bursar.licenses.service.people import retire_holder
from tests.architecture.tables import read_rows
from tests.cast import ALICE, BOB, DANA, OLGA, Client, Organization
from tests.threads import at_once

PATH = "/api/v1/retire_user"


@pytest.fixture
def plan(acme: Organization) -> Plan:
    """Dana has an assigned license of it and Bob an activated one; one of Bob's was revoked before."""
    plan = acme.plan(free=3)
    licenses.assign(plan_uuid=plan.uuid, addresses=[BOB.email, DANA.email], by=None)
    licenses.revoke(plan_uuid=plan.uuid, addresses=[BOB.email], by=None)
    licenses.assign(plan_uuid=plan.uuid, addresses=[BOB.email], by=None)
    licenses.activate_for(plan_uuid=plan.uuid, holders={BOB.email: BOB.lms_user_id}, by=None)
    return plan


def retire(client: APIClient, **body: object) -> HttpResponse:
    wanted = {"lms_user_id": BOB.lms_user_id, "original_username": BOB.username} | body
    given = {name: value for name, value in wanted.items() if value is not None}
    answer: HttpResponse = client.post(PATH, given, format="json")
    return answer


def holders(plan: Plan) -> set[tuple[str, str | None]]:
    return set(models.License.objects.filter(plan=plan.uuid).values_list("status", "email"))


def test_the_licenses_of_who_retires_become_free_and_tell_no_address(plan: Plan, client_of: Client) -> None:
    answers = [retire(client_of(OLGA)) for _ in range(2)]

    assert [(each.status_code, each.content) for each in answers] == [(204, b"")] * 2
    assert holders(plan) == {("assigned", DANA.email), ("unassigned", None), ("revoked", None)}
    assert licenses.count_by_status(plan.uuid) == {
        Status.ASSIGNED: 1,
        Status.UNASSIGNED: 2,
        Status.REVOKED: 1,
    }
    assert licenses.find_plans([plan.uuid])[plan.uuid].free_count == 2
    named = [row for row in read_rows() if row[0].startswith("licenses.") and BOB.email in " ".join(row)]
    assert named == []


def test_operators_and_superusers_alone_may(plan: Plan, client_of: Client) -> None:
    User.objects.filter(username="dana").update(is_staff=True)

    assert retire(client_of(None)).status_code == 401
    for member in (ALICE, DANA, BOB):
        assert retire(client_of(member)).status_code == 403
        assert retire(client_of(member), lms_user_id=None).status_code == 403
    assert ("activated", BOB.email) in holders(plan)

    User.objects.filter(username="dana").update(is_superuser=True)
    assert retire(client_of(DANA)).status_code == 204


def test_licenses_of_an_unknown_account_are_taken_and_that_it_is_unknown_is_said(
    plan: Plan, client_of: Client
) -> None:
    licenses.activate_for(plan_uuid=plan.uuid, holders={DANA.email: 987_654}, by=None)

    answer = retire(client_of(OLGA), lms_user_id=987_654, original_username="nobody")

    assert (answer.status_code, list(answer.json())) == (404, ["detail"])
    assert DANA.email not in {email for _, email in holders(plan)}


def test_an_account_with_another_name_keeps_its_licenses(plan: Plan, client_of: Client) -> None:
    before = holders(plan)

    assert retire(client_of(OLGA), original_username="dana").status_code == 404

    assert holders(plan) == before


def test_an_address_that_was_only_claimed_keeps_its_license(plan: Plan, client_of: Client) -> None:
    User.objects.filter(username="dana").update(confirmed_at=None)

    assert retire(client_of(OLGA), lms_user_id=DANA.lms_user_id, original_username="dana").status_code == 204

    assert ("assigned", DANA.email) in holders(plan)


@pytest.mark.parametrize(
    "body",
    [
        {"lms_user_id": None},
        {"original_username": None},
        {"lms_user_id": "eleven"},
        {"lms_user_id": 2**63},
        {"original_username": ""},
    ],
)
def test_what_is_missing_or_wrong_is_named(plan: Plan, client_of: Client, body: dict[str, object]) -> None:
    answer = retire(client_of(OLGA), **body)

    assert answer.status_code == 400
    assert list(answer.json()) == list(body)


@pytest.mark.django_db(transaction=True)
def test_who_retires_while_they_activate_is_not_told_that_they_hold_a_license(acme: Organization) -> None:
    people = acme.learners(30)
    plan = acme.plan(free=30)
    licenses.assign(plan_uuid=plan.uuid, addresses=[each.email for each in people], by=None)
    keys = dict(models.License.objects.values_list("email", "activation_key"))
    told: set[tuple[UUID, int]] = set()

    def activate() -> None:
        for each in people:
            key = keys[each.email]
            assert key is not None
            with suppress(LicenseNotFound):
                found = licenses.activate(activation_key=key, email=each.email, lms_user_id=each.lms_user_id)
                told.add((found, each.lms_user_id))

    def leave() -> None:
        for each in people:
            retire_holder(lms_user_id=each.lms_user_id, email=each.email)

    at_once(activate, leave)

    activated = models.License.history.filter(status="activated").values_list("uuid", "lms_user_id")
    assert told == set(activated)
    assert licenses.check_counts(mend=False) == []
