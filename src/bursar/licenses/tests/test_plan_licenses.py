"""Over HTTP, administrators assign licenses, remind people and revoke. Contract: subsidies A.5."""

from uuid import UUID

import pytest
from django.test import override_settings

from bursar.customers import api as customers
from bursar.jobs import api as jobs
from bursar.licenses import api as licenses
from bursar.licenses.data import WORDING_MAX_LENGTH, MailKind, Plan, Seat, Status
from bursar.licenses.models import Agreement, License, LicenseSource, Wording
from bursar.licenses.models import Plan as PlanRow
from bursar.notifications.models import Message
from bursar.notifications.rendering import render
from bursar.outbox import api as outbox
from tests.cast import (
    ALICE,
    BOB,
    CAROL,
    DANA,
    ERIN,
    NOWHERE,
    OLGA,
    PYTHON,
    STRAY,
    Client,
    Member,
    Organization,
)
from tests.statements import counted

NO_PLAN = "No SubscriptionPlan matches the given query."
EITHER = "Either user_emails or filters must be provided"
MALFORMED = "Malformed filters, supported filters are ['user_email', 'status_in']."


def path(plan: Plan | UUID, action: str) -> str:
    return f"/api/v1/subscriptions/{getattr(plan, 'uuid', plan)}/licenses/{action}/"


def give(plan: Plan, *members: Member, active: bool = False) -> list[UUID]:
    emails = [each.email for each in members]
    outcomes = licenses.assign(plan_uuid=plan.uuid, addresses=emails, by=None)
    if active:
        holders = {each.email: each.lms_user_id for each in members}
        licenses.activate_for(plan_uuid=plan.uuid, holders=holders, by=None)
    return [each.license_uuid for each in outcomes if each.license_uuid]


def mails(template: str) -> dict[str, dict[str, object]]:
    return {row.email: row.context for row in Message.objects.filter(template=f"licenses/{template}")}


def status_of(member: Member, plan: Plan) -> str:
    return License.objects.filter(plan=plan.uuid, email=member.email).latest("modified_at").status


# assign


def test_people_are_given_licenses_linked_and_told(acme: Organization, client_of: Client) -> None:
    """Weaknesses E8, E9: a mail that a dead broker lost, and that went beside what was to come before it."""
    plan = acme.plan(free=5)
    give(plan, DANA)
    body = {
        "user_emails": ["New.Person@acme.test", BOB.email.upper(), BOB.email, DANA.email],
        "greeting": "Hello!",
        "closing": "Yours, Alice",
        "template": "ignored",
    }

    response = client_of(ALICE).post(path(plan, "assign"), body)

    assert response.status_code == 200
    answer = response.json()
    assert (answer["num_successful_assignments"], answer["num_already_associated"]) == (2, 1)
    assert [each["user_email"] for each in answer["license_assignments"]] == [
        "New.Person@acme.test",
        "BOB@ACME.TEST",
        DANA.email,
    ]
    written = mails("assigned")
    assert set(written) == {"new.person@acme.test", BOB.email}
    key = str(License.objects.get(email=BOB.email).activation_key)
    assert (written[BOB.email]["greeting"], written[BOB.email]["activation_key"]) == ("Hello!", key)
    outbox.relay()
    assert customers.is_linked(customer_uuid=acme.uuid, lms_user_id=BOB.lms_user_id)
    again = client_of(ALICE).post(path(plan, "assign"), body).json()
    assert (again["num_successful_assignments"], again["num_already_associated"]) == (0, 3)
    assert len(mails("assigned")) == 2


def test_an_address_that_nobody_has_yet_is_linked_when_it_is_confirmed(
    acme: Organization, client_of: Client
) -> None:
    """Weakness E8 of license-manager: with the broker down nobody was linked, and a retry did not help."""
    client_of(ALICE).post(path(acme.plan(), "assign"), {"user_emails": [STRAY.email], "notify_users": False})
    outbox.relay()

    assert customers.is_linked(customer_uuid=acme.uuid, lms_user_id=STRAY.lms_user_id)
    assert mails("assigned") == {}


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        ({}, {"user_emails": ["This field is required."]}),
        ({"user_emails": []}, {"user_emails": ["This list may not be empty."]}),
        ({"user_emails": ["nobody"]}, {"user_emails": {"0": ["Enter a valid email address."]}}),
        (
            {"user_emails": ["a@x.org"], "user_sfids": [""]},
            {"user_sfids": ["No Salesforce Ids provided."]},
        ),
        (
            {"user_emails": ["a@x.org"], "user_sfids": ["0" * 18, "1" * 18]},
            {"non_field_errors": ["Number of Salesforce IDs did not match number of provided user emails."]},
        ),
        (
            {"user_emails": ["a@x.org"], "user_sfids": ["short"]},
            {"user_sfids": ["“short” is no Salesforce id: it must have 18 characters."]},
        ),
        (
            {"user_emails": ["a@x.org"], "course_key": "No+Course"},
            {"course_key": ["There is no course with this key."]},
        ),
        (
            {"user_emails": ["a@x.org"], "greeting": "x" * (WORDING_MAX_LENGTH + 1)},
            {"greeting": ["Ensure this field has no more than 10000 characters."]},
        ),
        (
            {"user_emails": [f"p{n}@acme.test" for n in range(9)]},
            "You asked to assign 9 licenses, but there are only 2 potentially available.",
        ),
    ],
)
def test_what_cannot_be_assigned_is_said(
    acme: Organization, client_of: Client, body: dict[str, object], answer: object
) -> None:
    plan = acme.plan(free=2)

    response = client_of(ALICE).post(path(plan, "assign"), body)

    assert (response.status_code, response.json()) == (400, answer)
    assert licenses.count_by_status(plan.uuid) == {Status.UNASSIGNED: 2}


def test_a_held_seat_is_not_given_to_anybody_else(acme: Organization, client_of: Client) -> None:
    plan = acme.plan(free=1)
    licenses.hold(plan_uuid=plan.uuid, customer_uuid=acme.uuid, seats=[Seat(NOWHERE, BOB.email)])

    refused = client_of(ALICE).post(path(plan, "assign"), {"user_emails": [DANA.email]})
    used = client_of(ALICE).post(path(plan, "assign"), {"user_emails": [BOB.email]})

    assert (refused.status_code, used.status_code) == (400, 200)


def test_orders_of_the_customers_own_system_are_kept(acme: Organization, client_of: Client) -> None:
    plan = acme.plan(free=3)
    body = {"user_emails": [BOB.email, DANA.email], "user_sfids": ["00k000000000000001", None]}

    client_of(ALICE).post(path(plan, "assign"), body)

    source = LicenseSource.objects.get()
    assert (source.license.email, source.source_id) == (BOB.email, "00k000000000000001")


def test_the_mail_leads_to_the_course(acme: Organization, client_of: Client) -> None:
    plan = acme.plan(free=3)

    with override_settings(HAS_LEARNER_PORTAL=True):
        client_of(ALICE).post(path(plan, "assign"), {"user_emails": [BOB.email], "course_key": PYTHON})

    context = mails("assigned")[BOB.email]
    assert context["course_path"] == f"/acme/course/{PYTHON}"
    assert context["course_title"]


def test_a_customers_own_words_are_used_unless_the_request_has_others(
    acme: Organization, client_of: Client
) -> None:
    agreement = Agreement.objects.get(customer_uuid=acme.uuid)
    Wording.objects.create(
        agreement=agreement, kind=MailKind.ASSIGNMENT, greeting="Dear colleague", closing="Acme"
    )
    plan = acme.plan(free=3)

    client_of(ALICE).post(path(plan, "assign"), {"user_emails": [BOB.email], "closing": "Alice"})

    context = mails("assigned")[BOB.email]
    assert (context["greeting"], context["closing"]) == ("Dear colleague", "Alice")
    Agreement.objects.update(disable_onboarding_notifications=True)
    client_of(ALICE).post(path(plan, "assign"), {"user_emails": [DANA.email]})
    assert set(mails("assigned")) == {BOB.email}


@pytest.mark.parametrize("action", ["assign", "remind", "remind-all", "bulk-revoke", "revoke-all"])
def test_only_administrators_of_the_customer_may(acme: Organization, client_of: Client, action: str) -> None:
    """Weakness E20: an unknown plan was a 500 for operators."""
    plan = acme.plan(free=3)
    give(plan, BOB)
    body = {"user_emails": [BOB.email]}

    foreign = [client_of(each).post(path(plan, action), body) for each in (BOB, CAROL, STRAY)]
    missing = client_of(CAROL).post(path(NOWHERE, action), body)

    assert {each.status_code for each in (*foreign, missing)} == {403}
    assert {each.content for each in foreign} == {missing.content}
    nowhere = client_of(OLGA).post(path(NOWHERE, action), body)
    assert nowhere.status_code == 404
    assert nowhere.json() == {
        "remind": NO_PLAN,
        "bulk-revoke": {"unsuccessful_revocations": [{"error": NO_PLAN}]},
    }.get(action, {"detail": NO_PLAN})
    assert client_of(None).post(path(plan, action), body).status_code == 401
    assert status_of(BOB, plan) == Status.ASSIGNED


@pytest.mark.parametrize("action", ["assign", "remind", "remind-all"])
def test_a_plan_that_is_over_sends_nobody_a_mail(acme: Organization, client_of: Client, action: str) -> None:
    plan = acme.plan(free=3)
    give(plan, BOB)
    PlanRow.objects.filter(pk=plan.uuid).update(is_active=False)

    response = client_of(ALICE).post(path(plan, action), {"user_emails": [BOB.email]})

    assert response.status_code == 422
    assert response.json() == f"The subscription plan “{plan.title}” is not active."
    assert not Message.objects.exists()


# remind


def test_people_are_reminded_by_address_or_by_filter(acme: Organization, client_of: Client) -> None:
    """Weakness E19: reminding did not find an address in another case."""
    plan = acme.plan(free=5)
    give(plan, BOB, DANA)
    give(plan, ERIN, active=True)
    client = client_of(ALICE)

    assert client.post(path(plan, "remind"), {"user_emails": ["BOB@acme.test"]}).status_code == 204
    assert set(mails("reminder")) == {BOB.email}
    filters = [{"name": "user_email", "filter_value": "DAN"}]
    assert client.post(path(plan, "remind"), {"filters": filters, "greeting": "Hi"}).status_code == 204
    assert mails("reminder")[DANA.email]["greeting"] == "Hi"
    nothing = [{"name": "status_in", "filter_value": ["activated"]}]
    assert client.post(path(plan, "remind"), {"filters": nothing}).status_code == 204
    assert ERIN.email not in mails("reminder")
    row = License.objects.get(email=BOB.email)
    assert row.reminded_at > row.assigned_at
    assert licenses.tell_story(row.pk)[-1].reason == "reminded"


def test_if_one_address_has_nothing_to_activate_nobody_is_reminded(
    acme: Organization, client_of: Client
) -> None:
    plan = acme.plan(free=5)
    give(plan, BOB)
    give(plan, ERIN, active=True)

    response = client_of(ALICE).post(path(plan, "remind"), {"user_emails": [BOB.email, ERIN.email]})

    assert response.status_code == 404
    assert response.json().endswith(f"associated with the email: {ERIN.email}")
    assert mails("reminder") == {}


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({}, f"{EITHER}."),
        ({"filters": []}, f"{EITHER}."),
        ({"user_emails": [BOB.email], "filters": []}, f"{EITHER}, but not both."),
        ({"filters": [{"name": "x", "filter_value": ""}]}, MALFORMED),
        ({"filters": {"name": 1}}, MALFORMED),
        ({"filters": [{"name": "user_email", "filter_value": " "}]}, MALFORMED),
        ({"filters": [{"name": "user_email", "filter_value": "a"}] * 2000}, MALFORMED),
    ],
)
@pytest.mark.parametrize("action", ["remind", "bulk-revoke"])
def test_which_licenses_must_be_said_in_one_way(
    acme: Organization, client_of: Client, action: str, body: dict[str, object], error: str
) -> None:
    response = client_of(ALICE).post(path(acme.plan(), action), body)

    assert (response.status_code, response.json()) == (400, {"non_field_errors": [error]})


def test_everybody_is_reminded(acme: Organization, client_of: Client) -> None:
    plan = acme.plan(free=5)
    client = client_of(ALICE)
    nobody = client.post(path(plan, "remind-all"))
    assert (nobody.status_code, nobody.json()) == (
        404,
        "Could not find any licenses pending activation",
    )
    give(plan, BOB, DANA)

    assert client.post(path(plan, "remind-all")).status_code == 204

    assert set(mails("reminder")) == {BOB.email, DANA.email}


@pytest.mark.slow
def test_thousands_are_reminded_by_a_job_once_each(acme: Organization, client_of: Client) -> None:
    plan = acme.plan(free=1_002)
    emails = [f"p{n}@acme.test" for n in range(1_002)]
    licenses.assign(plan_uuid=plan.uuid, addresses=emails, by=None)

    client_of(ALICE).post(path(plan, "remind-all"), {"greeting": "Hi"})
    assert mails("reminder") == {}
    licenses.revoke(plan_uuid=plan.uuid, addresses=emails[:1], by=None)
    jobs.run()
    jobs.run()

    assert set(mails("reminder")) == set(emails[1:])


# revoke


def test_licenses_are_taken_back_and_free_ones_take_their_place(
    acme: Organization, client_of: Client
) -> None:
    plan = acme.plan(free=3)
    bobs, danas = give(plan, BOB, DANA)
    licenses.activate_for(plan_uuid=plan.uuid, holders={DANA.email: DANA.lms_user_id}, by=None)
    client = client_of(ALICE)

    some = client.post(path(plan, "bulk-revoke"), {"user_emails": ["BOB@acme.test", ERIN.email]})
    all_ = client.post(path(plan, "bulk-revoke"), {"user_emails": [DANA.email]})
    none = client.post(path(plan, "bulk-revoke"), {"user_emails": [DANA.email]})

    assert (some.status_code, all_.status_code, none.status_code) == (207, 200, 404)
    assert some.json() == {
        "successful_revocations": [
            {"license_uuid": str(bobs), "original_status": "assigned", "user_email": BOB.email}
        ],
        "unsuccessful_revocations": [
            {
                "error": f"No license for email {ERIN.email} exists in plan {plan.uuid} with a status in"
                f" ['activated', 'assigned']. user_email: {ERIN.email}",
                "error_response_status": 404,
                "user_email": ERIN.email,
            }
        ],
    }
    assert all_.json()["successful_revocations"][0]["license_uuid"] == str(danas)
    assert set(none.json()) == {"unsuccessful_revocations"}
    assert licenses.count_by_status(plan.uuid) == {Status.UNASSIGNED: 3, Status.REVOKED: 2}


def test_a_filter_revokes_live_licenses_alone(acme: Organization, client_of: Client) -> None:
    """Weakness E18: free licenses were among the matches, and came back as errors."""
    plan = acme.plan(free=5)
    give(plan, BOB, DANA)
    statuses = {"name": "status_in", "filter_value": ["assigned", "unassigned", "activated"]}

    response = client_of(ALICE).post(path(plan, "bulk-revoke"), {"filters": [statuses]})

    assert response.status_code == 200
    assert [each["user_email"] for each in response.json()["successful_revocations"]] == [
        BOB.email,
        DANA.email,
    ]


@pytest.mark.parametrize(
    "filters",
    [
        [("status_in", [])],
        [("status_in", ["assigned"]), ("status_in", ["activated"])],
        [("user_email", "dana"), ("user_email", "bob")],
    ],
)
def test_filters_that_nothing_can_match_revoke_nothing(
    acme: Organization, client_of: Client, filters: list[tuple[str, object]]
) -> None:
    plan = acme.plan(free=5)
    give(plan, BOB)
    give(plan, DANA, active=True)
    body = {"filters": [{"name": name, "filter_value": value} for name, value in filters]}

    response = client_of(ALICE).post(path(plan, "bulk-revoke"), body)

    assert response.json() == {"successful_revocations": [], "unsuccessful_revocations": []}
    assert licenses.count_by_status(plan.uuid)[Status.ACTIVATED] == 1
    assert licenses.count_by_status(plan.uuid)[Status.ASSIGNED] == 1


def test_the_cap_counts_active_licenses_and_holds(acme: Organization, client_of: Client) -> None:
    """Weakness E4: two revocations at once passed the cap; and assigned licenses were counted as well."""
    plan = acme.plan(free=20, revocation_cap_percent=5)  # one of twenty
    give(plan, BOB, DANA, active=True)
    give(plan, ERIN)
    client = client_of(ALICE)

    refused = client.post(path(plan, "bulk-revoke"), {"user_emails": [BOB.email, DANA.email]})
    done = client.post(path(plan, "bulk-revoke"), {"user_emails": [BOB.email, ERIN.email]})
    again = client.post(path(plan, "bulk-revoke"), {"user_emails": [DANA.email]})

    cap = {"unsuccessful_revocations": [{"error": "Plan does not have enough revocations remaining."}]}
    assert (refused.status_code, refused.json()) == (400, cap)
    assert done.status_code == 200
    assert (again.status_code, again.json()) == (400, cap)
    assert status_of(DANA, plan) == Status.ACTIVATED
    assert set(mails("revocations_used_up")) == {OLGA.email}
    assert "1 active license of" in render(Message.objects.get(template="licenses/revocations_used_up")).text
    with override_settings(CUSTOMER_SUCCESS_EMAIL="success@bursar.test"):
        PlanRow.objects.update(revoke_max_percent=10)
        client.post(path(plan, "bulk-revoke"), {"user_emails": [DANA.email]})
    assert set(mails("revocations_used_up")) == {OLGA.email, "success@bursar.test"}


def test_a_whole_plan_is_revoked_in_the_background(acme: Organization, client_of: Client) -> None:
    """Weakness E14: all of it was one transaction without progress, rolled back at the time limit."""
    plan = acme.plan(free=3)
    give(plan, BOB, DANA)
    client = client_of(ALICE)

    assert client.post(path(plan, "revoke-all")).status_code == 204
    assert client.post(path(plan, "revoke-all")).status_code == 204
    jobs.run()

    assert licenses.count_by_status(plan.uuid) == {Status.UNASSIGNED: 3, Status.REVOKED: 2}
    found = client.get("/api/jobs/v1/jobs/", {"customer": str(acme.uuid)}).json()["results"]
    assert [each["counts"] for each in found] == [{"passed_over": 2}, {"revoked": 2}]
    capped = acme.plan(free=1, revocation_cap_percent=5)
    response = client.post(path(capped, "revoke-all"))
    assert (response.status_code, response.json()) == (
        422,
        "Cannot revoke all licenses when revocation cap is enabled for the subscription plan",
    )


# auto-apply


def auto_apply_path(organization: Organization) -> str:
    agreement = Agreement.objects.get(customer_uuid=organization.uuid)
    return f"/api/v1/customer-agreement/{agreement.pk}/auto-apply/"


def test_a_learner_takes_a_license_that_is_handed_out_by_itself(
    acme: Organization, client_of: Client
) -> None:
    """Weaknesses E2, E5, E7: a yes without a license, a second one for an account, one for two learners."""
    plan = acme.plan(free=1, should_auto_apply=True)
    client = client_of(BOB)

    first = client.post(auto_apply_path(acme))
    again = client.post(auto_apply_path(acme))
    none_left = client_of(DANA).post(auto_apply_path(acme))

    assert (first.status_code, first.json()["status"]) == (200, "activated")
    assert first.json()["subscription_plan"]["uuid"] == str(plan.uuid)
    assert again.json() == first.json()
    assert (none_left.status_code, type(none_left.json())) == (422, str)
    assert set(mails("auto_applied")) == {BOB.email}
    assert License.objects.get(email=BOB.email).is_auto_applied
    licenses.revoke(plan_uuid=plan.uuid, addresses=[BOB.email], by=None)
    assert client.post(auto_apply_path(acme)).status_code == 422


def test_a_license_that_was_assigned_stays_as_it_is(acme: Organization, client_of: Client) -> None:
    plan = acme.plan(free=2, should_auto_apply=True)
    give(plan, BOB)

    assert client_of(BOB).post(auto_apply_path(acme)).json()["status"] == "assigned"
    assert client_of(CAROL).post(auto_apply_path(acme)).status_code == 403
    missing = f"/api/v1/customer-agreement/{NOWHERE}/auto-apply/"
    assert client_of(BOB).post(missing).status_code == 403
    assert client_of(OLGA).post(missing).status_code == 404


# statements


@pytest.mark.parametrize(("action", "most"), [("assign", 15), ("remind", 15), ("bulk-revoke", 15)])
def test_two_hundred_take_the_statements_of_one(
    acme: Organization, client_of: Client, action: str, most: int
) -> None:
    """Weaknesses E10, E25, E26: batches that fail above fifty; queries for each license while one waits."""
    plan = acme.plan(free=300, revocation_cap_percent=100)
    client = client_of(ALICE)
    counts = []
    for group in ([f"one{action}@acme.test"], [f"p{n}@acme.test" for n in range(200)]):
        if action != "assign":
            licenses.assign(plan_uuid=plan.uuid, addresses=group, by=None)
        with counted() as statements:
            response = client.post(path(plan, action), {"user_emails": group})
        assert response.status_code in (200, 204)
        counts.append(statements.count - 2)  # the user and the roles are authentication

    assert counts[0] == counts[1] <= most
