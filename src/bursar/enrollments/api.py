"""The door of enrollments: put people into runs, and say who is in."""

from bursar.enrollments.service import enroll, find_enrollments

__all__ = ["enroll", "find_enrollments"]
