"""Requests and what a customer has configured about them."""

import uuid

from django.db import models
from django.db.models import Case, Q, Value, When

from bursar.lib.fields import AddressField, CourseKeyField, ExactCharField
from bursar.lib.history import tracked
from bursar.subsidy_requests.data import DECLINE_REASON_MAX_LENGTH, OPEN, Digest, State, SubsidyType


class SubsidyRequest(models.Model):
    """What requests for licenses and for coupon codes have in common."""

    uuid = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    customer_uuid = models.UUIDField()
    lms_user_id = models.BigIntegerField()
    email = AddressField()
    course_key = CourseKeyField(null=True, blank=True)
    course_run_key = CourseKeyField(null=True, blank=True)
    course_title = models.CharField(max_length=255, null=True, blank=True)
    course_partners = models.JSONField(null=True, blank=True)
    state = models.CharField(
        max_length=10, choices=[(each.value, each.value) for each in State], default=State.REQUESTED
    )
    reviewed_at = models.DateTimeField(null=True, blank=True)
    reviewer_lms_user_id = models.BigIntegerField(null=True, blank=True)
    decline_reason = models.CharField(max_length=DECLINE_REASON_MAX_LENGTH, null=True, blank=True)
    approval_uuid = models.UUIDField(null=True, blank=True, unique=True)
    is_notification_wanted = models.BooleanField(default=False)
    fulfilled_at = models.DateTimeField(null=True, blank=True)
    error_code = models.CharField(max_length=50, null=True, blank=True)
    error_message = models.TextField(null=True, blank=True)
    is_removed = models.BooleanField(default=False)
    announced_at = models.DateTimeField(null=True, blank=True)  # to administrators, in a digest
    created_at = models.DateTimeField()
    modified_at = models.DateTimeField()
    is_open = models.GeneratedField(
        # 1 or null: a unique index ignores rows with a null, on every database.
        expression=Case(
            When(Q(state__in=[each.value for each in OPEN]) & Q(is_removed=False), then=Value(1)),
            default=None,
        ),
        output_field=models.SmallIntegerField(null=True),
        db_persist=True,
    )

    class Meta:
        abstract = True
        ordering = ("-created_at", "uuid")

    def __str__(self) -> str:
        return f"{self.uuid} ({self.state})"


def _indexes(prefix: str) -> tuple[models.Index, ...]:
    # In the first two is_removed comes last, so that rows are counted in the index alone.
    return (
        models.Index(fields=("customer_uuid", "-created_at", "uuid", "is_removed"), name=f"{prefix}_list"),
        models.Index(
            fields=("customer_uuid", "state", "-created_at", "uuid", "is_removed"), name=f"{prefix}_by_state"
        ),
        models.Index(fields=("lms_user_id", "customer_uuid"), name=f"{prefix}_by_learner"),
        models.Index(
            fields=("state", "is_removed", "announced_at", "customer_uuid"), name=f"{prefix}_to_announce"
        ),
    )


def _constraints(
    prefix: str, *, container: str, assigned: str, one_open_per: tuple[str, ...]
) -> tuple[models.BaseConstraint, ...]:
    return (
        models.UniqueConstraint(fields=(*one_open_per, "is_open"), name=f"{prefix}_one_open"),
        models.CheckConstraint(
            condition=~Q(state=State.APPROVED.value)
            | Q(**{f"{container}__isnull": False, f"{assigned}__isnull": False}),
            name=f"{prefix}_approved_is_whole",
        ),
        models.CheckConstraint(
            condition=~Q(state=State.PENDING.value)
            | Q(approval_uuid__isnull=False, **{f"{container}__isnull": False}),
            name=f"{prefix}_pending_is_whole",
        ),
    )


_UNTRACKED = ["is_open", "announced_at"]


class LicenseRequest(SubsidyRequest):
    """A learner asks for a license. ``plan_uuid`` is the plan of the approval.

    .. pii: the learner's address and LMS user id
    .. pii_types: email_address, id
    .. pii_retirement: local_api
    """

    plan_uuid = models.UUIDField(null=True, blank=True)
    license_uuid = models.UUIDField(null=True, blank=True, db_index=True)
    history = tracked(excluded_fields=_UNTRACKED)

    class Meta(SubsidyRequest.Meta):
        indexes = _indexes("subsidy_requests")
        constraints = _constraints(
            "subsidy_requests",
            container="plan_uuid",
            assigned="license_uuid",
            one_open_per=("lms_user_id", "customer_uuid"),
        )


class CouponCodeRequest(SubsidyRequest):
    """A learner asks for a coupon code for a course. ``coupon_id`` is the coupon of the approval.

    .. pii: the learner's address and LMS user id
    .. pii_types: email_address, id
    .. pii_retirement: local_api
    """

    coupon_id = models.BigIntegerField(null=True, blank=True)
    coupon_code = ExactCharField(max_length=128, null=True, blank=True, db_index=True)
    history = tracked(excluded_fields=_UNTRACKED)

    class Meta(SubsidyRequest.Meta):
        indexes = _indexes("coupon_requests")
        constraints = (
            *_constraints(
                "coupon_requests",
                container="coupon_id",
                assigned="coupon_code",
                one_open_per=("lms_user_id", "customer_uuid", "course_key"),
            ),
            models.CheckConstraint(
                condition=Q(course_key__isnull=False), name="coupon_requests_name_a_course"
            ),
        )


class Configuration(models.Model):
    """Whether a customer's learners may ask, what pays, and how often administrators are told.

    .. pii: the LMS user id of the administrator who changed it
    .. pii_types: id
    .. pii_retirement: retained
    """

    customer_uuid = models.UUIDField(primary_key=True)
    is_enabled = models.BooleanField(default=False)
    subsidy_type = models.CharField(
        max_length=32, null=True, blank=True, choices=[(each.value, each.value) for each in SubsidyType]
    )
    digest = models.CharField(
        max_length=12, choices=[(each.value, each.value) for each in Digest], default=Digest.DAILY
    )
    changed_by = models.BigIntegerField(null=True, blank=True)
    digest_sent_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    modified_at = models.DateTimeField(auto_now=True)
    history = tracked(excluded_fields=["digest_sent_at"])

    class Meta:
        ordering = ("customer_uuid",)

    def __str__(self) -> str:
        return str(self.customer_uuid)
