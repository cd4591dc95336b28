"""The door of enrollments: put people into runs, and say who is in."""

from bursar.enrollments.service.enrolling import enroll
from bursar.enrollments.service.places import find_enrollments

__all__ = ["enroll", "find_enrollments"]
