"""Paths of customers below /enterprise_learner_portal/api/v1/."""

from django.urls import path

from bursar.customers.rest.portal import CourseEnrollmentsView

urlpatterns = [
    path("enterprise_course_enrollments/", CourseEnrollmentsView.as_view(), name="own-course-enrollments"),
]
