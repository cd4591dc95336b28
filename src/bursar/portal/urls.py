"""The paths of the pages."""

from django.conf import settings
from django.urls import URLPattern, path

from bursar.portal import embargo, home
from bursar.portal.account import views as account
from bursar.portal.learner import views as learner

_ACCOUNT_PAGES = [
    path("login", account.sign_in, name="sign-in"),
    path("register", account.sign_up, name="sign-up"),
    path("confirm-email/", account.request_confirmation, name="request-confirmation"),
    path("confirm-email/<str:token>/", account.confirm_email, name="confirm-email"),
]

urlpatterns: list[URLPattern] = [
    path("", home.home, name="home"),
    path("logout", account.sign_out, name="sign-out"),
    *(_ACCOUNT_PAGES if settings.ISSUES_TOKENS else ()),  # an LMS has these at the same paths
    path(
        "embargo/blocked-message/enrollment/<str:message_key>/",
        embargo.blocked_message,
        name="blocked-message",
    ),
    # A customer's pages begin with its slug and stand last of all.
    path(
        "<slug:customer_slug>/licenses/<uuid:activation_key>/activate",
        learner.activate_license,
        name="activate-license",
    ),
]
