from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from bursar.catalog import api, models
from bursar.catalog.data import (
    CatalogInvalid,
    CatalogToSave,
    CourseToSave,
    ModeToSave,
    PartnerToSave,
    RunToSave,
)
from bursar.lib.outcomes import Saved

pytestmark = pytest.mark.django_db

ACME = UUID("11111111-1111-4111-8111-111111111111")
GLOBEX = UUID("22222222-2222-4222-8222-222222222222")
START = datetime(2026, 1, 1, tzinfo=UTC)
RUN = "course-v1:MITx+6.00.1x+2T2026"

COMPUTING = CourseToSave(
    key="MITx+6.00.1x",
    title="Computing",
    short_description="Real problems.",
    partners=(PartnerToSave("MITx", "MIT"), PartnerToSave("HarvardX", "Harvard")),
    level="Introductory",
    subjects=("Computer Science",),
    advertised_run_key=RUN,
    runs=(
        RunToSave(
            key=RUN,
            start=START,
            pacing="self_paced",
            max_enrollments=3,
            blocked_countries=("KP",),
            modes=(ModeToSave("audit"), ModeToSave("verified", 14900, expires_at=START)),
        ),
        RunToSave(key="course-v1:MITx+6.00.1x+1T2026", title="The first one", is_enrollable=False),
    ),
)


def many_courses(count):
    return [
        CourseToSave(
            key=f"Org+C{number}",
            title=f"Course {number}",
            partners=(PartnerToSave(f"P{number}", "Partner"),),
            runs=(RunToSave(key=f"course-v1:Org+C{number}+1", modes=(ModeToSave("audit"),)),),
        )
        for number in range(count)
    ]


def count_queries(action):
    with CaptureQueriesContext(
        connection,
    ) as queries:
        action()
    return len(queries)


def test_what_was_saved_is_found():
    assert api.save_courses([COMPUTING]) == Saved(created=1)

    course = api.find_courses([COMPUTING.key, "No+Course"])[COMPUTING.key]
    assert (course.title, course.level, course.subjects) == (
        "Computing",
        "Introductory",
        ("Computer Science",),
    )
    assert [(partner.key, partner.name) for partner in course.partners] == [
        ("MITx", "MIT"),
        ("HarvardX", "Harvard"),
    ]
    assert course.advertised_run_key == RUN
    assert course.run_keys == ("course-v1:MITx+6.00.1x+1T2026", RUN)

    runs = api.find_runs([RUN, "course-v1:MITx+6.00.1x+1T2026", "course-v1:No+Such+run"])
    assert set(runs) == set(course.run_keys)
    run = runs[RUN]
    assert (run.course_key, run.org, run.title, run.start) == (COMPUTING.key, "MITx", "Computing", START)
    assert (run.pacing, run.is_enrollable, run.max_enrollments) == ("self_paced", True, 3)
    assert run.blocked_countries == ("KP",)
    assert [(mode.slug, mode.price_cents, mode.currency, mode.expires_at) for mode in run.modes] == [
        ("audit", 0, "USD", None),
        ("verified", 14900, "USD", START),
    ]
    other = runs["course-v1:MITx+6.00.1x+1T2026"]
    assert (other.title, other.is_enrollable) == ("The first one", False)


def test_saving_again_changes_nothing():
    api.save_courses([COMPUTING])
    histories = models.Run.history.count()

    assert api.save_courses([COMPUTING, COMPUTING]) == Saved(unchanged=1)
    assert models.Run.history.count() == histories


@pytest.mark.parametrize(
    "changed",
    [
        replace(COMPUTING, title="Computing II"),
        replace(COMPUTING, partners=COMPUTING.partners[:1]),
        replace(COMPUTING, partners=COMPUTING.partners[::-1]),
        replace(COMPUTING, partners=()),
        replace(COMPUTING, runs=(replace(COMPUTING.runs[0], end=START),)),
        replace(COMPUTING, runs=(replace(COMPUTING.runs[0], modes=(ModeToSave("verified", 1),)),)),
        replace(COMPUTING, runs=(RunToSave("course-v1:MITx+6.00.1x+3T2026"),)),
    ],
)
def test_a_change_anywhere_in_a_course_counts_as_one_changed_course(changed):
    api.save_courses([COMPUTING])

    assert api.save_courses([changed]) == Saved(changed=1)
    assert api.save_courses([changed]) == Saved(unchanged=1)


def test_partners_that_come_later_count_as_a_change():
    api.save_courses([replace(COMPUTING, partners=())])

    assert api.save_courses([COMPUTING]) == Saved(changed=1)


def test_nothing_is_deleted_by_leaving_it_out():
    api.save_courses([COMPUTING])

    api.save_courses([replace(COMPUTING, runs=(replace(COMPUTING.runs[0], modes=()),))])

    assert len(api.find_courses([COMPUTING.key])[COMPUTING.key].run_keys) == 2
    assert len(api.find_runs([RUN])[RUN].modes) == 2


def test_other_modes_go_when_that_is_asked_for():
    api.save_courses([COMPUTING])

    run = replace(COMPUTING.runs[0], modes=(ModeToSave("audit"),), drop_other_modes=True)
    assert api.save_courses([replace(COMPUTING, runs=(run,))]) == Saved(changed=1)

    assert [mode.slug for mode in api.find_runs([RUN])[RUN].modes] == ["audit"]


def test_fields_to_keep_count_only_when_the_row_is_made():
    relative = replace(
        COMPUTING,
        keep=frozenset({"title", "partners"}),
        partners=(),
        runs=(
            replace(
                COMPUTING.runs[0],
                start=None,
                keep=frozenset({"start"}),
                modes=(ModeToSave("verified", 14900, keep=frozenset({"expires_at"})),),
            ),
        ),
    )
    api.save_courses([COMPUTING])

    assert api.save_courses([replace(relative, title="Another")]) == Saved(unchanged=1)
    assert api.find_courses([COMPUTING.key])[COMPUTING.key].title == "Computing"
    assert len(api.find_courses([COMPUTING.key])[COMPUTING.key].partners) == 2
    assert api.find_runs([RUN])[RUN].start == START
    assert api.find_runs([RUN])[RUN].modes[1].expires_at == START


def test_runs_keep_a_history():
    api.save_courses([COMPUTING])
    api.save_courses([replace(COMPUTING, runs=(replace(COMPUTING.runs[0], end=START),))])

    story = models.Run.history.filter(key=RUN).order_by("history_id")
    assert [(row.history_type, row.end, row.history_user_id) for row in story] == [
        ("+", None, None),
        ("~", START, None),
    ]


def test_a_partner_keeps_its_uuid():
    given = uuid4()
    api.save_courses([replace(COMPUTING, partners=(PartnerToSave("MITx", "MIT", uuid=given),))])

    api.save_courses([replace(COMPUTING, partners=(PartnerToSave("MITx", "M.I.T."),))])

    (partner,) = api.find_courses([COMPUTING.key])[COMPUTING.key].partners
    assert (partner.uuid, partner.name) == (given, "M.I.T.")


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (replace(COMPUTING, key="nonsense"), "nonsense: is not a course key"),
        (replace(COMPUTING, runs=(RunToSave("nonsense"),)), "nonsense: is not a course run key"),
        (replace(COMPUTING, runs=(COMPUTING.runs[0], replace(COMPUTING.runs[0], title="x"))), "listed twice"),
        (replace(COMPUTING, runs=(RunToSave(RUN, modes=(ModeToSave("verifed"),)),)), "no mode verifed"),
        (replace(COMPUTING, runs=(RunToSave(RUN, modes=(ModeToSave("audit", -1),)),)), "at least 0"),
        (replace(COMPUTING, advertised_run_key="course-v1:MITx+6.00.1x+9"), "none of its runs"),
    ],
)
def test_wrong_courses_are_refused_and_nothing_is_written(wrong, words):
    with pytest.raises(CatalogInvalid, match=words):
        api.save_courses([*many_courses(2), wrong])

    assert not models.Course.objects.exists()


def test_a_run_that_is_saved_already_can_be_advertised():
    api.save_courses([COMPUTING])

    assert api.save_courses([replace(COMPUTING, runs=())]) == Saved(unchanged=1)


def test_courses_need_the_same_number_of_queries_however_many_they_are():
    few, many = many_courses(1), many_courses(200)

    assert count_queries(lambda: api.save_courses(few)) == count_queries(lambda: api.save_courses(many[1:]))
    changed = [replace(course, title="Changed") for course in many]
    assert count_queries(lambda: api.save_courses(changed[:1])) == count_queries(
        lambda: api.save_courses(changed[1:])
    )
    keys = [course.key for course in many]
    assert (
        count_queries(lambda: api.find_courses(keys[:1]))
        == count_queries(lambda: api.find_courses(keys))
        == 3
    )
    run_keys = [f"course-v1:{key}+1" for key in keys]
    assert (
        count_queries(lambda: api.find_runs(run_keys[:1]))
        == count_queries(lambda: api.find_runs(run_keys))
        == 1
    )


def test_a_big_set_is_found_whole():
    api.save_courses(many_courses(2500))

    keys = [f"course-v1:Org+C{number}+1" for number in range(2500)]
    assert len(api.find_runs([*keys, *keys])) == 2500


def test_a_catalog_contains_what_it_lists():
    api.save_courses([COMPUTING, *many_courses(2)])
    listed, everything = uuid4(), uuid4()
    assert api.save_catalogs(
        [
            CatalogToSave(listed, ACME, "Computing", (COMPUTING.key,)),
            CatalogToSave(everything, ACME, "All", ("*",)),
            CatalogToSave(uuid4(), GLOBEX, "Another customer's", ("*",)),
        ]
    ) == Saved(created=3)

    assert api.find_catalogs_with_courses(
        customer_uuid=ACME, course_keys=[COMPUTING.key, "Org+C1", "No+Course"]
    ) == {COMPUTING.key: {listed, everything}, "Org+C1": {everything}, "No+Course": frozenset()}
    assert api.find_catalogs_with_runs(
        customer_uuid=ACME, run_keys=[RUN, "course-v1:Org+C1+1", "course-v1:No+Such+run"]
    ) == {RUN: {listed, everything}, "course-v1:Org+C1+1": {everything}, "course-v1:No+Such+run": frozenset()}
    assert [catalog.title for catalog in api.list_catalogs(customer_uuid=ACME)] == ["All", "Computing"]
    assert list(api.find_catalogs_of([ACME, uuid4()])) == [ACME]
    assert api.find_catalogs_of([ACME])[ACME] == [
        catalog.uuid for catalog in api.list_catalogs(customer_uuid=ACME)
    ]
    assert api.find_catalogs([listed, uuid4()])[listed].course_keys == {COMPUTING.key}


def test_catalogs_keep_a_history_of_what_they_contained():
    catalog = CatalogToSave(uuid4(), ACME, "Computing", (COMPUTING.key,))
    api.save_catalogs([catalog])

    assert api.save_catalogs([catalog, catalog]) == Saved(unchanged=1)
    assert api.save_catalogs([replace(catalog, course_keys=("*",))]) == Saved(changed=1)
    kept = replace(catalog, keep=frozenset({"course_keys"}))
    assert api.save_catalogs([kept]) == Saved(unchanged=1)

    story = models.CustomerCatalog.history.order_by("history_id")
    assert [(row.history_type, row.course_keys, row.contains_everything) for row in story] == [
        ("+", [COMPUTING.key], False),
        ("~", [], True),
    ]


@pytest.mark.parametrize(
    ("keys", "words"), [(("*", "Org+C1"), "beside"), (("nonsense",), "not a course key")]
)
def test_wrong_catalogs_are_refused(keys, words):
    with pytest.raises(CatalogInvalid, match=words):
        api.save_catalogs([CatalogToSave(uuid4(), ACME, "Wrong", keys)])

    assert not models.CustomerCatalog.objects.exists()


def test_nobody_takes_another_customers_catalog():
    catalog = CatalogToSave(uuid4(), ACME, "Computing", ("*",))
    api.save_catalogs([catalog])

    with pytest.raises(CatalogInvalid, match="another customer"):
        api.save_catalogs([replace(catalog, customer_uuid=GLOBEX)])

    assert api.list_catalogs(customer_uuid=GLOBEX) == []


def test_catalogs_need_the_same_number_of_queries_however_many_they_are():
    def save(count):
        api.save_catalogs([CatalogToSave(uuid4(), ACME, f"Catalog {n}", ("*",)) for n in range(count)])

    assert count_queries(lambda: save(1)) == count_queries(lambda: save(200))
