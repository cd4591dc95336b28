"""The subsidy_requests app."""

from django.apps import AppConfig


class SubsidyRequestsConfig(AppConfig):
    name = "bursar.subsidy_requests"
    label = "subsidy_requests"
    default_auto_field = "django.db.models.BigAutoField"
