"""Events and their deliveries, the inbox, leases and idempotency keys."""

import uuid

from django.db import models
from django.db.models import Q

from bursar.events.base import FactEncoder
from bursar.lib.fields import AddressField, ExactCharField
from bursar.outbox.data import IDEMPOTENCY_KEY_MAX_LENGTH


class Event(models.Model):
    """Something that happened: 1 to 1,000 facts, written in the transaction that made them true.

    .. pii: The facts may name people: address, username, name, LMS user id.
    .. pii_types: id, name, username, email_address
    .. pii_retirement: local_api
    """

    uuid = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    type = ExactCharField(max_length=100)
    key = ExactCharField(max_length=255)
    facts = models.JSONField(encoder=FactEncoder)
    recorded_at = models.DateTimeField(db_index=True)
    recorded_by = models.BigIntegerField(null=True)

    class Meta:
        ordering = ("id",)

    def __str__(self) -> str:
        return f"{self.type} {self.uuid}"


class Delivery(models.Model):
    """One event on its way to one handler; ``fact_index`` is set when it carries a single fact of it.

    .. pii: An address may stand in ``last_error``.
    .. pii_types: email_address
    .. pii_retirement: local_api
    """

    class State(models.TextChoices):
        WAITING = "waiting"
        DONE = "done"
        SPLIT = "split"
        DEAD = "dead"

    uuid = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    event = models.ForeignKey(Event, on_delete=models.CASCADE, related_name="deliveries")
    handler = ExactCharField(max_length=100)
    key = ExactCharField(max_length=255)
    fact_index = models.PositiveIntegerField(null=True)
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    attempt_count = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField()
    last_error = models.TextField(blank=True, default="")
    finished_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name_plural = "deliveries"
        indexes = (
            models.Index(fields=("state", "event"), name="outbox_delivery_waiting"),
            models.Index(fields=("handler", "key", "state"), name="outbox_delivery_order"),
        )

    def __str__(self) -> str:
        return f"{self.handler} {self.uuid} ({self.state})"


class InboxEntry(models.Model):
    """This handler has handled this delivery. Written in one transaction with the effect.

    .. no_pii:
    """

    uuid = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    delivery_uuid = models.UUIDField()
    handler = ExactCharField(max_length=100)
    accepted_at = models.DateTimeField(db_index=True)

    class Meta:
        verbose_name_plural = "inbox entries"
        constraints = (
            models.UniqueConstraint(fields=("delivery_uuid", "handler"), name="outbox_inbox_once"),
        )

    def __str__(self) -> str:
        return f"{self.handler} {self.delivery_uuid}"


class Lease(models.Model):
    """A right that one process holds for a while, such as being the relay.

    .. no_pii:
    """

    name = ExactCharField(max_length=50, primary_key=True)
    holder = models.UUIDField()
    expires_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name


class IdempotencyRecord(models.Model):
    """The answer to a POST that carried an Idempotency-Key, kept for 24 hours.

    .. pii: An address may stand in the answer.
    .. pii_types: email_address
    .. pii_retirement: local_api
    """

    caller = ExactCharField(max_length=150)
    path = ExactCharField(max_length=200)
    key = ExactCharField(max_length=IDEMPOTENCY_KEY_MAX_LENGTH)
    request_hash = models.CharField(max_length=64)
    lease = models.UUIDField()
    running_until = models.DateTimeField(null=True)
    status = models.PositiveSmallIntegerField(null=True)
    answer = models.TextField(blank=True, default="")
    created_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("caller", "path", "key"), name="outbox_idempotency_scope"),
            models.CheckConstraint(
                condition=Q(running_until__isnull=False) | Q(status__isnull=False),
                name="outbox_idempotency_running_or_answered",
            ),
        )

    def __str__(self) -> str:
        return f"{self.path} {self.key}"


class Scrub(models.Model):
    """A person who was retired and may still be named in stored rows. Deleted once nothing is left.

    .. pii: the person's former address
    .. pii_types: email_address
    .. pii_retirement: local_api
    """

    uuid = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    lms_user_id = models.BigIntegerField()
    old_email = AddressField(blank=True)
    email = AddressField(blank=True)
    username = ExactCharField(max_length=150)
    noted_at = models.DateTimeField()

    def __str__(self) -> str:
        return str(self.uuid)
