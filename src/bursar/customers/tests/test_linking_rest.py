import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from bursar.customers import api, models
from bursar.customers.data import LINK_LIMIT, PendingState
from bursar.identity import api as identity
from bursar.identity.data import ADMIN, LEARNER, Grant, PersonToSave
from tests.cast import ACME, ALICE, BOB, CAROL, DANA, GLOBEX, GUS, NOWHERE, OLGA, STRAY

pytestmark = pytest.mark.django_db

PENDING = "/enterprise/api/v1/pending-enterprise-learner/"
NEW = "new@acme.test"
MISSING = {"detail": "Missing: enterprise.can_access_admin_dashboard"}


def unlink_url(customer_uuid=ACME):
    return f"/enterprise/api/v1/enterprise-customer/{customer_uuid}/unlink_users/"


def leave_url(customer_uuid=ACME):
    return f"/enterprise/api/v1/enterprise-customer/{customer_uuid}/unlink_self/"


def link_url(customer_uuid=ACME):
    return f"/enterprise/api/v1/link_pending_enterprise_users/{customer_uuid}"


def item(email, customer_uuid=ACME):
    return {"enterprise_customer": str(customer_uuid), "user_email": email}


def is_linked(member, at=ACME):
    return api.is_linked(customer_uuid=at, lms_user_id=member.lms_user_id)


def row_of(member):
    return models.LearnerLink.objects.get(customer_id=ACME, lms_user_id=member.lms_user_id)


def remove_for_good(*members):
    api.unlink_learners(
        customer_uuid=ACME, emails=[each.email for each in members], is_relinkable=False, by=None
    )


# unlink_users


def test_learners_and_waiting_addresses_are_removed(client_of):
    alice = client_of(ALICE)
    alice.post(link_url(), item(NEW))

    response = alice.post(unlink_url(), {"user_emails": ["Bob@ACME.test", NEW, "nobody@acme.test"]})

    assert (response.status_code, response.content) == (200, b"")
    assert not is_linked(BOB)
    assert models.PendingLearner.objects.get().state == PendingState.REMOVED
    assert alice.post(unlink_url(), {"user_emails": [BOB.email]}).status_code == 200


def test_who_is_removed_may_be_linked_again_unless_it_is_said_otherwise(client_of):
    """Weakness F15 of edx-enterprise: without ``is_relinkable`` learners are removed for good."""
    alice = client_of(ALICE)

    alice.post(unlink_url(), {"user_emails": [BOB.email]})
    alice.post(unlink_url(), {"user_emails": [DANA.email], "is_relinkable": False})

    assert row_of(BOB).is_relinkable
    assert not row_of(DANA).is_relinkable


@pytest.mark.parametrize(
    ("body", "key"),
    [
        ({}, "user_emails"),
        ({"user_emails": []}, "user_emails"),
        ({"user_emails": "bob@acme.test"}, "user_emails"),
        ({"user_emails": [BOB.email, "nonsense"]}, "user_emails"),
        ({"user_emails": [BOB.email], "is_relinkable": "perhaps"}, "is_relinkable"),
        ([BOB.email], "detail"),
    ],
)
def test_a_bad_request_to_unlink_says_what_is_wrong_and_unlinks_nobody(client_of, body, key):
    response = client_of(ALICE).post(unlink_url(), body)

    assert response.status_code == 400
    assert key in response.json()
    assert is_linked(BOB)


@pytest.mark.parametrize("member", [BOB, CAROL, STRAY])
@pytest.mark.parametrize(
    ("url", "body"), [(unlink_url(), {"user_emails": [BOB.email]}), (link_url(), item(NEW))]
)
def test_only_administrators_and_operators_link_and_unlink(client_of, member, url, body):
    response = client_of(member).post(url, body)

    assert (response.status_code, response.json()) == (403, MISSING)
    assert client_of(None).post(url, body).status_code == 401
    assert client_of(OLGA).post(url, body).status_code in (200, 201)


def test_a_customer_that_is_not_there_or_not_active_is_not_found(client_of):
    models.Customer.objects.filter(uuid=ACME).update(is_active=False)

    for member, customer_uuid in ((ALICE, ACME), (OLGA, ACME), (OLGA, NOWHERE)):
        client = client_of(member)
        body = {"user_emails": [BOB.email]}
        assert client.post(unlink_url(customer_uuid), body).status_code == 404
        assert client.post(leave_url(customer_uuid)).status_code == 404
        assert client.post(link_url(customer_uuid), item(NEW, customer_uuid)).status_code == 404


def test_the_same_request_under_the_same_key_is_done_once(client_of):
    alice = client_of(ALICE)
    body = {"user_emails": [BOB.email]}

    first = alice.post(unlink_url(), body, headers={"Idempotency-Key": "one"})
    alice.post(link_url(), item(BOB.email))
    again = alice.post(unlink_url(), body, headers={"Idempotency-Key": "one"})

    assert (first.status_code, again.status_code) == (200, 200)
    assert is_linked(BOB)


# unlink_self


def test_a_learner_leaves_and_may_come_back(client_of):
    response = client_of(BOB).post(leave_url())

    assert (response.status_code, response.content) == (200, b"")
    assert not is_linked(BOB)
    assert row_of(BOB).is_relinkable
    assert client_of(BOB).post(leave_url()).status_code == 404  # with a new token, which has no role there
    assert client_of(ALICE).post(link_url(), item(BOB.email)).status_code == 201


def test_who_does_not_learn_there_cannot_leave(client_of):
    for member in (STRAY, CAROL):
        assert client_of(member).post(leave_url()).status_code == 404
    bob = client_of(BOB)
    bob.post(leave_url())
    for client in (bob, client_of(OLGA)):
        again = client.post(leave_url())
        assert (again.status_code, again.json()["code"]) == (422, "not_linked")


# link_pending_enterprise_users


def test_addresses_are_linked_or_wait_with_a_201_and_with_a_204_the_second_time(client_of):
    alice = client_of(ALICE)
    body = [item(STRAY.email), item(NEW), item(BOB.email)]

    first, again = alice.post(link_url(), body), alice.post(link_url(), body)

    assert (first.status_code, first.json()) == (201, body)
    assert (again.status_code, again.content) == (204, b"")
    assert is_linked(STRAY)
    assert models.PendingLearner.objects.get().email == NEW


def test_one_address_alone_needs_no_list(client_of):
    response = client_of(ALICE).post(link_url(), item(NEW))

    assert (response.status_code, response.json()) == (201, item(NEW))


def test_addresses_that_differ_in_their_case_are_one(client_of):
    """Weakness F6 of edx-enterprise: another spelling of an address is another learner."""
    client_of(ALICE).post(link_url(), [item("New@Acme.test"), item(NEW), item("BOB@acme.test")])

    assert models.PendingLearner.objects.get().email == NEW


def test_who_was_removed_for_good_is_refused_and_the_answer_says_so(client_of):
    """Weakness F15 of edx-enterprise: these two routes bring back whom the customer removed for good."""
    remove_for_good(BOB)
    alice, olga = client_of(ALICE), client_of(OLGA)

    mixed = alice.post(link_url(), [item(BOB.email), item(NEW)])
    nothing_new = alice.post(link_url(), [item(BOB.email), item(NEW)])
    alone = alice.post(link_url(), item(BOB.email))
    by_operator = olga.post(PENDING, [item(BOB.email)])

    assert [each.status_code for each in (mixed, nothing_new, alone, by_operator)] == [201, 200, 422, 422]
    refused, waits = mixed.json()
    assert (refused["user_email"], refused["code"]) == (BOB.email, "not_relinkable")
    assert "for good" in refused["message"]
    assert waits == item(NEW)
    assert nothing_new.json() == mixed.json()
    assert alone.json() == refused
    assert by_operator.json() == [refused]
    assert not is_linked(BOB)


def test_support_allows_a_learner_back_who_was_removed_for_good(client_of, client):
    remove_for_good(BOB)
    support = get_user_model().objects.create_superuser("support", "support@bursar.test", "demo")
    client.force_login(support)
    page = reverse("admin:customers_learnerlink_change", args=[row_of(BOB).pk])

    assert client.post(page, {"is_relinkable": "on"}).status_code == 302
    assert client_of(ALICE).post(link_url(), item(BOB.email)).status_code == 201

    assert is_linked(BOB)


@pytest.mark.parametrize("body", [[], {}, None])
def test_a_request_without_an_address_is_a_400(client_of, body):
    response = client_of(ALICE).post(link_url(), body)

    assert (response.status_code, response.json()) == (400, "At least one user email is required.")


@pytest.mark.parametrize(
    ("wrong", "errors"),
    [
        (item(NEW, GLOBEX), {"enterprise_customer": ["Not authorized for this enterprise"]}),
        (item(NEW, "nonsense"), {"enterprise_customer": ["Must be a valid UUID."]}),
        (item(NEW, "") | {"enterprise_customer": None}, {"enterprise_customer": ["This field is required."]}),
        (item("nonsense"), {"user_email": ["Enter a valid email address."]}),
        (item(5), {"user_email": ["Enter a valid email address."]}),
        (item(None), {"user_email": ["This field is required."]}),
        (7, {"non_field_errors": ["Invalid data. Expected a dictionary, but got int."]}),
    ],
)
def test_one_wrong_address_among_good_ones_stops_the_request_and_stands_at_its_place(
    client_of, wrong, errors
):
    response = client_of(ALICE).post(link_url(), [item(STRAY.email), wrong])

    assert (response.status_code, response.json()) == (400, [{}, errors])
    assert not is_linked(STRAY)


def test_the_number_of_addresses_in_a_request_has_a_limit(client_of):
    response = client_of(ALICE).post(link_url(), [item(NEW)] * (LINK_LIMIT + 1))

    assert response.status_code == 400
    assert "10,001" in response.json()["non_field_errors"][0]


def test_one_address_and_two_hundred_cost_the_same_statements(client_of):
    alice = client_of(ALICE)

    def count(url, body):
        with CaptureQueriesContext(connection) as captured:
            assert alice.post(url, body).status_code in (200, 201)
        return len(captured)

    def addresses(numbers):
        known = [f"known{number}@acme.test" for number in numbers]
        identity.save_people([PersonToSave(email, email.split("@")[0]) for email in known])
        return [*known, *(f"new{number}@acme.test" for number in numbers)]

    one, many = addresses(range(1)), addresses(range(1, 201))
    linking = [count(link_url(), [item(email) for email in each]) for each in (one, many)]
    unlinking = [count(unlink_url(), {"user_emails": each}) for each in (one, many)]

    assert len(set(linking)) == len(set(unlinking)) == 1
    assert models.LearnerLink.objects.filter(is_linked=False).count() == 201


# pending-enterprise-learner


def test_staff_and_operators_link_at_any_customers(client_of):
    body = [item(NEW), item(NEW, GLOBEX), item(STRAY.email, GLOBEX), item(BOB.email)]

    response = client_of(OLGA).post(PENDING, body)

    assert (response.status_code, response.json()) == (201, body)
    assert is_linked(STRAY, GLOBEX)
    assert not is_linked(STRAY)
    assert models.PendingLearner.objects.filter(email=NEW).count() == 2
    assert client_of(OLGA).post(PENDING, body).status_code == 204


def test_linking_at_one_customer_leaves_the_links_to_others_alone(client_of):
    """Weakness F14 of edx-enterprise: linking at one customer makes the links to the others inactive."""
    client_of(OLGA).post(PENDING, item(GUS.email))

    links = models.LearnerLink.objects.filter(lms_user_id=GUS.lms_user_id)
    assert sorted(links.values_list("is_linked", "is_active")) == [(True, True), (True, True)]


def test_an_unknown_customer_stands_at_its_place(client_of):
    models.Customer.objects.filter(uuid=GLOBEX).update(is_active=False)

    response = client_of(OLGA).post(PENDING, [item(NEW), item(NEW, NOWHERE), item(NEW, GLOBEX)])

    assert response.status_code == 400
    assert [list(each) for each in response.json()] == [
        [],
        ["enterprise_customer"],
        ["enterprise_customer"],
    ]
    assert not models.PendingLearner.objects.exists()


def test_what_waits_is_listed_by_customer_and_by_address(client_of):
    olga = client_of(OLGA)
    olga.post(PENDING, [item(NEW), item("another@acme.test"), item(NEW, GLOBEX), item("gone@acme.test")])
    api.unlink_learners(customer_uuid=ACME, emails=["gone@acme.test"], by=None)

    of_acme = olga.get(PENDING, {"enterprise_customer": ACME}).json()
    of_address = olga.get(PENDING, {"user_email": "New@acme.test"}).json()

    assert (of_acme["count"], of_acme["results"]) == (2, [item("another@acme.test"), item(NEW)])
    assert of_address["count"] == 2
    assert olga.get(PENDING).json()["count"] == 3
    assert olga.get(PENDING, {"enterprise_customer": "nonsense"}).status_code == 400


def test_only_staff_and_operators_may_link_at_any_customer(client_of):
    identity.save_people([PersonToSave("sam@bursar.test", "sam", lms_user_id=2, is_staff=True)])
    everywhere = (Grant(ADMIN, str(ACME)), Grant(LEARNER, "*"))
    identity.save_people([PersonToSave(STRAY.email, STRAY.username, roles=everywhere)])

    for member in (ALICE, BOB, STRAY):
        assert client_of(member).post(PENDING, item(NEW)).status_code == 403
        assert client_of(member).get(PENDING).status_code == 403
    assert client_of(None).get(PENDING).status_code == 401
    sam = client_of(ALICE)
    sam.credentials(HTTP_AUTHORIZATION=f"JWT {identity.issue_token(lms_user_id=2)}")
    assert sam.post(PENDING, item(NEW)).status_code == 201


def test_ten_thousand_addresses_are_one_request(client_of):
    body = [item(f"new{number}@acme.test") for number in range(LINK_LIMIT)]

    assert client_of(ALICE).post(link_url(), body).status_code == 201
    assert models.PendingLearner.objects.count() == LINK_LIMIT
