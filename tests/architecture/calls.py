"""Every way to call a route, and who may: a route that is not in ``CALLS`` fails ``test_tenants.py``.

To classify a new route add one ``Call`` per method: how to call it with the ids of a given customer
(``its``), and what people of that customer, outsiders and operators get.
"""

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from django.http import HttpResponse
from rest_framework.test import APIClient

from tests import cast
from tests.architecture.world import (
    ADMIN,
    ANONYMOUS,
    EVERYBODY,
    LEARNER,
    OF_THE_PLATFORM,
    OPERATING_STAFF,
    OPERATOR_,
    OWNER,
    PRODUCT,
    SIGNED_IN,
    STAFF,
    Ids,
)

PLACEHOLDERS: dict[str, Callable[[Ids], object]] = {
    "customer_uuid": lambda its: its.customer,
    "plan_uuid": lambda its: its.plan,
    "request_uuid": lambda its: its.request,
    "username": lambda its: its.username,
    "customer_slug": lambda its: its.slug,
    "activation_key": lambda its: its.activation_key,
    "agreement_uuid": lambda its: its.agreement,
    "license_uuid": lambda its: its.license,
    "token": lambda its: "no-such-token",
    "key_uuid": lambda its: its.invite_key,
    "invitation_uuid": lambda its: cast.NOWHERE,  # who has a key may join: it is the secret
    "course_id": lambda its: cast.CS50_RUN,
    "message_key": lambda its: "default",
    "renewal_id": lambda its: its.renewal,
    "fulfillment_uuid": lambda its: its.fulfillment,
    "job_uuid": lambda its: its.job,
}
"""What stands in a path for ``<name>``."""

Fields = Callable[[Ids], dict[str, Any]]


def _none(its: Ids) -> dict[str, Any]:
    return {}


def _nothing(its: Ids) -> Collection[object]:
    return ()


@dataclass(frozen=True)
class Call:
    """One way to call a route.

    ``may`` has the status for each relation to the customer whose ids are sent; everybody else is refused,
    with the same answer for foreign and for missing ids. ``missing`` is what operators and staff, who may do
    it for every customer, get for ids that nobody has.
    """

    method: str
    path: str
    may: Mapping[str, int]
    refused: int = 403
    missing: int = 404
    anonymous: int = 401
    query: Fields = _none
    body: Fields = _none
    shows: Callable[[Ids], Collection[object]] = _nothing
    """What the answer to an administrator has in it, so that an empty list does not pass for a right one."""
    open: Collection[str] = ()
    """Ids that are no customer's secret: whether they exist may be told, and they may be written down."""
    is_page: bool = False
    """A page for browsers: signed in by session, with the body of a form."""
    about: str = ""

    def __str__(self) -> str:
        return f"{self.method} {self.path}{f' ({self.about})' if self.about else ''}"

    @property
    def route(self) -> tuple[str, str]:
        return self.method, self.path

    def status_for(self, relation: str, *, is_missing: bool = False) -> int:
        """What somebody of this relation to the customer gets."""
        if not self.allows(relation):
            return self.anonymous if relation == ANONYMOUS else self.refused
        if is_missing and relation in OF_THE_PLATFORM:
            return self.missing
        return next(self.may[each] for each in _held_by(relation) if each in self.may)

    def allows(self, relation: str) -> bool:
        """Whether somebody of this relation to the customer may make the call."""
        return any(each in self.may for each in _held_by(relation))

    def names(self) -> set[str]:
        """Which ids the call sends, by the names of ``Ids``."""
        reader = _Reader()
        self.path_for(reader)
        self.query(reader)
        self.body(reader)
        return reader.read

    def path_for(self, its: Ids, **instead: str) -> str:
        """The path of these ids; ``instead`` has other texts for some of its placeholders."""
        path = self.path
        for name, value in PLACEHOLDERS.items():
            if f"<{name}>" in path:
                path = path.replace(f"<{name}>", instead.get(name) or str(value(its)))
        return path

    def send(self, client: APIClient, its: Ids, **changes: Any) -> HttpResponse:
        """Makes the call; ``query``, ``body`` and ``headers`` replace what is sent."""
        return send(
            client,
            self.method,
            self.path_for(its),
            query=changes.get("query", self.query(its)),
            body=changes.get("body", self.body(its)),
            is_form=self.is_page,
            headers=changes.get("headers"),
        )


def _held_by(relation: str) -> tuple[str, ...]:
    return (OPERATOR_, STAFF) if relation == OPERATING_STAFF else (relation,)


class _Reader(Ids):
    """Ids that remember which of them are read."""

    def __init__(self) -> None:
        super().__init__()
        object.__setattr__(self, "read", set())

    def __getattribute__(self, name: str) -> Any:
        if name in Ids.__dataclass_fields__:
            object.__getattribute__(self, "read").add(name)
        return object.__getattribute__(self, name)


def send(
    client: APIClient,
    method: str,
    path: str,
    *,
    query: Mapping[str, Any] | str = "",
    body: Mapping[str, Any] | bytes = b"",
    content_type: str = "application/json",
    is_form: bool = False,
    headers: Mapping[str, str] | None = None,
) -> HttpResponse:
    """Any request, sent as it is; the client keeps no cookie of the answer."""
    kept = client.cookies.copy()
    try:
        options: dict[str, Any] = (
            {"query_params": query} if not isinstance(query, str) else {"QUERY_STRING": query}
        )
        if headers:
            options["headers"] = dict(headers)
        if is_form and method == "POST":
            return client.post(path, body or {}, format="multipart", **options)
        if not isinstance(body, bytes):
            body = json.dumps(body, default=str).encode() if body or method == "POST" else b""
        return client.generic(method, path, body, content_type=content_type, **options)
    finally:
        client.cookies = kept


def text_of(answer: HttpResponse) -> str:
    """The body, whatever it is."""
    content = b"".join(answer.streaming_content) if answer.streaming else answer.content
    return content.decode("utf-8", "replace")


def _all(status: int, *relations: str) -> dict[str, int]:
    return dict.fromkeys(relations, status)


_REQUESTS = "/api/v1/license-requests/"
_CODE_REQUESTS = "/api/v1/coupon-code-requests/"
_CREDIT_REQUESTS = "/api/v1/learner-credit-requests/"
_ENTERPRISE = "/enterprise/api/v1/"
_OWN_COURSES = "/enterprise_learner_portal/api/v1/enterprise_course_enrollments/"
_JOBS = "/api/jobs/v1/jobs/"
_CUSTOMERS = "/enterprise/api/v1/enterprise-customer/"
_ENROLLMENTS = "/api/enrollment/v1/enrollment"
_ENTER_CS50 = {"course_details": {"course_id": cast.CS50_RUN}, "mode": "audit", "is_active": True}
_INVITE_KEYS = "/enterprise/api/v1/enterprise-customer-invite-key/"
_ALLOWED = "/api/enrollment/v1/enrollment_allowed/"
_CONFIGURATIONS = "/api/v1/customer-configurations/"
_ACTIVATION_PAGE = "/<customer_slug>/licenses/<activation_key>/activate"
_SEES_A_REQUEST = _all(200, OWNER, ADMIN, OPERATOR_, STAFF)
_RULES = _all(200, ADMIN, OPERATOR_)
_PROVISIONING = "/api/v1/provisioning-admins/"
_RENEWALS = f"{_PROVISIONING}subscription-plan-renewals/"
_PROVISIONED = _all(200, OPERATOR_)
_PLAN_LICENSES = "/api/v1/subscriptions/<plan_uuid>/licenses"
_LEARNS = _all(200, LEARNER, OWNER, ADMIN, OPERATOR_)
_PLANS = "/api/v1/subscriptions/"
_LEARNERS_PLANS = "/api/v1/learner-subscriptions/"
_AGREEMENTS = "/api/v1/customer-agreement/"

_NEW_ACCOUNT = {
    "email": "new@nowhere.test",
    "username": "newcomer",
    "name": "New Comer",
    "password": "correct horse battery",
    "terms_of_service": "true",
}


def _answer(its: Ids) -> dict[str, Any]:
    return {"enterprise_customer_uuid": its.customer, "subsidy_request_uuids": [its.request]}


def _answer_to_all(its: Ids) -> dict[str, Any]:
    return {"enterprise_customer_uuid": its.customer, "filter": {}}


def _owners_address(its: Ids) -> dict[str, Any]:
    return {"user_emails": [its.email]}


def _of_customer(its: Ids) -> dict[str, Any]:
    return {"enterprise_customer_uuid": its.customer}


CALLS = [
    # config
    Call("GET", "/api/schema/", _all(200, *EVERYBODY)),
    Call("GET", "/api/docs/", _all(200, *EVERYBODY)),
    # subsidy_requests
    Call(
        "GET",
        _REQUESTS,
        _all(200, *SIGNED_IN),
        missing=200,
        query=_of_customer,
        shows=lambda its: [its.request, its.email],
        about="one customer's",
    ),
    Call("GET", _REQUESTS, _all(200, *SIGNED_IN), missing=200, shows=lambda its: [its.request], about="all"),
    Call(
        "GET",
        _REQUESTS,
        _all(200, *SIGNED_IN),
        missing=200,
        query=lambda its: {"uuid": its.request, "user__email": its.email},
        shows=lambda its: [its.request],
        about="by uuid and address",
    ),
    Call(
        "POST",
        _REQUESTS,
        {LEARNER: 201, OWNER: 422, ADMIN: 201, OPERATOR_: 422},
        missing=422,
        body=lambda its: {"enterprise_customer_uuid": its.customer, "course_id": cast.CS50},
    ),
    Call(
        "GET",
        _REQUESTS + "<request_uuid>/",
        _SEES_A_REQUEST,
        refused=404,
        shows=lambda its: [its.request, its.email],
    ),
    Call("DELETE", _REQUESTS + "<request_uuid>/", {OWNER: 204}, refused=404),
    Call("GET", _REQUESTS + "<request_uuid>/history/", _SEES_A_REQUEST, refused=404),
    Call(
        "POST",
        _REQUESTS + "approve/",
        _RULES,
        missing=200,
        body=lambda its: {**_answer(its), "subscription_plan_uuid": its.plan, "send_notification": True},
        shows=lambda its: [its.request, its.plan],
    ),
    Call(
        "POST",
        _REQUESTS + "decline/",
        _RULES,
        missing=422,
        body=lambda its: {**_answer(its), "decline_reason": "Not now.", "send_notification": True},
        shows=lambda its: [its.request],
    ),
    Call(
        "POST",
        _REQUESTS + "approve-matching/",
        _all(202, ADMIN, OPERATOR_),
        missing=422,
        body=lambda its: {**_answer_to_all(its), "subscription_plan_uuid": its.plan},
    ),
    Call(
        "POST",
        _REQUESTS + "decline-matching/",
        _all(202, ADMIN, OPERATOR_),
        missing=422,
        body=lambda its: {**_answer_to_all(its), "decline_reason": "Not now."},
    ),
    Call(
        "GET",
        _REQUESTS + "overview/",
        _RULES,
        missing=200,
        query=_of_customer,
        shows=lambda its: ["requested"],
    ),
    Call(
        "GET", _REQUESTS + "capacity/", _RULES, missing=200, query=_of_customer, shows=lambda its: [its.plan]
    ),
    Call(
        "GET",
        _CODE_REQUESTS,
        _all(200, *SIGNED_IN),
        missing=200,
        query=_of_customer,
        shows=lambda its: [its.request, its.email],
        about="one customer's",
    ),
    Call(
        "GET",
        _CODE_REQUESTS,
        _all(200, *SIGNED_IN),
        missing=200,
        shows=lambda its: [its.request],
        about="all",
    ),
    # Nothing that holds coupons is installed.
    Call(
        "POST",
        _CODE_REQUESTS,
        _all(422, LEARNER, OWNER, ADMIN, OPERATOR_),
        missing=422,
        body=lambda its: {"enterprise_customer_uuid": its.customer, "course_id": cast.CS50},
    ),
    Call(
        "GET",
        _CODE_REQUESTS + "<request_uuid>/",
        _SEES_A_REQUEST,
        refused=404,
        shows=lambda its: [its.request, its.email],
    ),
    Call("DELETE", _CODE_REQUESTS + "<request_uuid>/", {OWNER: 204}, refused=404),
    Call("GET", _CODE_REQUESTS + "<request_uuid>/history/", _SEES_A_REQUEST, refused=404),
    Call(
        "GET",
        _CODE_REQUESTS + "overview/",
        _RULES,
        missing=200,
        query=_of_customer,
        shows=lambda its: ["requested"],
    ),
    Call("GET", _CODE_REQUESTS + "capacity/", _all(422, ADMIN, OPERATOR_), missing=422, query=_of_customer),
    Call(
        "POST",
        _CODE_REQUESTS + "approve/",
        _all(422, ADMIN, OPERATOR_),
        missing=422,
        body=lambda its: {**_answer(its), "coupon_id": 7},
    ),
    Call(
        "POST",
        _CODE_REQUESTS + "decline/",
        _RULES,
        missing=200,
        body=lambda its: {**_answer(its), "decline_reason": "Not now."},
        shows=lambda its: [its.request],
    ),
    Call(
        "POST",
        _CODE_REQUESTS + "approve-matching/",
        _all(422, ADMIN, OPERATOR_),
        missing=422,
        body=lambda its: {**_answer_to_all(its), "coupon_id": 7},
    ),
    Call(
        "POST",
        _CODE_REQUESTS + "decline-matching/",
        _all(202, ADMIN, OPERATOR_),
        missing=422,
        body=lambda its: {**_answer_to_all(its), "decline_reason": "Not now."},
    ),
    # There are none, of no customer.
    Call("GET", _CREDIT_REQUESTS, _all(200, *SIGNED_IN), missing=200, query=_of_customer),
    Call("GET", _CREDIT_REQUESTS + "overview/", _RULES, missing=200, query=_of_customer),
    Call(
        "GET",
        _CONFIGURATIONS,
        _all(200, *SIGNED_IN),
        missing=200,
        shows=lambda its: [its.customer],
        about="all",
    ),
    Call(
        "POST",
        _CONFIGURATIONS,
        _all(400, ADMIN, OPERATOR_),  # there is one already
        missing=400,
        body=lambda its: {"enterprise_customer_uuid": its.customer, "subsidy_type": "license"},
    ),
    Call(
        "PATCH",
        _CONFIGURATIONS + "<customer_uuid>/",
        _RULES,
        body=lambda its: {"subsidy_requests_enabled": False},
        shows=lambda its: [its.customer],
    ),
    Call(
        "GET",
        _CONFIGURATIONS,
        _all(200, *SIGNED_IN),
        missing=200,
        query=_of_customer,
        shows=lambda its: [its.customer],
        about="one customer's",
    ),
    Call(
        "GET",
        _CONFIGURATIONS + "<customer_uuid>/",
        _all(200, LEARNER, OWNER, ADMIN, OPERATOR_, STAFF),
        refused=404,
        shows=lambda its: [its.customer],
    ),
    # licenses
    Call(
        "GET",
        "/api/v1/learner-licenses/",
        _all(200, LEARNER, OWNER, ADMIN, OPERATOR_),
        missing=200,
        query=_of_customer,
        shows=lambda its: [its.customer],
    ),
    Call(
        "POST",
        "/api/v1/license-activation/",
        {OWNER: 200},
        refused=404,
        query=lambda its: {"activation_key": its.activation_key},
    ),
    Call(
        "GET", "/api/v1/subscriptions/<plan_uuid>/licenses/overview/", _RULES, shows=lambda its: ["assigned"]
    ),
    *(
        Call(
            "POST",
            f"{_PLAN_LICENSES}/{action}/",
            _all(status, ADMIN, OPERATOR_),
            body=_owners_address,
            shows=lambda its, shown=shown: [its.email] if shown else [],
            open=("email",),
        )
        for action, status, shown in (
            ("assign", 200, True),
            ("remind", 204, False),
            ("bulk-revoke", 200, True),
        )
    ),
    Call("POST", f"{_PLAN_LICENSES}/remind-all/", _all(204, ADMIN, OPERATOR_)),
    Call("POST", f"{_PLAN_LICENSES}/revoke-all/", _all(204, ADMIN, OPERATOR_)),
    Call(
        "POST",
        "/api/v1/customer-agreement/<agreement_uuid>/auto-apply/",
        _all(422, LEARNER, OWNER, ADMIN, OPERATOR_),
        about="no plan hands out licenses by itself",
    ),
    Call("GET", _PLANS, _RULES, missing=200, query=_of_customer, shows=lambda its: [its.plan]),
    Call("GET", _PLANS + "<plan_uuid>/", _RULES, shows=lambda its: [its.plan, its.customer]),
    Call("GET", _PLANS + "<plan_uuid>/licenses/", _RULES, shows=lambda its: [its.license, its.email]),
    Call("GET", _PLANS + "<plan_uuid>/licenses/<license_uuid>/", _RULES, shows=lambda its: [its.license]),
    Call("GET", _PLANS + "<plan_uuid>/licenses/csv/", _RULES, shows=lambda its: [its.email]),
    Call("GET", _PLANS + "<plan_uuid>/license/", _LEARNS),
    Call("GET", _LEARNERS_PLANS, _LEARNS, missing=200, query=_of_customer, shows=lambda its: [its.plan]),
    Call("GET", _LEARNERS_PLANS + "<plan_uuid>/", _LEARNS, shows=lambda its: [its.plan]),
    Call(
        "GET",
        _AGREEMENTS,
        _LEARNS,
        missing=200,
        query=_of_customer,
        shows=lambda its: [its.agreement, its.plan],
    ),
    Call("GET", _AGREEMENTS + "<agreement_uuid>/", _LEARNS, shows=lambda its: [its.agreement, its.plan]),
    Call(
        "GET",
        "/api/v1/license-subsidy/",
        _all(404, LEARNER, OWNER, ADMIN, OPERATOR_),  # nobody has activated a license
        query=lambda its: {"enterprise_customer_uuid": its.customer, "course_key": cast.CS50},
    ),
    Call(
        "GET",
        "/api/v1/admin-license-view/",
        _all(200, OPERATOR_, STAFF),
        missing=200,
        query=lambda its: {"enterprise_customer_uuid": its.customer, "user_email": its.email},
    ),
    Call(
        "POST",
        "/api/v1/staff_lookup_licenses/",
        _all(200, OPERATOR_, STAFF),
        body=lambda its: {"user_email": its.email},
    ),
    Call(
        "POST",
        "/api/v1/retire_user/",
        _all(204, OPERATOR_, OPERATING_STAFF),
        body=lambda its: {"lms_user_id": its.user_id, "original_username": its.username},
    ),
    # licenses: setting up
    Call(
        "POST",
        f"{_PROVISIONING}customer-agreement/",
        _all(400, OPERATOR_),
        missing=400,
        body=_of_customer,
        about="it has one, or there is no such customer",
    ),
    Call("GET", f"{_PROVISIONING}customer-agreement/<agreement_uuid>/", _PROVISIONED),
    Call(
        "PATCH",
        f"{_PROVISIONING}customer-agreement/<agreement_uuid>/",
        _PROVISIONED,
        body=lambda its: {"disable_expiration_notifications": True},
    ),
    Call("GET", f"{_PROVISIONING}subscriptions/", _PROVISIONED, missing=200, query=_of_customer),
    Call(
        "POST",
        f"{_PROVISIONING}subscriptions/",
        _all(201, OPERATOR_),
        missing=400,
        body=lambda its: {
            "customer_agreement": its.agreement,
            "title": "Another plan",
            "start_date": "2030-01-01T00:00:00Z",
            "expiration_date": "2031-01-01T00:00:00Z",
            "desired_num_licenses": 3,
            "product": PRODUCT,
            "salesforce_opportunity_line_item": None,
            "change_reason": "new",
        },
    ),
    Call("GET", f"{_PROVISIONING}subscriptions/<plan_uuid>/", _PROVISIONED),
    Call(
        "PATCH",
        f"{_PROVISIONING}subscriptions/<plan_uuid>/",
        _PROVISIONED,
        body=lambda its: {"title": "Another title", "is_active": True, "change_reason": "other"},
    ),
    Call(
        "GET",
        _RENEWALS,
        _PROVISIONED,
        missing=200,
        query=lambda its: {"prior_subscription_plan": its.plan},
    ),
    Call(
        "POST",
        _RENEWALS,
        _PROVISIONED,
        missing=400,
        body=lambda its: {
            "prior_subscription_plan": its.plan,
            "number_of_licenses": 10,
            "effective_date": "2030-01-01T00:00:00Z",
            "renewed_expiration_date": "2031-01-01T00:00:00Z",
        },
        about="it is there",
    ),
    Call("GET", f"{_RENEWALS}<renewal_id>/", _PROVISIONED),
    *(
        Call(method, f"{_RENEWALS}<renewal_id>/", _PROVISIONED, body=lambda its: {"number_of_licenses": 20})
        for method in ("PUT", "PATCH")
    ),
    Call("DELETE", f"{_RENEWALS}<renewal_id>/", _all(204, OPERATOR_)),
    Call("POST", f"{_RENEWALS}<renewal_id>/process/", _all(201, OPERATOR_)),
    # customers
    Call(
        "POST",
        "/enterprise/api/v1/enterprise-customer/<customer_uuid>/enroll_learners_in_courses/",
        _all(201, ADMIN, OPERATOR_),
        body=lambda its: {
            "licenses_info": [
                {"email": its.email, "course_run_key": cast.CS50_RUN, "license_uuid": its.license}
            ],
            "notify": True,
        },
        shows=lambda its: [its.email],
        open=(
            "email",
            "license",
        ),  # whom a customer invites is its own affair; the license is only noted down
    ),
    Call(
        "POST",
        f"{_ENTERPRISE}licensed-enterprise-course-enrollment/license_revoke/",
        _all(200, ADMIN, OPERATOR_),
        body=lambda its: {"user_id": its.user_id, "enterprise_id": its.customer, "license_uuid": its.license},
        open=("license", "user_id"),
    ),
    Call(
        "POST",
        f"{_ENTERPRISE}licensed-enterprise-course-enrollment/bulk_licensed_enrollments_expiration/",
        _all(200, OPERATOR_),
        missing=200,
        body=lambda its: {"expired_license_uuids": [its.license]},
        open=("license",),
    ),
    Call(
        "GET",
        f"{_ENTERPRISE}enterprise-subsidy-fulfillment/<fulfillment_uuid>/",
        _all(200, ADMIN, OPERATOR_),
        refused=404,
        shows=lambda its: [its.fulfillment],
    ),
    Call(
        "POST",
        f"{_ENTERPRISE}enterprise-subsidy-fulfillment/<fulfillment_uuid>/cancel-fulfillment",
        _all(204, ADMIN, OPERATOR_),
        refused=404,
    ),
    Call(
        "GET",
        f"{_ENTERPRISE}operator/enterprise-subsidy-fulfillment/unenrolled/",
        _all(200, OPERATOR_),
    ),
    Call(
        "GET",
        _OWN_COURSES,
        _all(200, OWNER, LEARNER, ADMIN, OPERATOR_),
        refused=404,
        missing=200,
        query=lambda its: {"enterprise_id": its.customer},
    ),
    Call(
        "PATCH",
        _OWN_COURSES,
        _all(200, OWNER),
        refused=404,
        query=lambda its: {"enterprise_id": its.customer},
        body=lambda its: {"course_id": cast.CS50_RUN, "saved_for_later": True},
        about="one's own",
    ),
    # jobs
    Call(
        "GET", _JOBS, _all(200, *SIGNED_IN), missing=200, shows=lambda its: [its.job], about="those one sees"
    ),
    Call("GET", f"{_JOBS}<job_uuid>/", _all(200, ADMIN, OPERATOR_), refused=404, shows=lambda its: [its.job]),
    Call("POST", f"{_JOBS}<job_uuid>/cancel/", _all(200, ADMIN, OPERATOR_), refused=404),
    Call("GET", f"{_JOBS}<job_uuid>/results.json", _all(200, ADMIN, OPERATOR_), refused=404),
    Call("GET", f"{_JOBS}<job_uuid>/results.csv", _all(200, ADMIN, OPERATOR_), refused=404),
    # licenses: many enrollments
    Call(
        "POST",
        "/api/v1/bulk-license-enrollment/",
        _all(201, ADMIN, OPERATOR_),
        query=lambda its: {"enterprise_customer_uuid": its.customer, "subscription_uuid": its.plan},
        body=lambda its: {"emails": [its.email], "course_run_keys": [cast.CS50_RUN], "notify": False},
        open=("email",),
    ),
    Call(
        "GET",
        "/api/v1/bulk-license-enrollment/",
        _all(200, ADMIN, OPERATOR_),
        query=lambda its: {"enterprise_customer_uuid": its.customer, "bulk_enrollment_job_uuid": its.job},
        shows=lambda its: [its.job],
    ),
    # what is read of customers
    Call(
        "GET",
        _CUSTOMERS,
        _all(200, *SIGNED_IN),
        missing=200,
        shows=lambda its: [its.customer, its.slug],
        about="all",
    ),
    Call(
        "GET",
        _CUSTOMERS,
        _all(200, *SIGNED_IN),
        missing=200,
        query=lambda its: {"slug": its.slug, "uuid": its.customer},
        shows=lambda its: [its.customer],
        about="by slug and uuid",
    ),
    Call(
        "GET",
        _CUSTOMERS + "dashboard_list/",
        _all(200, *SIGNED_IN),
        missing=200,
        query=lambda its: {"enterprise_slug": its.slug},
        shows=lambda its: [its.customer],
    ),
    Call(
        "GET",
        _CUSTOMERS + "basic_list/",
        _all(200, *SIGNED_IN),
        missing=200,
        query=lambda its: {"name_or_uuid": its.customer},
        shows=lambda its: [its.customer],
    ),
    Call(
        "GET",
        _CUSTOMERS + "<customer_uuid>/",
        _all(200, LEARNER, OWNER, ADMIN, OPERATOR_, STAFF),
        refused=404,
        shows=lambda its: [its.customer, its.slug],
    ),
    Call(
        "PATCH",
        _CUSTOMERS + "<customer_uuid>/",
        _RULES,
        body=lambda its: {"enable_integrated_customer_learner_portal_search": True},
        shows=lambda its: [its.customer],
    ),
    Call(
        "GET",
        "/enterprise/api/v1/enterprise-learner/",
        _all(200, *SIGNED_IN),
        missing=200,
        query=lambda its: {"enterprise_customer_uuid": its.customer, "username": its.username},
        shows=lambda its: [its.customer, its.email],
    ),
    Call(
        "GET",
        "/enterprise/api/v1/enterprise-learner/",
        _all(200, *SIGNED_IN),
        missing=200,
        query=lambda its: {"enterprise_customer_uuid": its.customer, "role": "enterprise_learner"},
        shows=lambda its: [its.customer, its.email],
        about="by role",
    ),
    Call(
        "GET",
        "/enterprise/api/v1/enterprise-customer-members/<customer_uuid>",
        _RULES,
        shows=lambda its: [its.email],
    ),
    Call(
        "POST",
        "/enterprise/select/active/",
        {**_all(200, LEARNER, OWNER, ADMIN), OPERATOR_: 422},  # operators learn nowhere
        refused=404,
        body=lambda its: {"enterprise": its.customer},
    ),
    Call(
        "POST",
        "/enterprise/api/v1/enterprise-customer/<customer_uuid>/unlink_users/",
        _RULES,
        body=lambda its: {"user_emails": [its.email], "is_relinkable": True},
    ),
    Call(
        "POST",
        "/enterprise/api/v1/enterprise-customer/<customer_uuid>/unlink_self/",
        {**_all(200, LEARNER, OWNER, ADMIN), **_all(422, OPERATOR_, STAFF)},
        refused=404,
    ),
    Call(
        "POST",
        "/enterprise/api/v1/link_pending_enterprise_users/<customer_uuid>",
        _all(201, ADMIN, OPERATOR_),
        body=lambda its: {"enterprise_customer": its.customer, "user_email": "newcomer@nowhere.test"},
        shows=lambda its: [its.customer],
    ),
    Call(
        "GET",
        "/enterprise/api/v1/pending-enterprise-learner/",
        _all(200, OPERATOR_, STAFF),
        missing=200,
        query=lambda its: {"enterprise_customer": its.customer},
    ),
    Call(
        "POST",
        "/enterprise/api/v1/pending-enterprise-learner/",
        _all(201, OPERATOR_, STAFF),
        missing=400,
        body=lambda its: {"enterprise_customer": its.customer, "user_email": "newcomer@nowhere.test"},
    ),
    Call(
        "PATCH",
        "/enterprise/api/v1/enterprise-customer/<customer_uuid>/toggle_universal_link/",
        _RULES,
        body=lambda its: {"enable_universal_link": False},
    ),
    Call(
        "GET",
        _INVITE_KEYS + "basic-list/",
        _RULES,
        missing=200,
        query=_of_customer,
        shows=lambda its: [its.invite_key],
    ),
    Call("POST", _INVITE_KEYS, _all(201, ADMIN, OPERATOR_), body=_of_customer),
    Call(
        "PATCH",
        _INVITE_KEYS + "<key_uuid>/",
        _RULES,
        refused=404,
        body=lambda its: {"is_active": False},
        shows=lambda its: [its.invite_key],
    ),
    Call("POST", _INVITE_KEYS + "<invitation_uuid>/link-user/", _all(404, *SIGNED_IN)),
    # enrollments: what counts is whose row it is, and who is staff
    Call("GET", _ENROLLMENTS, _all(200, *SIGNED_IN), missing=200, about="one's own"),
    Call(
        "GET",
        _ENROLLMENTS,
        _all(200, *SIGNED_IN),
        missing=200,
        query=lambda its: {"user": its.username},
        about="somebody's: empty but for staff and the course team",
    ),
    Call(
        "POST",
        _ENROLLMENTS,
        _all(200, *SIGNED_IN),
        missing=200,
        body=lambda its: _ENTER_CS50,
        about="oneself",
    ),
    Call(
        "POST",
        _ENROLLMENTS,
        _all(200, OWNER, STAFF),
        refused=404,
        missing=406,
        body=lambda its: {**_ENTER_CS50, "user": its.username},
        about="somebody",
    ),
    Call("GET", _ENROLLMENTS + "/<username>,<course_id>", _all(200, OWNER, STAFF), refused=404, missing=200),
    Call("GET", _ENROLLMENTS + "/<course_id>", _all(200, *SIGNED_IN)),
    Call("GET", "/api/enrollment/v1/course/<course_id>", _all(200, *EVERYBODY)),
    Call("GET", "/api/enrollment/v1/enrollments/", {STAFF: 200}),
    Call("GET", "/api/enrollment/v1/roles/", _all(200, *SIGNED_IN)),
    Call(
        "POST",
        "/api/enrollment/v1/unenroll/",
        {OPERATOR_: 404},  # nobody is being retired
        body=lambda its: {"username": its.username},
    ),
    Call("GET", _ALLOWED, {STAFF: 200}, missing=200, query=lambda its: {"email": its.email}),
    Call(
        "POST",
        _ALLOWED,
        {STAFF: 201},
        missing=201,
        body=lambda its: {"email": its.email, "course_id": cast.CS50_RUN, "auto_enroll": False},
    ),
    Call(
        "DELETE",
        _ALLOWED,
        {STAFF: 404},  # nobody is allowed in yet
        body=lambda its: {"email": its.email, "course_id": cast.CS50_RUN},
    ),
    Call(
        "POST",
        "/api/bulk_enroll/v1/bulk_enroll/",
        {STAFF: 200},
        missing=200,
        body=lambda its: {
            "identifiers": its.email,
            "courses": cast.CS50_RUN,
            "action": "enroll",
            "email_students": True,
        },
    ),
    # identity
    Call(
        "POST",
        "/api/user/v2/account/registration/",
        _all(200, *EVERYBODY),
        missing=200,
        body=lambda its: _NEW_ACCOUNT,
    ),
    Call(
        "GET",
        "/api/user/v1/accounts/<username>/",
        _all(200, *SIGNED_IN),
        open=("username",),  # the LMS tells everybody who is signed in that there is such an account
    ),
    Call("GET", "/csrf/api/v1/token", _all(200, *EVERYBODY), missing=200),
    Call("POST", "/login_refresh/", _all(200, *SIGNED_IN), is_page=True, about="by session"),
    Call("POST", "/login_refresh/", {}, refused=401, about="by token"),
    Call("POST", "/oauth2/access_token/", _all(400, *EVERYBODY)),  # programs only, with a form
    Call("GET", "/oauth2/jwks/", _all(200, *EVERYBODY)),
    # portal
    Call("GET", "/", _all(200, *EVERYBODY), is_page=True),
    Call("GET", "/login", {ANONYMOUS: 200, **_all(302, *SIGNED_IN)}, is_page=True),
    Call(
        "POST",
        "/login",
        _all(400, *EVERYBODY),
        body=lambda its: {"login": "nobody", "password": "wrong"},
        is_page=True,
    ),
    Call("GET", "/logout", _all(200, *EVERYBODY), is_page=True),
    Call("POST", "/logout", _all(302, *EVERYBODY), is_page=True),
    Call("GET", "/register", {ANONYMOUS: 200, **_all(302, *SIGNED_IN)}, is_page=True),
    Call("POST", "/register", _all(302, *EVERYBODY), body=lambda its: _NEW_ACCOUNT, is_page=True),
    Call("GET", "/confirm-email/", _all(302, *EVERYBODY), is_page=True),
    Call("POST", "/confirm-email/", _all(302, *EVERYBODY), is_page=True),
    Call("GET", "/confirm-email/<token>/", _all(400, *EVERYBODY), is_page=True),
    Call("POST", "/confirm-email/<token>/", _all(400, *EVERYBODY), is_page=True),
    Call("GET", "/embargo/blocked-message/enrollment/<message_key>/", _all(200, *EVERYBODY), is_page=True),
    Call("GET", _ACTIVATION_PAGE, {OWNER: 200}, refused=404, anonymous=302, is_page=True),
    Call("POST", _ACTIVATION_PAGE, {OWNER: 200}, refused=404, anonymous=302, is_page=True),
]
