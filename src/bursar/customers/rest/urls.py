"""Paths of customers below /enterprise/api/v1/, each with its last slash, as in edx-enterprise."""

from django.urls import path

from bursar.customers.rest.views import BulkEnrollmentView

urlpatterns = [
    path(
        "enterprise-customer/<uuid:customer_uuid>/enroll_learners_in_courses/",
        BulkEnrollmentView.as_view(),
        name="bulk-enrollment",
    ),
]
