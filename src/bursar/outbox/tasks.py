"""Celery entry points of the outbox."""

from celery import shared_task

from bursar.outbox import api


@shared_task
def relay() -> None:
    """Hands over what is due."""
    api.relay()


@shared_task
def purge() -> None:
    """Deletes what nobody needs any more."""
    api.purge()


@shared_task
def catch_up() -> None:
    """Hands earlier events to reactions that came later."""
    api.catch_up()


@shared_task
def scrub() -> None:
    """Removes people who were retired from what is kept."""
    api.scrub()
