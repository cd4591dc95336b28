"""Who is in which run, in which mode."""

import uuid

from django.db import models

from bursar.lib.fields import CourseKeyField
from bursar.lib.history import tracked


class Enrollment(models.Model):
    """A person's place in a run. Leaving makes it inactive; it is never deleted."""

    uuid = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    lms_user_id = models.BigIntegerField()
    run_key = CourseKeyField()
    mode = models.CharField(max_length=100)
    is_active = models.BooleanField(default=True)
    customer_uuid = models.UUIDField(null=True, blank=True)
    created_at = models.DateTimeField(db_index=True)
    modified_at = models.DateTimeField()
    history = tracked()

    class Meta:
        ordering = ("lms_user_id", "run_key")
        constraints = (
            models.UniqueConstraint(fields=("lms_user_id", "run_key"), name="enrollments_person_once_in_run"),
        )
        indexes = (
            models.Index(fields=("lms_user_id", "-created_at"), name="enrollments_of_person"),
            models.Index(fields=("run_key", "is_active"), name="enrollments_in_run"),
        )

    def __str__(self) -> str:
        return f"{self.lms_user_id} in {self.run_key}"


class SeatLock(models.Model):
    """The lock of a run with limited room: whoever puts people into the run holds this row meanwhile."""

    run_key = CourseKeyField(primary_key=True)

    def __str__(self) -> str:
        return str(self.run_key)
