"""Celery entry points of subsidy_requests."""

from celery import shared_task

from bursar.subsidy_requests import api


@shared_task()
def release_stale_holds() -> None:
    """Gives up seats that a crash left held."""
    api.release_stale_holds()


@shared_task()
def send_digests() -> None:
    """Tells administrators of requests that are new to them."""
    api.send_digests()
