"""The app of jobs."""

from django.apps import AppConfig


class JobsConfig(AppConfig):
    name = "bursar.jobs"
    label = "jobs"
    verbose_name = "Jobs"
