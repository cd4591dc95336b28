"""Celery entry points of licenses."""

from celery import shared_task

from bursar.licenses import api


@shared_task
def expire_plans() -> None:
    """Expires plans that are over."""
    api.expire_plans()


@shared_task
def purge_personal_data() -> None:
    """Forgets who held licenses long ago."""
    api.purge_personal_data()


@shared_task
def unlink_expired_learners() -> None:
    """Unlinks learners of plans that are long over."""
    api.unlink_expired_learners()


@shared_task
def send_utilization_notices() -> None:
    """Tells administrators how their plans are used."""
    api.send_utilization_notices()


@shared_task
def process_due_renewals() -> None:
    """Renews plans that end soon."""
    api.process_due_renewals()


@shared_task
def scale_plans() -> None:
    """Adds licenses to plans that run out."""
    api.scale_plans()
