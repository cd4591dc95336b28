"""Celery entry points of jobs."""

from celery import shared_task

from bursar.jobs import api


@shared_task
def run() -> None:
    """Does what is due."""
    api.run()


@shared_task
def purge() -> None:
    """Deletes the items and results of old jobs."""
    api.purge()
