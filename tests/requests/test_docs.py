"""The API describes itself: completely, correctly, and without an outside host."""

import re

import pytest
from django.contrib.staticfiles import finders
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.validation import validate_schema

pytestmark = [pytest.mark.django_db, pytest.mark.once]


@pytest.fixture(autouse=True)
def real_urls(settings):
    settings.ROOT_URLCONF = "bursar.config.urls"


def test_the_description_is_valid_and_leaves_nothing_to_guess(capsys):
    GENERATOR_STATS.reset()

    with GENERATOR_STATS.silence():
        description = SchemaGenerator().get_schema(request=None, public=True)

    problems = {**GENERATOR_STATS._error_cache, **GENERATOR_STATS._warn_cache}
    assert not problems, "\n".join(problems)
    validate_schema(description)


def test_every_operation_has_a_summary_and_the_tag_of_its_context(client):
    description = client.get("/api/schema/").json()

    known = {tag["name"] for tag in description["tags"]}
    for path, operations in description["paths"].items():
        for method, operation in operations.items():
            assert operation.get("summary"), f"{method} {path} has no summary"
            assert set(operation["tags"]) <= known, f"{method} {path} belongs to no context"


def test_the_description_is_public_and_says_how_to_authorize(client):
    description = client.get("/api/schema/", headers={"Authorization": "JWT worn.out.token"}).json()

    assert description["components"]["securitySchemes"]["jwt"] == {
        "type": "apiKey",
        "in": "header",
        "name": "Authorization",
        "description": "The word JWT, a blank, and the token that `bursar token EMAIL` prints.",
    }


def test_the_description_comes_as_yaml_too(client):
    answer = client.get("/api/schema/?format=yaml")

    assert answer.content.startswith(b"openapi:")


def test_the_pages_load_nothing_from_outside(client):
    page = client.get("/api/docs/").content.decode()

    loaded = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert len(loaded) >= 4
    for address in loaded:
        assert address.startswith("/static/"), address
        assert finders.find(address.removeprefix("/static/")), address
    assert "https://" not in page.replace("https://github.com/swagger-api", "")
    assert '"validatorUrl": null' in page


def test_the_files_of_the_pages_are_served(client):
    page = client.get("/api/docs/").content.decode()
    style = re.search(r'href="([^"]+\.css)"', page)

    assert style
    assert client.get(style[1]).status_code == 200
