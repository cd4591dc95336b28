import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from bursar.customers import api, models
from bursar.customers.data import CustomerNotFound, PendingState
from bursar.identity import api as identity
from bursar.identity.data import ADMIN, LEARNER, PersonToSave
from tests.cast import ACME, ALICE, BOB, CAROL, GLOBEX, GUS, NOWHERE, STRAY

pytestmark = pytest.mark.django_db


def link(*addresses, to=ACME):
    return api.link_learners(customer_uuid=to, emails=addresses, by=ALICE.lms_user_id)


def is_linked(member, to=ACME):
    return api.is_linked(customer_uuid=to, lms_user_id=member.lms_user_id)


def usernames_with(role, customer_uuid=ACME):
    return {person.username for person in identity.list_people_with_role(role, customer_uuid=customer_uuid)}


def unlink(member, *, relinkable):
    rows = models.LearnerLink.objects.filter(lms_user_id=member.lms_user_id)
    rows.update(is_linked=False, is_active=False, is_relinkable=relinkable)


def test_a_confirmed_account_is_linked_and_becomes_a_learner(cast):
    outcomes = link(" Stray@NOWHERE.test ", STRAY.email)

    assert [(each.lms_user_id, each.created) for each in outcomes] == [(30, True), (30, False)]
    assert outcomes[0].email == " Stray@NOWHERE.test "
    assert is_linked(STRAY)
    assert "stray" in usernames_with(LEARNER)
    history = models.LearnerLink.history.get(lms_user_id=STRAY.lms_user_id)
    assert (history.history_type, history.history_user_id) == ("+", ALICE.lms_user_id)


def test_linking_again_changes_nothing(cast):
    before = models.LearnerLink.history.count()

    (outcome,) = link(BOB.email)

    assert (outcome.lms_user_id, outcome.created) == (BOB.lms_user_id, False)
    assert models.LearnerLink.history.count() == before


def test_linking_to_a_second_customer_leaves_the_first_active(cast):
    """Weakness F14 of edx-enterprise: linking at one customer makes the links to the others inactive."""
    link(GUS.email)

    links = api.find_links(customer_uuid=GLOBEX, lms_user_ids=[GUS.lms_user_id])
    assert links[GUS.lms_user_id].is_active
    assert is_linked(GUS)
    assert is_linked(GUS, GLOBEX)


def test_an_address_that_nobody_has_confirmed_waits(cast):
    identity.save_people([PersonToSave("claims@acme.test", "claims", is_confirmed=False)])

    outcomes = link("new@acme.test", "New@acme.test", "claims@acme.test")

    assert [(each.is_pending, each.created) for each in outcomes] == [
        (True, True),
        (True, False),
        (True, True),
    ]
    assert [each.created for each in link("new@acme.test")] == [False]
    waiting = models.PendingLearner.objects.values_list("email", "state", "created_by")
    assert sorted(waiting) == [
        ("claims@acme.test", PendingState.WAITING, ALICE.lms_user_id),
        ("new@acme.test", PendingState.WAITING, ALICE.lms_user_id),
    ]


def test_a_learner_who_was_unlinked_comes_back_unless_it_was_for_good(cast):
    unlink(BOB, relinkable=True)
    assert link(BOB.email)[0].created
    assert is_linked(BOB)

    unlink(BOB, relinkable=False)
    assert link(BOB.email)[0].refusal.code == "not_relinkable"
    assert not is_linked(BOB)


def test_what_is_no_address_is_refused_and_harms_no_other(cast):
    outcomes = link("nonsense", "", "a\n@acme.test", STRAY.email)

    codes = [outcome.refusal and outcome.refusal.code for outcome in outcomes]
    assert codes == ["invalid_email", "invalid_email", "invalid_email", None]
    assert not models.PendingLearner.objects.exists()


def test_an_administrator_is_linked_and_has_the_role_at_this_customer_alone(cast):
    api.make_admins(customer_uuid=ACME, emails=[STRAY.email], by=None)

    assert is_linked(STRAY)
    assert usernames_with(ADMIN) == {"alice", "stray"}
    assert usernames_with(ADMIN, GLOBEX) == {CAROL.username}


def test_an_unknown_customer_is_an_error(cast):
    with pytest.raises(CustomerNotFound):
        link(BOB.email, to=NOWHERE)
    with pytest.raises(CustomerNotFound):
        api.make_admins(customer_uuid=NOWHERE, emails=[BOB.email], by=None)


def test_one_address_and_two_hundred_cost_the_same_statements(cast):
    def count(numbers):
        known = [f"known{number}@acme.test" for number in numbers]
        identity.save_people([PersonToSave(email, email.split("@")[0]) for email in known])
        new = [f"new{number}@acme.test" for number in numbers]
        with CaptureQueriesContext(connection) as captured:
            link(*known, *new)
        return len(
            [each for each in captured if each["sql"].split()[0] not in ("SAVEPOINT", "RELEASE", "BEGIN")]
        )

    one = count(range(1))
    assert count(range(1, 201)) == one
    assert one <= 14
