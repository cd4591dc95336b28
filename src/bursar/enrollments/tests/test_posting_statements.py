"""What a posted enrollment costs: its statements once the caller is known."""

import pytest

from bursar.catalog.data import ModeToSave
from bursar.enrollments import models
from bursar.enrollments.tests.places import AUDIT, WINDOW_CLOSED, let_in
from bursar.enrollments.tests.posts import ORDER, PATH, PRIVILEGED, SERVER, WITH_KEY, put_in
from bursar.enrollments.tests.scenes import RUN, make_run
from tests.cast import ACME, BOB
from tests.statements import counted

pytestmark = pytest.mark.django_db

MOST = 12


@pytest.fixture
def cost(post, client_of):
    """Posts, and says how many statements that took after the one that finds the account of a token."""
    post(SERVER, user="dana")  # what is read once in a process has been read

    def measure(by, **fields):
        client = client_of(by)
        headers = WITH_KEY if by is SERVER else {}
        with counted() as statements:
            answer = client.post(PATH, {"course_details": {"course_id": RUN}, **fields}, headers=headers)
        assert answer.status_code == 200, answer.content
        return statements.count if by is SERVER else statements.count - 1

    return measure


def into(before):
    """Has Bob stand like this before the post."""
    if before is not None:
        put_in(BOB, attributes=[ORDER], **before)


PROVIDER = {"namespace": "credit", "name": "provider_id", "value": "asu"}
ACTIVE = {"mode": "audit"}
INACTIVE = {"mode": "audit", "is_active": False}

POSTS = {
    "new": (7, None, {}, {}),
    "new in a paid mode": (7, None, {}, {"mode": "verified"}),
    "new with attributes": (7, None, {}, {"enrollment_attributes": [ORDER] * 20}),
    "new from an open country": (7, None, {"blocked_countries": ("KP",)}, {}),
    "new in a run with limited room": (11, None, {"max_enrollments": 5}, {}),
    "repeat": (3, ACTIVE, {}, {}),
    "repeat in a full run": (3, ACTIVE, {"max_enrollments": 0}, {}),
    "repeat in a closed run": (3, ACTIVE, WINDOW_CLOSED, {}),
    "upgrade": (8, ACTIVE, {}, {"mode": "verified"}),
    "upgrade with attributes": (8, ACTIVE, {}, {"mode": "verified", "enrollment_attributes": [ORDER]}),
    "upgrade in a full run": (12, ACTIVE, {"max_enrollments": 0}, {"mode": "verified"}),
    "credit in a run with limited room": (
        12,
        ACTIVE,
        {"max_enrollments": 5, "modes": (AUDIT, ModeToSave("credit", 100))},
        {"mode": "credit", "enrollment_attributes": [PROVIDER]},
    ),
    "deactivation": (8, ACTIVE, {}, {"is_active": False}),
    "deactivation in a mode": (9, ACTIVE, {}, {"is_active": False, "mode": "audit"}),
    "deactivation in a run with limited room": (8, ACTIVE, {"max_enrollments": 5}, {"is_active": False}),
    "reactivation": (8, INACTIVE, {}, {"is_active": True}),
    "reactivation in a run with limited room": (12, INACTIVE, {"max_enrollments": 5}, {"is_active": True}),
}
"""The statements, how Bob stands to the run, what is special with the run, and what is posted."""


@PRIVILEGED
@pytest.mark.parametrize(("count", "before", "run", "fields"), POSTS.values(), ids=POSTS)
def test_a_post_takes_at_most_twelve_statements(cost, by, count, before, run, fields):
    into(before)
    make_run(**run)

    assert cost(by, user="bob", **fields) == count <= MOST


def test_a_customer_to_be_linked_costs_two_statements_more(cost):
    new, again = cost(SERVER, user="bob"), cost(SERVER, user="bob")

    assert cost(SERVER, user="erin", linked_enterprise_customer=str(ACME)) == new + 2
    assert cost(SERVER, user="erin", linked_enterprise_customer=str(ACME)) == again + 2


@pytest.mark.parametrize("before", [None, INACTIVE], ids=["new", "back"])
def test_an_allowed_address_gets_into_a_closed_run_for_at_most_twelve_statements(cost, before):
    into(before)
    make_run(**WINDOW_CLOSED)
    let_in(BOB)

    assert cost(BOB) <= MOST


@PRIVILEGED
def test_a_cohort_costs_three_statements_more_and_a_move_five(cost, by):
    for name in ("Honors", "Evening"):
        models.Cohort.objects.create(run_key=RUN, name=name)
    new, again = cost(by, user="bob"), cost(by, user="bob")

    assert cost(by, user="erin", cohort="Honors") == new + 3
    assert cost(by, user="erin", cohort="Evening") == again + 5
    assert cost(by, user="erin", cohort="Evening") <= again + 3


@PRIVILEGED
def test_a_wish_for_mail_costs_two_statements_more_and_another_one_four(cost, by):
    new, again = cost(by, user="bob"), cost(by, user="bob")

    assert cost(by, user="erin", email_opt_in=True) == new + 2
    assert cost(by, user="erin", email_opt_in=False) == again + 4
    assert cost(by, user="erin", email_opt_in=False) == again + 2


@PRIVILEGED
def test_with_a_cohort_and_a_wish_for_mail_a_new_place_still_costs_at_most_twelve(cost, by):
    models.Cohort.objects.create(run_key=RUN, name="Honors")

    assert cost(by, user="bob", cohort="Honors", email_opt_in=True) <= MOST
