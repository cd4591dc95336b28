"""docs/wire.toml, docs/wire.md and the routes say the same."""

import pytest

from bursar.config.errors import API_PREFIXES
from tests.architecture import wire
from tests.cast import OLGA

pytestmark = pytest.mark.once

ENTRIES = wire.entries()
HOW_TO_MEND = "Mend docs/wire.toml, then type: .venv/bin/python -m tests.architecture.wire"


def test_no_path_is_listed_twice():
    names = [entry.name for entry in ENTRIES]

    assert len(names) == len(set(names))


def test_what_is_served_is_routed_and_what_is_not_served_is_a_404():
    views = {entry.name: entry.view() for entry in ENTRIES}
    served = {id(views[entry.name]) for entry in ENTRIES if entry.is_served}

    missing = [entry.name for entry in ENTRIES if entry.is_served and views[entry.name] is None]
    # A path may run into the {part} of a served one ("overview" taken for a uuid): that view answers 404.
    surplus = [
        entry.name
        for entry in ENTRIES
        if not entry.is_served and views[entry.name] is not None and id(views[entry.name]) not in served
    ]

    assert not missing, f"not routed: {missing}. {HOW_TO_MEND}"
    assert not surplus, f"routed, but not served according to the table: {surplus}. {HOW_TO_MEND}"


@pytest.mark.django_db
def test_a_front_end_that_calls_what_is_not_served_gets_a_404_and_goes_on(client_of):
    client = client_of(OLGA)
    wrong = {}
    for entry in ENTRIES:
        if not entry.is_served:
            answer = client.generic(entry.method, entry.example, HTTP_ACCEPT="application/json, */*")
            if answer.status_code not in (404, 405) or answer.get("Content-Type") != "application/json":
                wrong[entry.name] = f"{answer.status_code} {answer['Content-Type']}"

    assert wrong == {}


def test_every_path_of_the_api_is_in_the_table():
    listed = {(entry.method, id(entry.view())) for entry in ENTRIES if entry.is_served}

    unlisted = [
        f"{method} {route}"
        for route, view in wire.routes()
        if route.replace("^", "").startswith(API_PREFIXES)
        for method in wire.methods_of(view)
        if (method, id(view)) not in listed
    ]

    assert not unlisted, f"{unlisted} should be in the table. {HOW_TO_MEND}"


@pytest.mark.parametrize(
    "entry", [entry for entry in ENTRIES if entry.is_served], ids=lambda entry: entry.name
)
def test_the_tests_that_the_table_names_exist(entry):
    file, _, name = entry.test.partition("::")

    assert (wire.REPOSITORY / file).exists(), f"{entry.name}: no file {file}"
    assert f"def {name}(" in (wire.REPOSITORY / file).read_text(), f"{entry.name}: no test {name} in {file}"


def test_the_page_is_up_to_date():
    assert wire.PAGE.exists(), HOW_TO_MEND
    assert wire.PAGE.read_text() == wire.render(), HOW_TO_MEND
