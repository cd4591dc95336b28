"""The LMS's paths for accounts and tokens. Slashes as the LMS has them."""

from django.conf import settings
from django.urls import path, re_path

from bursar.identity.rest import issuer, views

urlpatterns = [
    re_path(r"^api/user/v1/accounts/(?P<username>[^/]+)/?$", views.AccountView.as_view()),
    path("csrf/api/v1/token", views.CsrfTokenView.as_view()),
]
if settings.ISSUES_TOKENS:
    urlpatterns += [
        path("api/user/v2/account/registration/", views.RegistrationView.as_view()),
        re_path(r"^login_refresh/?$", issuer.LoginRefreshView.as_view()),
        re_path(r"^oauth2/access_token/?$", issuer.AccessTokenView.as_view()),
        re_path(r"^oauth2/jwks/?$", issuer.KeySetView.as_view()),
    ]
