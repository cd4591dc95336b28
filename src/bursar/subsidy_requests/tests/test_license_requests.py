"""License requests over HTTP."""

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest
from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from rest_framework.test import APIClient

from bursar.lib import clock
from bursar.licenses import api as licenses
from bursar.licenses.models import License
from bursar.notifications.models import Message
from bursar.subsidy_requests.data import SubsidyType
from bursar.subsidy_requests.models import LicenseRequest
from tests.cast import (
    ALICE,
    BOB,
    CAROL,
    CS50,
    DANA,
    ERIN,
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

REQUESTS = "/api/v1/license-requests/"
APPROVE = "/api/v1/license-requests/approve/"
DECLINE = "/api/v1/license-requests/decline/"
Drain = Callable[[], None]


@pytest.fixture
def configured(acme: Organization) -> Organization:
    """Acme takes requests and has a plan with two free licenses."""
    acme.takes_requests()
    acme.plan(free=2)
    return acme


def ask(client: APIClient, organization: Organization, course: object = PYTHON) -> tuple[int, object]:
    body = {"enterprise_customer_uuid": str(organization.uuid), "course_id": course}
    response = client.post(REQUESTS, body)
    return response.status_code, response.json()


# Asking


def test_a_learner_asks_for_a_license(configured: Organization, client_of: Client) -> None:
    status, row = ask(client_of(BOB), configured)

    assert status == 201
    assert isinstance(row, dict)
    assert list(row) == [
        "uuid",
        "lms_user_id",
        "email",
        "course_id",
        "course_title",
        "course_partners",
        "enterprise_customer_uuid",
        "state",
        "reviewed_at",
        "reviewer_lms_user_id",
        "decline_reason",
        "created",
        "modified",
        "subscription_plan_uuid",
        "license_uuid",
        "course_run_id",
        "fulfilled_at",
        "error_code",
        "error_message",
    ]
    assert (row["lms_user_id"], row["email"], row["state"]) == (BOB.lms_user_id, BOB.email, "requested")
    assert row["course_title"] == "Introduction to Programming in Python"
    assert [partner["name"] for partner in row["course_partners"]] == [
        "Massachusetts Institute of Technology"
    ]


def test_a_request_for_any_course_may_be_open_once(configured: Organization, client_of: Client) -> None:
    ask(client_of(BOB), configured)

    status, body = ask(client_of(BOB), configured, CS50)

    assert status == 422
    assert isinstance(body, str)
    assert LicenseRequest.objects.count() == 1


def test_what_the_learner_may_not_set_is_ignored(configured: Organization, client_of: Client) -> None:
    """Weakness W15 of enterprise-access: learners wrote the reason of the refusal."""
    body = {
        "enterprise_customer_uuid": str(configured.uuid),
        "course_id": PYTHON,
        "decline_reason": "mine",
        "state": "approved",
        "lms_user_id": DANA.lms_user_id,
    }

    row = client_of(BOB).post(REQUESTS, body).json()

    assert (row["decline_reason"], row["state"], row["lms_user_id"]) == (None, "requested", BOB.lms_user_id)


@pytest.mark.parametrize("course", ["Nobody+Knows", "not a key", PYTHON + "x"])
def test_a_course_outside_the_catalog_is_refused(
    configured: Organization, client_of: Client, course: str
) -> None:
    assert ask(client_of(BOB), configured, course)[0] == 422
    assert not LicenseRequest.objects.exists()


@pytest.mark.parametrize(
    ("settings_of_acme", "code"),
    [
        ({"enabled": False}, "requests_not_configured"),
        ({"of": None}, "requests_not_configured"),
        ({"of": SubsidyType.COUPON}, "requests_not_configured"),
    ],
)
def test_a_customer_that_takes_no_license_requests_refuses(
    acme: Organization, client_of: Client, settings_of_acme: dict[str, object], code: str
) -> None:
    acme.plan()
    acme.takes_requests(**settings_of_acme)  # type: ignore[arg-type]

    response = client_of(BOB).post(
        REQUESTS, {"enterprise_customer_uuid": str(acme.uuid), "course_id": PYTHON}
    )

    assert response.status_code == 422
    assert isinstance(response.json(), str)
    assert response.headers["Bursar-Error-Code"] == code


def test_a_plan_with_nothing_left_still_takes_requests_and_an_expired_one_does_not(
    acme: Organization, client_of: Client
) -> None:
    acme.takes_requests()
    acme.plan(free=0)
    assert ask(client_of(BOB), acme)[0] == 201

    acme_without = LicenseRequest.objects.all()
    acme_without.delete()
    from bursar.licenses.models import Plan

    Plan.objects.update(is_active=False)
    assert ask(client_of(BOB), acme)[0] == 422


@pytest.mark.parametrize("member", [STRAY, GUS, CAROL])
def test_who_does_not_belong_to_the_customer_may_not_ask(
    configured: Organization, client_of: Client, member: Member
) -> None:
    status, body = ask(client_of(member), configured)

    assert status == 403
    assert body == {"detail": "Missing: requests.has_learner_or_admin_access"}


def test_without_a_customer_nobody_may_ask(configured: Organization, client_of: Client) -> None:
    assert client_of(OLGA).post(REQUESTS, {"course_id": PYTHON}).status_code == 403
    assert client_of(None).post(REQUESTS, {"course_id": PYTHON}).status_code == 401


# Reading


@pytest.fixture
def asked(configured: Organization) -> dict[str, UUID]:
    """Bob and Dana have asked."""
    return dict(zip(("bob", "dana"), configured.requests_of([BOB, DANA]), strict=True))


def emails_for(client: APIClient, **params: object) -> list[str]:
    return [row["email"] for row in client.get(REQUESTS, params).json()["results"]]


def test_everybody_sees_what_is_theirs(asked: dict[str, UUID], client_of: Client) -> None:
    assert sorted(emails_for(client_of(ALICE))) == [BOB.email, DANA.email]
    assert sorted(emails_for(client_of(OLGA))) == [BOB.email, DANA.email]
    assert emails_for(client_of(BOB)) == [BOB.email]
    assert emails_for(client_of(CAROL)) == emails_for(client_of(STRAY)) == []


def test_the_envelope_is_that_of_the_wire(asked: dict[str, UUID], client_of: Client) -> None:
    page = client_of(ALICE).get(REQUESTS, {"page_size": 1}).json()

    assert {key: page[key] for key in ("count", "num_pages", "current_page", "start", "previous")} == {
        "count": 2,
        "num_pages": 2,
        "current_page": 1,
        "start": 0,
        "previous": None,
    }
    assert "page=2" in page["next"]
    assert client_of(ALICE).get(REQUESTS, {"page": 9}).status_code == 404


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"search": "BOB"}, ["bob"]),
        ({"search": "acme,bo"}, ["bob"]),
        ({"search": "b%b"}, []),
        ({"state": "requested,approved"}, ["bob", "dana"]),
        ({"state": ",approved,"}, []),
        ({"state": ""}, ["bob", "dana"]),
        ({"state": "nonsense"}, []),
        ({"user__email": "Bob@acme.test"}, ["bob"]),
        ({"course_id": CS50}, []),
        ({"ordering": "-email"}, ["dana", "bob"]),
        ({"ordering": "email"}, ["bob", "dana"]),
        ({"ordering": "password"}, ["bob", "dana"]),
        ({"enterprise_customer_uuid": str(NOWHERE)}, []),
    ],
)
def test_a_list_is_filtered_and_ordered(
    asked: dict[str, UUID], client_of: Client, params: dict[str, str], expected: list[str]
) -> None:
    found = [email.split("@")[0] for email in emails_for(client_of(ALICE), **params)]

    assert (found if "-email" in params.get("ordering", "") else sorted(found)) == expected


def test_the_overview_counts_by_state(
    configured: Organization, asked: dict[str, UUID], client_of: Client
) -> None:
    LicenseRequest.objects.filter(pk=asked["bob"]).update(state="declined")
    configured.requests_of([BOB, ERIN], CS50)
    params = {"enterprise_customer_uuid": str(configured.uuid)}
    path = f"{REQUESTS}overview/"

    with counted() as statements:
        overview = client_of(ALICE).get(path, params).json()

    assert overview == [{"state": "requested", "count": 3}, {"state": "declined", "count": 1}]
    assert sum("licenserequest" in each for each in statements.listed) == 1
    found = client_of(ALICE).get(path, {**params, "search": "bob"}).json()
    assert {each["state"]: each["count"] for each in found} == {"requested": 1, "declined": 1}
    for member, query in ((BOB, params), (CAROL, params), (OLGA, {}), (ALICE, {})):
        assert client_of(member).get(path, query).status_code == 403
    assert client_of(ALICE).get(path, {"enterprise_customer_uuid": "acme"}).status_code == 400


def test_the_administrator_sees_how_many_wait_for_more(configured: Organization, client_of: Client) -> None:
    configured.requests_of([BOB, DANA, ERIN])
    params = {"enterprise_customer_uuid": str(configured.uuid)}

    found = client_of(ALICE).get(f"{REQUESTS}capacity/", params).json()

    assert (found["waiting"], found["free"], found["unmet"]) == (3, 2, 1)
    assert [each["free"] for each in found["supplies"]] == [2]
    assert client_of(BOB).get(f"{REQUESTS}capacity/", params).status_code == 403


def test_a_bad_filter_says_which_one(asked: dict[str, UUID], client_of: Client) -> None:
    response = client_of(ALICE).get(REQUESTS, {"enterprise_customer_uuid": "acme"})

    assert response.status_code == 400
    assert response.json() == {"enterprise_customer_uuid": ["Enter a valid UUID."]}


def test_one_request_is_read_by_its_people_alone(asked: dict[str, UUID], client_of: Client) -> None:
    path = f"{REQUESTS}{asked['bob']}/"

    assert client_of(BOB).get(path).json()["email"] == BOB.email
    assert client_of(ALICE).get(path).status_code == 200
    for member in (DANA, CAROL, STRAY):
        foreign, missing = client_of(member).get(path), client_of(member).get(f"{REQUESTS}{NOWHERE}/")
        assert foreign.status_code == missing.status_code == 404
        assert foreign.json() == missing.json()


# Approving


def approve(client: APIClient, organization: Organization, plan_uuid: object, *requests: object) -> object:
    return client.post(
        APPROVE,
        {
            "enterprise_customer_uuid": str(organization.uuid),
            "subscription_plan_uuid": str(plan_uuid),
            "subsidy_request_uuids": [str(request) for request in requests],
            "send_notification": True,
        },
    )


def test_an_approval_answers_at_once_and_ends_in_the_background(
    configured: Organization, asked: dict[str, UUID], client_of: Client, drain: Drain
) -> None:
    plan = configured.plan(free=2)

    response = approve(client_of(ALICE), configured, plan.uuid, *asked.values())

    assert response.status_code == 200  # type: ignore[attr-defined]
    rows = response.json()  # type: ignore[attr-defined]
    assert [row["state"] for row in rows] == ["pending", "pending"]
    assert {row["reviewer_lms_user_id"] for row in rows} == {ALICE.lms_user_id}
    drain()
    ended = client_of(ALICE).get(REQUESTS).json()["results"]
    assert {row["state"] for row in ended} == {"approved"}
    assert {row["subscription_plan_uuid"] for row in ended} == {str(plan.uuid)}
    assert len({row["license_uuid"] for row in ended}) == 2


def test_each_learner_gets_one_mail_that_names_the_course_and_the_next_step(
    configured: Organization,
    asked: dict[str, UUID],
    client_of: Client,
    drain: Drain,
    mailoutbox: list[EmailMultiAlternatives],
) -> None:
    plan = configured.plan(free=2)
    approve(client_of(ALICE), configured, plan.uuid, *asked.values())
    drain()

    assert sorted(mail.to for mail in mailoutbox) == [[BOB.email], [DANA.email]]
    (to_bob,) = (mail for mail in mailoutbox if mail.to == [BOB.email])
    (license_,) = licenses.find_licenses([LicenseRequest.objects.get(email=BOB.email).license_uuid]).values()
    assert to_bob.subject == "Your request for “Introduction to Programming in Python” is approved"
    assert f"{settings.PUBLIC_URL}/acme/licenses/{license_.activation_key}/activate" in to_bob.body


def test_without_send_notification_nobody_is_mailed(
    configured: Organization, asked: dict[str, UUID], client_of: Client, drain: Drain
) -> None:
    body = {
        "enterprise_customer_uuid": str(configured.uuid),
        "subscription_plan_uuid": str(configured.plan().uuid),
        "subsidy_request_uuids": [str(asked["bob"])],
    }
    assert client_of(ALICE).post(APPROVE, body).status_code == 200

    drain()

    assert LicenseRequest.objects.get(pk=asked["bob"]).state == "approved"
    assert not Message.objects.exists()


def test_too_few_free_licenses_are_refused_with_their_number(
    configured: Organization, asked: dict[str, UUID], client_of: Client
) -> None:
    plan = configured.plan(free=1, title="Small")

    response = approve(client_of(ALICE), configured, plan.uuid, *asked.values())

    assert response.status_code == 422  # type: ignore[attr-defined]
    assert response.json() == "2 licenses are needed, but “Small” has only 1 free."  # type: ignore[attr-defined]
    assert set(LicenseRequest.objects.values_list("state", flat=True)) == {"requested"}


def test_a_pending_approval_counts_against_the_plan(
    configured: Organization, asked: dict[str, UUID], client_of: Client
) -> None:
    plan = configured.plan(free=1)
    approve(client_of(ALICE), configured, plan.uuid, asked["bob"])

    assert approve(client_of(ALICE), configured, plan.uuid, asked["dana"]).status_code == 422  # type: ignore[attr-defined]


def test_approving_again_changes_nothing(
    configured: Organization, asked: dict[str, UUID], client_of: Client, drain: Drain
) -> None:
    plan = configured.plan(free=2)
    approve(client_of(ALICE), configured, plan.uuid, asked["bob"])

    assert approve(client_of(ALICE), configured, plan.uuid, asked["bob"]).json() == []  # type: ignore[attr-defined]
    drain()
    assert approve(client_of(ALICE), configured, plan.uuid, asked["bob"]).json() == []  # type: ignore[attr-defined]
    assert licenses.find_plans([plan.uuid])[plan.uuid].free_count == 1


def test_another_customers_plan_is_like_none(
    configured: Organization, globex: Organization, asked: dict[str, UUID], client_of: Client
) -> None:
    foreign = approve(client_of(ALICE), configured, globex.plan().uuid, asked["bob"])
    missing = approve(client_of(ALICE), configured, NOWHERE, asked["bob"])

    assert foreign.status_code == missing.status_code == 422  # type: ignore[attr-defined]
    assert foreign.json() == missing.json()  # type: ignore[attr-defined]


def test_another_customers_requests_are_passed_over(
    configured: Organization, globex: Organization, client_of: Client
) -> None:
    globex.takes_requests()
    (foreign,) = globex.requests_of([GUS], CS50)

    response = approve(client_of(ALICE), configured, configured.plan().uuid, foreign)

    assert response.json() == []  # type: ignore[attr-defined]
    assert LicenseRequest.objects.get(pk=foreign).state == "requested"


@pytest.mark.parametrize("path", [APPROVE, DECLINE])
@pytest.mark.parametrize("member", [BOB, CAROL, STRAY])
def test_only_an_administrator_of_the_customer_answers(
    configured: Organization, asked: dict[str, UUID], client_of: Client, path: str, member: Member
) -> None:
    body = {
        "enterprise_customer_uuid": str(configured.uuid),
        "subscription_plan_uuid": str(configured.plan().uuid),
        "subsidy_request_uuids": [str(asked["bob"])],
    }

    response = client_of(member).post(path, body)

    assert response.status_code == 403
    assert response.json() == {"detail": "Missing: requests.has_admin_access"}
    assert LicenseRequest.objects.get(pk=asked["bob"]).state == "requested"


@pytest.mark.parametrize(
    "change",
    [
        {"subsidy_request_uuids": []},
        {"subsidy_request_uuids": ["nonsense"]},
        {"subsidy_request_uuids": [17]},
        {"subsidy_request_uuids": "all"},
        {"subsidy_request_uuids": [str(NOWHERE)] * 1001},
        {"subscription_plan_uuid": None},
        {"subscription_plan_uuid": "nonsense"},
        {"send_notification": "perhaps"},
    ],
)
def test_a_bad_approval_is_a_400_that_names_the_field(
    configured: Organization, client_of: Client, change: dict[str, object]
) -> None:
    body = {
        "enterprise_customer_uuid": str(configured.uuid),
        "subscription_plan_uuid": str(NOWHERE),
        "subsidy_request_uuids": [str(NOWHERE)],
        **change,
    }

    response = client_of(ALICE).post(APPROVE, body)

    assert response.status_code == 400
    assert response.json().startswith(next(iter(change)))


# Declining, withdrawing


def decline(client: APIClient, organization: Organization, *requests: object, **more: object) -> object:
    return client.post(
        DECLINE,
        {
            "enterprise_customer_uuid": str(organization.uuid),
            "subsidy_request_uuids": [str(request) for request in requests],
            **more,
        },
    )


def test_a_declined_learner_reads_the_reason_and_may_ask_again(
    configured: Organization,
    asked: dict[str, UUID],
    client_of: Client,
    drain: Drain,
    mailoutbox: list[EmailMultiAlternatives],
) -> None:
    response = decline(
        client_of(ALICE), configured, asked["bob"], send_notification=True, decline_reason="Next year."
    )
    drain()

    (row,) = response.json()  # type: ignore[attr-defined]
    assert (row["state"], row["decline_reason"]) == ("declined", "Next year.")
    (mail,) = mailoutbox
    assert mail.to == [BOB.email]
    assert "Next year." in mail.body
    assert ask(client_of(BOB), configured)[0] == 201


def test_a_declined_request_cannot_be_approved(
    configured: Organization, asked: dict[str, UUID], client_of: Client
) -> None:
    decline(client_of(ALICE), configured, asked["bob"])

    response = approve(client_of(ALICE), configured, configured.plan().uuid, *asked.values())

    assert response.status_code == 422  # type: ignore[attr-defined]
    assert LicenseRequest.objects.get(pk=asked["dana"]).state == "requested"


def test_declining_twice_changes_nothing(
    configured: Organization, asked: dict[str, UUID], client_of: Client
) -> None:
    decline(client_of(ALICE), configured, asked["bob"])

    assert decline(client_of(ALICE), configured, asked["bob"]).json() == []  # type: ignore[attr-defined]


def test_a_learner_withdraws_an_own_request(
    configured: Organization, asked: dict[str, UUID], client_of: Client
) -> None:
    path = f"{REQUESTS}{asked['bob']}/"

    assert client_of(ERIN).delete(path).status_code == 404
    assert client_of(ALICE).delete(path).status_code == 404
    assert client_of(BOB).delete(path).status_code == 204
    assert client_of(BOB).get(path).status_code == 404
    assert ask(client_of(BOB), configured)[0] == 201


# The story


def test_the_whole_story_can_be_read_back(
    configured: Organization, asked: dict[str, UUID], client_of: Client, drain: Drain
) -> None:
    approve(client_of(ALICE), configured, configured.plan().uuid, asked["bob"])
    drain()
    license_uuid = LicenseRequest.objects.get(pk=asked["bob"]).license_uuid
    key = licenses.find_licenses([license_uuid])[license_uuid].activation_key
    client_of(BOB).post(f"/api/v1/license-activation/?activation_key={key}")

    story = client_of(ALICE).get(f"{REQUESTS}{asked['bob']}/history/").json()["results"]

    told = [(line["subject"], line["event"], line["by_username"]) for line in story]
    assert told == [
        ("request", "requested", None),
        ("request", "approved", "alice"),
        ("license", "assigned", "alice"),
        ("request", "fulfilled", None),
        ("message", "written", None),
        ("message", "sent", None),
        ("license", "activated", "bob"),
    ]
    assert client_of(CAROL).get(f"{REQUESTS}{asked['bob']}/history/").status_code == 404


def test_a_story_ends_where_the_license_is_free_again(
    configured: Organization, asked: dict[str, UUID], client_of: Client, drain: Drain
) -> None:
    approve(client_of(ALICE), configured, configured.plan(free=1).uuid, asked["bob"])
    drain()
    license_ = License.objects.get(status="assigned")
    License.objects.update(assigned_at=clock.now() - timedelta(days=91))
    licenses.purge_personal_data()
    licenses.assign(plan_uuid=license_.plan_id, addresses=[DANA.email], by=ALICE.lms_user_id)
    holders = {DANA.email: DANA.lms_user_id}
    licenses.activate_for(plan_uuid=license_.plan_id, holders=holders, by=DANA.lms_user_id)

    story = client_of(BOB).get(f"{REQUESTS}{asked['bob']}/history/").json()["results"]

    assert License.objects.get(status="activated").pk == license_.pk
    told = [(line["event"], line["by_username"]) for line in story if line["subject"] == "license"]
    assert told == [("assigned", "alice"), ("purged", None)]


# Configuration


def test_a_configuration_is_read_by_people_of_the_customer(
    configured: Organization, client_of: Client
) -> None:
    path = f"/api/v1/customer-configurations/{configured.uuid}/"
    expected = {
        "enterprise_customer_uuid": str(configured.uuid),
        "subsidy_requests_enabled": True,
        "subsidy_type": "license",
        "changed_by_lms_user_id": None,
        "digest": "daily",
        "modified": client_of(ALICE).get(path).json()["modified"],
    }

    for member in (ALICE, BOB, OLGA):
        assert client_of(member).get(path).json() == expected
    foreign = client_of(CAROL).get(path)
    missing = client_of(CAROL).get(f"/api/v1/customer-configurations/{NOWHERE}/")
    assert foreign.status_code == missing.status_code == 404
    assert foreign.json() == missing.json()
    assert client_of(ALICE).get("/api/v1/customer-configurations/").json()["results"] == [expected]
    assert client_of(CAROL).get("/api/v1/customer-configurations/").json()["results"] == []
