"""Messages to people."""

import uuid

from django.db import models
from django.db.models import Q

from bursar.lib.fields import AddressField, ExactCharField
from bursar.notifications.data import ABOUT_MAX_LENGTH, TEMPLATE_MAX_LENGTH, MessageState


class Message(models.Model):
    """One mail to one person about one thing, from the moment somebody wanted it sent.

    .. pii: The address, and names or links within ``context`` and ``subject``.
    .. pii_types: email_address, name
    .. pii_retirement: local_api
    """

    uuid = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    template = ExactCharField(max_length=TEMPLATE_MAX_LENGTH)
    customer_uuid = models.UUIDField(null=True, blank=True, db_index=True)
    email = AddressField(db_index=True)
    lms_user_id = models.BigIntegerField(null=True, blank=True, db_index=True)
    about = ExactCharField(max_length=ABOUT_MAX_LENGTH, db_index=True)
    context = models.JSONField(default=dict)
    state = models.CharField(
        max_length=10,
        choices=[(state.value, state.value) for state in MessageState],
        default=MessageState.WAITING.value,
    )
    attempt_count = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField()
    # Until when one deliverer has it. The next one's claim always ends later, so it tells claims apart, too.
    claimed_until = models.DateTimeField(null=True, blank=True)
    last_error = models.TextField(blank=True, default="")
    subject = models.CharField(max_length=255, blank=True, default="")
    created_at = models.DateTimeField(db_index=True)
    created_by = models.BigIntegerField(null=True, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    resent_count = models.PositiveSmallIntegerField(default=0)
    resent_by = models.BigIntegerField(null=True, blank=True)

    class Meta:
        ordering = ("-created_at", "uuid")
        indexes = (models.Index(fields=("state", "next_attempt_at"), name="notifications_message_due"),)
        constraints = (
            models.UniqueConstraint(fields=("template", "email", "about"), name="notifications_message_once"),
            models.CheckConstraint(
                condition=~Q(state=MessageState.SENDING.value) | Q(claimed_until__isnull=False),
                name="notifications_message_sending_is_claimed",
            ),
        )

    def __str__(self) -> str:
        return f"{self.template} {self.uuid} ({self.state})"
