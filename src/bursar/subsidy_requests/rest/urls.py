"""Paths of requests below /api/v1/. enterprise-access wants the last slash."""

from typing import Any

from django.urls import URLPattern, path

from bursar.subsidy_requests.rest import answers, configurations, learner_credit, matching, schemas, views
from bursar.subsidy_requests.rest.shared import RequestsView, of_kind
from bursar.subsidy_requests.service.kinds import COUPON_CODES, LICENSES, Kind


def _paths(kind: Kind, words: str) -> list[URLPattern]:
    """The paths of one kind of requests, called ``words`` in the descriptions."""
    prefix = f"{words.replace(' ', '-')}-requests"

    def at(rest: str, name: str, view: type[RequestsView], **operations: dict[str, Any]) -> URLPattern:
        return path(f"{prefix}/{rest}", of_kind(view, kind, **operations).as_view(), name=f"{prefix}{name}")

    new, approve = views.NEW_BODIES[kind.subsidy_type], answers.APPROVE_BODIES[kind.subsidy_type]
    approve_matching = matching.APPROVE_BODIES[kind.subsidy_type]
    shapes = schemas.SHAPES[kind.subsidy_type]
    asked = {201: shapes.row, 400: schemas.INVALID_FIELDS, 422: schemas.REFUSED}
    answered = {200: shapes.answered, 400: schemas.INVALID, 422: schemas.REFUSED}
    return [
        at(
            "",
            "",
            views.ListView,
            get={"summary": f"List {words} requests", "responses": shapes.page},
            post={"summary": f"Ask for a {words}", "request": new, "responses": asked},
        ),
        at("overview/", "-overview", views.OverviewView, get={"summary": f"Count {words} requests by state"}),
        at(
            "capacity/",
            "-capacity",
            views.CapacityView,
            get={
                "summary": f"Compare waiting {words} requests with what is free",
                "responses": {200: shapes.capacity, 422: schemas.REFUSED},
            },
        ),
        at(
            "approve/",
            "-approve",
            answers.ApproveView,
            post={"summary": f"Approve {words} requests", "request": approve, "responses": answered},
        ),
        at(
            "decline/",
            "-decline",
            answers.DeclineView,
            post={"summary": f"Decline {words} requests", "responses": answered},
        ),
        at(
            "approve-matching/",
            "-approve-matching",
            matching.ApproveMatchingView,
            post={"summary": f"Approve all {words} requests that match", "request": approve_matching},
        ),
        at(
            "decline-matching/",
            "-decline-matching",
            matching.DeclineMatchingView,
            post={"summary": f"Decline all {words} requests that match"},
        ),
        at(
            "<uuid:request_uuid>/",
            "-one",
            views.DetailView,
            get={"summary": f"Read a {words} request", "responses": shapes.row},
            delete={"summary": f"Withdraw your {words} request"},
        ),
        at(
            "<uuid:request_uuid>/history/",
            "-history",
            views.HistoryView,
            get={"summary": f"Read the story of a {words} request"},
        ),
    ]


urlpatterns = [
    *_paths(LICENSES, "license"),
    *_paths(COUPON_CODES, "coupon code"),
    path(
        "learner-credit-requests/",
        learner_credit.LearnerCreditRequestsView.as_view(),
        name="learner-credit-requests",
    ),
    path(
        "learner-credit-requests/overview/",
        learner_credit.LearnerCreditOverviewView.as_view(),
        name="learner-credit-requests-overview",
    ),
    path(
        "customer-configurations/",
        configurations.ConfigurationsView.as_view(),
        name="customer-configurations",
    ),
    path(
        "customer-configurations/<uuid:customer_uuid>/",
        configurations.ConfigurationView.as_view(),
        name="customer-configuration",
    ),
]
