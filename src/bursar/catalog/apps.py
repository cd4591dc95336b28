"""The catalog app."""

from django.apps import AppConfig


class CatalogConfig(AppConfig):
    name = "bursar.catalog"
    label = "catalog"
    default_auto_field = "django.db.models.BigAutoField"
