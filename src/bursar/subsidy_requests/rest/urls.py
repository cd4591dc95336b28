"""Paths of requests below /api/v1/. enterprise-access wants the last slash."""

from django.urls import path

from bursar.subsidy_requests.rest import views

urlpatterns = [
    path("license-requests/", views.LicenseRequestsView.as_view(), name="license-requests"),
    path(
        "license-requests/approve/",
        views.ApproveLicenseRequestsView.as_view(),
        name="license-requests-approve",
    ),
    path(
        "license-requests/decline/",
        views.DeclineLicenseRequestsView.as_view(),
        name="license-requests-decline",
    ),
    path("license-requests/<uuid:request_uuid>/", views.LicenseRequestView.as_view(), name="license-request"),
    path(
        "license-requests/<uuid:request_uuid>/history/",
        views.LicenseRequestHistoryView.as_view(),
        name="license-request-history",
    ),
    path("customer-configurations/", views.ConfigurationsView.as_view(), name="customer-configurations"),
    path(
        "customer-configurations/<uuid:customer_uuid>/",
        views.ConfigurationView.as_view(),
        name="customer-configuration",
    ),
]
