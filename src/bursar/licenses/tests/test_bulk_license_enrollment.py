"""License-guarded bulk enrollment: who may, what is asked, the job, its results."""

import csv
import io
import uuid
from datetime import timedelta

import pytest
from django.apps import apps
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection

from bursar.catalog import api as catalog
from bursar.catalog.data import CatalogToSave, CourseToSave, ModeToSave, RunToSave
from bursar.customers import api as customers_api
from bursar.customers import models as customers
from bursar.customers.data import BULK_LIMIT
from bursar.enrollments import api as enrollments
from bursar.identity import api as identity
from bursar.identity.data import PersonToSave
from bursar.jobs import api as jobs
from bursar.jobs.models import Chunk, Job
from bursar.lib import clock
from bursar.licenses import api as licenses
from bursar.licenses import models
from bursar.notifications.models import Message
from bursar.notifications.rendering import render
from bursar.outbox import api as outbox
from tests.cast import (
    ACME,
    ALICE,
    BOB,
    CAROL,
    CS50,
    CS50_RUN,
    DANA,
    ERIN,
    GLOBEX,
    GUS,
    NOWHERE,
    OLGA,
    PYTHON_CLOSED_RUN,
    PYTHON_RUN,
    STRAY,
)
from tests.statements import counted

pytestmark = pytest.mark.django_db

URL = "/api/v1/bulk-license-enrollment"
SMALL_RUN = "course-v1:Test+T1+1"


@pytest.fixture
def post(client_of):
    def post(body, member=ALICE, customer=ACME, url=f"{URL}/", format="json", **query):
        if customer is not None:
            query["enterprise_customer_uuid"] = str(customer)
        return client_of(member).post(url, body, format=format, query_params=query)

    return post


@pytest.fixture
def upload(post):
    """Sends a file instead."""

    def upload(contents, *, run_keys=(PYTHON_RUN,), **fields):
        if isinstance(contents, str):
            contents = contents.encode()
        query = {name: fields.pop(name) for name in ("subscription_uuid", "enroll_all") if name in fields}
        body = {
            "csv": SimpleUploadedFile("people.csv", contents),
            "course_run_keys": list(run_keys),
            **fields,
        }
        return post(body, format="multipart", **query)

    return upload


def ask(*members, runs=(PYTHON_RUN,), notify=False, **more):
    emails = [each if isinstance(each, str) else each.email for each in members]
    return {"emails": emails, "course_run_keys": list(runs), "notify": notify, **more}


def give(plan, *members, activate=()):
    emails = [each if isinstance(each, str) else each.email for each in members]
    outcomes = licenses.assign(plan_uuid=plan.uuid, addresses=emails, by=None)
    for member in activate:
        models.License.objects.filter(email=member.email, plan=plan.uuid).update(
            status="activated", lms_user_id=member.lms_user_id
        )
    return [each.license_uuid for each in outcomes]


def done(response):
    """The results of the job that a request has begun."""
    assert response.status_code == 201, response.content
    jobs.run()
    return jobs.read_results(uuid.UUID(response.json()["job_id"]))


def told(results):
    return [(each["email"], each["outcome"], each.get("code", "")) for each in results]


def enrolled(member, run=PYTHON_RUN):
    return enrollments.find_enrollments([(member.lms_user_id, run)]).get((member.lms_user_id, run))


def paid_by(member):
    rows = customers.Fulfillment.objects.filter(sponsored_enrollment__link__lms_user_id=member.lms_user_id)
    return sorted(rows.values_list("subsidy_uuid", flat=True))


# the job


def test_holders_of_licenses_are_enrolled_and_everybody_else_is_reported(post, acme):
    plan = acme.plan()
    mine = give(plan, BOB, "new@acme.test", activate=[BOB])

    results = done(post(ask(BOB, DANA, "new@acme.test", "nonsense")))

    assert results == [
        {
            "row": 1,
            "email": BOB.email,
            "course_run_key": PYTHON_RUN,
            "outcome": "success",
            "notes": "",
            "created": True,
            "user_id": BOB.lms_user_id,
            "enterprise_fulfillment_source_uuid": str(customers.Fulfillment.objects.get().uuid),
        },
        {
            "row": 2,
            "email": DANA.email,
            "course_run_key": PYTHON_RUN,
            "outcome": "failed",
            "notes": "missing subscription",
            "created": False,
            "code": "no_license",
            "message": f"{DANA.email} holds no license for {PYTHON_RUN}.",
        },
        {
            "row": 3,
            "email": "new@acme.test",
            "course_run_key": PYTHON_RUN,
            "outcome": "pending",
            "notes": "pending license activation",
            "created": True,
        },
        {
            "row": 4,
            "email": "nonsense",
            "course_run_key": PYTHON_RUN,
            "outcome": "failed",
            "notes": "invalid email address",
            "created": False,
            "code": "invalid_email",
            "message": "nonsense is not an e-mail address.",
        },
    ]
    assert enrolled(BOB).mode == "verified"
    assert paid_by(BOB) == [mine[0]]
    assert enrolled(DANA) is None


def test_both_spellings_of_the_path_work(post, acme):
    assert post(ask(BOB), url=URL).status_code == 201
    assert post(ask(BOB), url=f"{URL}/").status_code == 201


def test_the_same_again_changes_nothing_and_names_the_same_fulfillment(post, acme):
    give(acme.plan(), BOB)
    first, again = done(post(ask(BOB, notify=True))), done(post(ask(BOB, notify=True)))

    assert (first[0]["created"], again[0]["created"]) == (True, False)
    key = "enterprise_fulfillment_source_uuid"
    assert first[0][key] == again[0][key]
    assert Message.objects.filter(template="customers/enrolled").count() == 1


def test_a_person_named_twice_is_done_once(post, acme):
    give(acme.plan(), BOB)

    results = done(post(ask(BOB, BOB.email.upper(), runs=[PYTHON_RUN, PYTHON_RUN])))

    assert told(results) == [(BOB.email, "success", "")]


def test_a_learner_gets_one_mail_about_all_courses_with_the_way_to_the_license(post, acme, settings):
    (mine,) = give(acme.plan(), BOB)
    key = models.License.objects.get(pk=mine).activation_key

    done(post(ask(BOB, runs=[PYTHON_RUN, CS50_RUN], notify=True)))

    mail = render(Message.objects.get(email=BOB.email))
    assert PYTHON_RUN in mail.text
    assert CS50_RUN in mail.text
    assert f"{settings.PUBLIC_URL}/acme/licenses/{key}/activate" in mail.text


def test_who_asked_is_told_once_when_it_is_done(post, acme, settings):
    give(acme.plan(), BOB, "new@acme.test")

    response = post(ask(BOB, DANA, "new@acme.test"))
    done(response)
    jobs.run()

    receipt = Message.objects.get(template="licenses/bulk_enrollment_done")
    assert receipt.email == ALICE.email
    mail = render(receipt)
    assert mail.subject == "Bulk enrollment at Acme: 1 enrolled, 1 waiting, 1 not enrolled"
    job = response.json()["job_id"]
    assert f"{settings.PUBLIC_URL}/api/jobs/v1/jobs/{job}/results.csv" in mail.text
    assert f"{job}/results.csv" in mail.html


def test_a_license_counts_as_it_is_when_the_job_runs(post, acme):
    plan = acme.plan()
    give(plan, BOB)
    response = post(ask(BOB, DANA))

    licenses.revoke(plan_uuid=plan.uuid, addresses=[BOB.email], by=None)
    give(plan, DANA)

    assert told(done(response)) == [(BOB.email, "failed", "no_license"), (DANA.email, "success", "")]


def test_a_license_revoked_while_its_chunk_is_done_pays_for_nothing_in_the_end(post, acme, monkeypatch):
    plan = acme.plan()
    (mine,) = give(plan, BOB)
    enroll = customers_api.enroll_in_bulk

    def revoke_meanwhile(**options):
        licenses.revoke(plan_uuid=plan.uuid, addresses=[BOB.email], by=None)
        outbox.relay()
        return enroll(**options)

    monkeypatch.setattr(customers_api, "enroll_in_bulk", revoke_meanwhile)

    done(post(ask(BOB)))

    assert enrolled(BOB).mode == "audit"
    assert customers.Fulfillment.objects.get(subsidy_uuid=mine).is_revoked


def test_only_live_licenses_of_plans_that_grant_something_now_count(post, acme):
    """Weakness E15 of license-manager: a revoked license, or one of a closed or expired plan, is used."""
    revoked, closed, expired = acme.plan(), acme.plan(is_active=False), acme.plan(days_left=-1)
    give(revoked, BOB)
    licenses.revoke(plan_uuid=revoked.uuid, addresses=[BOB.email], by=None)
    for plan in (closed, expired):
        licenses.assign(plan_uuid=plan.uuid, addresses=[BOB.email], by=None, must_be_usable=False)

    assert told(done(post(ask(BOB)))) == [(BOB.email, "failed", "no_license")]


def test_of_two_licenses_one_is_used_an_activated_one_first(post, acme):
    """Weakness E15 of license-manager: a learner with two plans that hold the course is sent twice."""
    short, long, other = acme.plan(days_left=10), acme.plan(days_left=50), acme.plan(days_left=90)
    of_short, *_ = [give(plan, BOB, DANA)[0] for plan in (short, long, other)]
    models.License.objects.filter(pk=of_short).update(status="activated", lms_user_id=BOB.lms_user_id)

    results = done(post(ask(BOB, DANA)))

    assert len(results) == 2
    assert paid_by(BOB) == [of_short]
    (of_dana,) = paid_by(DANA)
    assert models.License.objects.get(pk=of_dana).plan_id == other.uuid


def test_the_plans_catalog_must_have_the_course(post, acme):
    narrow = CatalogToSave(uuid.uuid4(), ACME, "Computing", (CS50,))
    catalog.save_catalogs([narrow])
    plan = acme.plan()
    models.Plan.objects.filter(pk=plan.uuid).update(catalog_uuid=narrow.uuid)
    give(plan, BOB)

    results = done(post(ask(BOB, runs=[PYTHON_RUN, CS50_RUN])))

    assert told(results) == [(BOB.email, "failed", "no_license"), (BOB.email, "success", "")]


def test_the_agreements_catalog_counts_where_the_plan_names_none(post, acme):
    narrow = CatalogToSave(uuid.uuid4(), ACME, "Computing", (CS50,))
    catalog.save_catalogs([narrow])
    models.Agreement.objects.filter(customer_uuid=ACME).update(default_catalog_uuid=narrow.uuid)
    give(acme.plan(), BOB)

    assert told(done(post(ask(BOB)))) == [(BOB.email, "failed", "no_license")]


def test_only_licenses_of_the_plan_that_is_named_count(post, acme):
    mine, other = acme.plan(), acme.plan()
    give(other, BOB)
    give(mine, DANA)

    results = done(post(ask(BOB, DANA), subscription_uuid=str(mine.uuid)))

    assert told(results) == [(BOB.email, "failed", "no_license"), (DANA.email, "success", "")]


def test_a_customer_switched_off_meanwhile_is_a_reason_for_each_pair_and_the_job_ends(post, acme):
    """Weakness E12 of license-manager: the job dies, and nothing says how it ended."""
    give(acme.plan(), BOB)
    response = post(ask(BOB, DANA))
    customers.Customer.objects.filter(pk=ACME).update(is_active=False)

    results = done(response)

    assert [each["code"] for each in results] == ["customer_not_found", "no_license"]
    assert Job.objects.get().state == "done"


def test_a_chunk_that_breaks_keeps_what_was_done_and_is_tried_again(post, acme, monkeypatch):
    """Weaknesses E12 of license-manager and F12 of edx-enterprise: no retry, progress or results."""
    members = acme.learners(1_001)
    plan = acme.plan(free=1_001)
    give(plan, *members)
    response = post(ask(*members))
    first = Chunk.objects.order_by("first_item").first()
    Chunk.objects.exclude(pk=first.pk).update(items='[["broken"]]')

    jobs.run()

    job = jobs.get_job(uuid.UUID(response.json()["job_id"]))
    assert (job.counts["success"], job.done_count, job.has_ended) == (1_000, 1_000, False)
    assert "ValueError" in job.errors[0]
    assert len(jobs.read_results(job.uuid)) == 1_000


def test_a_chunk_costs_the_same_statements_for_one_and_for_two_hundred(post, acme):
    def act(count, prefix):
        addresses = [f"{prefix}{number}@acme.test" for number in range(count)]
        identity.save_people([PersonToSave(email, email.split("@")[0]) for email in addresses])
        give(acme.plan(free=count), *addresses)
        post(ask(*addresses))
        with counted() as statements:
            jobs.run()
        return statements

    one, many = act(1, "one"), act(200, "many")

    assert one.count == many.count, "\n".join(each[:120] for each in many.listed)
    # Of these the look round at the beginning, the job's begin and end (with its mail) come once for a job.
    of_the_job = 2 + 1 + 1 + 2 + 9
    assert many.count - of_the_job <= (24 if connection.vendor == "mysql" else 22), "\n".join(
        each[:120] for each in many.listed
    )


# what is asked


def test_enroll_all_means_all_holders_of_the_plan(post, acme):
    plan, other = acme.plan(), acme.plan()
    give(plan, BOB, DANA)
    give(other, ERIN)

    body = {"course_run_keys": [PYTHON_RUN], "notify": False}
    results = done(post(body, subscription_uuid=str(plan.uuid), enroll_all="true"))

    assert sorted(told(results)) == [(BOB.email, "success", ""), (DANA.email, "success", "")]


@pytest.mark.parametrize("text", ["false", "0", ""])
def test_enroll_all_false_is_false(post, acme, text):
    """Weakness E17 of license-manager: the text false is taken for true and replaces the given addresses."""
    plan = acme.plan()
    give(plan, BOB, DANA)

    results = done(post(ask(BOB), subscription_uuid=str(plan.uuid), enroll_all=text))

    assert told(results) == [(BOB.email, "success", "")]


@pytest.mark.parametrize(
    ("body", "query", "answer"),
    [
        ({}, {}, {"course_run_keys": ["This field is required."], "notify": ["This field is required."]}),
        (
            {"course_run_keys": [PYTHON_RUN], "notify": True},
            {},
            {"emails": ["This field is required."]},
        ),
        (ask(runs=[PYTHON_RUN]), {}, {"emails": ["This list may not be empty."]}),
        (ask(BOB, runs=[]), {}, {"course_run_keys": ["This list may not be empty."]}),
        (ask(BOB, notify="maybe"), {}, {"notify": ["Must be a valid boolean."]}),
        (ask(BOB), {"enroll_all": "perhaps"}, {"enroll_all": ["Must be true or false."]}),
        (
            ask(BOB),
            {"enroll_all": "true"},
            {"subscription_id": ["This field is required when enroll_all is provided"]},
        ),
        (ask(BOB), {"subscription_uuid": "x"}, {"detail": "x is not a valid uuid."}),
    ],
)
def test_a_bad_request_is_refused_and_says_what_to_mend(post, acme, body, query, answer):
    response = post(body, **query)

    assert (response.status_code, response.json()) == (400, answer)
    assert not Job.objects.exists()


def test_a_plan_without_holders_is_refused(post, acme):
    body = {"course_run_keys": [PYTHON_RUN], "notify": False}

    response = post(body, subscription_uuid=str(acme.plan().uuid), enroll_all="true")

    assert (response.status_code, response.json()) == (
        400,
        {"subscription_id": ["Nobody holds a license of this plan."]},
    )


def test_more_than_ten_thousand_pairs_are_refused_with_the_limit(post, acme):
    addresses = [f"p{number}@acme.test" for number in range(5_001)]

    response = post({"emails": addresses, "course_run_keys": [PYTHON_RUN, CS50_RUN], "notify": False})

    assert response.status_code == 400
    assert response.json() == (
        f"Too many enrollments: 10002. Send at most {BULK_LIMIT} in one request, the others in more."
    )


def test_an_idempotency_key_begins_one_job(client_of, acme):
    def post(contents):
        return client_of(ALICE).post(
            f"{URL}/",
            {"csv": SimpleUploadedFile("a.csv", contents), "course_run_keys": [PYTHON_RUN]},
            format="multipart",
            query_params={"enterprise_customer_uuid": str(ACME)},
            headers={"Idempotency-Key": "one"},
        )

    first, again, other = post(b"bob@acme.test"), post(b"bob@acme.test"), post(b"dana@acme.test")

    assert first.json() == again.json()
    assert other.status_code == 422
    assert Job.objects.count() == 1


# who may


@pytest.mark.parametrize("member", [BOB, CAROL, STRAY])
def test_learners_and_strangers_may_not(post, acme, member):
    """Weakness E22 of license-manager: any learner may enroll anybody of the customer."""
    assert post(ask(BOB), member=member).status_code == 403
    assert not Job.objects.exists()


def test_another_customers_plan_looks_like_a_missing_one(post, acme, globex):
    """Weakness E22 of license-manager: another customer's plan put that customer's addresses into the job."""
    plan = globex.plan()
    give(plan, GUS)

    foreign = post(ask(BOB), subscription_uuid=str(plan.uuid), enroll_all="true")
    missing = post(ask(BOB), subscription_uuid=str(NOWHERE), enroll_all="true")

    assert (foreign.status_code, foreign.content) == (404, missing.content)
    assert not Job.objects.exists()


def test_operators_may_and_a_customer_that_is_missing_or_inactive_is_a_404(post, acme):
    assert post(ask(BOB), member=OLGA).status_code == 201
    assert post(ask(BOB), member=OLGA, customer=NOWHERE).status_code == 404
    assert post(ask(BOB), customer=None).status_code == 404
    assert post(ask(BOB), member=None).status_code == 401
    customers.Customer.objects.filter(pk=ACME).update(is_active=False)
    assert post(ask(BOB)).status_code == 404


# the file


def rows_of(results):
    return [(each["row"], each["email"], each["course_run_key"]) for each in results]


def test_a_file_of_addresses_is_for_all_named_runs(upload, acme):
    results = done(upload("bob@acme.test\ndana@acme.test\n", run_keys=[PYTHON_RUN, CS50_RUN]))

    assert rows_of(results) == [
        (1, BOB.email, PYTHON_RUN),
        (1, BOB.email, CS50_RUN),
        (2, DANA.email, PYTHON_RUN),
        (2, DANA.email, CS50_RUN),
    ]


@pytest.mark.parametrize(
    "contents",
    [
        f"email,course_run_key\n{BOB.email},{CS50_RUN}\n\n{DANA.email}\n",
        f"\ufeffEmail;Course Key\r\n{BOB.email};{CS50_RUN}\r\n\r\n{DANA.email};\r\n",
        f'"course key","e-mail"\r"{CS50_RUN}","{BOB.email}"\r\r,{DANA.email}\r',
    ],
    ids=["plain", "windows", "mac"],
)
def test_a_file_may_come_from_any_spreadsheet(upload, acme, contents):
    results = done(upload(contents))

    assert rows_of(results) == [(2, BOB.email, CS50_RUN), (4, DANA.email, PYTHON_RUN)]


def test_each_bad_row_is_named_and_the_others_go_on(upload, acme):
    give(acme.plan(), BOB)
    contents = f"nonsense\n{BOB.email}\n{BOB.email.upper()}\n,{PYTHON_RUN}\n{DANA.email}"

    response = upload(contents, run_keys=[PYTHON_RUN])

    assert response.json()["bad_rows"] == [
        {
            "row": 1,
            "email": "nonsense",
            "course_run_key": "",
            "code": "invalid_email",
            "message": "nonsense is not an e-mail address.",
        },
        {
            "row": 4,
            "email": "",
            "course_run_key": PYTHON_RUN,
            "code": "missing_email",
            "message": "There is no e-mail address.",
        },
    ]
    assert [(each["row"], each["outcome"], each.get("code")) for each in done(response)] == [
        (1, "failed", "invalid_email"),
        (2, "success", None),
        (4, "failed", "missing_email"),
        (5, "failed", "no_license"),
    ]


def test_a_row_needs_a_run_from_somewhere(upload, acme):
    response = upload(f"{BOB.email},{CS50_RUN}\n{DANA.email}", run_keys=[])

    assert [(row["row"], row["code"]) for row in response.json()["bad_rows"]] == [(2, "missing_course_run")]


@pytest.mark.parametrize(
    ("contents", "problem"),
    [
        (b"", "The submitted file is empty."),
        (b"\n \n", "The file has no rows."),
        (b"email\n", "The file has no rows."),
        ("josé@x.test".encode("latin-1"), "The file is not in UTF-8 (byte 4). Save it as CSV UTF-8."),
        (b"PK\x03\x04\x00\x00", "The file is no CSV: it has NUL characters."),
        (b'"' + b"x" * 200_000, "Line 1 cannot be read: field larger than field limit (131072)."),
        (b"nonsense\nrubbish", "Row 1: nonsense is not an e-mail address."),
    ],
    ids=["empty", "blank", "header", "latin", "zip", "long", "bad"],
)
def test_a_file_that_cannot_be_used_is_refused_and_says_what_to_mend(upload, acme, contents, problem):
    response = upload(contents)

    assert response.status_code == 400
    assert response.json()["csv"][0].startswith(problem)
    assert not Job.objects.exists()


def test_of_many_bad_rows_the_first_are_named(upload, acme):
    response = upload("\n".join(f"bad{number}" for number in range(30)))

    named = response.json()["csv"]
    assert len(named) == 21
    assert named[-1] == "And 10 more rows."


def test_a_file_that_means_a_million_pairs_is_refused_before_they_are_made(upload, acme):
    contents = "\n".join(f"p{number}@acme.test" for number in range(2_000))

    response = upload(contents, run_keys=[f"course-v1:A+B+{number}" for number in range(500)])

    assert (response.status_code, response.json()["csv"]) == (
        400,
        ["The file has more than 100000 pairs of a person and a run. Split it."],
    )


def test_a_run_key_that_is_too_long_is_a_bad_row(upload, acme):
    response = upload(f"{BOB.email},{'x' * 256}\n{DANA.email}")

    assert [row["code"] for row in response.json()["bad_rows"]] == ["unknown_course_run"]


def test_a_file_of_more_than_ten_thousand_pairs_is_refused(upload, acme):
    contents = "\n".join(f"p{number}@acme.test" for number in range(10_001))

    response = upload(contents)

    assert response.status_code == 400
    assert "10001" in response.json()


# the rehearsal


@pytest.fixture
def mixed(acme, post):
    """A request with every kind of pair."""
    modes = (ModeToSave("audit"),)
    catalog.save_courses(
        [
            CourseToSave("Test+T1", "T", runs=(RunToSave(SMALL_RUN, max_enrollments=1, modes=modes),)),
            CourseToSave("Test+T2", "T", runs=(RunToSave("course-v1:Test+T2+1", modes=modes),)),
        ]
    )
    catalog.save_catalogs(
        [CatalogToSave(uuid.uuid5(ACME, "catalog"), ACME, "All but T2", ("MITx+6.00.1x", CS50, "Test+T1"))]
    )
    plan, expired = acme.plan(), acme.plan(days_left=-1)
    give(plan, BOB, DANA, ERIN, STRAY, "new@acme.test", activate=[BOB])
    licenses.assign(plan_uuid=expired.uuid, addresses=[GUS.email], by=None, must_be_usable=False)
    licenses.revoke(plan_uuid=plan.uuid, addresses=[STRAY.email], by=None)
    customers.LearnerLink.objects.filter(lms_user_id=ERIN.lms_user_id).update(
        is_linked=False, is_relinkable=False
    )
    done(post(ask(BOB)))
    runs = [PYTHON_RUN, PYTHON_CLOSED_RUN, SMALL_RUN, "course-v1:Test+T2+1", "course-v1:No+Such+Run", "x"]
    return ask(BOB, DANA, ERIN, STRAY, GUS, ALICE, "new@acme.test", "nonsense", runs=runs)


def plain(results):
    return [{**each, "enterprise_fulfillment_source_uuid": None} for each in results]


def test_a_rehearsal_gives_the_verdicts_of_the_job_and_writes_nothing(post, mixed):
    before = {model._meta.label: model._base_manager.count() for model in apps.get_models()}

    response = post({**mixed, "dry_run": True})

    assert response.status_code == 200
    assert before == {model._meta.label: model._base_manager.count() for model in apps.get_models()}
    body = response.json()
    assert (body["job_id"], body["dry_run"]) == (None, True)
    results = done(post(mixed))
    assert plain(body["results"]) == plain(results)
    assert sum(body["counts"].values()) == 48
    assert {each.get("code") for each in results} == {
        None,
        "enrollment_closed",
        "run_full",
        "not_in_catalog",
        "unknown_course_run",
        "no_license",
        "not_relinkable",
        "invalid_email",
    }


def test_a_rehearsal_of_a_file_names_its_bad_rows(upload, acme):
    give(acme.plan(), BOB)

    body = upload(f"{BOB.email}\nnonsense", dry_run="true").json()

    assert body["counts"] == {"success": 1, "failed": 1}
    assert [row["row"] for row in body["bad_rows"]] == [2]
    assert enrolled(BOB) is None


# the results


def get(client, job, customer=ACME):
    query = {"enterprise_customer_uuid": str(customer), "bulk_enrollment_job_uuid": str(job)}
    return client.get(f"{URL}/", query)


def test_the_results_can_be_fetched_when_the_job_has_ended(post, client_of, acme, settings):
    give(acme.plan(), BOB, "new@acme.test")
    job = post(ask(BOB, DANA, "new@acme.test", "=cmd()")).json()["job_id"]
    waiting = get(client_of(ALICE), job)
    jobs.run()

    ready = get(client_of(ALICE), job)

    assert waiting.json() == {"job_id": job, "download_url": None, "state": "waiting", "counts": {}}
    assert (ready.json()["state"], ready.json()["counts"]) == (
        "done",
        {"success": 1, "failed": 2, "pending": 1},
    )
    address = ready.json()["download_url"].removeprefix(settings.PUBLIC_URL)
    table = client_of(None).get(address).content.decode()
    assert list(csv.reader(io.StringIO(table))) == [
        ["email address", "course key", "enrollment status", "notes"],
        [BOB.email, PYTHON_RUN, "success", ""],
        [DANA.email, PYTHON_RUN, "failed", "missing subscription"],
        ["new@acme.test", PYTHON_RUN, "pending", "pending license activation"],
        ["'=cmd()", PYTHON_RUN, "failed", "invalid email address"],
    ]


def test_another_customers_job_looks_like_a_missing_one(post, client_of, acme, globex):
    """Weakness E23 of license-manager: a job of another customer is readable by its uuid."""
    job = post(ask(BOB)).json()["job_id"]

    foreign, missing = get(client_of(CAROL), job, GLOBEX), get(client_of(CAROL), NOWHERE, GLOBEX)

    assert (foreign.status_code, foreign.content) == (404, missing.content)
    assert get(client_of(CAROL), job).status_code == 403
    assert get(client_of(BOB), job).status_code == 403


def test_a_question_without_a_job_is_refused(client_of, acme):
    response = client_of(ALICE).get(f"{URL}/", {"enterprise_customer_uuid": str(ACME)})

    assert (response.status_code, response.json()) == (
        400,
        "Missing the following required request data: ['bulk_enrollment_job_uuid']",
    )


def test_results_that_are_no_longer_kept_have_no_address(post, client_of, acme):
    job = post(ask(BOB)).json()["job_id"]
    jobs.run()
    Job.objects.update(finished_at=clock.now() - timedelta(days=91))
    jobs.purge()

    assert get(client_of(ALICE), job).json()["download_url"] is None
