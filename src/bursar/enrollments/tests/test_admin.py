"""The tables of enrollments in the Django admin: what is made there, and what is only to be seen."""

import pytest
from django.test import Client

from bursar.enrollments import api, models
from bursar.enrollments.data import EnrollmentEntry
from bursar.identity.models import User
from tests.cast import BOB, CS50_RUN, DANA, OLGA, PYTHON_RUN

pytestmark = [pytest.mark.django_db, pytest.mark.once]

ADMIN = "/admin/enrollments/"


@pytest.fixture
def browser(cast):
    client = Client()
    client.force_login(User.objects.get(username=OLGA.username))
    return client


def errors_of(page):
    return {field: list(errors) for field, errors in page.context["adminform"].form.errors.items()}


def test_a_cohort_is_made_for_a_run_that_there_is(browser):
    browser.post(f"{ADMIN}cohort/add/", {"run_key": CS50_RUN, "name": "Red"})
    page = browser.post(f"{ADMIN}cohort/add/", {"run_key": "course-v1:No+Such+Run", "name": "Red"})

    cohort = models.Cohort.objects.get()
    assert (cohort.run_key, cohort.name) == (CS50_RUN, "Red")
    assert errors_of(page) == {"run_key": ["There is no such course run in the catalog."]}


def test_two_cohorts_of_a_run_have_two_names(browser):
    models.Cohort.objects.create(run_key=CS50_RUN, name="Red")

    page = browser.post(f"{ADMIN}cohort/add/", {"run_key": CS50_RUN, "name": "Red"})

    assert "already exists" in str(errors_of(page))


def test_a_role_is_given_and_taken_away_with_a_history(browser):
    role = {"lms_user_id": BOB.lms_user_id, "role": "staff", "org": "HarvardX", "run_key": CS50_RUN}
    browser.post(f"{ADMIN}courserole/add/", role)
    given = models.CourseRole.objects.get()
    assert browser.get(f"{ADMIN}courserole/{given.uuid}/change/").status_code == 200
    browser.post(f"{ADMIN}courserole/{given.uuid}/delete/", {"post": "yes"})

    assert not models.CourseRole.objects.exists()
    past = models.CourseRole.history.order_by("history_id").values_list("history_type", "history_user_id")
    assert list(past) == [("+", OLGA.lms_user_id), ("-", OLGA.lms_user_id)]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"lms_user_id": 999_999}, "lms_user_id"),
        ({"run_key": "nonsense"}, "run_key"),
        ({"org": "MITx"}, "org"),
    ],
)
def test_a_role_that_cannot_be_is_refused_next_to_its_field(browser, changes, field):
    role = {"lms_user_id": BOB.lms_user_id, "role": "staff", "org": "HarvardX", "run_key": CS50_RUN}

    page = browser.post(f"{ADMIN}courserole/add/", {**role, **changes})

    assert set(errors_of(page)) == {field}
    assert not models.CourseRole.objects.exists()


def test_a_role_in_all_runs_of_an_organization_names_none(browser):
    role = {"lms_user_id": BOB.lms_user_id, "role": "instructor", "org": "HarvardX", "run_key": ""}

    browser.post(f"{ADMIN}courserole/add/", role)

    assert models.CourseRole.objects.get().run_key == ""


def test_an_address_is_let_in_under_its_normalized_form(browser):
    browser.post(f"{ADMIN}enrollmentallowed/add/", {"email": " New@Acme.test", "run_key": CS50_RUN})

    row = models.EnrollmentAllowed.objects.get()
    assert (row.email, row.run_key, row.auto_enroll, row.lms_user_id) == (
        "new@acme.test",
        CS50_RUN,
        False,
        None,
    )
    assert models.EnrollmentAllowed.history.get().history_user_id == OLGA.lms_user_id


def test_what_is_no_address_and_a_foreign_cohort_are_refused(browser):
    cohort = models.Cohort.objects.create(run_key=PYTHON_RUN, name="Red")
    allowed = {"email": "new@acme.test", "run_key": CS50_RUN}

    no_address = browser.post(f"{ADMIN}enrollmentallowed/add/", {**allowed, "email": "nobody"})
    foreign = browser.post(f"{ADMIN}enrollmentallowed/add/", {**allowed, "cohort": str(cohort.uuid)})

    assert set(errors_of(no_address)) == {"email"}
    assert errors_of(foreign) == {"cohort": ["This is a cohort of another course run."]}
    assert not models.EnrollmentAllowed.objects.exists()


def test_places_are_to_look_at_with_their_story(browser):
    for mode in ("audit", "verified"):
        api.enroll([EnrollmentEntry(DANA.lms_user_id, CS50_RUN, mode)], by=OLGA.lms_user_id)
    place = models.Enrollment.objects.get()

    page = browser.get(f"{ADMIN}enrollment/{place.uuid}/change/").content.decode()
    history = browser.get(f"{ADMIN}enrollment/{place.uuid}/history/").content.decode()

    assert CS50_RUN in page
    assert "_save" not in page
    assert history.count("<tr") >= 3
    assert browser.get(f"{ADMIN}enrollment/add/").status_code == 403
