"""``bursar load`` on worlds that are wrong: refused as a whole, with file, path and reason."""

from pathlib import Path
from uuid import UUID

import pytest

from bursar.catalog import models as catalog_models
from bursar.config import world
from bursar.config.world import checking
from bursar.customers import models as customer_models
from bursar.identity import models as identity_models
from bursar.licenses import api as licenses
from tests.world.conftest import ACME_CATALOG, ACME_PLAN, PYTHON, PYTHON_RUN, small_world

pytestmark = [pytest.mark.django_db, pytest.mark.once]

OTHER = "33333333-3333-4333-8333-333333333333"
SECOND = {"uuid": OTHER, "name": "Globex", "slug": "globex"}


def set_at(document, path, value):
    """Writes the value at a path such as ``customers.0.plans.0.licenses``."""
    *way, last = [int(step) if step.isdecimal() else step for step in path.split(".")]
    for step in way:
        document = document[step]
    document[last] = value


@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [
        # What an entry says about itself
        ("nonsense", [], "nonsense: is not a known key"),
        ("courses.0.color", "red", "courses[0].color: is not a known key"),
        ("courses.0.key", "nonsense", "courses[0].key: 'nonsense' is not a course key (Org+Course)"),
        ("courses.0.key", 7, "courses[0].key: must be text; a number or a date as text needs quotes"),
        ("courses.0.title", "", "courses[0].title: must not be empty"),
        ("courses.0.title", "x" * 256, "courses[0].title: must have at most 255 characters"),
        ("courses.0.title", "Two\nlines", "courses[0].title: must be one line, without tabs"),
        ("courses.0.short_description", "\0", "courses[0].short_description: contains a control character"),
        ("courses", {}, "courses: must be a list"),
        ("courses.0", "x", "courses[0]: must be a mapping (key: value)"),
        (
            "courses.0.runs.0.key",
            "MITx/6.00.1x/old",
            "courses[0].runs[0].key: 'MITx/6.00.1x/old' is not a course run key (course-v1:Org+Course+Run)",
        ),
        ("courses.0.runs.0.enrollable", "yes", "courses[0].runs[0].enrollable: must be true or false"),
        (
            "courses.0.runs.0.pacing",
            "slow",
            "courses[0].runs[0].pacing: must be 'instructor_paced' or 'self_paced'",
        ),
        ("courses.0.runs.0.max_enrollments", -1, "courses[0].runs[0].max_enrollments: must be at least 0"),
        (
            "courses.0.runs.0.max_enrollments",
            1.5,
            "courses[0].runs[0].max_enrollments: must be a whole number",
        ),
        ("courses.0.runs.0.end", "-11d", "courses[0].runs[0].end: must not be before start"),
        (
            "courses.0.runs.0.blocked_countries",
            ["Norway"],
            "courses[0].runs[0].blocked_countries[0]: 'Norway' is not a country's code (two capitals)",
        ),
        (
            "courses.0.runs.0.modes.0.currency",
            "Dollar",
            "courses[0].runs[0].modes[0].currency: 'Dollar' is not a currency (USD, EUR, ...)",
        ),
        ("users.0.email", "nobody", "users[0].email: 'nobody' is not an e-mail address"),
        ("users.0.username", "bob\u200b", "users[0].username: must have printable characters only"),
        ("users.0.lms_user_id", 0, "users[0].lms_user_id: must be at least 1"),
        (
            "users.0.roles",
            ["enterprise_admin"],
            "users[0].roles[0]: must be role:context, as in enterprise_openedx_operator:*",
        ),
        (
            "users.0.roles",
            ["enterprise_admin:acme"],
            "users[0].roles[0]: 'acme' is neither a customer's uuid nor *",
        ),
        ("customers.0.uuid", "nonsense", "customers[0].uuid: is not a valid uuid"),
        ("customers.0.slug", "api", "customers[0].slug: 'api' is reserved: pages at it would hide others"),
        (
            "customers.0.slug",
            "a/b",
            "customers[0].slug: may have letters, digits, hyphens and underscores only",
        ),
        ("customers.0.plans.0.licenses", -1, "customers[0].plans[0].licenses: must be at least 0"),
        ("customers.0.plans.0.licenses", "many", "customers[0].plans[0].licenses: must be a whole number"),
        ("customers.0.plans.0.licenses", True, "customers[0].plans[0].licenses: must be a whole number"),
        ("customers.0.plans.0.expiration", "-90d", "customers[0].plans[0].expiration: must be after start"),
        ("customers.0.requests.digest", "hourly", None),
        # What entries say about each other
        ("courses.0.advertised_run", "course-v1:No+Such+run", None),
        ("users.1.email", "BOB@acme.test", "users[1].email: the address bob@acme.test stands twice"),
        ("users.1.username", "bob", "users[1].username: the username bob stands twice"),
        ("users.0.lms_user_id", 12, "users[1].lms_user_id: the lms_user_id 12 stands twice"),
        ("service_accounts.0.username", "bob", "service_accounts[0].username: bob belongs to a person"),
        ("users.0.roles", [f"enterprise_admin:{OTHER}"], f"users[0].roles[0]: there is no customer {OTHER}"),
        (
            "customers.0.catalogs.0.courses",
            ["No+Course"],
            "customers[0].catalogs[0].courses[0]: there is no course No+Course",
        ),
        (
            "customers.0.catalogs.0.courses",
            ["*", PYTHON],
            "customers[0].catalogs[0].courses: lists courses beside *",
        ),
        (
            "customers.0.learners",
            ["dana@acme.test", "Dana@acme.test"],
            "customers[0].learners[1]: the address dana@acme.test stands twice",
        ),
        ("customers.0.plans.0.catalog", OTHER, f"customers[0].plans[0].catalog: Acme has no catalog {OTHER}"),
        (
            "customers.0.plans.0.licenses",
            1,
            "customers[0].plans[0].licenses: 1 are too few for 2 assigned and activated",
        ),
        (
            "customers.0.plans.0.revoked",
            ["bob@acme.test"],
            "customers[0].plans[0].revoked[0]: the address bob@acme.test stands twice",
        ),
        (
            "customers.0.plans.0.activated",
            ["new2@acme.test"],
            "customers[0].plans[0].activated[0]: nobody has an account with the address new2@acme.test",
        ),
        (
            "customers.0.requests.open",
            [{"email": "new@acme.test", "course": PYTHON}],
            "customers[0].requests.open[0].email: nobody has an account with the address new@acme.test",
        ),
        (
            "customers.0.requests.open.0.course",
            "No+Course",
            "customers[0].requests.open[0].course: there is no course No+Course",
        ),
        ("customers.0.requests.subsidy_type", None, "customers[0].requests.open: need a subsidy_type"),
        (
            "customers.0.enrollments.0.run",
            "course-v1:No+Such+run",
            "customers[0].enrollments[0].run: there is no run course-v1:No+Such+run",
        ),
        (
            "customers.0.enrollments.0.mode",
            "masters",
            f"customers[0].enrollments[0].mode: {PYTHON_RUN} does not offer masters",
        ),
        (
            "customers.0.default_enrollments",
            [{"content_key": "No+Course"}],
            "customers[0].default_enrollments[0].content_key: there is no No+Course",
        ),
        (
            "customers.0.coupons",
            [{"id": 1, "title": "C", "catalog": OTHER, "start": "now", "end": "+1d", "codes": 1}],
            f"customers[0].coupons[0].catalog: Acme has no catalog {OTHER}",
        ),
        (
            "customers.0.coupons",
            [{"id": 1, "title": "C", "catalog": ACME_CATALOG, "start": "now", "end": "-1d", "codes": 0}],
            "customers[0].coupons[0].codes: must be at least 1",
        ),
        ("customers", [SECOND, SECOND], f"customers[1].uuid: the uuid {OTHER} stands twice"),
    ],
)
def test_a_wrong_world_is_refused_and_nothing_is_written(refuse, path, value, problem):
    wanted = small_world()
    set_at(wanted, path, value)

    problems = refuse(wanted)

    if problem is None:
        assert problems[0].startswith(path.replace(".0", "[0]"))
    else:
        assert problem in problems
    assert not catalog_models.Course.objects.exists()
    assert not identity_models.User.objects.exists()
    assert not customer_models.Customer.objects.exists()


@pytest.mark.parametrize(
    "written",
    [
        "soon",
        "2026-13-01",
        "30d",
        "+1m",
        "+999999y",
        "-999999w",
        20260101,
        True,
        None,
        "0001-01-01T00+14:00",
    ],
)
def test_what_is_no_time_is_refused(refuse, written):
    wanted = small_world()
    wanted["customers"][0]["plans"][0]["start"] = written

    assert refuse(wanted)[0].startswith("customers[0].plans[0].start: is not a time")


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("customers.0.uuid", "customers[0].uuid: is required"),
        ("customers.0.plans.0.licenses", "customers[0].plans[0].licenses: is required"),
        ("users.0.username", "users[0].username: is required"),
    ],
)
def test_what_is_missing_is_named(refuse, path, problem):
    wanted = small_world()
    *way, last = [int(step) if step.isdecimal() else step for step in path.split(".")]
    place = wanted
    for step in way:
        place = place[step]
    del place[last]

    assert refuse(wanted) == [problem]


def test_all_faults_are_named_with_the_file(load, tmp_path):
    wanted = small_world()
    wanted["courses"][0]["key"] = "nonsense"
    wanted["customers"][0]["plans"][0]["licenses"] = -1
    wanted["customers"][0]["colour"] = "red"

    with pytest.raises(world.WorldError) as refused:
        load(wanted)

    lines = str(refused.value).splitlines()
    assert len(lines) == 3
    assert all(line.startswith(f"{tmp_path / 'world.yaml'}: ") for line in lines)
    assert f"{tmp_path / 'world.yaml'}: customers[0].plans[0].licenses: must be at least 0" in lines


def test_faults_beyond_reason_are_counted(load):
    with pytest.raises(world.WorldError) as refused:
        load({"users": [{"email": "nobody"}] * 500})

    lines = str(refused.value).splitlines()
    assert len(lines) == 201
    assert lines[-1] == "... and 800 more"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is empty"),
        ("# nothing", "is empty"),
        ("just text", "must be a mapping"),
        ("- a list", "must be a mapping"),
        ("courses: [", "line 2, column 1: did not find"),
        ("courses: []\ncourses: []", "line 2: the key courses stands twice"),
        ("courses:\n  - {key: A+b, key: A+c}", "line 2: the key key stands twice"),
        ("courses: !!python/object/apply:os.system [ls]", "is not allowed"),
        ("courses: !secret x", "is not allowed"),
        ("? [a]\n: b", "a key must be text"),
        ("courses: []\n---\ncourses: []", "line 2"),
        ("courses: *nowhere", "undefined alias"),
        ("courses: &a [*a]", "contains itself"),
        ("[" * 100_000, "nested deeper"),
        ("{a: " * 100_000, "nested deeper"),
        ("a\x00b: 1", "not valid YAML"),
    ],
)
def test_what_is_no_world_file_is_refused(refuse, text, reason):
    (problem,) = refuse(text)

    assert reason in problem


def test_aliases_that_multiply_are_refused(refuse):
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]

    assert "values once its aliases are followed" in refuse("\n".join(lines))[0]


def test_aliases_that_nest_are_refused(refuse):
    lines = ["a0: &a0 [x]", *(f"a{n}: &a{n} [*a{n - 1}]" for n in range(1, 3000))]

    assert "nested too deeply" in refuse("\n".join(lines))[0]


def test_a_file_that_is_no_text_is_refused(tmp_path):
    path = tmp_path / "world.yaml"
    path.write_bytes(b"courses: [\xff]")

    with pytest.raises(world.WorldError, match="is not UTF-8 text"):
        world.load(path)


def test_a_huge_file_is_refused(tmp_path):
    path = tmp_path / "world.yaml"
    with path.open("wb") as file:
        file.truncate(64 * 1024 * 1024 + 1)

    with pytest.raises(world.WorldError, match="larger than 64 MB"):
        world.load(path)


def test_a_file_that_is_not_there_is_no_world():
    with pytest.raises(FileNotFoundError):
        world.load(Path("/nowhere/world.yaml"))


# What the database has already


@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [
        ("users.0.username", "dana", "users[0].username: dana belongs to another account"),
        (
            "users.0.lms_user_id",
            99,
            "users[0].lms_user_id: must stay {bob}: an account never gets another number",
        ),
        ("users.0.email", "other@acme.test", "users[0].username: bob belongs to another account"),
        ("customers.0.uuid", OTHER, "customers[0].slug: acme belongs to another customer"),
        (
            "customers.0.uuid",
            OTHER,
            f"customers[0].catalogs[0].uuid: {ACME_CATALOG} is a catalog of another customer",
        ),
        ("customers.0.uuid", OTHER, f"customers[0].plans[0].uuid: {ACME_PLAN} is a plan of another customer"),
        (
            "customers.0.plans.0.assigned",
            ["new@acme.test", "new2@acme.test", "new3@acme.test"],
            "customers[0].plans[0].licenses: 3 are too few for 4 assigned and activated",
        ),
    ],
)
def test_what_belongs_to_others_is_refused(load, refuse, path, value, problem):
    load(small_world())
    bob = identity_models.User.objects.get(username="bob").lms_user_id
    wanted = small_world()
    del wanted["users"][1]
    wanted["customers"][0].update(requests={}, enrollments=[], learners=[])
    set_at(wanted, path, value)

    assert any(each.startswith(problem.format(bob=bob)) for each in refuse(wanted))


def test_an_lms_user_id_of_another_account_is_refused(load, refuse):
    load(small_world())

    assert refuse({"users": [{"email": "x@acme.test", "username": "x", "lms_user_id": 12}]}) == [
        "users[0].lms_user_id: 12 belongs to another account"
    ]


def test_licenses_that_were_given_away_meanwhile_count(load, refuse):
    load(small_world())
    licenses.assign(plan_uuid=UUID(ACME_PLAN), addresses=["walkin@acme.test"], by=None)
    wanted = small_world()
    wanted["customers"][0]["plans"][0]["assigned"] = ["late@acme.test"]

    assert refuse(wanted) == ["customers[0].plans[0].licenses: 1 more are to be given out, and 0 are free"]


def test_a_service_account_keeps_its_name_from_people(load, refuse):
    load(small_world())

    assert refuse({"users": [{"email": "x@acme.test", "username": "worker"}]}) == [
        "users[0].username: worker belongs to another account"
    ]
    assert refuse(
        {"service_accounts": [{"client_id": "other", "client_secret": "s", "username": "bob"}]}
    ) == ["service_accounts[0].username: bob belongs to a person"]


def test_what_changes_between_checking_and_writing_is_told(load, monkeypatch):
    load(small_world())
    monkeypatch.setattr(checking, "find_problems", lambda world: [])
    wanted = small_world()
    wanted["customers"][0]["uuid"] = OTHER

    with pytest.raises(world.WorldError, match=r"belongs to another customer.*load again"):
        load(wanted)


def test_a_row_that_the_database_refuses_is_told(load):
    load(small_world())
    wanted = small_world()
    wanted["customers"][0]["plans"][0]["uuid"] = OTHER

    with pytest.raises(world.WorldError, match="load again"):
        load(wanted)


@pytest.mark.parametrize(
    ("text", "reason"), [("", "is not valid JSON"), ("{}", "not an answer"), ('{"results": [{}]}', "results")]
)
def test_what_is_no_answer_of_course_discovery_is_refused(tmp_path, text, reason):
    path = tmp_path / "answer.json"
    path.write_text(text)

    with pytest.raises(world.WorldError, match=reason) as refused:
        world.import_courses(path)

    assert str(refused.value).startswith(f"{path}: ")
