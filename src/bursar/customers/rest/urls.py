"""Paths of customers below /enterprise/api/v1/, each with or without its last slash as in edx-enterprise."""

from django.urls import path

from bursar.customers.rest import learners, organizations
from bursar.customers.rest.fulfillments import (
    CancelFulfillmentView,
    FulfillmentView,
    LicenseRevokeView,
    LicensesExpirationView,
    UnenrolledFulfillmentsView,
)
from bursar.customers.rest.invites import (
    InviteKeyListView,
    InviteKeysView,
    InviteKeyView,
    LinkByKeyView,
    UniversalLinkView,
)
from bursar.customers.rest.linking import (
    LinkLearnersView,
    PendingLearnersView,
    UnlinkLearnersView,
    UnlinkSelfView,
)
from bursar.customers.rest.views import BulkEnrollmentView

urlpatterns = [
    path("enterprise-customer/", organizations.CustomersView.as_view(), name="customers"),
    path(
        "enterprise-customer/dashboard_list/",
        organizations.DashboardCustomersView.as_view(),
        name="dashboard-customers",
    ),
    path("enterprise-customer/basic_list/", organizations.CustomerNamesView.as_view(), name="customer-names"),
    path("enterprise-customer/<uuid:customer_uuid>/", organizations.CustomerView.as_view(), name="customer"),
    path("enterprise-learner/", learners.LearnersView.as_view(), name="learners"),
    path(
        "enterprise-customer-members/<uuid:customer_uuid>",
        learners.MembersView.as_view(),
        name="customer-members",
    ),
    path(
        "enterprise-customer/<uuid:customer_uuid>/enroll_learners_in_courses/",
        BulkEnrollmentView.as_view(),
        name="bulk-enrollment",
    ),
    path(
        "licensed-enterprise-course-enrollment/license_revoke/",
        LicenseRevokeView.as_view(),
        name="license-revoke",
    ),
    path(
        "licensed-enterprise-course-enrollment/bulk_licensed_enrollments_expiration/",
        LicensesExpirationView.as_view(),
        name="licenses-expiration",
    ),
    path(
        "enterprise-subsidy-fulfillment/<uuid:fulfillment_uuid>/",
        FulfillmentView.as_view(),
        name="fulfillment",
    ),
    path(
        "enterprise-subsidy-fulfillment/<uuid:fulfillment_uuid>/cancel-fulfillment",
        CancelFulfillmentView.as_view(),
        name="cancel-fulfillment",
    ),
    path(
        "operator/enterprise-subsidy-fulfillment/unenrolled/",
        UnenrolledFulfillmentsView.as_view(),
        name="unenrolled-fulfillments",
    ),
    path(
        "enterprise-customer/<uuid:customer_uuid>/unlink_users/",
        UnlinkLearnersView.as_view(),
        name="unlink-learners",
    ),
    path(
        "enterprise-customer/<uuid:customer_uuid>/unlink_self/", UnlinkSelfView.as_view(), name="unlink-self"
    ),
    path(
        "enterprise-customer/<uuid:customer_uuid>/toggle_universal_link/",
        UniversalLinkView.as_view(),
        name="universal-link",
    ),
    path(
        "enterprise-customer-invite-key/basic-list/",
        InviteKeyListView.as_view(),
        name="invite-keys-of-customer",
    ),
    path("enterprise-customer-invite-key/", InviteKeysView.as_view(), name="invite-keys"),
    path("enterprise-customer-invite-key/<uuid:key_uuid>/", InviteKeyView.as_view(), name="invite-key"),
    path(
        "enterprise-customer-invite-key/<uuid:invitation_uuid>/link-user/",
        LinkByKeyView.as_view(),
        name="link-by-key",
    ),
    path("pending-enterprise-learner/", PendingLearnersView.as_view(), name="pending-learners"),
    path(
        "link_pending_enterprise_users/<uuid:customer_uuid>", LinkLearnersView.as_view(), name="link-learners"
    ),
]
