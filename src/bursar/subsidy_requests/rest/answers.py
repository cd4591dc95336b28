"""Saying yes and no over HTTP, for both kinds."""

from collections.abc import Mapping
from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from bursar.lib.rest import UuidField, parse_flag
from bursar.outbox.api import idempotent
from bursar.subsidy_requests import wire
from bursar.subsidy_requests.data import DECLINE_REASON_MAX_LENGTH, MAX_BATCH, Approval, Decline, SubsidyType
from bursar.subsidy_requests.rest.shared import RequestsView, admin_of_body, validated
from bursar.subsidy_requests.service import answers
from bursar.subsidy_requests.service.answers import Answered

_OUTCOMES = [
    OpenApiParameter(
        "outcomes",
        bool,
        description="Says what became of each: `results`, with `uuid`, `state`, `code`, `message`.",
    )
]


class AnswerSerializer(serializers.Serializer[Any]):
    """What all answers have in common."""

    enterprise_customer_uuid = UuidField()
    send_notification = serializers.BooleanField(
        default=False, help_text="Whether the learners get a mail: of a yes, once it is assigned."
    )


class ListedSerializer(AnswerSerializer):
    """An answer to a list of requests."""

    subsidy_request_uuids = serializers.ListField(child=UuidField(), allow_empty=False, max_length=MAX_BATCH)


class PlanSerializer(serializers.Serializer[Any]):
    """From where licenses are taken."""

    subscription_plan_uuid = UuidField(source="container")


class CouponSerializer(serializers.Serializer[Any]):
    """From where codes are taken."""

    coupon_id = serializers.IntegerField(source="container", min_value=1, max_value=2**63 - 1)


class NoSerializer(serializers.Serializer[Any]):
    """What all refusals have in common."""

    decline_reason = serializers.CharField(
        required=False,
        allow_null=True,
        allow_blank=True,
        max_length=DECLINE_REASON_MAX_LENGTH,
        help_text="The learners read it.",
    )
    unlink_users_from_enterprise = serializers.BooleanField(
        default=False, help_text="Whether the learners leave the customer as well, for good."
    )


class ApproveLicensesSerializer(PlanSerializer, ListedSerializer):
    """The body of an approval of license requests."""


class ApproveCodesSerializer(CouponSerializer, ListedSerializer):
    """The body of an approval of coupon code requests."""


APPROVE_BODIES: Mapping[SubsidyType, type[serializers.Serializer[Any]]] = {
    SubsidyType.LICENSE: ApproveLicensesSerializer,
    SubsidyType.COUPON: ApproveCodesSerializer,
}


class DeclineSerializer(NoSerializer, ListedSerializer):
    """The body of a refusal."""


class ApproveView(RequestsView):
    """Saying yes."""

    @extend_schema(parameters=_OUTCOMES)
    @idempotent
    def post(self, request: Request) -> Response:
        """From one plan or coupon, all or none: it is kept back at once, assigning follows in the background.

        A request in error is tried again.
        """
        by = admin_of_body(request)
        body = validated(APPROVE_BODIES[self.kind.subsidy_type], request)
        approval = Approval(
            self.kind.subsidy_type,
            body["enterprise_customer_uuid"],
            body["container"],
            tuple(dict.fromkeys(body["subsidy_request_uuids"])),
            is_notification_wanted=body["send_notification"],
        )
        return answer(self, request, answers.approve(approval, by=by))


class DeclineView(RequestsView):
    """Saying no."""

    @extend_schema(parameters=_OUTCOMES, request=DeclineSerializer)
    @idempotent
    def post(self, request: Request) -> Response:
        """Approved and pending requests cannot be declined; one of them refuses the whole set."""
        by = admin_of_body(request)
        body = validated(DeclineSerializer, request)
        refusal = Decline(
            self.kind.subsidy_type,
            body["enterprise_customer_uuid"],
            tuple(dict.fromkeys(body["subsidy_request_uuids"])),
            reason=body.get("decline_reason") or None,
            is_notification_wanted=body["send_notification"],
            is_unlinking=body["unlink_users_from_enterprise"],
        )
        return answer(self, request, answers.decline(refusal, by=by))


def answer(view: RequestsView, request: Request, answered: Answered) -> Response:
    """The rows that were changed; with ``?outcomes=1`` what became of each request that was named."""
    if parse_flag(request, "outcomes", default=False):
        return Response({"results": [wire.outcome(each) for each in answered.outcomes]})
    return Response([wire.subsidy_request(view.kind, row) for row in answered.rows])
