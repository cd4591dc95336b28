"""Celery entry points of notifications."""

from celery import shared_task

from bursar.notifications import api


@shared_task
def deliver() -> None:
    """Sends what is due."""
    api.deliver()
