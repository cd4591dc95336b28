"""The portal app."""

from django.apps import AppConfig


class PortalConfig(AppConfig):
    name = "bursar.portal"
    label = "portal"
    default_auto_field = "django.db.models.BigAutoField"
