import pytest

from bursar.customers import api, models
from bursar.customers.data import InviteKeyInvalid
from bursar.customers.tests.test_concurrency import at_once
from tests.cast import ACME, STRAY

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def key(cast):
    api.switch_universal_link(customer_uuid=ACME, is_on=True, by=None)
    return api.create_invite_key(customer_uuid=ACME, usage_limit=3, by=None)


def joining(key, lms_user_id):
    def join():
        try:
            return api.link_by_key(key_uuid=key.uuid, lms_user_id=lms_user_id)[1]
        except InviteKeyInvalid:
            return None

    return join


def test_no_more_people_join_at_once_than_the_key_allows(key):
    before = models.LearnerLink.objects.count()

    answers = at_once(*[joining(key, 500 + number) for number in range(8)])

    assert sorted(answers, key=str) == [None] * 5 + [True] * 3
    assert models.LearnerLink.objects.count() == before + 3
    assert models.InviteKey.objects.get(uuid=key.uuid).usage_count == 3


def test_one_person_who_joins_twice_at_once_is_linked_once(key):
    """Weakness F18 of edx-enterprise: links are looked for and then made, without a lock."""
    answers = at_once(*[joining(key, STRAY.lms_user_id)] * 3)

    assert sorted(answers) == [False, False, True]
    assert models.LearnerLink.objects.filter(lms_user_id=STRAY.lms_user_id).count() == 1
    assert models.InviteKey.objects.get(uuid=key.uuid).usage_count == 1


def test_the_same_addresses_linked_twice_at_once_have_one_row_each(cast):
    """Weakness F18 of edx-enterprise: links are looked for and then made, without a lock."""
    addresses = [STRAY.email, *(f"new{number}@acme.test" for number in range(20))]

    answers = at_once(*[lambda: api.link_learners(customer_uuid=ACME, emails=addresses, by=None)] * 3)

    assert sum(outcome.created for answer in answers for outcome in answer) == len(addresses)
    assert models.LearnerLink.objects.filter(lms_user_id=STRAY.lms_user_id).count() == 1
    assert models.PendingLearner.objects.count() == 20


def test_who_joins_and_is_linked_by_an_administrator_at_once_is_linked_once(key):
    created, outcomes = at_once(
        joining(key, STRAY.lms_user_id),
        lambda: api.link_learners(customer_uuid=ACME, emails=[STRAY.email], by=None),
    )

    assert [created, outcomes[0].created].count(True) == 1
    assert models.InviteKey.objects.get(uuid=key.uuid).usage_count == int(created)


def test_learners_unlinked_twice_at_once_are_unlinked_once(acme):
    addresses = [each.email for each in acme.learners(20)]
    addresses += [f"new{number}@acme.test" for number in range(20)]
    api.link_learners(customer_uuid=ACME, emails=addresses, by=None)

    answers = at_once(*[lambda: api.unlink_learners(customer_uuid=ACME, emails=addresses, by=None)] * 3)

    done = [outcome.unlinked or outcome.removed for answer in answers for outcome in answer]
    assert done.count(True) == 40
    assert models.LearnerLink.history.filter(is_linked=False).count() == 20
