"""Importing what a course-discovery service answered."""

from typing import Any

from bursar.catalog import wire
from bursar.catalog.data import CourseImport
from bursar.catalog.service.saving import save_courses


def import_courses(document: Any) -> CourseImport:
    """Saves the courses of a course-discovery answer: a page of them, a list, or a single one.

    A run's modes become those of its seats. Errors: CatalogInvalid with every fault, path and reason,
    and nothing is written. Effects: those of ``save_courses``.
    """
    courses, notes = wire.read_courses(document)
    return CourseImport(
        courses=save_courses(courses), run_count=sum(len(course.runs) for course in courses), notes=notes
    )
