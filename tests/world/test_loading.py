"""``bursar load`` on worlds that are right."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from bursar.catalog import api as catalog
from bursar.catalog import models as catalog_models
from bursar.config import world
from bursar.customers import api as customers
from bursar.enrollments import api as enrollments
from bursar.identity import api as identity
from bursar.identity.data import ADMIN, OPERATOR
from bursar.lib import clock
from bursar.lib.outcomes import Saved
from bursar.licenses import api as licenses
from bursar.licenses.data import Status
from bursar.subsidy_requests import models as request_models
from tests.statements import counted
from tests.world.conftest import (
    ACME,
    ACME_CATALOG,
    ACME_FILE,
    ACME_PLAN,
    DISCOVERY_FILE,
    PYTHON,
    PYTHON_RUN,
    small_world,
)

pytestmark = pytest.mark.django_db

ACME_UUID, PLAN_UUID = UUID(ACME), UUID(ACME_PLAN)


def license_states(plan_uuid=PLAN_UUID):
    counts = licenses.count_by_status(plan_uuid)
    return {status.value: count for status, count in counts.items() if count}


def test_the_demo_is_loaded():
    report = world.load(ACME_FILE)

    assert {kind: saved.created for kind, saved in report.kinds.items()} == {
        "courses": 6,
        "people": 8,
        "service accounts": 1,
        "customers": 2,
        "catalogs": 2,
        "administrators": 2,
        "learners": 5,
        "agreements": 2,
        "plans": 2,
        "licenses": 2,
        "request settings": 2,
        "requests": 1,
    }
    assert report.skipped == [
        "customers[0].default_enrollments (3 entries)",
        "customers[1].coupons (1 entry)",
        "customers[1].requests.open (1 entry)",
    ]
    assert license_states() == {"unassigned": 48, "assigned": 1, "activated": 1}
    alice = identity.find_people_by_email(["alice@acme.test"])["alice@acme.test"]
    assert (alice.lms_user_id, alice.is_confirmed) == (10, True)
    admins = identity.list_people_with_role(ADMIN, customer_uuid=ACME_UUID)
    assert [person.username for person in admins] == ["alice"]
    operators = identity.list_people_with_role(OPERATOR, customer_uuid=None)
    assert {person.username for person in operators} == {"olga", "license_manager_worker"}


def test_loading_the_demo_again_changes_nothing_and_says_so():
    world.load(ACME_FILE)
    histories = catalog_models.Run.history.count()

    report = world.load(ACME_FILE)

    assert not report.has_changed_something
    assert "Nothing changed" in str(report)
    assert catalog_models.Run.history.count() == histories
    assert license_states() == {"unassigned": 48, "assigned": 1, "activated": 1}


def test_a_report_names_each_kind_and_what_was_skipped():
    lines = str(world.load(ACME_FILE)).splitlines()

    assert lines[0] == f"{ACME_FILE}:"
    assert lines[1].split() == ["made", "changed", "unchanged"]
    assert lines[2].split() == ["courses", "6", "0", "0"]
    assert any("customers[1].coupons" in line for line in lines)


def test_everything_in_a_small_world_is_made(load):
    report = load(small_world())

    assert all(saved.changed == saved.unchanged == 0 for saved in report.kinds.values())
    assert report.kinds["enrollments"] == Saved(created=1)
    assert not report.refused
    people = identity.find_people_by_email(["bob@acme.test", "dana@acme.test"])
    bob, dana = people["bob@acme.test"], people["dana@acme.test"]
    assert customers.get_customer(ACME_UUID).contact_email == "learning@acme.test"
    assert customers.is_linked(customer_uuid=ACME_UUID, lms_user_id=dana.lms_user_id)
    assert license_states() == {"unassigned": 1, "assigned": 1, "activated": 1, "revoked": 1}
    found = catalog.find_catalogs_with_runs(customer_uuid=ACME_UUID, run_keys=[PYTHON_RUN])
    assert found == {PYTHON_RUN: {UUID(ACME_CATALOG)}}
    pair = (dana.lms_user_id, PYTHON_RUN)
    enrollment = enrollments.find_enrollments([pair])[pair]
    assert (enrollment.mode, enrollment.customer_uuid) == ("audit", ACME_UUID)
    request = request_models.LicenseRequest.objects.get()
    assert (request.lms_user_id, request.course_title, request.state) == (
        dana.lms_user_id,
        "Python",
        "requested",
    )
    assert bob.name == "Bob"
    assert not load(small_world()).has_changed_something


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("courses", lambda w: w["courses"][0].update(title="Python for everyone")),
        ("courses", lambda w: w["courses"][0]["runs"][0].update(end="2031-01-01T00:00:00Z")),
        ("courses", lambda w: w["courses"][0]["runs"][0]["modes"][1].update(price_cents=9900)),
        ("people", lambda w: w["users"][0].update(name="Robert")),
        ("people", lambda w: w["users"][0].update(is_active=False)),
        ("service accounts", lambda w: w["service_accounts"][0].update(client_secret="other")),
        ("customers", lambda w: w["customers"][0].update(slug="acme-inc")),
        ("catalogs", lambda w: w["customers"][0]["catalogs"][0].update(courses=["*"])),
        ("plans", lambda w: w["customers"][0]["plans"][0].update(licenses=5)),
        ("plans", lambda w: w["customers"][0]["plans"][0].update(expiration="2031-01-01")),
        ("request settings", lambda w: w["customers"][0]["requests"].update(enabled=False)),
        ("enrollments", lambda w: w["customers"][0]["enrollments"][0].update(mode="verified")),
    ],
)
def test_a_changed_value_is_updated(load, kind, change):
    load(small_world())
    wanted = small_world()
    change(wanted)

    report = load(wanted)

    assert report.kinds[kind] == Saved(changed=1, unchanged=report.kinds[kind].unchanged)
    assert not load(wanted).has_changed_something


def test_more_licenses_are_added_and_none_taken_away(load):
    load(small_world())
    wanted = small_world()
    wanted["customers"][0]["plans"][0]["licenses"] = 5
    load(wanted)
    assert license_states()["unassigned"] == 3

    wanted["customers"][0]["plans"][0]["licenses"] = 3
    load(wanted)
    assert license_states()["unassigned"] == 3


def test_nothing_is_deleted_by_leaving_it_out(load):
    load(small_world())
    wanted = small_world()
    customer = wanted["customers"][0]
    for name in ("admins", "learners", "plans", "requests", "enrollments", "catalogs", "contact_email"):
        del customer[name]
    del wanted["courses"][0]["runs"], wanted["courses"][0]["advertised_run"], wanted["courses"][0]["partners"]
    del wanted["users"][0]["name"]

    assert not load(wanted).has_changed_something
    assert not load({"customers": [customer]}).has_changed_something
    assert not load({"courses": []}).has_changed_something

    assert customers.get_customer(ACME_UUID).contact_email == "learning@acme.test"
    course = catalog.find_courses([PYTHON])[PYTHON]
    assert (course.advertised_run_key, course.run_keys) == (PYTHON_RUN, (PYTHON_RUN,))
    assert [partner.name for partner in course.partners] == ["MIT"]
    assert identity.find_people_by_email(["bob@acme.test"])["bob@acme.test"].name == "Bob"
    assert license_states() == {"unassigned": 1, "assigned": 1, "activated": 1, "revoked": 1}


def test_what_the_file_leaves_out_stays_as_somebody_set_it(load):
    load(small_world())
    wanted = small_world()
    wanted["customers"][0]["requests"].update(digest="weekly")
    wanted["customers"][0].update(enable_learner_portal=False)
    wanted["customers"][0]["plans"][0].update(auto_apply=True)
    wanted["courses"][0]["runs"][0].update(invitation_only=True)
    load(wanted)

    assert not load(small_world()).has_changed_something
    assert not customers.get_customer(ACME_UUID).enable_learner_portal
    assert catalog.find_runs([PYTHON_RUN])[PYTHON_RUN].invitation_only


def test_relative_times_count_when_a_row_is_first_made(load, monkeypatch):
    moment = datetime(2026, 2, 28, 12, tzinfo=UTC)
    monkeypatch.setattr(clock, "now", lambda: moment)
    load(small_world())

    monkeypatch.setattr(clock, "now", lambda: moment + timedelta(days=3))
    assert not load(small_world()).has_changed_something

    run = catalog.find_runs([PYTHON_RUN])[PYTHON_RUN]
    assert (run.start, run.end) == (moment - timedelta(days=10), moment + timedelta(days=90))
    plan = licenses.find_plans([PLAN_UUID])[PLAN_UUID]
    assert (plan.starts_at, plan.expires_at) == (
        moment - timedelta(days=90),
        datetime(2027, 2, 28, 12, tzinfo=UTC),
    )


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("now", datetime(2024, 2, 29, 12, tzinfo=UTC)),
        ("+2h", datetime(2024, 2, 29, 14, tzinfo=UTC)),
        ("-1w", datetime(2024, 2, 22, 12, tzinfo=UTC)),
        ("+1y", datetime(2025, 2, 28, 12, tzinfo=UTC)),
        ("-4y", datetime(2020, 2, 29, 12, tzinfo=UTC)),
        ("2026-09-01", datetime(2026, 9, 1, tzinfo=UTC)),
        ("2026-09-01T12:30:00Z", datetime(2026, 9, 1, 12, 30, tzinfo=UTC)),
        ("2026-09-01T12:30:00", datetime(2026, 9, 1, 12, 30, tzinfo=UTC)),
        ("2026-09-01 12:30:00+02:00", datetime(2026, 9, 1, 10, 30, tzinfo=UTC)),
    ],
)
def test_ways_to_write_a_time(load, monkeypatch, written, meant):
    monkeypatch.setattr(clock, "now", lambda: datetime(2024, 2, 29, 12, tzinfo=UTC))
    load(f"courses: [{{key: A+b, title: T, runs: [{{key: 'course-v1:A+b+c', start: {written}}}]}}]")

    assert catalog.find_runs(["course-v1:A+b+c"])["course-v1:A+b+c"].start == meant


def test_a_password_counts_when_the_account_is_first_made(load, client):
    load(small_world())
    wanted = small_world()
    wanted["users"][0]["password"] = "another"

    assert not load(wanted).has_changed_something
    assert client.login(username="bob", password="demo")


def test_who_lost_a_license_gets_none_by_loading_again(load):
    load(small_world())
    licenses.revoke(plan_uuid=PLAN_UUID, addresses=["bob@acme.test", "new@acme.test"], by=None)

    report = load(small_world())

    assert report.kinds["licenses"] == Saved(unchanged=3)
    assert license_states() == {"unassigned": 3, "revoked": 3}


def test_a_request_that_was_answered_is_not_opened_again(load):
    load(small_world())
    request_models.LicenseRequest.objects.update(state="declined")

    assert load(small_world()).kinds["requests"] == Saved(unchanged=1)
    assert request_models.LicenseRequest.objects.count() == 1


def test_who_left_a_run_stays_away_unless_the_file_says_otherwise(load):
    from bursar.enrollments.models import Enrollment

    load(small_world())
    Enrollment.objects.update(is_active=False)
    wanted = small_world()

    assert not load(wanted).has_changed_something
    assert not Enrollment.objects.get().is_active

    wanted["customers"][0]["enrollments"][0]["is_active"] = True
    assert load(wanted).kinds["enrollments"] == Saved(changed=1)
    assert Enrollment.objects.get().is_active


@pytest.mark.parametrize("is_in_before", [True, False])
def test_an_inactive_enrollment_is_a_place_that_was_left(load, is_in_before):
    from bursar.enrollments.models import Enrollment

    if is_in_before:
        load(small_world())
    wanted = small_world()
    wanted["customers"][0]["enrollments"][0]["is_active"] = False

    report = load(wanted)

    assert report.kinds["enrollments"] == (Saved(changed=1) if is_in_before else Saved(created=1))
    assert not Enrollment.objects.get().is_active
    assert not load(wanted).has_changed_something


def test_more_people_than_places_are_refused_by_name(load):
    wanted = small_world()
    wanted["courses"][0]["runs"][0]["max_enrollments"] = 1
    wanted["customers"][0]["enrollments"].append({"email": "bob@acme.test", "run": PYTHON_RUN})

    report = load(wanted)

    assert report.kinds["enrollments"] == Saved(created=1)
    assert [line.split(":")[0] for line in report.refused] == ["customers[0].enrollments[1]"]
    assert "Refused:" in str(report)


def test_revoked_licenses_need_no_more_seats_than_there_are(load):
    wanted = small_world()
    plan = wanted["customers"][0]["plans"][0]
    plan.update(licenses=2, revoked=[f"gone{n}@acme.test" for n in range(5)])

    load(wanted)

    assert license_states() == {"assigned": 1, "activated": 1, "revoked": 5}


def test_plans_that_are_over_can_have_had_licenses(load):
    wanted = small_world()
    wanted["customers"][0]["plans"][0].update(start="-2y", expiration="-1y", is_active=False)

    load(wanted)

    assert license_states()["activated"] == 1


def test_a_second_file_may_refer_to_what_the_first_one_made(load):
    load(small_world())
    second = {
        "users": [{"email": "eve@acme.test", "username": "eve", "roles": [f"enterprise_admin:{ACME}"]}],
        "customers": [
            {
                "uuid": ACME,
                "name": "Acme",
                "slug": "acme",
                "catalogs": [
                    {"uuid": "33333333-3333-4333-8333-333333333333", "title": "2", "courses": [PYTHON]}
                ],
                "plans": [
                    {
                        "uuid": "33333333-0001-4333-8333-333333333333",
                        "title": "Second",
                        "catalog": ACME_CATALOG,
                        "start": "now",
                        "expiration": "+1y",
                        "licenses": 1,
                        "activated": ["dana@acme.test"],
                    }
                ],
                "enrollments": [{"email": "bob@acme.test", "run": PYTHON_RUN, "mode": "verified"}],
            }
        ],
    }

    report = load(second)

    assert report.kinds["enrollments"] == Saved(created=1)
    assert license_states(UUID("33333333-0001-4333-8333-333333333333")) == {Status.ACTIVATED.value: 1}


def test_norway_is_a_country_and_a_date_may_be_a_title(load):
    load(
        """
        courses:
          - key: A+b
            title: 2026-01-01
            runs: [{key: course-v1:A+b+c, blocked_countries: [NO, KP]}]
        """
    )

    assert catalog.find_courses(["A+b"])["A+b"].title == "2026-01-01"
    assert catalog.find_runs(["course-v1:A+b+c"])["course-v1:A+b+c"].blocked_countries == ("NO", "KP")


def test_anchors_save_typing(load):
    load("""
        courses:
          - {key: A+b, title: T, partners: &p [{key: P, name: N}], runs: []}
          - {key: A+c, title: U, partners: *p, runs: []}
    """)

    assert [partner.key for partner in catalog.find_courses(["A+c"])["A+c"].partners] == ["P"]


def test_addresses_are_one_however_they_are_spelled(load):
    wanted = small_world()
    wanted["customers"][0]["learners"] = ["Dana@Acme.test"]
    wanted["users"][1]["email"] = "DANA@acme.test"

    load(wanted)

    assert not load(small_world()).kinds["people"].created


def test_a_big_world_costs_hardly_more_statements_than_a_small_one(load):
    def world_of(count, first):
        wanted = small_world()
        emails = [f"learner{first + n}@acme.test" for n in range(count)]
        wanted["users"] += [{"email": email, "username": email} for email in emails]
        customer = wanted["customers"][0]
        customer["learners"] = emails
        customer["plans"][0].update(licenses=2000, assigned=[], activated=emails, revoked=[])
        customer["enrollments"] = [{"email": email, "run": PYTHON_RUN} for email in emails]
        customer["requests"]["open"] = [{"email": email, "course": PYTHON} for email in emails]
        return wanted

    load(world_of(1, 0))
    with counted() as few:
        load(world_of(1, 10))
    with counted() as many:
        load(world_of(200, 1000))

    assert many.count == few.count


def test_an_answer_of_course_discovery_is_imported_and_reported():
    report = world.import_courses(DISCOVERY_FILE)

    assert report.kinds["courses"] == Saved(created=2)
    text = str(report)
    assert "the courses have 2 runs" in text
    assert "results[1].course_runs[0]: course-v1:MITx+8.370.3x_review+1T2018 takes no enrollments" in text
    assert "Nothing changed" in str(world.import_courses(DISCOVERY_FILE))


def test_importing_leaves_the_choice_of_the_advertised_run_alone():
    world.load(ACME_FILE)

    world.import_courses(DISCOVERY_FILE)

    course = catalog.find_courses(["MITx+15.071x"])["MITx+15.071x"]
    assert course.advertised_run_key == "course-v1:MITx+15.071x+3T2026"
    assert len(course.run_keys) == 2
