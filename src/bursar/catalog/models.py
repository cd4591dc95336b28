"""Courses with their runs, modes and partners, and the customers' catalogs."""

import uuid

from django.db import models

from bursar.catalog import data
from bursar.lib.fields import CourseKeyField, ExactCharField
from bursar.lib.history import tracked


class Partner(models.Model):
    """An organization that makes courses."""

    uuid = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    key = ExactCharField(max_length=255, unique=True)
    name = models.CharField(max_length=255)

    class Meta:
        ordering = ("key",)

    def __str__(self) -> str:
        return self.name


class Course(models.Model):
    """A course. ``subjects`` is a list of names."""

    uuid = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    key = CourseKeyField(unique=True)
    title = models.CharField(max_length=255)
    short_description = models.TextField(blank=True, default="")
    level = models.CharField(max_length=100, blank=True, default="")
    subjects = models.JSONField(blank=True, default=list)
    advertised_run_key = CourseKeyField(null=True, blank=True)
    partners: "models.ManyToManyField[Partner, CoursePartner]" = models.ManyToManyField(
        Partner, through="CoursePartner"
    )

    class Meta:
        ordering = ("key",)

    def __str__(self) -> str:
        return self.key


class CoursePartner(models.Model):
    """Who makes a course, in the course's order."""

    uuid = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    course = models.ForeignKey(Course, on_delete=models.CASCADE)
    partner = models.ForeignKey(Partner, on_delete=models.CASCADE)
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ("position",)
        constraints = (
            models.UniqueConstraint(fields=("course", "partner"), name="catalog_course_partner_once"),
        )

    def __str__(self) -> str:
        return str(self.partner_id)


class Run(models.Model):
    """A run. Without a title it has its course's; ``blocked_countries`` is a list of ISO codes."""

    class Pacing(models.TextChoices):
        INSTRUCTOR_PACED = data.INSTRUCTOR_PACED
        SELF_PACED = data.SELF_PACED

    uuid = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    key = CourseKeyField(unique=True)
    course = models.ForeignKey(Course, on_delete=models.CASCADE, related_name="runs")
    org = ExactCharField(max_length=255)
    title = models.CharField(max_length=255, blank=True, default="")
    start = models.DateTimeField(null=True, blank=True)
    end = models.DateTimeField(null=True, blank=True)
    enrollment_start = models.DateTimeField(null=True, blank=True)
    enrollment_end = models.DateTimeField(null=True, blank=True)
    pacing = models.CharField(max_length=20, choices=Pacing, default=Pacing.INSTRUCTOR_PACED)
    is_enrollable = models.BooleanField(default=True)
    invitation_only = models.BooleanField(default=False)
    max_enrollments = models.PositiveIntegerField(null=True, blank=True)
    blocked_countries = models.JSONField(blank=True, default=list)
    history = tracked()

    class Meta:
        ordering = ("key",)

    def __str__(self) -> str:
        return self.key


class Mode(models.Model):
    """A way to take a run, and what it costs."""

    uuid = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="modes")
    slug = ExactCharField(max_length=100)
    price_cents = models.PositiveIntegerField(default=0)
    currency = models.CharField(max_length=8, default="USD")
    expires_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("slug",)
        constraints = (models.UniqueConstraint(fields=("run", "slug"), name="catalog_mode_once"),)

    def __str__(self) -> str:
        return self.slug


class CustomerCatalog(models.Model):
    """What a customer may use: everything, or the courses listed.

    The keys stand in the row, so that the history shows who could use what, when.
    """

    uuid = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    customer_uuid = models.UUIDField(db_index=True)
    title = models.CharField(max_length=255)
    contains_everything = models.BooleanField(default=False)
    course_keys = models.JSONField(blank=True, default=list)
    history = tracked()

    class Meta:
        ordering = ("title", "uuid")

    def __str__(self) -> str:
        return self.title
