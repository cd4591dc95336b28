"""Saying yes and no to all requests that match a filter, over HTTP, for both kinds. Paths of our own."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from bursar.outbox.api import idempotent
from bursar.subsidy_requests.data import ANSWERABLE, Approval, Decline, RequestFilter, State, SubsidyType
from bursar.subsidy_requests.rest.answers import (
    AnswerSerializer,
    CouponSerializer,
    NoSerializer,
    PlanSerializer,
)
from bursar.subsidy_requests.rest.schemas import INVALID, REFUSED
from bursar.subsidy_requests.rest.shared import RequestsView, admin_of_body, validated
from bursar.subsidy_requests.service import matching
from bursar.subsidy_requests.service.matching import Started

_MAX_LENGTH = 255


@extend_schema_field(
    {
        "oneOf": [
            {"type": "string", "description": "Separated by commas."},
            {"type": "array", "items": {"type": "string", "enum": [each.value for each in ANSWERABLE]}},
        ]
    }
)
class StatesField(serializers.Field[Any, Any, Any, Any]):
    """States in which a request can be answered: a list, or a text with commas."""

    def to_internal_value(self, data: Any) -> tuple[State, ...]:
        names = data.strip(",").split(",") if isinstance(data, str) else data
        if not isinstance(names, list) or not names:
            raise serializers.ValidationError(_("Name one state or more."))
        states = [each.strip() if isinstance(each, str) else each for each in names]
        if not all(each in ANSWERABLE for each in states):
            raise serializers.ValidationError(
                _("Only requests in these states can be answered: %(states)s.")
                % {"states": ", ".join(ANSWERABLE)}
            )
        return tuple(State(each) for each in states)


class RequestFilterSerializer(serializers.Serializer[Any]):
    """Which requests are meant. A slip of the pen must not mean all of them.

    So what is named says something, and what nobody knows is refused. Only ``{}`` means all.
    """

    search = serializers.CharField(
        required=False,
        max_length=_MAX_LENGTH,
        help_text="Parts of an address, all of which must occur.",
    )
    state = StatesField(source="states", required=False)
    course_id = serializers.CharField(source="course_key", required=False, max_length=_MAX_LENGTH)

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping) and (unknown := sorted(map(str, data.keys() - self.fields.keys()))):
            message = _("There is no such condition, but these: %(names)s.")
            raise serializers.ValidationError({unknown[0]: [message % {"names": ", ".join(self.fields)}]})
        return super().to_internal_value(data)

    def validate_search(self, value: str) -> str:
        if not value.replace(",", " ").split():
            raise serializers.ValidationError(_("Name a part of an address."))
        return value


class MatchingSerializer(AnswerSerializer):
    """An answer to what matches."""

    filter = RequestFilterSerializer(
        help_text="All of its conditions hold. {}: every request that waits or is in error."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "subsidy_request_uuids" in self.initial_data:
            message = _("Here a filter says which requests are meant.")
            raise serializers.ValidationError({"subsidy_request_uuids": [message]})
        return attrs


class ApproveMatchingLicensesSerializer(PlanSerializer, MatchingSerializer):
    """The body of an approval of license requests that match."""


class ApproveMatchingCodesSerializer(CouponSerializer, MatchingSerializer):
    """The body of an approval of coupon code requests that match."""


APPROVE_BODIES: Mapping[SubsidyType, type[serializers.Serializer[Any]]] = {
    SubsidyType.LICENSE: ApproveMatchingLicensesSerializer,
    SubsidyType.COUPON: ApproveMatchingCodesSerializer,
}


class DeclineMatchingSerializer(NoSerializer, MatchingSerializer):
    """The body of a refusal of requests that match."""


class AnsweringSerializer(serializers.Serializer[Any]):
    """The job that answers them."""

    job_uuid = serializers.UUIDField(help_text="Its progress and results: /api/jobs/v1/jobs/<uuid>/.")
    count = serializers.IntegerField(help_text="How many requests match.")


_RESPONSES = {202: AnsweringSerializer, 400: INVALID, 422: REFUSED}


class ApproveMatchingView(RequestsView):
    """Saying yes to all that match."""

    @extend_schema(responses=_RESPONSES)
    @idempotent
    def post(self, request: Request) -> Response:
        """What waits or is in error and matches now, in the background, by the rules of approving.

        Refused at once if nothing matches or too little is free. What somebody answers meanwhile is passed
        over; a thousand at a time they get what they ask for, all or none.
        """
        by = admin_of_body(request)
        body = validated(APPROVE_BODIES[self.kind.subsidy_type], request)
        approval = Approval(
            self.kind.subsidy_type,
            body["enterprise_customer_uuid"],
            body["container"],
            request_uuids=(),
            is_notification_wanted=body["send_notification"],
        )
        return _begun(matching.start_approving(approval, RequestFilter(**body["filter"]), by=by))


class DeclineMatchingView(RequestsView):
    """Saying no to all that match."""

    @extend_schema(request=DeclineMatchingSerializer, responses=_RESPONSES)
    @idempotent
    def post(self, request: Request) -> Response:
        """What waits or is in error and matches now, in the background.

        Refused at once if nothing matches. What somebody answers meanwhile is passed over.
        """
        by = admin_of_body(request)
        body = validated(DeclineMatchingSerializer, request)
        refusal = Decline(
            self.kind.subsidy_type,
            body["enterprise_customer_uuid"],
            request_uuids=(),
            reason=body.get("decline_reason") or None,
            is_notification_wanted=body["send_notification"],
            is_unlinking=body["unlink_users_from_enterprise"],
        )
        return _begun(matching.start_declining(refusal, RequestFilter(**body["filter"]), by=by))


def _begun(started: Started) -> Response:
    return Response({"job_uuid": started.job_uuid, "count": started.request_count}, status=202)
