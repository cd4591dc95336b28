"""The one table of URL prefixes. Open edX paths live in ``<context>/rest/urls.py``."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from drf_spectacular.renderers import OpenApiJsonRenderer, OpenApiYamlRenderer
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

from bursar.customers.rest.learners import ChooseCustomerView

schema = SpectacularAPIView.as_view(renderer_classes=[OpenApiJsonRenderer, OpenApiYamlRenderer])
docs = SpectacularSwaggerView.as_view(url_name="schema")

admin.site.site_header = admin.site.site_title = "Bursar"

urlpatterns: list[URLPattern | URLResolver] = [
    path("admin/", admin.site.urls),
    path("api/schema/", schema, name="schema"),
    path("api/docs/", docs, name="docs"),
    path("api/v1/", include("bursar.subsidy_requests.rest.urls")),
    path("api/v1/", include("bursar.licenses.rest.urls")),
    path("api/jobs/v1/", include("bursar.jobs.rest.urls")),
    path("enterprise/api/v1/", include("bursar.customers.rest.urls")),
    path("enterprise_learner_portal/api/v1/", include("bursar.customers.rest.portal_urls")),
    path("enterprise/select/active/", ChooseCustomerView.as_view(), name="choose-customer"),
    path("", include("bursar.enrollments.rest.urls")),
    path("", include("bursar.identity.rest.urls")),
    path("", include("bursar.portal.urls")),  # last of all: later its pages begin with a customer's slug
]

handler400 = "bursar.config.errors.bad_request"
handler403 = "bursar.config.errors.forbidden"
handler404 = "bursar.config.errors.not_found"
handler500 = "bursar.config.errors.failed"
