"""Jobs and their chunks."""

import uuid

from django.db import models
from django.db.models import Q

from bursar.jobs.data import JobState
from bursar.lib.fields import ExactCharField


class Job(models.Model):
    """Long work of one customer. How far it is stands in its chunks.

    .. no_pii: The parameters are the kind's; free texts among them go when nothing is left to be done.
    """

    uuid = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = ExactCharField(max_length=100)
    customer_uuid = models.UUIDField(db_index=True)
    state = models.CharField(
        max_length=10, choices=[(each.value, each.value) for each in JobState], default=JobState.WAITING
    )
    parameters = models.JSONField(default=dict)
    item_count = models.PositiveIntegerField()
    counts = models.JSONField(null=True, help_text="Of the outcomes, once it has ended.")
    created_by = models.BigIntegerField(null=True)
    created_at = models.DateTimeField(db_index=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    cancelled_by = models.BigIntegerField(null=True)
    cancelled_at = models.DateTimeField(null=True)
    purged_at = models.DateTimeField(null=True, help_text="Since then its items and results are gone.")

    class Meta:
        ordering = ("-created_at", "uuid")
        indexes = (
            # Of thousands of jobs a few are open, and everybody who looks for work asks for these.
            models.Index(fields=("state", "created_at"), name="jobs_job_by_state"),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.uuid} ({self.state})"


class Chunk(models.Model):
    """Up to 1,000 items of a job, with their results once they are done.

    Whoever works on it holds a ``claim`` until ``claimed_until``; when that has passed, another may.
    ``first_item`` is the place of its first item in the job. Items, results and counts are JSON, as text:
    nobody asks the database what is in them.

    .. pii: Items and results may have addresses of people.
    .. pii_types: email_address, id
    .. pii_retirement: local_api
    """

    class State(models.TextChoices):
        WAITING = "waiting"
        DONE = "done"
        FAILED = "failed"
        CANCELLED = "cancelled"

    uuid = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="chunks")
    first_item = models.PositiveIntegerField()
    item_count = models.PositiveIntegerField()
    items = models.TextField()
    results = models.TextField(blank=True, default="")
    counts = models.TextField(blank=True, default="")
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    claim = models.UUIDField(null=True)
    claimed_until = models.DateTimeField(null=True)
    claim_count = models.PositiveSmallIntegerField(default=0)
    failure_count = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField()
    last_error = models.TextField(blank=True, default="")
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("job", "first_item")
        constraints = (models.UniqueConstraint(fields=("job", "first_item"), name="jobs_chunk_once"),)
        indexes = (models.Index(fields=("state", "next_attempt_at"), name="jobs_chunk_due"),)

    def __str__(self) -> str:
        return f"items {self.first_item} to {self.first_item + self.item_count - 1} of {self.job_id}"

    @classmethod
    def free(cls, at: object) -> Q:
        """Those on which nobody works at this moment."""
        return Q(claimed_until=None) | Q(claimed_until__lt=at)
