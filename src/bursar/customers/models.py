"""Customers, their learners, and what the customers pay for."""

import uuid

from django.db import models

from bursar.customers.data import SLUG_MAX_LENGTH, FulfillmentKind, PendingState
from bursar.lib.fields import AddressField, CourseKeyField, ExactCharField
from bursar.lib.history import tracked


class Customer(models.Model):
    """An organization that pays for its people's learning."""

    uuid = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=255)
    slug = ExactCharField(max_length=SLUG_MAX_LENGTH, unique=True)
    is_active = models.BooleanField(default=True)
    contact_email = models.EmailField(blank=True, default="")
    reply_to = models.EmailField(blank=True, default="")
    sender_alias = models.CharField(max_length=255, blank=True, default="")
    country = models.CharField(max_length=2, blank=True, default="")
    default_language = models.CharField(max_length=25, blank=True, default="")
    auth_org_id = models.CharField(max_length=80, blank=True, default="")
    identity_provider = models.CharField(
        max_length=100,
        blank=True,
        default="",
        help_text="The LMS's hint that leads to the customer's own sign-in.",
    )
    default_contract_discount = models.DecimalField(max_digits=8, decimal_places=5, null=True, blank=True)
    enable_learner_portal = models.BooleanField(default=True)
    enable_universal_link = models.BooleanField(default=False)
    enable_autocohorting = models.BooleanField(default=False)
    features = models.JSONField(
        blank=True,
        default=list,
        help_text="Names of the Open edX portals' own switches that are on; no rule of Bursar reads them.",
    )
    created_at = models.DateTimeField(auto_now_add=True)
    modified_at = models.DateTimeField(auto_now=True)
    history = tracked()

    class Meta:
        ordering = ("name", "uuid")

    def __str__(self) -> str:
        return self.name


class InviteKey(models.Model):
    """Whoever opens the link with this key learns at the customer.

    .. no_pii:
    """

    uuid = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="invite_keys")
    usage_limit = models.PositiveIntegerField(help_text="How many people may be linked with it.")
    usage_count = models.PositiveIntegerField(default=0, help_text="How many have been.")
    expires_at = models.DateTimeField()
    is_active = models.BooleanField(default=True)
    created_by = models.BigIntegerField(null=True, blank=True)
    created_at = models.DateTimeField()
    modified_at = models.DateTimeField()
    history = tracked(excluded_fields=["usage_count"])

    class Meta:
        ordering = ("-created_at", "uuid")
        constraints = (
            models.CheckConstraint(
                condition=models.Q(usage_count__lte=models.F("usage_limit")),
                name="customers_invites_within_limit",
            ),
        )

    def __str__(self) -> str:
        return f"{self.usage_count} of {self.usage_limit} at {self.customer_id}"


class LearnerLink(models.Model):
    """A person who learns at a customer. Unlinking keeps the row.

    .. pii: the LMS user id of the learner
    .. pii_types: id
    .. pii_retirement: local_api
    """

    uuid = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="links")
    lms_user_id = models.BigIntegerField(db_index=True)
    is_linked = models.BooleanField(default=True)
    is_relinkable = models.BooleanField(
        default=True,
        help_text="No: the customer unlinked the learner for good; only support may change that.",
    )
    is_active = models.BooleanField(
        default=True,
        help_text="Whether the learner may choose this customer; linking to another one changes nothing.",
    )
    invite_key_uuid = models.UUIDField(
        null=True, blank=True, help_text="The invite key that linked the learner, the last time."
    )
    created_at = models.DateTimeField()
    modified_at = models.DateTimeField()
    history = tracked()

    class Meta:
        ordering = ("-is_active", "-modified_at")
        constraints = (
            models.UniqueConstraint(fields=("customer", "lms_user_id"), name="customers_learner_once"),
        )

    def __str__(self) -> str:
        return f"{self.lms_user_id} at {self.customer_id}"


class PendingLearner(models.Model):
    """An address that belongs to a customer before any account has confirmed it. Kept when that happens.

    .. pii: the address
    .. pii_types: email_address
    .. pii_retirement: local_api
    """

    uuid = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="pending_learners")
    email = AddressField(db_index=True)
    state = models.CharField(
        max_length=10,
        choices=[(each.value, each.value) for each in PendingState],
        default=PendingState.WAITING,
    )
    becomes_admin = models.BooleanField(default=False)
    lms_user_id = models.BigIntegerField(null=True, blank=True)
    last_error = models.TextField(blank=True, default="")
    created_by = models.BigIntegerField(null=True, blank=True)
    created_at = models.DateTimeField()
    modified_at = models.DateTimeField()
    history = tracked()

    class Meta:
        ordering = ("email", "uuid")
        constraints = (
            models.UniqueConstraint(fields=("customer", "email"), name="customers_pending_learner_once"),
        )

    def __str__(self) -> str:
        return f"{self.email} at {self.customer_id}"


class PendingEnrollment(models.Model):
    """A place in a run that waits for an address to be confirmed. Kept when it is done.

    .. no_pii:
    """

    uuid = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    learner = models.ForeignKey(PendingLearner, on_delete=models.PROTECT, related_name="enrollments")
    run_key = CourseKeyField()
    mode = models.CharField(max_length=100)
    subsidy_kind = models.CharField(
        max_length=20, choices=[(each.value, each.value) for each in FulfillmentKind]
    )
    subsidy_uuid = models.UUIDField(help_text="The license, or the transaction of the learner credit.")
    source = models.CharField(max_length=30)
    force = models.BooleanField(default=False)
    is_default_auto_enrollment = models.BooleanField(default=False)
    activation_link = models.TextField(blank=True, default="")
    discount_percent = models.DecimalField(max_digits=8, decimal_places=5, default=0)
    cohort_name = models.CharField(max_length=255, null=True, blank=True)
    sales_force_id = models.CharField(max_length=255, null=True, blank=True)
    state = models.CharField(
        max_length=10,
        choices=[(each.value, each.value) for each in PendingState],
        default=PendingState.WAITING,
    )
    attempt_count = models.PositiveSmallIntegerField(default=0)
    last_error = models.TextField(blank=True, default="")
    created_by = models.BigIntegerField(null=True, blank=True)
    created_at = models.DateTimeField()
    modified_at = models.DateTimeField()
    done_at = models.DateTimeField(null=True, blank=True)
    history = tracked()

    class Meta:
        ordering = ("created_at", "uuid")
        constraints = (
            models.UniqueConstraint(
                fields=("learner", "run_key", "subsidy_kind", "subsidy_uuid"),
                name="customers_pending_enrollment_once",
            ),
        )
        indexes = (models.Index(fields=("state",), name="customers_pending_by_state"),)

    def __str__(self) -> str:
        return f"{self.learner_id} in {self.run_key} ({self.state})"


class SponsoredEnrollment(models.Model):
    """A learner's place in a run that a customer pays for, beside the enrollment itself.

    .. no_pii:
    """

    uuid = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    link = models.ForeignKey(LearnerLink, on_delete=models.PROTECT, related_name="sponsored_enrollments")
    run_key = CourseKeyField()
    source = models.CharField(max_length=30)
    is_saved_for_later = models.BooleanField(default=False)
    is_unenrolled = models.BooleanField(default=False, db_index=True)
    unenrolled_at = models.DateTimeField(null=True, blank=True, db_index=True)
    created_at = models.DateTimeField()
    modified_at = models.DateTimeField()
    history = tracked()

    class Meta:
        ordering = ("created_at", "uuid")
        constraints = (
            models.UniqueConstraint(fields=("link", "run_key"), name="customers_sponsored_once_in_run"),
        )

    def __str__(self) -> str:
        return f"{self.link_id} in {self.run_key}"


class Fulfillment(models.Model):
    """What pays for a sponsored enrollment: a license, or a transaction of learner credit.

    One enrollment may have several: a second license for the same run is one more row.

    .. no_pii:
    """

    uuid = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    sponsored_enrollment = models.ForeignKey(
        SponsoredEnrollment, on_delete=models.PROTECT, related_name="fulfillments"
    )
    kind = models.CharField(max_length=20, choices=[(each.value, each.value) for each in FulfillmentKind])
    subsidy_uuid = models.UUIDField(
        db_index=True, help_text="The license, or the transaction of the learner credit."
    )
    is_revoked = models.BooleanField(default=False)
    created_at = models.DateTimeField()
    modified_at = models.DateTimeField()
    history = tracked()

    class Meta:
        ordering = ("created_at", "uuid")
        constraints = (
            models.UniqueConstraint(
                fields=("sponsored_enrollment", "kind", "subsidy_uuid"), name="customers_fulfillment_once"
            ),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.subsidy_uuid}"
