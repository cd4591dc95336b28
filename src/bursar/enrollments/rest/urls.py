"""The LMS's paths of enrollments. Slashes as the LMS has them: some with, some without, one either way."""

from django.urls import re_path

from bursar.enrollments.rest.listing import EnrollmentsListView
from bursar.enrollments.rest.staff import BulkEnrollView, EnrollmentAllowedView, UnenrollmentView
from bursar.enrollments.rest.views import CourseView, EnrollmentsView, EnrollmentView, RolesView

_RUN = r"(?P<course_id>[^/+]+(/|\+)[^/+]+(/|\+)[^/?]+)"
_PERSON = r"(?P<username>[\w .@_+-]+)"

urlpatterns = [
    re_path(r"^api/enrollment/v1/enrollment$", EnrollmentsView.as_view()),
    re_path(rf"^api/enrollment/v1/enrollment/{_PERSON},{_RUN}$", EnrollmentView.as_view()),
    re_path(rf"^api/enrollment/v1/enrollment/{_RUN}$", EnrollmentView.as_view()),
    re_path(r"^api/enrollment/v1/enrollments/?$", EnrollmentsListView.as_view()),
    re_path(rf"^api/enrollment/v1/course/{_RUN}$", CourseView.as_view()),
    re_path(r"^api/enrollment/v1/roles/$", RolesView.as_view()),
    re_path(r"^api/enrollment/v1/unenroll/$", UnenrollmentView.as_view()),
    re_path(r"^api/enrollment/v1/enrollment_allowed/$", EnrollmentAllowedView.as_view()),
    re_path(r"^api/bulk_enroll/v1/bulk_enroll/?$", BulkEnrollView.as_view()),
]
