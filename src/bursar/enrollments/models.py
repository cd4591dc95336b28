"""Who is in which run, in which mode; who may come; what staff did by hand."""

import uuid

from django.db import models

from bursar.enrollments.data import CourseRoleName, Transition
from bursar.lib.fields import AddressField, CourseKeyField, ExactCharField
from bursar.lib.history import tracked


class Enrollment(models.Model):
    """A person's place in a run. Leaving makes it inactive; it is never deleted.

    ``attributes`` is what was noted down with it, such as the order that paid for it: a list of objects with
    ``namespace``, ``name`` and ``value``, or None.

    .. no_pii: The person is an LMS user id.
    """

    uuid = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    lms_user_id = models.BigIntegerField()
    run_key = CourseKeyField()
    mode = models.CharField(max_length=100)
    is_active = models.BooleanField(default=True)
    customer_uuid = models.UUIDField(null=True, blank=True)
    attributes = models.JSONField(null=True, blank=True)
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
    """The lock of a run with limited room: whoever puts people into the run holds this row meanwhile.

    .. no_pii:
    """

    run_key = CourseKeyField(primary_key=True)

    def __str__(self) -> str:
        return str(self.run_key)


class Cohort(models.Model):
    """A group of the people in a run.

    .. no_pii:
    """

    uuid = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    run_key = CourseKeyField()
    name = ExactCharField(max_length=255)

    class Meta:
        ordering = ("run_key", "name")
        constraints = (models.UniqueConstraint(fields=("run_key", "name"), name="enrollments_cohort_once"),)

    def __str__(self) -> str:
        return f"{self.name} in {self.run_key}"


class CohortMember(models.Model):
    """Which group of a run a person is in: one at the most, hence the run stands here, too.

    .. no_pii: The person is an LMS user id.
    """

    uuid = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    cohort = models.ForeignKey(Cohort, on_delete=models.CASCADE, related_name="members")
    run_key = CourseKeyField()
    lms_user_id = models.BigIntegerField()
    history = tracked()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("run_key", "lms_user_id"), name="enrollments_one_cohort_in_run"),
        )

    def __str__(self) -> str:
        return f"{self.lms_user_id} in {self.cohort_id}"


class EnrollmentAllowed(models.Model):
    """An address that may come into a run, also when it is closed to others.

    ``auto_enroll``: whoever confirms the address is put in. ``lms_user_id`` is the person who made use of
    it: for anybody else it is used up.

    .. pii: The address.
    .. pii_types: email_address
    .. pii_retirement: local_api
    """

    uuid = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    email = AddressField()
    run_key = CourseKeyField()
    auto_enroll = models.BooleanField(default=False)
    cohort = models.ForeignKey(Cohort, on_delete=models.SET_NULL, null=True, blank=True)
    lms_user_id = models.BigIntegerField(null=True, blank=True, db_index=True)
    created_at = models.DateTimeField()
    history = tracked()

    class Meta:
        ordering = ("created_at", "uuid")
        verbose_name_plural = "enrollments allowed"
        constraints = (models.UniqueConstraint(fields=("email", "run_key"), name="enrollments_allowed_once"),)

    def __str__(self) -> str:
        return f"{self.email} may come into {self.run_key}"


class ManualEnrollmentAudit(models.Model):
    """What a member of staff did to somebody's place, and why.

    .. pii: The address.
    .. pii_types: email_address
    .. pii_retirement: local_api
    """

    uuid = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    enrollment_uuid = models.UUIDField(null=True, blank=True, db_index=True)
    run_key = CourseKeyField()
    enrolled_by = models.BigIntegerField(null=True, blank=True)
    enrolled_email = AddressField(db_index=True)
    state_transition = models.CharField(max_length=255, choices=[(each, each) for each in Transition])
    reason = models.TextField(null=True, blank=True)
    role = models.CharField(max_length=64, null=True, blank=True)
    recorded_at = models.DateTimeField(db_index=True)
    history = tracked()

    class Meta:
        ordering = ("-recorded_at",)

    def __str__(self) -> str:
        return f"{self.enrolled_email}: {self.state_transition}"


class CourseRole(models.Model):
    """A role in a run, or (without a run) in all runs of an organization.

    .. no_pii: The person is an LMS user id.
    """

    uuid = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    lms_user_id = models.BigIntegerField()
    role = ExactCharField(max_length=64, choices=[(each, each) for each in CourseRoleName])
    org = ExactCharField(max_length=255)
    run_key = CourseKeyField(blank=True, default="")
    history = tracked()

    class Meta:
        ordering = ("lms_user_id", "org", "run_key", "role")
        constraints = (
            models.UniqueConstraint(
                fields=("lms_user_id", "role", "org", "run_key"), name="enrollments_course_role_once"
            ),
        )
        indexes = (models.Index(fields=("run_key", "role"), name="enrollments_staff_of_run"),)

    def __str__(self) -> str:
        return f"{self.lms_user_id} {self.role} of {self.run_key or self.org}"


class EmailOptIn(models.Model):
    """Whether a person wants mail from an organization whose courses they take.

    .. no_pii: The person is an LMS user id.
    """

    uuid = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    lms_user_id = models.BigIntegerField()
    org = ExactCharField(max_length=255)
    is_in = models.BooleanField()
    modified_at = models.DateTimeField()
    history = tracked()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("lms_user_id", "org"), name="enrollments_opt_in_once"),
        )

    def __str__(self) -> str:
        return f"{self.lms_user_id} {'wants' if self.is_in else 'does not want'} mail from {self.org}"
