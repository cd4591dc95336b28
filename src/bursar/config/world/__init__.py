"""Loading what people wrote in files: world files (``bursar load``) and course-discovery answers.

``reading`` turns a file into plain data, ``document`` into types, ``checking`` compares these with
each other and with the database, ``saving`` writes. Nothing is written unless all of it is right.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.db import IntegrityError
from pydantic import ValidationError

from bursar.catalog import api as catalog
from bursar.catalog.data import CatalogInvalid
from bursar.config.world import checking, reading, saving
from bursar.config.world.document import World
from bursar.config.world.reports import Report, WorldError
from bursar.lib import clock
from bursar.lib.errors import DomainError
from bursar.lib.problems import list_problems

__all__ = ["Report", "WorldError", "import_courses", "load"]


def load(path: Path) -> Report:
    """Makes the database as the world file says, and reports what that took.

    Loading again changes nothing; a changed value is updated; what the file leaves out stays as it is.
    Relative times and passwords count when a row is first made.
    Errors: WorldError with every fault, and nothing is written; OSError if the file cannot be read.
    """
    written = reading.read_yaml(path)
    try:
        world = World.model_validate(written, context={"now": clock.now()})
    except ValidationError as error:
        raise WorldError(path, list_problems(error)) from error
    problems = checking.find_problems(world)
    if problems:
        raise WorldError(path, problems)
    report = Report(path)
    with _refusals(path):
        saving.save(world, report)
    return report


def import_courses(path: Path) -> Report:
    """Loads a course-discovery answer (JSON) and reports what was done, what was left out, and why.

    Errors: WorldError with every fault, and nothing is written; OSError if the file cannot be read.
    """
    document = reading.read_json(path)
    try:
        imported = catalog.import_courses(document)
    except CatalogInvalid as error:
        raise WorldError(path, [((), problem) for problem in error.problems]) from error
    report = Report(path)
    report.add("courses", imported.courses)
    runs = "run" if imported.run_count == 1 else "runs"
    report.notes.append(f"the courses have {imported.run_count} {runs}")
    report.notes += [f"{note.path}: {note.reason}" if note.path else note.reason for note in imported.notes]
    return report


@contextmanager
def _refusals(path: Path) -> Iterator[None]:
    """A refusal in the middle of a load: what could not be seen before, or changed since it was checked."""
    try:
        yield
    except (DomainError, IntegrityError) as error:
        sentence = str(error).strip().rstrip(".")
        reason = f"{sentence}. What came before it is loaded; mend this and load again."
        raise WorldError(path, [((), reason)]) from error
