"""The licenses app."""

from django.apps import AppConfig


class LicensesConfig(AppConfig):
    name = "bursar.licenses"
    label = "licenses"
    default_auto_field = "django.db.models.BigAutoField"
