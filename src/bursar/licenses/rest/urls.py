"""Paths of licenses below /api/v1/. license-manager takes each with or without its last slash."""

from django.urls import re_path

from bursar.licenses.rest import (
    applying,
    learners,
    licenses,
    plans,
    provisioning,
    renewals,
    retirement,
    staff,
    writes,
)
from bursar.licenses.rest.bulk import BulkLicenseEnrollmentView

_PLAN = r"^subscriptions/(?P<plan_uuid>[^/]+)"

urlpatterns = [
    re_path(rf"{_PLAN}/licenses/assign/?$", writes.AssignLicensesView.as_view()),
    re_path(rf"{_PLAN}/licenses/remind/?$", writes.RemindLicensesView.as_view()),
    re_path(rf"{_PLAN}/licenses/remind-all/?$", writes.RemindAllLicensesView.as_view()),
    re_path(rf"{_PLAN}/licenses/bulk-revoke/?$", writes.RevokeLicensesView.as_view()),
    re_path(rf"{_PLAN}/licenses/revoke-all/?$", writes.RevokeAllLicensesView.as_view()),
    re_path(r"^customer-agreement/(?P<agreement_uuid>[^/]+)/auto-apply/?$", applying.AutoApplyView.as_view()),
    re_path(
        r"^bulk-license-enrollment/?$", BulkLicenseEnrollmentView.as_view(), name="bulk-license-enrollment"
    ),
    re_path(r"^learner-licenses/?$", learners.LearnerLicensesView.as_view(), name="learner-licenses"),
    re_path(r"^license-activation/?$", learners.LicenseActivationView.as_view(), name="license-activation"),
    re_path(r"^license-subsidy/?$", learners.LicenseSubsidyView.as_view(), name="license-subsidy"),
    re_path(r"^customer-agreement/?$", plans.AgreementsView.as_view(), name="customer-agreements"),
    re_path(r"^retire_user/?$", retirement.RetireUserView.as_view(), name="retire-user"),
    re_path(
        r"^customer-agreement/(?P<agreement_uuid>[^/]+)/?$",
        plans.AgreementView.as_view(),
        name="customer-agreement",
    ),
    re_path(r"^subscriptions/?$", plans.SubscriptionsView.as_view(), name="subscriptions"),
    re_path(rf"{_PLAN}/?$", plans.SubscriptionView.as_view(), name="subscription"),
    re_path(
        r"^learner-subscriptions/?$", plans.LearnerSubscriptionsView.as_view(), name="learner-subscriptions"
    ),
    re_path(
        r"^learner-subscriptions/(?P<plan_uuid>[^/]+)/?$",
        plans.LearnerSubscriptionView.as_view(),
        name="learner-subscription",
    ),
    re_path(rf"{_PLAN}/license/?$", licenses.OwnLicenseView.as_view(), name="own-license"),
    re_path(rf"{_PLAN}/licenses/?$", licenses.LicensesView.as_view(), name="licenses"),
    re_path(
        rf"{_PLAN}/licenses/overview/?$", licenses.LicenseOverviewView.as_view(), name="license-overview"
    ),
    re_path(rf"{_PLAN}/licenses/csv/?$", licenses.LicenseCsvView.as_view(), name="license-csv"),
    re_path(
        rf"{_PLAN}/licenses/(?P<license_uuid>[0-9a-fA-F-]{{36}})/?$",
        licenses.LicenseView.as_view(),
        name="license",
    ),
    re_path(r"^admin-license-view/?$", staff.AdminLicenseView.as_view(), name="admin-license-view"),
    re_path(r"^staff_lookup_licenses/?$", staff.StaffLookupView.as_view(), name="staff-lookup-licenses"),
    re_path(
        r"^provisioning-admins/customer-agreement/?$",
        provisioning.AgreementsView.as_view(),
        name="provisioned-agreements",
    ),
    re_path(
        r"^provisioning-admins/customer-agreement/(?P<agreement_uuid>[^/]+)/?$",
        provisioning.AgreementView.as_view(),
        name="provisioned-agreement",
    ),
    re_path(
        r"^provisioning-admins/subscriptions/?$",
        provisioning.ProvisionedPlansView.as_view(),
        name="provisioned-plans",
    ),
    re_path(
        r"^provisioning-admins/subscriptions/(?P<plan_uuid>[^/]+)/?$",
        provisioning.ProvisionedPlanView.as_view(),
        name="provisioned-plan",
    ),
    re_path(
        r"^provisioning-admins/subscription-plan-renewals/?$",
        renewals.RenewalsView.as_view(),
        name="renewals",
    ),
    re_path(
        r"^provisioning-admins/subscription-plan-renewals/(?P<renewal_id>[^/]+)/?$",
        renewals.RenewalView.as_view(),
        name="renewal",
    ),
    re_path(
        r"^provisioning-admins/subscription-plan-renewals/(?P<renewal_id>[^/]+)/process/?$",
        renewals.ProcessRenewalView.as_view(),
        name="process-renewal",
    ),
]
