"""The enrollments app."""

from django.apps import AppConfig


class EnrollmentsConfig(AppConfig):
    name = "bursar.enrollments"
    label = "enrollments"
    default_auto_field = "django.db.models.BigAutoField"
