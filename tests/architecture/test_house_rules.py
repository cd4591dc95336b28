"""Rules of the house that a program can check."""

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.apps import apps
from django.db import models

from bursar.config import variables

pytestmark = [pytest.mark.once]

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "bursar"
WITHOUT_README = {"config", "events", "lib"}


def modules() -> list[Path]:
    return [path for path in SOURCE.rglob("*.py") if not {"migrations", "tests"} & set(path.parts)]


def own_models() -> Iterator[type[models.Model]]:
    for model in apps.get_models():
        if model.__module__.startswith("bursar.") and "simple_history" not in str(model.__bases__):
            yield model


def test_no_foreign_key_crosses_two_apps():
    crossing = [
        f"{model._meta.label}.{field.name} -> {field.related_model._meta.label}"
        for model in own_models()
        for field in model._meta.get_fields()
        if isinstance(field, models.ForeignKey | models.ManyToManyField)
        and field.related_model._meta.app_label != model._meta.app_label
        and field.related_model.__module__.startswith("bursar.")
    ]

    assert crossing == []


def test_every_model_says_what_a_row_is():
    # Django gives a model without a docstring one that lists its fields: "Plan(id, title, ...)".
    silent = [
        model._meta.label
        for model in own_models()
        if (inspect.getdoc(model) or "").startswith(f"{model.__name__}(")
    ]

    assert silent == []


def test_every_module_says_what_it_is_for():
    silent = [
        str(path.relative_to(SOURCE))
        for path in modules()
        if (source := path.read_text()).strip() and not ast.get_docstring(ast.parse(source))
    ]

    assert silent == []


def test_no_work_is_left_for_later_in_comments():
    marks = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
    left = [str(path.relative_to(SOURCE)) for path in modules() if marks.search(path.read_text())]

    assert left == []


def test_no_file_has_a_name_that_says_nothing():
    empty_names = {"utils.py", "util.py", "helpers.py", "managers.py", "common.py", "misc.py", "signals.py"}

    assert [str(path.relative_to(SOURCE)) for path in modules() if path.name in empty_names] == []


def test_every_app_explains_itself():
    packages = {path.name for path in SOURCE.iterdir() if (path / "__init__.py").exists()}
    silent = {name for name in packages - WITHOUT_README if not (SOURCE / name / "README.md").exists()}

    assert silent == set()


def test_every_variable_that_the_settings_read_is_in_the_table():
    source = (SOURCE / "config" / "settings.py").read_text()
    read = set(re.findall(r'env\.\w+\(\s*"([A-Z_]+)"', source))

    assert read
    assert read - set(variables.VARIABLES) == set()


def test_the_readme_lists_the_variables():
    readme = (ROOT / "README.md").read_text()

    assert [name for name in variables.VARIABLES if f"`{name}`" not in readme] == []


@pytest.mark.parametrize(
    "pattern", [r"https?://[^\s\"']*pypi", r"index-url", r"(?<![\w.])/(?:home|root|Users|work)/\w"]
)
def test_no_file_names_a_registry_or_a_machine(pattern):
    files = [ROOT / "Makefile", ROOT / ".ci" / "run", ROOT / ".importlinter", *modules()]
    files += [
        path for kind in ("*.md", "*.toml", "requirements/*", "docs/**/*.md") for path in ROOT.glob(kind)
    ]
    found = [
        str(path.relative_to(ROOT))
        for path in files
        if re.search(pattern, path.read_text(errors="replace").replace("--no-emit-index-url", ""))
    ]

    assert found == []
