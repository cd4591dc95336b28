"""Paths of licenses below /api/v1/. license-manager takes each with or without its last slash."""

from django.urls import re_path

from bursar.licenses.rest import applying, learners, licenses, writes
from bursar.licenses.rest.bulk import BulkLicenseEnrollmentView

_LICENSES = r"^subscriptions/(?P<plan_uuid>[^/]+)/licenses"

urlpatterns = [
    re_path(rf"{_LICENSES}/assign/?$", writes.AssignLicensesView.as_view()),
    re_path(rf"{_LICENSES}/remind/?$", writes.RemindLicensesView.as_view()),
    re_path(rf"{_LICENSES}/remind-all/?$", writes.RemindAllLicensesView.as_view()),
    re_path(rf"{_LICENSES}/bulk-revoke/?$", writes.RevokeLicensesView.as_view()),
    re_path(rf"{_LICENSES}/revoke-all/?$", writes.RevokeAllLicensesView.as_view()),
    re_path(r"^customer-agreement/(?P<agreement_uuid>[^/]+)/auto-apply/?$", applying.AutoApplyView.as_view()),
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
