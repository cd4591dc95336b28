"""The LMS's paths for accounts. Slashes as the LMS has them."""

from django.urls import path, re_path

from bursar.identity.rest import views

urlpatterns = [
    path("api/user/v2/account/registration/", views.RegistrationView.as_view()),
    re_path(r"^api/user/v1/accounts/(?P<username>[^/]+)/?$", views.AccountView.as_view()),
    path("csrf/api/v1/token", views.CsrfTokenView.as_view()),
]
