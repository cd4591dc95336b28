import uuid

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from bursar.customers import models
from bursar.customers.data import BULK_LIMIT
from bursar.enrollments.models import Enrollment
from bursar.identity import api as identity
from bursar.identity.data import ADMIN, Grant, PersonToSave
from bursar.notifications.models import Message
from tests.cast import (
    ACME,
    ALICE,
    BOB,
    CAROL,
    CS50_RUN,
    DANA,
    GLOBEX,
    GUS,
    NOWHERE,
    OLGA,
    PYTHON_CLOSED_RUN,
    PYTHON_RUN,
    STRAY,
    Member,
)

pytestmark = pytest.mark.django_db

LICENSE = "99999999-9999-4999-8999-999999999999"


def url(customer_uuid=ACME):
    return f"/enterprise/api/v1/enterprise-customer/{customer_uuid}/enroll_learners_in_courses/"


def item(email=BOB.email, run_key=PYTHON_RUN, **fields):
    return {"email": email, "course_run_key": run_key, "license_uuid": LICENSE, **fields}


@pytest.fixture
def post(client_of):
    def post(body, member=ALICE, customer_uuid=ACME, **headers):
        if isinstance(body, list):
            body = {"licenses_info": body}
        return client_of(member).post(url(customer_uuid), body, **headers)

    return post


def test_successes_alone_are_a_201(post):
    response = post([item(activation_link="https://x.test/a"), item(DANA.email)])

    assert response.status_code == 201
    fulfillments = models.Fulfillment.objects
    of = {
        member: str(fulfillments.get(sponsored_enrollment__link__lms_user_id=member.lms_user_id).uuid)
        for member in (BOB, DANA)
    }
    assert response.json() == {
        "successes": [
            {
                "user_id": BOB.lms_user_id,
                "email": BOB.email,
                "course_run_key": PYTHON_RUN,
                "created": True,
                "activation_link": "https://x.test/a",
                "enterprise_fulfillment_source_uuid": of[BOB],
            },
            {
                "user_id": DANA.lms_user_id,
                "email": DANA.email,
                "course_run_key": PYTHON_RUN,
                "created": True,
                "activation_link": None,
                "enterprise_fulfillment_source_uuid": of[DANA],
            },
        ],
        "pending": [],
        "failures": [],
    }


def test_something_that_waits_is_a_202(post):
    response = post([item("new@acme.test"), item()])

    assert response.status_code == 202
    assert response.json()["pending"] == [
        {"email": "new@acme.test", "course_run_key": PYTHON_RUN, "created": True, "activation_link": None}
    ]
    assert len(response.json()["successes"]) == 1


def test_any_failure_is_a_409_with_the_reason_and_the_others_are_enrolled(post):
    """Weakness F10 of edx-enterprise: failures without a reason."""
    response = post(
        [item(), item(run_key=PYTHON_CLOSED_RUN), item("new@acme.test", "nonsense"), item(license_uuid="x")]
    )

    assert response.status_code == 409
    body = response.json()
    assert [each["course_run_key"] for each in body["successes"]] == [PYTHON_RUN]
    assert [(each["user_id"], each["email"], each["code"]) for each in body["failures"]] == [
        (BOB.lms_user_id, BOB.email, "enrollment_closed"),
        (None, "new@acme.test", "unknown_course_run"),
        (None, BOB.email, "invalid_license"),
    ]
    assert all(each["message"] for each in body["failures"])
    assert "invalid_user_ids" not in body
    assert "invalid_email_addresses" not in body


def test_people_who_cannot_be_used_are_listed_apart(post):
    models.LearnerLink.objects.filter(lms_user_id=DANA.lms_user_id).update(
        is_linked=False, is_relinkable=False
    )
    by_id = {"user_id": 9998, "course_run_key": PYTHON_RUN, "transaction_id": LICENSE}

    response = post(
        {"enrollments_info": [item("bad"), item("bad", CS50_RUN), by_id, item(DANA.email), item()]}
    )

    assert response.status_code == 409
    body = response.json()
    assert body["invalid_user_ids"] == [9998]
    assert body["invalid_email_addresses"] == ["bad", DANA.email]
    assert [(pair["email"], pair["code"]) for pair in body["invalid_pairs"]] == [
        ("bad", "invalid_email"),
        ("bad", "invalid_email"),
        (None, "unknown_user"),
        (DANA.email, "not_relinkable"),
    ]
    assert body["failures"] == []
    assert len(body["successes"]) == 1
    assert not models.PendingLearner.objects.exists()


def test_a_user_id_with_somebody_elses_address_is_a_failure(post):
    """Weakness F16 of edx-enterprise: the address beside a user id is overwritten in silence."""
    response = post([item(STRAY.email, user_id=BOB.lms_user_id)])

    assert response.status_code == 409
    assert response.json()["failures"][0]["code"] == "user_mismatch"
    assert not Enrollment.objects.exists()


def test_the_same_request_again_is_a_201_with_nothing_created(post):
    first, again = post([item()]), post([item()])

    assert (first.status_code, again.status_code) == (201, 201)
    assert [each.json()["successes"][0]["created"] for each in (first, again)] == [True, False]
    one, two = (each.json()["successes"][0]["enterprise_fulfillment_source_uuid"] for each in (first, again))
    assert one == two


def test_an_idempotency_key_replays_the_first_answer(post):
    first = post([item()], HTTP_IDEMPOTENCY_KEY="one")
    again = post([item()], HTTP_IDEMPOTENCY_KEY="one")
    other = post([item(DANA.email)], HTTP_IDEMPOTENCY_KEY="one")

    assert again.json() == first.json()
    assert again.json()["successes"][0]["created"]
    assert other.status_code == 422


def test_notify_mails_and_takes_text_for_true(post):
    post({"licenses_info": [item()], "notify": "true", "reason": "new", "salesforce_id": None})

    assert Message.objects.get().email == BOB.email


def test_the_discount_is_kept_for_those_who_wait(post):
    post({"licenses_info": [item("new@acme.test")], "discount": "12.50000"})
    post({"licenses_info": [item("other@acme.test")]})

    rows = models.PendingEnrollment.objects.order_by("learner__email").values_list(
        "discount_percent", flat=True
    )
    assert [str(each) for each in rows] == ["12.50000", "100.00000"]


def test_the_list_that_is_not_empty_counts(post):
    """Weakness F11 of edx-enterprise: an empty list beside a filled one does nothing, with a 201."""
    assert post({"licenses_info": [], "enrollments_info": [item()]}).json()["successes"]
    assert post({"licenses_info": [item(DANA.email)], "enrollments_info": None}).json()["successes"]


NO_LIST = {"non_field_errors": ["Must include the `enrollment_info` parameter in request."]}
TWO_LISTS = {"non_field_errors": ["`licenses_info` must be ommitted if `enrollments_info` is present."]}
NO_USER = {"non_field_errors": ["At least one user identifier field [user_id or email] required."]}
NO_SUBSIDY = {
    "non_field_errors": ["At least one subsidy info field [license_uuid or transaction_id] required."]
}
TWO_SUBSIDIES = {
    "non_field_errors": [
        "Enrollment info contains conflicting subsidy information: `license_uuid` and `transaction_id` found"
    ]
}


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        ({}, NO_LIST),
        ({"licenses_info": []}, NO_LIST),
        ({"licenses_info": [item()], "enrollments_info": [item()]}, TWO_LISTS),
        (
            {"licenses_info": {"a": 1}},
            {"licenses_info": {"non_field_errors": ['Expected a list of items but got type "dict".']}},
        ),
        (
            {"enrollments_info": "x"},
            {"enrollments_info": {"non_field_errors": ['Expected a list of items but got type "str".']}},
        ),
        (
            [item(), {"course_run_key": PYTHON_RUN, "license_uuid": LICENSE}],
            {"licenses_info": [{}, NO_USER]},
        ),
        ([{"email": "a@x.test", "course_run_key": PYTHON_RUN}], {"licenses_info": [NO_SUBSIDY]}),
        ([item(transaction_id=LICENSE)], {"licenses_info": [TWO_SUBSIDIES]}),
        (
            [{"email": BOB.email, "license_uuid": LICENSE}],
            {"licenses_info": [{"course_run_key": ["This field is required."]}]},
        ),
        (
            [item(run_key=None), item(run_key=" "), item(run_key=["a"])],
            {
                "licenses_info": [
                    {"course_run_key": ["This field may not be null."]},
                    {"course_run_key": ["This field may not be blank."]},
                    {"course_run_key": ["Not a valid string."]},
                ]
            },
        ),
        (
            [7, item(user_id="abc"), item(user_id=True), item(force_enrollment="perhaps"), item(email=True)],
            {
                "licenses_info": [
                    {"non_field_errors": ["Invalid data. Expected a dictionary, but got int."]},
                    {"user_id": ["A valid integer is required."]},
                    {"user_id": ["A valid integer is required."]},
                    {"force_enrollment": ["Must be a valid boolean."]},
                    {"email": ["Not a valid string."]},
                ]
            },
        ),
        ({"licenses_info": [item()], "notify": "perhaps"}, {"notify": ["Must be a valid boolean."]}),
        ({"licenses_info": [item()], "discount": "much"}, {"discount": ["A valid number is required."]}),
        ("text", {"detail": "The request body must be a JSON object."}),
    ],
)
def test_a_bad_body_is_refused_as_a_whole_and_says_why(post, body, answer):
    response = post(body)

    assert response.status_code == 400
    assert response.json() == answer
    assert not Enrollment.objects.exists()


def test_more_than_ten_thousand_pairs_are_a_400_that_says_the_limit(post):
    response = post([item()] * (BULK_LIMIT + 1))

    assert response.status_code == 400
    assert "10,000" in response.json()["licenses_info"]["non_field_errors"][0]


@pytest.mark.parametrize("customer_uuid", [ACME, NOWHERE])
@pytest.mark.parametrize("member", [BOB, CAROL, STRAY])
def test_without_the_permission_it_is_a_403_that_names_it_whether_the_customer_exists_or_not(
    post, member, customer_uuid
):
    response = post([item()], member, customer_uuid)

    assert response.status_code == 403
    assert response.json() == {"detail": "Missing: enterprise.can_enroll_learners"}
    assert not Enrollment.objects.exists()


def test_nobody_is_a_401(post):
    assert post([item()], None).status_code == 401


def test_an_operator_may_enroll_at_every_customer_without_a_link(post):
    assert post([item(GUS.email, CS50_RUN)], OLGA, GLOBEX).status_code == 201


def test_a_customer_that_is_missing_or_inactive_is_a_404(post):
    assert post([item()], OLGA, NOWHERE).status_code == 404
    models.Customer.objects.filter(uuid=ACME).update(is_active=False)
    assert post([item()]).status_code == 404
    assert not Enrollment.objects.exists()


def test_an_administrator_who_is_not_linked_gets_a_404(post):
    role = Grant(ADMIN, str(ACME))
    identity.save_people([PersonToSave("far@x.test", "far", lms_user_id=500, roles=(role,))])

    assert post([item()], Member("far", "far@x.test", 500)).status_code == 404


def test_people_of_another_customer_may_be_enrolled_but_runs_outside_the_catalogs_may_not(post):
    response = post([item(BOB.email, CS50_RUN), item(GUS.email, PYTHON_RUN)], CAROL, GLOBEX)

    assert response.status_code == 409
    assert [each["code"] for each in response.json()["failures"]] == ["not_in_catalog"]
    assert [each["email"] for each in response.json()["successes"]] == [BOB.email]


def test_one_pair_and_two_hundred_cost_the_same_statements_at_the_door(post, acme):
    learners = acme.learners(201)

    def count(members):
        with CaptureQueriesContext(connection) as captured:
            post({"licenses_info": [item(each.email) for each in members], "notify": True})
        return len([each for each in captured if each["sql"].split()[0] in ("SELECT", "INSERT", "UPDATE")])

    with CaptureQueriesContext(connection) as captured:
        post([item()], BOB)  # a 403 costs the authentication alone
    authentication = len(captured)

    one, many = count(learners[:1]), count(learners[1:])
    assert one == many
    assert many - authentication <= 18


def test_a_batch_of_the_license_manager_is_answered_in_its_order(post, acme):
    learners = acme.learners(25)
    batch = [
        item(each.email, run_key, license_uuid=str(uuid.uuid4()))
        for run_key in (PYTHON_RUN, CS50_RUN)
        for each in learners
    ]

    answered = post(batch).json()["successes"]

    assert [(each["email"], each["course_run_key"]) for each in answered] == [
        (each["email"], each["course_run_key"]) for each in batch
    ]


def test_a_rehearsal_says_what_would_become_of_each_pair_and_does_nothing(post):
    wanted = [item(STRAY.email), item("new@acme.test"), item(BOB.email, PYTHON_CLOSED_RUN)]

    response = post({"enrollments_info": wanted, "notify": True, "dry_run": "true"})

    assert response.status_code == 200
    body = response.json()
    assert body["dry_run"] is True
    (success,), (pending,), (failure,) = body["successes"], body["pending"], body["failures"]
    assert (success["email"], success["created"]) == (STRAY.email, True)
    assert success["enterprise_fulfillment_source_uuid"] is None
    assert (pending["email"], pending["created"]) == ("new@acme.test", True)
    assert (failure["email"], failure["code"]) == (BOB.email, "enrollment_closed")
    assert not models.PendingLearner.objects.exists()
    assert not models.LearnerLink.objects.filter(lms_user_id=STRAY.lms_user_id).exists()
