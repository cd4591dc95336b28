"""The paths of the pages."""

from django.urls import path

from bursar.portal import embargo, home
from bursar.portal.account import views as account
from bursar.portal.learner import views as learner

urlpatterns = [
    path("", home.home, name="home"),
    path("login", account.sign_in, name="sign-in"),
    path("logout", account.sign_out, name="sign-out"),
    path("register", account.sign_up, name="sign-up"),
    path("confirm-email/", account.request_confirmation, name="request-confirmation"),
    path("confirm-email/<str:token>/", account.confirm_email, name="confirm-email"),
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
