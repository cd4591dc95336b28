"""Who makes a request, and what they may do."""

import jwt
import pytest
from django.contrib.auth.models import AnonymousUser
from django.test import RequestFactory
from rest_framework.exceptions import NotAuthenticated
from rest_framework.request import Request

from bursar.identity import api, keys
from bursar.identity.data import ADMIN, LEARNER, OPERATOR, Caller, Grant, RoleAssignment
from bursar.identity.models import User
from bursar.identity.tests.conftest import ACME, GLOBEX


def caller_with_token(claims: dict) -> Caller:
    """The caller whose token has these claims on top of Bob's."""
    token = api.issue_token(lms_user_id=12)
    stated = {**jwt.decode(token, options={"verify_signature": False}), **claims}
    header = f"JWT {jwt.encode(stated, keys.get_signing_key().private, 'RS512')}"
    http = RequestFactory().get("/", HTTP_AUTHORIZATION=header)
    request = Request(http, authenticators=[api.JwtAuthentication()])
    return api.get_caller(request)


def test_a_caller_has_the_roles_of_the_token_and_of_the_rows(people):
    caller = caller_with_token({"roles": [f"enterprise_admin:{GLOBEX}"]})

    assert caller.grants == {Grant(ADMIN, str(GLOBEX)), Grant(LEARNER, str(ACME))}
    assert caller.has_role([ADMIN], GLOBEX)
    assert not caller.has_role([ADMIN], ACME)
    assert caller.customers_with([ADMIN, LEARNER]) == {ACME, GLOBEX}
    assert (caller.lms_user_id, caller.username, caller.email) == (12, "bob", "bob@acme.test")


def test_a_role_check_without_a_context_denies(people):
    caller = caller_with_token(
        {"roles": ["enterprise_admin", "enterprise_openedx_operator:*", "enterprise_admin:"]}
    )

    assert not caller.has_role([ADMIN, OPERATOR], None)
    assert not caller.has_role([ADMIN], ACME)  # a role without a context holds for no customer
    assert caller.has_role([OPERATOR], ACME)
    assert caller.customers_with([OPERATOR]) is None
    assert caller.customers_with([ADMIN]) == frozenset()


@pytest.mark.parametrize("roles", [None, "enterprise_admin:*", {"enterprise_admin": "*"}, [["a"]], [None, 7]])
def test_roles_of_an_odd_shape_give_nothing(people, roles):
    assert caller_with_token({"roles": roles}).grants == {Grant(LEARNER, str(ACME))}


def test_a_role_is_split_at_the_first_colon_and_a_uuid_has_one_spelling(people):
    caller = caller_with_token({"roles": [f"enterprise_admin:{str(GLOBEX).upper()}", "odd:a:b"]})

    assert caller.has_role([ADMIN], GLOBEX)
    assert Grant("odd", "a:b") in caller.grants


def test_a_session_has_the_roles_of_the_rows_only(people):
    request = RequestFactory().get("/")
    request.user = User.objects.get(username="olga")

    caller = api.get_caller(request)

    assert caller.grants == {Grant(OPERATOR, "*")}
    assert caller.is_staff


def test_a_caller_is_looked_up_once_in_a_request(people, django_assert_num_queries):
    request = RequestFactory().get("/")
    request.user = User.objects.get(username="olga")

    with django_assert_num_queries(1):
        first = api.get_caller(request)
        again = api.get_caller(request)

    assert first is again


def test_a_change_of_person_within_a_request_is_noticed(people):
    request = RequestFactory().get("/")
    request.user = User.objects.get(username="olga")
    api.get_caller(request)
    request.user = User.objects.get(username="bob")

    assert api.get_caller(request).username == "bob"


def test_nobody_is_no_caller():
    request = RequestFactory().get("/")
    request.user = AnonymousUser()

    with pytest.raises(NotAuthenticated):
        api.get_caller(request)


def test_roles_are_given_once_and_taken_away_once(people):
    wanted = [
        RoleAssignment(13, ADMIN, ACME),
        RoleAssignment(13, ADMIN, ACME),
        RoleAssignment(12, LEARNER, ACME),
    ]

    assert api.assign_roles(wanted, by=14) == 1
    assert api.assign_roles(wanted, by=14) == 0
    assert [person.username for person in api.list_people_with_role(ADMIN, customer_uuid=ACME)] == [
        "alice",
        "carol",
    ]

    assert api.withdraw_roles(wanted[:1], by=14) == 1
    assert api.withdraw_roles(wanted[:1], by=14) == 0
    assert [person.username for person in api.list_people_with_role(ADMIN, customer_uuid=ACME)] == ["alice"]
    assert [person.username for person in api.list_people_with_role(ADMIN, customer_uuid=GLOBEX)] == ["carol"]


def test_roles_have_a_history(people):
    from bursar.identity.models import RoleAssignment as Row

    api.assign_roles([RoleAssignment(13, ADMIN, ACME)], by=14)
    api.withdraw_roles([RoleAssignment(13, ADMIN, ACME)], by=11)

    kept = Row.history.filter(lms_user_id=13, context=str(ACME)).order_by("history_id")
    assert list(kept.values_list("history_type", "history_user_id")) == [("+", 14), ("-", 11)]


def test_operators_have_their_role_for_every_customer_and_are_listed_apart(people):
    assert [person.username for person in api.list_people_with_role(OPERATOR, customer_uuid=None)] == ["olga"]
    assert api.list_people_with_role(OPERATOR, customer_uuid=ACME) == []


def test_closed_accounts_are_not_listed(people):
    User.objects.filter(username="alice").update(is_active=False)

    assert api.list_people_with_role(ADMIN, customer_uuid=ACME) == []


def test_role_holders_of_many_customers_are_found_at_once(people, django_assert_num_queries):
    api.assign_roles([RoleAssignment(13, LEARNER, ACME), RoleAssignment(12, ADMIN, GLOBEX)], by=None)

    with django_assert_num_queries(1):
        admins = api.find_role_holders(customer_uuids=[ACME, GLOBEX], role=ADMIN)
    assert {(each.email.split("@")[0], each.role, each.customer_uuid) for each in admins} == {
        ("alice", ADMIN, ACME),
        ("carol", ADMIN, GLOBEX),
        ("bob", ADMIN, GLOBEX),
    }
    more = api.find_role_holders(customer_uuids=[ACME], role=ADMIN, also_of=[13])
    assert [(each.lms_user_id, each.role) for each in more] == [(11, ADMIN), (13, LEARNER)]
    User.objects.filter(username="alice").update(is_active=False)
    assert api.find_role_holders(customer_uuids=[ACME], role=ADMIN) == []


def test_one_role_and_two_hundred_take_the_same_number_of_statements(people, django_assert_num_queries):
    many = [RoleAssignment(number, LEARNER, GLOBEX) for number in range(1000, 1200)]

    with django_assert_num_queries(4):  # savepoint and release count as well
        api.assign_roles([RoleAssignment(999, LEARNER, GLOBEX)], by=None)
    with django_assert_num_queries(4):
        assert api.assign_roles(many, by=None) == 200
    with django_assert_num_queries(5):
        api.withdraw_roles([RoleAssignment(999, LEARNER, GLOBEX)], by=None)
    with django_assert_num_queries(5):
        assert api.withdraw_roles(many, by=None) == 200
