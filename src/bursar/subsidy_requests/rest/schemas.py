"""What is answered about requests, for the description of the API. Contract: requests 3.3 to 3.5."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, PolymorphicProxySerializer
from rest_framework import serializers

from bursar.subsidy_requests.data import Digest, State, SubsidyType

STATES = [each.value for each in State]

REFUSED = OpenApiResponse(
    OpenApiTypes.STR, "Refused; nothing was changed. The header Bursar-Error-Code has the code."
)
INVALID = OpenApiResponse(
    {"oneOf": [{"type": "string"}, {"type": "object", "properties": {"detail": {"type": "string"}}}]},
    "What to mend, in one sentence; about the customer or the form of the body: in an object.",
)
INVALID_FIELDS = OpenApiResponse(OpenApiTypes.OBJECT, "What to mend, by field.")


class RequestPartnerSerializer(serializers.Serializer[Any]):
    """Who offers a course."""

    uuid = serializers.UUIDField()
    name = serializers.CharField()


class RequestSerializer(serializers.Serializer[Any]):
    """What all rows have in common. The last four keys are Bursar's own."""

    uuid = serializers.UUIDField()
    lms_user_id = serializers.IntegerField()
    email = serializers.CharField()
    course_id = serializers.CharField(allow_null=True)
    course_title = serializers.CharField(allow_null=True, help_text="As it was on the day of the request.")
    course_partners = RequestPartnerSerializer(many=True, allow_null=True)
    enterprise_customer_uuid = serializers.UUIDField()
    state = serializers.ChoiceField(STATES)
    reviewed_at = serializers.DateTimeField(allow_null=True)
    reviewer_lms_user_id = serializers.IntegerField(allow_null=True)
    decline_reason = serializers.CharField(allow_null=True)
    created = serializers.DateTimeField()
    modified = serializers.DateTimeField()
    course_run_id = serializers.CharField(allow_null=True, help_text="The run that the learner chose.")
    fulfilled_at = serializers.DateTimeField(
        allow_null=True, help_text="When what was asked for was assigned."
    )
    error_code = serializers.CharField(allow_null=True, help_text="Why nothing could be assigned.")
    error_message = serializers.CharField(allow_null=True)


class RequestForLicenseSerializer(RequestSerializer):
    """A learner asks for a license."""

    subscription_plan_uuid = serializers.UUIDField(allow_null=True, help_text="The plan of the approval.")
    license_uuid = serializers.UUIDField(allow_null=True, help_text="What was assigned.")


class RequestForCodeSerializer(RequestSerializer):
    """A learner asks for a coupon code."""

    coupon_id = serializers.IntegerField(allow_null=True, help_text="The coupon of the approval.")
    coupon_code = serializers.CharField(allow_null=True, help_text="What was assigned.")


class NumberedPageSerializer(serializers.Serializer[Any]):
    """A page."""

    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)
    count = serializers.IntegerField()
    num_pages = serializers.IntegerField()
    current_page = serializers.IntegerField()
    start = serializers.IntegerField(help_text="How many rows are on the pages before.")


class LicenseRequestsPageSerializer(NumberedPageSerializer):
    """Requests for licenses."""

    results = RequestForLicenseSerializer(many=True)


class CodeRequestsPageSerializer(NumberedPageSerializer):
    """Requests for coupon codes."""

    results = RequestForCodeSerializer(many=True)


class CreditRequestsPageSerializer(NumberedPageSerializer):
    """Requests for learner credit, of which there are none."""

    results = serializers.ListField(child=serializers.DictField(), max_length=0)


class StateCountSerializer(serializers.Serializer[Any]):
    """How many requests are in a state."""

    state = serializers.ChoiceField(STATES)
    count = serializers.IntegerField()


class AnswerOutcomeSerializer(serializers.Serializer[Any]):
    """What became of one request of an answer."""

    uuid = serializers.UUIDField()
    state = serializers.ChoiceField(
        STATES, allow_null=True, help_text="Its state now; null: no such request."
    )
    code = serializers.CharField(allow_null=True, help_text="Why it was passed over or refused, if it was.")
    message = serializers.CharField(help_text="The same in a sentence.")


class AnswerOutcomesSerializer(serializers.Serializer[Any]):
    """What became of each request of an answer, in the order in which they were named."""

    results = AnswerOutcomeSerializer(many=True)


class PlanSupplySerializer(serializers.Serializer[Any]):
    """A plan of which licenses can be given out now."""

    subscription_plan_uuid = serializers.UUIDField()
    title = serializers.CharField()
    free = serializers.IntegerField()


class CouponSupplySerializer(serializers.Serializer[Any]):
    """A coupon of which codes can be given out now."""

    coupon_id = serializers.IntegerField()
    title = serializers.CharField()
    free = serializers.IntegerField()


class CapacitySerializer(serializers.Serializer[Any]):
    """How waiting requests compare with what is free."""

    waiting = serializers.IntegerField(help_text="Requests that wait for an answer.")
    free = serializers.IntegerField(help_text="What can still be promised, in all.")
    unmet = serializers.IntegerField(help_text="How many more are needed.")


class LicenseCapacitySerializer(CapacitySerializer):
    """How waiting requests compare with free licenses."""

    supplies = PlanSupplySerializer(many=True)


class CodeCapacitySerializer(CapacitySerializer):
    """How waiting requests compare with free codes."""

    supplies = CouponSupplySerializer(many=True)


class StoryLineSerializer(serializers.Serializer[Any]):
    """Something that happened."""

    at = serializers.DateTimeField()
    subject = serializers.ChoiceField(
        ["request", *(each.value for each in SubsidyType), "message"], help_text="To what it happened."
    )
    event = serializers.CharField(help_text="What happened, in a word or two.")
    by_lms_user_id = serializers.IntegerField(allow_null=True, help_text="null: the system.")
    by_username = serializers.CharField(allow_null=True)
    detail = serializers.CharField(help_text="A reason, what was assigned, an address or a subject.")


class StorySerializer(serializers.Serializer[Any]):
    """Everything that became of a request, the oldest first."""

    results = StoryLineSerializer(many=True)


class ConfigurationSerializer(serializers.Serializer[Any]):
    """What a customer has configured about requests. The last two keys are Bursar's own."""

    enterprise_customer_uuid = serializers.UUIDField()
    subsidy_requests_enabled = serializers.BooleanField()
    subsidy_type = serializers.ChoiceField([each.value for each in SubsidyType], allow_null=True)
    changed_by_lms_user_id = serializers.IntegerField(allow_null=True)
    digest = serializers.ChoiceField([each.value for each in Digest])
    modified = serializers.DateTimeField()


class ConfigurationsPageSerializer(NumberedPageSerializer):
    """Configurations."""

    results = ConfigurationSerializer(many=True)


@dataclass(frozen=True)
class Shapes:
    """What is answered about one kind of requests."""

    row: type[serializers.Serializer[Any]]
    page: type[serializers.Serializer[Any]]
    capacity: type[serializers.Serializer[Any]]

    @property
    def answered(self) -> OpenApiResponse:
        """What an approval or a refusal answers."""
        name = f"Answered{self.row.__name__.removesuffix('Serializer')}"
        either = PolymorphicProxySerializer(
            name, [self.row(many=True), AnswerOutcomesSerializer], resource_type_field_name=None, many=False
        )
        return OpenApiResponse(
            either, "The requests that were changed; with `outcomes`, what became of each."
        )


SHAPES: Mapping[SubsidyType, Shapes] = {
    SubsidyType.LICENSE: Shapes(
        RequestForLicenseSerializer, LicenseRequestsPageSerializer, LicenseCapacitySerializer
    ),
    SubsidyType.COUPON: Shapes(RequestForCodeSerializer, CodeRequestsPageSerializer, CodeCapacitySerializer),
}
