"""The Celery application. Its tasks only wake workers up; what there is to do stands in the database."""

import os
from typing import Any

from celery import Celery
from celery.signals import setup_logging

from bursar.config.schedule import SCHEDULE

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bursar.config.settings")

app = Celery("bursar")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.conf.beat_schedule = {
    # A call that waits for a worker longer than two beats is worth nothing: another one is there.
    beat.task: {
        "task": beat.task,
        "schedule": beat.every,
        "options": {"expires": 2 * beat.every.total_seconds()},
    }
    for beat in SCHEDULE
}


@setup_logging.connect
def _keep_our_logging(**_: Any) -> None:
    """Being connected is enough: Celery then leaves the logging of the settings alone."""
