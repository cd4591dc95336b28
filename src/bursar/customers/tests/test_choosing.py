import pytest
from django.contrib.auth import get_user_model

from bursar.customers import api, models
from tests.cast import ACME, BOB, CAROL, GLOBEX, GUS, NOWHERE
from tests.statements import counted

pytestmark = pytest.mark.django_db


@pytest.fixture
def choose(client_of):
    def choose(customer_uuid, member=BOB, format="multipart"):
        return client_of(member).post(
            "/enterprise/select/active/", {"enterprise": str(customer_uuid)}, format=format
        )

    return choose


@pytest.fixture
def two(cast):
    """Bob learns at Globex, too."""
    api.link_learners(customer_uuid=GLOBEX, emails=[BOB.email], by=None)


def active(member=BOB):
    links = models.LearnerLink.objects.filter(lms_user_id=member.lms_user_id, is_active=True)
    return set(links.values_list("customer_id", flat=True))


def history():
    rows = models.LearnerLink.history.filter(history_type="~")
    return sorted(rows.values_list("customer_id", "is_active", "history_user_id"))


@pytest.mark.parametrize("format", ["multipart", "json"])
def test_a_learner_chooses_the_customer_to_act_for(two, choose, format):
    assert active() == {ACME, GLOBEX}

    response = choose(GLOBEX, format=format)

    assert (response.status_code, response.json()) == (200, {})
    assert active() == {GLOBEX}
    assert get_user_model().objects.get(lms_user_id=BOB.lms_user_id).active_customer_uuid == GLOBEX
    assert choose(ACME).status_code == 200
    assert active() == {ACME}
    assert history() == [(ACME, False, 11), (ACME, True, 11), (GLOBEX, False, 11)]


def test_choosing_again_changes_nothing(two, choose):
    choose(GLOBEX)
    before = history()

    assert choose(GLOBEX).status_code == 200
    assert history() == before


def test_other_people_keep_their_choice(two, choose):
    choose(GLOBEX)

    assert active(GUS) == active(CAROL) == {GLOBEX}


def test_foreign_inactive_and_missing_customers_look_the_same(two, choose):
    answers = [choose(ACME, CAROL), choose(NOWHERE)]
    models.Customer.objects.filter(uuid=ACME).update(is_active=False)
    answers.append(choose(ACME))

    assert {each.status_code for each in answers} == {404}
    assert len({each.content for each in answers}) == 1
    assert history() == []


def test_a_customer_that_one_has_left_is_not_to_be_chosen(two, choose):
    models.LearnerLink.objects.filter(customer=GLOBEX).update(is_linked=False, is_active=False)

    response = choose(GLOBEX)

    assert (response.status_code, response.json()["code"]) == (422, "not_linked")
    assert history() == []


@pytest.mark.parametrize("wrong", ["", "nonsense", "1"])
def test_what_is_no_uuid_is_refused(choose, wrong):
    assert list(choose(wrong).json()) == ["enterprise"]
    assert choose(wrong).status_code == 400


def test_nobody_chooses_without_signing_in(choose):
    assert choose(ACME, None).status_code == 401


def test_two_customers_and_twenty_cost_the_same_statements(two):
    def choose():
        with counted() as statements:
            api.choose_customer(customer_uuid=GLOBEX, lms_user_id=BOB.lms_user_id)
        return statements.count

    few = choose()
    others = [models.Customer.objects.create(name=f"C{each}", slug=f"c{each}").pk for each in range(18)]
    for each in others:
        api.link_learners(customer_uuid=each, emails=[BOB.email], by=None)

    assert choose() == few <= 7
