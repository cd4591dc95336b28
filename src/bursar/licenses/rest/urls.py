"""Paths of licenses below /api/v1/. license-manager takes each with or without its last slash."""

from django.urls import re_path

from bursar.licenses.rest import learners, licenses
from bursar.licenses.rest.bulk import BulkLicenseEnrollmentView

urlpatterns = [
    re_path(
        r"^bulk-license-enrollment/?$", BulkLicenseEnrollmentView.as_view(), name="bulk-license-enrollment"
    ),
    re_path(r"^learner-licenses/?$", learners.LearnerLicensesView.as_view(), name="learner-licenses"),
    re_path(r"^license-activation/?$", learners.LicenseActivationView.as_view(), name="license-activation"),
    re_path(
        r"^subscriptions/(?P<plan_uuid>[^/]+)/licenses/overview/?$",
        licenses.LicenseOverviewView.as_view(),
        name="license-overview",
    ),
]
