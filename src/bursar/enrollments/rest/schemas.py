"""The shapes of the LMS's enrollment API, for the description of our own. ``wire.py`` writes them."""

from typing import Any

from rest_framework import serializers


class ModeSerializer(serializers.Serializer[Any]):
    """A way to take a run."""

    slug = serializers.CharField()
    name = serializers.CharField()
    min_price = serializers.IntegerField(help_text="In whole units of the currency.")
    suggested_prices = serializers.CharField(allow_blank=True)
    currency = serializers.CharField()
    expiration_datetime = serializers.DateTimeField(allow_null=True)
    description = serializers.CharField(allow_null=True)
    sku = serializers.CharField(allow_null=True)
    bulk_sku = serializers.CharField(allow_null=True)


class CourseSerializer(serializers.Serializer[Any]):
    """A course run."""

    course_id = serializers.CharField()
    course_name = serializers.CharField()
    enrollment_start = serializers.DateTimeField(allow_null=True)
    enrollment_end = serializers.DateTimeField(allow_null=True)
    course_start = serializers.DateTimeField(allow_null=True)
    course_end = serializers.DateTimeField(allow_null=True)
    invite_only = serializers.BooleanField()
    course_modes = ModeSerializer(many=True)
    pacing_type = serializers.ChoiceField(["Self Paced", "Instructor Paced"])


class EnrollmentSerializer(serializers.Serializer[Any]):
    """A person's place in a run."""

    created = serializers.DateTimeField()
    mode = serializers.CharField()
    is_active = serializers.BooleanField()
    course_details = CourseSerializer(allow_null=True)
    user = serializers.CharField()


class CourseDetailsSerializer(serializers.Serializer[Any]):
    """Which run is meant."""

    course_id = serializers.CharField(help_text="course-v1:Org+Course+Run")


class AttributeSerializer(serializers.Serializer[Any]):
    """Something noted down with the enrollment."""

    namespace = serializers.CharField(max_length=255)
    name = serializers.CharField(max_length=255)
    value = serializers.CharField(max_length=255)


class PostedEnrollmentSerializer(serializers.Serializer[Any]):
    """The body of a POST; it is documentation, the rules are in ``posting.py``."""

    course_details = CourseDetailsSerializer()
    user = serializers.CharField(required=False, help_text="A username; yours if left out.")
    email = serializers.CharField(
        required=False, help_text="Instead of user, if confirmed; for staff and servers."
    )
    mode = serializers.CharField(
        required=False,
        allow_null=True,
        help_text="Left out: the run's default. Paid ones are for staff and servers.",
    )
    is_active = serializers.BooleanField(
        required=False, allow_null=True, help_text="false ends an enrollment, for staff and servers."
    )
    enrollment_attributes = AttributeSerializer(
        many=True, required=False, allow_null=True, help_text="Replace those that are there."
    )
    email_opt_in = serializers.BooleanField(
        required=False, help_text="Whether the enrolled person wants mail from the course's organization."
    )
    cohort = serializers.CharField(required=False, allow_null=True)
    enterprise_uuid = serializers.UUIDField(
        required=False, allow_null=True, help_text="The customer that has it done; from staff and servers."
    )
    force_enrollment = serializers.BooleanField(
        required=False, allow_null=True, help_text="Passes a closed run, never a full one; for staff."
    )
    linked_enterprise_customer = serializers.UUIDField(
        required=False,
        allow_null=True,
        help_text="The customer whose learner the person becomes; for servers. It follows shortly.",
    )


class RefusalSerializer(serializers.Serializer[Any]):
    """Why not: a sentence for people, a code for programs."""

    message = serializers.CharField(required=False)
    code = serializers.CharField(required=False)
    detail = serializers.CharField(
        required=False, help_text="Instead of both, for what is refused before it gets here."
    )
    localizedMessage = serializers.CharField(required=False)  # noqa: N815 - the LMS's name
    course_details = CourseSerializer(required=False)
    user_message_url = serializers.URLField(required=False)


class RoleSerializer(serializers.Serializer[Any]):
    """A role in a course run, or in all runs of an organization."""

    org = serializers.CharField()
    course_id = serializers.CharField(allow_blank=True)
    role = serializers.CharField()


class RolesSerializer(serializers.Serializer[Any]):
    """All roles of a person."""

    roles = RoleSerializer(many=True)
    is_staff = serializers.BooleanField()


class ListedEnrollmentSerializer(serializers.Serializer[Any]):
    """A place in the list for staff."""

    created = serializers.DateTimeField()
    mode = serializers.CharField()
    is_active = serializers.BooleanField()
    user = serializers.CharField()
    course_id = serializers.CharField()


class AllowanceSerializer(serializers.Serializer[Any]):
    """An address that may come into a run; ``user`` made use of it."""

    email = serializers.CharField()
    course_id = serializers.CharField()
    auto_enroll = serializers.BooleanField()
    user = serializers.IntegerField(allow_null=True)
    created = serializers.DateTimeField()
