import copy
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bursar.catalog import api, models
from bursar.catalog.data import CatalogInvalid
from bursar.lib.outcomes import Saved

pytestmark = pytest.mark.django_db

ANALYTICS = "course-v1:MITx+15.071x+1T2019"
QUANTUM = "course-v1:MITx+8.370.3x_review+1T2018"


@pytest.fixture
def answer():
    """A real answer of course-discovery."""
    return json.loads((Path(__file__).parents[4] / "demo" / "discovery_courses.json").read_text())


def test_a_real_answer_is_imported(answer):
    report = api.import_courses(answer)

    assert report.courses == Saved(created=2)
    assert report.run_count == 2
    course = api.find_courses(["MITx+15.071x"])["MITx+15.071x"]
    assert (course.title, course.level) == ("The Analytics Edge", "Intermediate")
    assert course.subjects == ("Data Analysis & Statistics",)
    (partner,) = course.partners
    assert (str(partner.uuid), partner.key) == ("2a73d2ce-c34a-4e08-8223-83bca9d2f01d", "MITx")
    assert course.advertised_run_key == ANALYTICS
    runs = api.find_runs([ANALYTICS, QUANTUM])
    assert [(mode.slug, mode.price_cents, mode.expires_at) for mode in runs[ANALYTICS].modes] == [
        ("audit", 0, None),
        ("verified", 15000, datetime(2019, 3, 20, 15, tzinfo=UTC)),
    ]
    assert runs[ANALYTICS].is_enrollable
    assert runs[ANALYTICS].pacing == "instructor_paced"
    assert (runs[QUANTUM].is_enrollable, runs[QUANTUM].modes) == (False, ())
    assert runs[QUANTUM].enrollment_end == datetime(2018, 5, 11, tzinfo=UTC)


def test_an_import_says_what_it_left_out_and_why(answer):
    answer["next"] = "https://discovery.test/api/v1/courses/?page=2"
    answer["results"][0]["course_runs"][0]["seats"][0]["type"] = "gold"

    notes = {note.path: note.reason for note in api.import_courses(answer).notes}

    assert "MITx/15.071x/1T2014 was passed over" in notes["results[0].canonical_course_run_key"]
    assert "no mode of the LMS" in notes["results[0].course_runs[0].seats[0]"]
    assert "its status is unpublished" in notes["results[1].course_runs[0]"]
    assert "further pages" in notes["next"]


def test_importing_again_changes_nothing(answer):
    api.import_courses(answer)

    assert api.import_courses(answer).courses == Saved(unchanged=2)


def test_a_seat_that_is_gone_is_no_longer_offered(answer):
    api.import_courses(answer)
    del answer["results"][0]["course_runs"][0]["seats"][0]

    assert api.import_courses(answer).courses == Saved(changed=1, unchanged=1)
    assert [mode.slug for mode in api.find_runs([ANALYTICS])[ANALYTICS].modes] == ["audit"]


def test_a_list_and_a_single_course_are_answers_too(answer):
    assert api.import_courses(answer["results"][:1]).courses == Saved(created=1)
    assert api.import_courses(answer["results"][1]).courses == Saved(created=1)


def test_the_named_run_is_advertised(answer):
    course = answer["results"][1]
    older = copy.deepcopy(course["course_runs"][0])
    older["key"], older["uuid"] = QUANTUM.replace("1T2018", "1T2017"), "d7a6bb9b-17de-4dc8-a5f2-bb1d1d42ea47"
    course["course_runs"].append(older)

    api.import_courses(answer)
    assert api.find_courses([course["key"]])[course["key"]].advertised_run_key == QUANTUM

    course["advertised_course_run_uuid"] = older["uuid"]
    api.import_courses(answer)
    assert api.find_courses([course["key"]])[course["key"]].advertised_run_key == older["key"]


def test_a_flag_that_says_no_closes_the_run(answer):
    answer["results"][0]["course_runs"][0]["is_enrollable"] = False

    api.import_courses(answer)

    assert not api.find_runs([ANALYTICS])[ANALYTICS].is_enrollable


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("key", "nonsense", r"results\[0\].course_runs\[0\].key: is not a course run key"),
        ("start", "soon", r"results\[0\].course_runs\[0\].start: is not a time"),
        ("pacing_type", "fast", r"results\[0\].course_runs\[0\].pacing_type: must be"),
        ("seats", {}, r"results\[0\].course_runs\[0\].seats: must be a list"),
        (
            "seats",
            [{"type": "audit", "price": "free"}],
            r"results\[0\].course_runs\[0\].seats\[0\].price: is not a number",
        ),
        (
            "seats",
            [{"type": "audit", "price": "-1.00"}],
            r"results\[0\].course_runs\[0\].seats\[0\].price: must be at least 0",
        ),
        ("seats", [{"type": "audit", "price": "0.001"}], "decimal places"),
        ("seats", [{"price": "0"}], r"seats\[0\].type: is required"),
    ],
)
def test_a_wrong_answer_is_refused_with_path_and_reason(answer, field, value, words):
    answer["results"][0]["course_runs"][0][field] = value

    with pytest.raises(CatalogInvalid, match=words):
        api.import_courses(answer)

    assert not models.Course.objects.exists()


def test_all_faults_are_named(answer):
    answer["results"][0]["title"] = None
    answer["results"][1]["key"] = 7

    with pytest.raises(CatalogInvalid) as refused:
        api.import_courses(answer)

    assert [problem.split(":")[0] for problem in refused.value.problems] == [
        "results[0].title",
        "results[1].key",
    ]


def test_a_course_listed_twice_is_refused(answer):
    answer["results"].append(answer["results"][0])

    with pytest.raises(CatalogInvalid, match="listed twice"):
        api.import_courses(answer)


@pytest.mark.parametrize("document", [None, 7, "text", {}, {"results": {}}, {"detail": "Not found."}])
def test_what_is_no_answer_at_all_is_refused(document):
    with pytest.raises(CatalogInvalid, match="not an answer"):
        api.import_courses(document)


def test_what_an_answer_does_not_say_stays_as_it_is(answer):
    api.import_courses(answer)
    models.Run.objects.filter(key=ANALYTICS).update(max_enrollments=5, blocked_countries=["KP"])

    assert api.import_courses(answer).courses == Saved(unchanged=2)
    assert api.find_runs([ANALYTICS])[ANALYTICS].max_enrollments == 5
