"""Puts the pieces together when a process starts."""

import gc
from functools import partial

from django.apps import AppConfig
from django.conf import settings


class ConfigConfig(AppConfig):
    name = "bursar.config"
    label = "config"

    def ready(self) -> None:
        from bursar.config.jobs import JOB_KINDS  # the apps' models must be loaded first
        from bursar.config.reactions import AWAITING, REACTIONS
        from bursar.jobs import api as jobs
        from bursar.notifications import api as notifications
        from bursar.outbox import api as outbox

        outbox.register(REACTIONS, awaiting=AWAITING)
        jobs.register(JOB_KINDS)
        if not settings.IS_EMBEDDED:
            from bursar.config.nudges import nudge
            from bursar.config.schedule import DELIVER, RELAY, WORK

            outbox.on_new_deliveries(partial(nudge, RELAY.task))
            notifications.on_new_messages(partial(nudge, DELIVER.task))
            jobs.on_new_work(partial(nudge, WORK.task))
        # What is loaded by now stays. Looking for garbage in it took a sixth of a large request.
        gc.freeze()
