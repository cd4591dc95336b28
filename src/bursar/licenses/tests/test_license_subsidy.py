"""What pays for a course, over HTTP."""

import base64
import hashlib
import hmac
from datetime import timedelta
from uuid import UUID, uuid5

import pytest
from django.conf import settings as django_settings
from rest_framework.response import Response

from bursar.lib import clock
from bursar.licenses import api as licenses
from bursar.licenses.data import Plan
from bursar.licenses.models import Agreement
from bursar.licenses.models import Plan as PlanRow
from tests.cast import (
    BOB,
    CS50,
    CS50_RUN,
    DANA,
    GUS,
    NOWHERE,
    OLGA,
    PYTHON,
    STRAY,
    Client,
    Member,
    Organization,
)
from tests.statements import counted

PATH = "/api/v1/license-subsidy"


def give(plan: Plan, member: Member = BOB) -> UUID:
    """An activated license for the member."""
    (outcome,) = licenses.assign(plan_uuid=plan.uuid, addresses=[member.email], by=None)
    licenses.activate_for(plan_uuid=plan.uuid, holders={member.email: member.lms_user_id}, by=None)
    assert outcome.license_uuid is not None
    return outcome.license_uuid


@pytest.fixture
def ask(acme: Organization, client_of: Client):
    def get(member: Member = BOB, course: str = PYTHON, **changes: str) -> Response:
        query = {"enterprise_customer_uuid": str(acme.uuid), "course_key": course, **changes}
        return client_of(member).get(f"{PATH}/", {key: value for key, value in query.items() if value})

    return get


def test_the_license_that_lasts_longest_pays_with_a_checksum(acme: Organization, ask, settings) -> None:
    settings.SUBSIDY_CHECKSUM_SECRET = "shared"
    give(acme.plan(free=1, days_left=10))
    lasting = acme.plan(free=1, days_left=90)
    license_uuid = give(lasting)

    answer = ask()

    signed = f"{BOB.lms_user_id}:{PYTHON}:{license_uuid}".encode()
    digest = hmac.new(b"shared", signed, hashlib.sha256).digest()
    row = PlanRow.objects.get(pk=lasting.uuid)
    assert (answer.status_code, list(answer.json())) == (200, list(answer.data))
    assert answer.data == {
        "discount_type": "percentage",
        "discount_value": 100,
        "status": "activated",
        "subsidy_id": license_uuid,
        "start_date": row.starts_at,
        "expiration_date": row.expires_at,
        "subsidy_checksum": base64.b64encode(digest).decode(),
    }


def test_without_a_secret_of_its_own_the_checksum_uses_the_installations() -> None:
    assert django_settings.SUBSIDY_CHECKSUM_SECRET == django_settings.SECRET_KEY


@pytest.mark.parametrize(
    "columns",
    [
        {"is_active": False},
        {"expires_at": clock.now() - timedelta(hours=1)},
        {"starts_at": clock.now() + timedelta(hours=1)},
    ],
)
def test_a_plan_that_is_not_in_use_pays_for_nothing(acme: Organization, ask, columns) -> None:
    """Weakness E16: it granted everything on an expired, inactive plan."""
    plan = acme.plan(free=1)
    give(plan)
    PlanRow.objects.filter(pk=plan.uuid).update(**columns)

    answer = ask()

    assert answer.status_code == 404
    assert isinstance(answer.data, str)


def test_only_an_activated_license_of_ones_own_account_pays(acme: Organization, ask) -> None:
    plan = acme.plan(free=2)
    licenses.assign(plan_uuid=plan.uuid, addresses=[BOB.email], by=None)
    give(plan, DANA)
    assert ask().status_code == 404

    licenses.activate_for(plan_uuid=plan.uuid, holders={BOB.email: BOB.lms_user_id}, by=None)
    assert ask().status_code == 200

    licenses.revoke(plan_uuid=plan.uuid, addresses=[BOB.email], by=None)
    assert ask().status_code == 404


def test_the_catalog_of_the_plan_must_have_the_course(globex: Organization, ask) -> None:
    computing = uuid5(globex.uuid, "catalog")
    plan = globex.plan(free=1)
    give(plan, GUS)
    its = {"enterprise_customer_uuid": str(globex.uuid)}
    # Without a catalog it pays for what the customer may use, else for what its own or the agreement's has.
    assert [ask(GUS, key, **its).status_code for key in (CS50, CS50_RUN, PYTHON, "nonsense")] == [
        200,
        200,
        404,
        404,
    ]
    Agreement.objects.filter(customer_uuid=globex.uuid).update(default_catalog_uuid=NOWHERE)
    assert ask(GUS, CS50, **its).status_code == 404
    PlanRow.objects.filter(pk=plan.uuid).update(catalog_uuid=computing)
    assert ask(GUS, CS50, **its).status_code == 200


def test_what_is_missing_or_foreign_is_refused(acme: Organization, ask) -> None:
    without = ask(course="")
    assert (without.status_code, without.data) == (400, "You must supply the course_key query parameter")
    assert ask(enterprise_customer_uuid="").status_code == 403
    assert ask(enterprise_customer_uuid="zz").status_code == 400
    for member in (GUS, STRAY):
        assert ask(member).data == ask(member, enterprise_customer_uuid=str(NOWHERE)).data
        assert ask(member).status_code == 403
    missing = ask(OLGA, enterprise_customer_uuid=str(NOWHERE))
    assert (missing.status_code, list(missing.data)) == (404, ["detail"])


def test_twenty_licenses_are_looked_through_in_the_statements_of_one(
    acme: Organization, client_of: Client
) -> None:
    client, query = client_of(BOB), {"enterprise_customer_uuid": str(acme.uuid), "course_key": PYTHON}
    give(acme.plan(free=1))
    with counted() as one:
        client.get(PATH, query)
    for days in range(19):
        plan = acme.plan(free=1, days_left=101 + days)
        PlanRow.objects.filter(pk=plan.uuid).update(catalog_uuid=NOWHERE)
        give(plan)

    with counted() as twenty:
        assert client.get(PATH, query).status_code == 200

    assert one.count == twenty.count <= 4 + 2  # the user and the roles are authentication
