"""Agreements, plans, licenses and holds."""

import uuid

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Case, F, Q, Value, When
from django.utils.translation import gettext_lazy as _

from bursar.lib.fields import AddressField, ExactCharField
from bursar.lib.history import tracked
from bursar.licenses.data import LIVE, CopiedStatuses, MailKind, Status


class Agreement(models.Model):
    """What a customer agreed to: the frame of its plans.

    .. no_pii:
    """

    uuid = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    customer_uuid = models.UUIDField(unique=True)
    customer_slug = ExactCharField(max_length=128, unique=True, null=True)
    customer_name = models.CharField(max_length=255, null=True)
    default_catalog_uuid = models.UUIDField(null=True, blank=True)
    disable_expiration_notifications = models.BooleanField(default=False)
    disable_onboarding_notifications = models.BooleanField(default=False)
    purge_after_days = models.PositiveIntegerField(default=90)
    enable_auto_apply_with_universal_link = models.BooleanField(default=False)
    enable_auto_scaling = models.BooleanField(default=False)
    auto_scaling_max_licenses = models.PositiveIntegerField(null=True, blank=True)
    auto_scaling_threshold_percent = models.PositiveSmallIntegerField(null=True, blank=True)
    auto_scaling_increment_percent = models.PositiveSmallIntegerField(null=True, blank=True)
    has_custom_expiration_messaging = models.BooleanField(default=False)
    expiration_modal_header = models.CharField(max_length=512, null=True, blank=True)
    expiration_modal_text = models.CharField(max_length=512, null=True, blank=True)
    expiration_button_label = models.CharField(max_length=255, null=True, blank=True)
    expiration_button_url = models.CharField(max_length=512, null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    modified_at = models.DateTimeField(auto_now=True)
    history = tracked()

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=Q(auto_scaling_threshold_percent__isnull=True)
                | Q(auto_scaling_threshold_percent__range=(1, 100)),
                name="licenses_agreement_scaling_threshold",
                violation_error_message=_("The threshold of auto-scaling is a percentage from 1 to 100."),
            ),
            models.CheckConstraint(
                condition=Q(auto_scaling_increment_percent__isnull=True)
                | Q(auto_scaling_increment_percent__range=(1, 100)),
                name="licenses_agreement_scaling_increment",
                violation_error_message=_("The increment of auto-scaling is a percentage from 1 to 100."),
            ),
            models.CheckConstraint(
                condition=Q(enable_auto_scaling=False)
                | Q(
                    auto_scaling_max_licenses__isnull=False,
                    auto_scaling_threshold_percent__isnull=False,
                    auto_scaling_increment_percent__isnull=False,
                ),
                name="licenses_agreement_scaling_complete",
                violation_error_message=_(
                    "Auto-scaling needs a threshold, an increment and the number of licenses to stop at."
                ),
            ),
        )

    def __str__(self) -> str:
        return self.customer_name or str(self.customer_uuid)

    def clean(self) -> None:
        """What learners read after the expiry is told completely, or not at all."""
        texts = {name: (getattr(self, name) or "").strip() for name in _EXPIRATION_TEXTS}
        missing = [name for name, text in texts.items() if not text]
        if missing and (self.has_custom_expiration_messaging or len(missing) < len(texts)):
            sentence = _("Give header, text, button and its address, or none of them and switch it off.")
            raise ValidationError(dict.fromkeys(missing, sentence))
        address = texts["expiration_button_url"]
        if address and not address.lower().startswith(("http://", "https://")):
            raise ValidationError(
                {"expiration_button_url": _("The address must begin with https:// or http://.")}
            )


_EXPIRATION_TEXTS = (
    "expiration_modal_header", "expiration_modal_text", "expiration_button_label", "expiration_button_url",
)  # fmt: skip


class PlanType(models.Model):
    """A kind of plan, such as a trial.

    .. no_pii:
    """

    label = models.CharField(max_length=128)
    description = models.CharField(max_length=255)
    is_paid_subscription = models.BooleanField(default=True)
    ns_id_required = models.BooleanField(default=True)
    sf_id_required = models.BooleanField(default=True)
    internal_use_only = models.BooleanField(default=False)

    def __str__(self) -> str:
        return self.label


class Product(models.Model):
    """What was sold.

    .. no_pii:
    """

    name = models.CharField(max_length=255)
    description = models.CharField(max_length=255, blank=True, default="")
    salesforce_product_id = models.CharField(max_length=18, null=True, blank=True)
    netsuite_id = models.IntegerField(null=True, blank=True, unique=True)
    plan_type = models.ForeignKey(PlanType, on_delete=models.PROTECT)

    def __str__(self) -> str:
        return self.name


class Plan(models.Model):
    """A subscription plan: a number of licenses for a time and a catalog.

    The counts by status are changed with the licenses, under the lock of this row. Whoever takes,
    gives back or holds a seat locks this row first.

    .. no_pii:
    """

    uuid = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    agreement = models.ForeignKey(Agreement, on_delete=models.PROTECT, related_name="plans")
    customer_uuid = models.UUIDField(
        db_index=True, help_text="The agreement's; here so that one row answers."
    )
    title = models.CharField(max_length=128)
    starts_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    is_expiration_processed = models.BooleanField(default=False)
    catalog_uuid = models.UUIDField(null=True, blank=True)
    is_active = models.BooleanField(default=False)
    is_revocation_cap_enabled = models.BooleanField(default=False)
    revoke_max_percent = models.PositiveSmallIntegerField(default=5)
    revocation_count = models.PositiveIntegerField(default=0)
    salesforce_opportunity_line_item = models.CharField(max_length=18, null=True, blank=True)
    product = models.ForeignKey(Product, on_delete=models.PROTECT, null=True, blank=True)
    is_for_internal_use_only = models.BooleanField(default=False)
    can_freeze_unused_licenses = models.BooleanField(default=False)
    frozen_at = models.DateTimeField(null=True, blank=True)
    should_auto_apply = models.BooleanField(null=True, blank=True)
    desired_license_count = models.PositiveIntegerField(null=True, blank=True)
    unlinked_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="When its learners were unlinked after its expiry."
    )
    unassigned_count = models.PositiveIntegerField(default=0, editable=False)
    assigned_count = models.PositiveIntegerField(default=0, editable=False)
    activated_count = models.PositiveIntegerField(default=0, editable=False)
    revoked_count = models.PositiveIntegerField(default=0, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    modified_at = models.DateTimeField(auto_now=True)
    history = tracked()

    class Meta:
        ordering = ("-starts_at",)
        constraints = (
            models.UniqueConstraint(fields=("agreement", "title"), name="licenses_plan_title"),
            models.CheckConstraint(
                condition=Q(expires_at__gt=F("starts_at")), name="licenses_plan_ends_later"
            ),
        )

    def __str__(self) -> str:
        return self.title

    def clean(self) -> None:
        """Says it in better words than the constraint."""
        if self.starts_at and self.expires_at and self.expires_at <= self.starts_at:
            raise ValidationError({"expires_at": _("A plan must expire after it starts.")})


class License(models.Model):
    """The right of one person to take the courses of a plan's catalog.

    .. pii: the address and the LMS user id of its holder
    .. pii_types: email_address, id
    .. pii_retirement: local_api
    """

    uuid = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    plan = models.ForeignKey(Plan, on_delete=models.PROTECT, related_name="licenses")
    status = models.CharField(
        max_length=10, choices=[(each.value, each.value) for each in Status], default=Status.UNASSIGNED
    )
    email = AddressField(null=True, blank=True, db_index=True)
    lms_user_id = models.BigIntegerField(null=True, blank=True, db_index=True)
    activation_key = models.UUIDField(null=True, blank=True, db_index=True)
    assigned_at = models.DateTimeField(null=True, blank=True)
    activated_at = models.DateTimeField(null=True, blank=True)
    reminded_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    is_auto_applied = models.BooleanField(null=True, blank=True)
    renewed_to = models.OneToOneField(
        "self", on_delete=models.SET_NULL, null=True, blank=True, related_name="renewed_from"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    modified_at = models.DateTimeField(auto_now=True)
    is_live = models.GeneratedField(
        # 1 or null: a unique index ignores rows with a null, on every database.
        expression=Case(When(status__in=[each.value for each in LIVE], then=Value(1)), default=None),
        output_field=models.SmallIntegerField(null=True),
        db_persist=True,
    )
    history = tracked(excluded_fields=["is_live"])

    class Meta:
        indexes = (
            # As lists are ordered, so that a page costs the same however large the plan is.
            models.Index(fields=("plan", "status", "email", "uuid"), name="licenses_license_in_order"),
            models.Index(fields=("plan", "email", "status", "uuid"), name="licenses_license_by_address"),
        )
        constraints = (
            models.UniqueConstraint(fields=("plan", "email", "is_live"), name="licenses_one_live_for_each"),
            models.CheckConstraint(
                condition=~Q(status__in=[each.value for each in LIVE]) | Q(email__isnull=False),
                name="licenses_live_has_holder",
            ),
        )

    def __str__(self) -> str:
        return f"{self.uuid} ({self.status})"


class LicenseSource(models.Model):
    """Where a license came from: the order in the customer's own system, by its id there.

    .. no_pii:
    """

    license = models.OneToOneField(License, on_delete=models.CASCADE, primary_key=True, related_name="source")
    source_id = models.CharField(max_length=18)
    source_type = models.CharField(max_length=30, default="AMT")
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.source_type} {self.source_id}"


class Renewal(models.Model):
    """What takes a plan's place, and when. Its licenses are copied to the renewed plan.

    .. no_pii:
    """

    prior_plan = models.OneToOneField(Plan, on_delete=models.PROTECT, related_name="renewal")
    renewed_plan = models.OneToOneField(
        Plan, on_delete=models.PROTECT, null=True, blank=True, related_name="origin_renewal"
    )
    salesforce_opportunity_id = models.CharField(max_length=18, null=True, blank=True)
    license_count = models.PositiveIntegerField()
    effective_at = models.DateTimeField()
    renewed_expires_at = models.DateTimeField()
    is_processed = models.BooleanField(default=False)
    processed_at = models.DateTimeField(null=True, blank=True)
    renewed_plan_title = models.CharField(max_length=128, null=True, blank=True)
    copied_statuses = models.CharField(
        max_length=25,
        choices=[(each.value, each.value) for each in CopiedStatuses],
        default=CopiedStatuses.LIVE,
    )
    disable_auto_apply = models.BooleanField(default=False)
    is_exempt_from_batch = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)
    modified_at = models.DateTimeField(auto_now=True)
    history = tracked()

    class Meta:
        constraints = (
            models.CheckConstraint(condition=Q(license_count__gt=0), name="licenses_renewal_has_licenses"),
            models.CheckConstraint(
                condition=Q(renewed_expires_at__gt=F("effective_at")), name="licenses_renewal_ends_later"
            ),
        )

    def __str__(self) -> str:
        return f"{self.prior_plan_id} -> {self.renewed_plan_id}"


class Wording(models.Model):
    """How a customer's mails of one kind begin and end, where a request does not say so itself.

    .. no_pii:
    """

    agreement = models.ForeignKey(Agreement, on_delete=models.CASCADE, related_name="wordings")
    kind = models.CharField(max_length=10, choices=[(each.value, each.value) for each in MailKind])
    greeting = models.TextField(blank=True, default="")
    closing = models.TextField(blank=True, default="")
    created_at = models.DateTimeField(auto_now_add=True)
    modified_at = models.DateTimeField(auto_now=True)
    history = tracked()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("agreement", "kind"), name="licenses_one_wording_of_a_kind"),
        )

    def __str__(self) -> str:
        return f"{self.kind}"


class Hold(models.Model):
    """A seat kept for an address while its approval is under way. It has no clock.

    Two approvals may hold for one address: together they keep one seat.

    .. pii: an address
    .. pii_types: email_address
    .. pii_retirement: local_api
    """

    approval_uuid = models.UUIDField(primary_key=True, editable=False)
    plan = models.ForeignKey(Plan, on_delete=models.CASCADE, related_name="holds")
    email = AddressField()
    created_at = models.DateTimeField(db_index=True)

    class Meta:
        indexes = (models.Index(fields=("plan", "email"), name="licenses_hold_by_address"),)

    def __str__(self) -> str:
        return str(self.approval_uuid)
