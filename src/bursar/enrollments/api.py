"""The door of enrollments: put people into runs, take them out, and say who is in.

``enroll`` takes any number of entries, and ``rehearse`` says what it would do with them. The functions and
exceptions from ``lms`` are the LMS's own, for code that calls them today: one person at a time, by username.
"""

from bursar.enrollments.lms import (
    CourseEnrollmentClosedError,
    CourseEnrollmentError,
    CourseEnrollmentExistsError,
    CourseEnrollmentFullError,
    CourseEnrollmentNotUpdatableError,
    CourseIdMissingException,
    CourseModeNotFoundError,
    CourseNotFoundError,
    EnrollmentNotAllowed,
    EnrollmentNotFoundError,
    InvalidEnrollmentAttribute,
    UserDoesNotExistException,
    UserNotFoundError,
    add_enrollment,
    get_course_enrollment_details,
    get_enrollment,
    get_enrollment_attributes,
    get_enrollments,
    get_user_roles,
    get_verified_enrollments,
    lms_enroll_user_in_course,
    lms_update_or_create_enrollment,
    set_enrollment_attributes,
    unenroll_user_from_all_courses,
    update_enrollment,
    validate_course_mode,
)
from bursar.enrollments.service.enrolling import enroll, rehearse
from bursar.enrollments.service.leaving import leave_all
from bursar.enrollments.service.places import find_enrollments, find_settled, list_enrollments

__all__ = [
    "CourseEnrollmentClosedError",
    "CourseEnrollmentError",
    "CourseEnrollmentExistsError",
    "CourseEnrollmentFullError",
    "CourseEnrollmentNotUpdatableError",
    "CourseIdMissingException",
    "CourseModeNotFoundError",
    "CourseNotFoundError",
    "EnrollmentNotAllowed",
    "EnrollmentNotFoundError",
    "InvalidEnrollmentAttribute",
    "UserDoesNotExistException",
    "UserNotFoundError",
    "add_enrollment",
    "enroll",
    "find_enrollments",
    "find_settled",
    "get_course_enrollment_details",
    "get_enrollment",
    "get_enrollment_attributes",
    "get_enrollments",
    "get_user_roles",
    "get_verified_enrollments",
    "leave_all",
    "list_enrollments",
    "lms_enroll_user_in_course",
    "lms_update_or_create_enrollment",
    "rehearse",
    "set_enrollment_attributes",
    "unenroll_user_from_all_courses",
    "update_enrollment",
    "validate_course_mode",
]
