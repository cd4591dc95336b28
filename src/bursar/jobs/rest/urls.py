"""Paths of jobs below /api/jobs/v1/."""

from django.urls import path

from bursar.jobs.rest.views import CancelView, CsvResultsView, JobsView, JobView, JsonResultsView

urlpatterns = [
    path("jobs/", JobsView.as_view(), name="jobs"),
    path("jobs/<uuid:job_uuid>/", JobView.as_view(), name="job"),
    path("jobs/<uuid:job_uuid>/cancel/", CancelView.as_view(), name="job-cancel"),
    path("jobs/<uuid:job_uuid>/results.json", JsonResultsView.as_view(), name="job-results-json"),
    path("jobs/<uuid:job_uuid>/results.csv", CsvResultsView.as_view(), name="job-results-csv"),
]
