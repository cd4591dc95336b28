"""The door of the catalog.

``find_courses`` and ``find_runs`` say what there is; a ``Run`` answers for itself whether people can
be put in (``refusal``) and in which mode (``best_mode``). ``find_catalogs_with_runs`` and
``find_catalogs_with_courses`` say what a customer may use. ``save_courses``, ``save_catalogs`` and
``import_courses`` fill it.
"""

from bursar.catalog.keys import is_course_key, is_run_key, org_of_run
from bursar.catalog.service.importing import import_courses
from bursar.catalog.service.reading import (
    find_catalogs,
    find_catalogs_of,
    find_catalogs_with_courses,
    find_catalogs_with_runs,
    find_courses,
    find_runs,
    list_catalogs,
)
from bursar.catalog.service.saving import save_catalogs, save_courses

__all__ = [
    "find_catalogs",
    "find_catalogs_of",
    "find_catalogs_with_courses",
    "find_catalogs_with_runs",
    "find_courses",
    "find_runs",
    "import_courses",
    "is_course_key",
    "is_run_key",
    "list_catalogs",
    "org_of_run",
    "save_catalogs",
    "save_courses",
]
