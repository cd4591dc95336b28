from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.test.utils import CaptureQueriesContext

from bursar.customers import api, models
from bursar.identity import api as identity
from bursar.identity.data import LEARNER
from bursar.lib import clock
from tests.cast import ACME, ALICE, BOB, CAROL, DANA, GLOBEX, GUS, NOWHERE, OLGA, STRAY

pytestmark = pytest.mark.django_db

KEYS = "/enterprise/api/v1/enterprise-customer-invite-key/"
MISSING = {"detail": "Missing: enterprise.can_access_admin_dashboard"}


def toggle_url(customer_uuid=ACME):
    return f"/enterprise/api/v1/enterprise-customer/{customer_uuid}/toggle_universal_link/"


def key_url(key):
    return f"{KEYS}{getattr(key, 'uuid', key)}/"


def join_url(key):
    return f"{key_url(key)}link-user/"


def listed(client, customer_uuid=ACME, **query):
    return client.get(f"{KEYS}basic-list/", {"enterprise_customer_uuid": customer_uuid, **query})


@pytest.fixture
def key(cast):
    """A valid key of Acme."""
    api.switch_universal_link(customer_uuid=ACME, is_on=True, by=None)
    return api.list_invite_keys(customer_uuid=ACME)[0]


def is_linked(member, at=ACME):
    return api.is_linked(customer_uuid=at, lms_user_id=member.lms_user_id)


def uses(key):
    return models.InviteKey.objects.get(uuid=key.uuid).usage_count


# Administrators


def test_an_administrator_makes_a_key(client_of, key):
    response = client_of(ALICE).post(KEYS, {"enterprise_customer_uuid": ACME})

    made = models.InviteKey.objects.get(uuid=response.json()["uuid"])
    assert response.status_code == 201
    assert {
        name: response.json()[name] for name in ("is_valid", "is_active", "usage_count", "usage_limit")
    } == {
        "is_valid": True,
        "is_active": True,
        "usage_count": 0,
        "usage_limit": 100,
    }
    assert response.json()["enterprise_customer_uuid"] == str(ACME)
    assert timedelta(days=364) < made.expires_at - clock.now() < timedelta(days=366)
    assert made.history.get().history_user_id == made.created_by == ALICE.lms_user_id


def test_a_key_has_the_limit_and_the_end_that_were_asked_for(client_of, key):
    body = {"enterprise_customer_uuid": ACME, "usage_limit": 5, "expiration_date": "2999-01-01T00:00:00Z"}

    made = client_of(ALICE).post(KEYS, body).json()

    assert (made["usage_limit"], made["expiration_date"]) == (5, "2999-01-01T00:00:00Z")
    row = models.InviteKey.objects.get(uuid=made["uuid"])
    assert row.expires_at == datetime(2999, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"enterprise_customer_uuid": "nonsense"}, "enterprise_customer_uuid"),
        ({"enterprise_customer_uuid": None}, "enterprise_customer_uuid"),
        ({"usage_limit": 0}, "usage_limit"),
        ({"usage_limit": 2**31}, "usage_limit"),
        ({"usage_limit": "many"}, "usage_limit"),
        ({"expiration_date": "2001-01-01T00:00:00Z"}, "expiration_date"),
        ({"expiration_date": "soon"}, "expiration_date"),
    ],
)
def test_a_key_that_makes_no_sense_is_refused_and_the_answer_names_the_field(client_of, fields, wrong):
    response = client_of(ALICE).post(KEYS, {"enterprise_customer_uuid": ACME, **fields})

    assert response.status_code == 400
    assert list(response.json()) == [wrong]
    assert not models.InviteKey.objects.exists()


def test_the_keys_of_a_customer_are_listed_the_newest_first(client_of, key):
    alice = client_of(ALICE)
    newer = alice.post(KEYS, {"enterprise_customer_uuid": ACME, "usage_limit": 5}).json()
    api.create_invite_key(customer_uuid=GLOBEX, by=None)

    response = listed(alice, ordering="-created")

    assert response.status_code == 200
    assert [each["uuid"] for each in response.json()] == [newer["uuid"], str(key.uuid)]
    assert response.json()[0] == {
        "uuid": newer["uuid"],
        "is_valid": True,
        "created": newer["created"],
        "usage_count": 0,
        "usage_limit": 5,
    }
    assert [each["uuid"] for each in listed(alice, ordering="created").json()] == [
        str(key.uuid),
        newer["uuid"],
    ]
    assert alice.get(f"{KEYS}basic-list/").status_code == 400
    assert listed(alice, "nonsense").status_code == 400


def test_two_hundred_keys_are_listed_with_the_statements_of_one(client_of, key):
    alice = client_of(ALICE)

    def count():
        with CaptureQueriesContext(connection) as captured:
            listed(alice)
        return len(captured)

    one = count()
    for _ in range(199):
        api.create_invite_key(customer_uuid=ACME, by=None)

    assert count() == one
    assert len(listed(alice).json()) == 200


def test_a_key_is_switched_off_and_on_again(client_of, key):
    alice = client_of(ALICE)

    off = alice.patch(key_url(key), {"is_active": False})
    again = alice.patch(key_url(key), {"is_active": False})
    assert (off.status_code, again.status_code) == (200, 200)
    assert [each["is_valid"] for each in (off.json(), again.json(), *listed(alice).json())] == [False] * 3
    refused = client_of(STRAY).post(join_url(key))
    assert (refused.status_code, refused.json()["code"]) == (422, "invite_key_invalid")

    assert alice.patch(key_url(key), {"is_active": True}).json()["is_valid"]
    assert client_of(STRAY).post(join_url(key)).status_code == 201
    assert models.InviteKey.history.filter(uuid=key.uuid).count() == 3


@pytest.mark.parametrize("body", [{}, {"is_active": None}, {"is_active": "perhaps"}, []])
def test_a_key_is_switched_by_a_boolean_only(client_of, key, body):
    assert client_of(ALICE).patch(key_url(key), body).status_code == 400


@pytest.mark.parametrize("member", [BOB, CAROL, STRAY])
def test_only_administrators_and_operators_have_to_do_with_keys(client_of, key, member):
    client = client_of(member)

    assert (listed(client).status_code, listed(client).json()) == (403, MISSING)
    assert client.post(KEYS, {"enterprise_customer_uuid": ACME}).json() == MISSING
    assert client.patch(toggle_url(), {"enable_universal_link": False}).json() == MISSING
    foreign, missing = (client.patch(key_url(each), {"is_active": False}) for each in (key, NOWHERE))
    assert (foreign.status_code, foreign.json()) == (missing.status_code, missing.json())
    assert foreign.status_code == 404
    assert [each.is_valid for each in api.list_invite_keys(customer_uuid=ACME)] == [True]


def test_operators_may_and_nobody_may_for_a_customer_that_is_not_there(client_of, key):
    olga = client_of(OLGA)

    assert olga.post(KEYS, {"enterprise_customer_uuid": ACME}).status_code == 201
    assert olga.post(KEYS, {"enterprise_customer_uuid": NOWHERE}).status_code == 404
    assert olga.patch(toggle_url(NOWHERE), {"enable_universal_link": True}).status_code == 404


# The universal link


def test_switching_the_universal_link_on_makes_a_key(client_of):
    alice = client_of(ALICE)

    response = alice.patch(toggle_url(), {"enable_universal_link": True})
    again = alice.patch(toggle_url(), {"enable_universal_link": True})

    assert (response.status_code, response.json()) == (200, {"enable_universal_link": True})
    assert again.status_code == 200
    assert [each["is_valid"] for each in listed(alice).json()] == [True]
    assert models.Customer.history.filter(uuid=ACME).latest("history_id").history_user_id == ALICE.lms_user_id


def test_while_the_universal_link_is_off_no_key_is_valid_and_afterwards_each_is_as_it_was(client_of, key):
    alice = client_of(ALICE)
    other = alice.post(KEYS, {"enterprise_customer_uuid": ACME}).json()
    alice.patch(key_url(other["uuid"]), {"is_active": False})

    alice.patch(toggle_url(), {"enable_universal_link": False})
    assert [each["is_valid"] for each in listed(alice).json()] == [False, False]
    assert client_of(STRAY).post(join_url(key)).status_code == 422

    alice.patch(toggle_url(), {"enable_universal_link": True})
    assert [each["is_valid"] for each in listed(alice).json()] == [False, True]


def test_a_new_key_is_made_where_none_is_valid_any_more(client_of, key):
    alice = client_of(ALICE)
    models.InviteKey.objects.update(expires_at=clock.now())

    alice.patch(toggle_url(), {"enable_universal_link": True})

    assert [each["is_valid"] for each in listed(alice).json()] == [True, False]


@pytest.mark.parametrize("body", [{}, {"enable_universal_link": None}, {"enable_universal_link": "perhaps"}])
def test_the_universal_link_is_switched_by_a_boolean_only(client_of, body):
    assert client_of(ALICE).patch(toggle_url(), body).status_code == 400


# People with a key


def test_whoever_has_a_key_joins(client_of, key):
    stray = client_of(STRAY)

    first, again = stray.post(join_url(key)), stray.post(join_url(key))

    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert first.json() == {"enterprise_customer_slug": "acme", "enterprise_customer_uuid": str(ACME)}
    link = models.LearnerLink.objects.get(customer_id=ACME, lms_user_id=STRAY.lms_user_id)
    assert (link.is_linked, link.invite_key_uuid) == (True, key.uuid)
    learners = identity.list_people_with_role(LEARNER, customer_uuid=ACME)
    assert "stray" in {person.username for person in learners}
    assert uses(key) == 1


def test_joining_leaves_the_links_to_other_customers_alone(client_of, key):
    """Weakness F14 of edx-enterprise: linking at one customer makes the links to the others inactive."""
    assert client_of(GUS).post(join_url(key)).status_code == 201

    links = models.LearnerLink.objects.filter(lms_user_id=GUS.lms_user_id)
    assert sorted(links.values_list("is_linked", "is_active")) == [(True, True), (True, True)]


def test_who_learns_there_already_uses_nothing_up(client_of, key):
    models.InviteKey.objects.update(is_active=False)

    assert client_of(BOB).post(join_url(key)).status_code == 200
    assert uses(key) == 0


def test_who_left_comes_back_with_a_key(client_of, key):
    api.leave(customer_uuid=ACME, lms_user_id=BOB.lms_user_id)

    assert client_of(BOB).post(join_url(key)).status_code == 201
    assert uses(key) == 1


def test_who_was_removed_for_good_does_not_come_back_with_a_key(client_of, key):
    """Weakness F15 of edx-enterprise: linking again brings back whom the customer removed for good."""
    api.unlink_learners(customer_uuid=ACME, emails=[BOB.email], is_relinkable=False, by=None)

    response = client_of(BOB).post(join_url(key))

    assert (response.status_code, response.json()["code"]) == (422, "not_relinkable")
    assert not is_linked(BOB)
    assert uses(key) == 0


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"is_active": False}, "switched off"),
        ({"expires_at": datetime(2020, 1, 1, tzinfo=UTC)}, "expired"),
        ({"usage_limit": 1, "usage_count": 1}, "used up"),
    ],
)
def test_a_key_that_is_not_valid_links_nobody_and_says_why(client_of, key, change, word):
    models.InviteKey.objects.update(**change)

    response = client_of(STRAY).post(join_url(key))

    assert (response.status_code, response.json()["code"]) == (422, "invite_key_invalid")
    assert word in response.json()["detail"]
    assert not is_linked(STRAY)


def test_a_key_that_is_not_there_or_whose_customer_is_not_active_is_not_found(client_of, key):
    models.Customer.objects.filter(uuid=ACME).update(is_active=False)

    answers = [client_of(STRAY).post(join_url(each)) for each in (key, NOWHERE)]

    assert [each.status_code for each in answers] == [404, 404]
    assert answers[0].json() == answers[1].json()


def test_a_closed_account_joins_nothing(client_of, key):
    stray, dana = client_of(STRAY), client_of(DANA)
    get_user_model().objects.filter(lms_user_id=STRAY.lms_user_id).update(is_active=False)

    assert stray.post(join_url(key)).status_code == 401
    assert client_of(None).post(join_url(key)).status_code == 401
    assert dana.post(join_url(key)).status_code == 200


def test_a_request_that_is_repeated_under_its_key_joins_once(client_of, key):
    stray = client_of(STRAY)

    answers = [stray.post(join_url(key), headers={"Idempotency-Key": "one"}) for _ in range(2)]

    assert [each.status_code for each in answers] == [201, 201]
    assert uses(key) == 1
