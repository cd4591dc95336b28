"""Linking and unlinking learners over HTTP, as edx-enterprise does. Contract: customers A8.

Ten thousand addresses are checked by hand, for nested serializers take half a second for them; the
shapes of the errors are those of nested serializers.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from bursar.customers import api
from bursar.customers.data import LINK_LIMIT, LinkOutcome, NotLinked
from bursar.customers.rest.permissions import (
    CAN_ACCESS_ADMIN_DASHBOARD,
    check_knows,
    check_permission,
    check_staff,
)
from bursar.customers.service.linking import list_waiting_learners
from bursar.customers.service.organizations import get_active_customer
from bursar.identity.api import get_caller
from bursar.lib.emails import is_valid, normalize
from bursar.lib.rest import PageNumbers, body_of, parse_uuid
from bursar.outbox.api import idempotent

NO_ADDRESSES = "At least one user email is required."
FOREIGN_CUSTOMER = "Not authorized for this enterprise"
"""Sentences of edx-enterprise that its clients show."""


class UnlinkSerializer(serializers.Serializer[Any]):
    """Whom to unlink. Without ``is_relinkable`` they may be linked again."""

    user_emails = serializers.ListField(
        child=serializers.CharField(), allow_empty=False, max_length=LINK_LIMIT
    )
    is_relinkable = serializers.BooleanField(default=True)


class LearnerToLinkSerializer(serializers.Serializer[Any]):
    """An address, and the customer where it should learn. Only in the schema, as what is below."""

    enterprise_customer = serializers.UUIDField()
    user_email = serializers.EmailField()


class LinkedLearnerSerializer(LearnerToLinkSerializer):
    """The same in an answer. ``code`` and ``message`` are there only if it was refused, and say why."""

    code = serializers.CharField(required=False)
    message = serializers.CharField(required=False)


class UnlinkLearnersView(APIView):
    """Administrators remove learners."""

    @extend_schema(
        summary="Remove learners from the customer",
        description=(
            "Addresses of which the customer has nothing are passed over. What waits for an address is not "
            "done any more. With `is_relinkable` false only support can bring the learners back; "
            "edx-enterprise takes that for granted when it is left out, Bursar does not."
        ),
        request=UnlinkSerializer,
        responses={200: OpenApiResponse(description="Nobody with these addresses learns there any more.")},
        tags=["customers"],
    )
    @idempotent
    def post(self, request: Request, customer_uuid: UUID) -> Response:
        caller = get_caller(request)
        check_permission(caller, CAN_ACCESS_ADMIN_DASHBOARD, customer_uuid)
        body = UnlinkSerializer(data=body_of(request))
        body.is_valid(raise_exception=True)
        addresses = body.validated_data["user_emails"]
        bad = {
            str(index): [_("Enter a valid email address.")]
            for index, address in enumerate(addresses)
            if not is_valid(normalize(address))
        }
        if bad:
            raise serializers.ValidationError({"user_emails": bad})
        api.unlink_learners(
            customer_uuid=customer_uuid,
            emails=addresses,
            is_relinkable=body.validated_data["is_relinkable"],
            by=caller.lms_user_id,
        )
        return Response()


class UnlinkSelfView(APIView):
    """Learners leave by themselves."""

    @extend_schema(
        summary="Leave the customer",
        description=(
            "Whoever leaves may be linked again. Who has no role at the customer gets a 404, as if "
            "there were none; who has a role there but does not learn there gets a 422."
        ),
        request=None,
        responses={200: OpenApiResponse(description="The caller no longer learns there.")},
        tags=["customers"],
    )
    @idempotent
    def post(self, request: Request, customer_uuid: UUID) -> Response:
        caller = get_caller(request)
        check_knows(caller, customer_uuid)
        get_active_customer(customer_uuid)
        try:
            api.leave(customer_uuid=customer_uuid, lms_user_id=caller.lms_user_id)
        except NotLinked as error:
            return Response({"detail": error.message, "code": error.code}, status=422)
        return Response()


class LinkLearnersView(APIView):
    """Administrators link addresses to their customer."""

    @extend_schema(
        summary="Link learners to the customer",
        description=(
            "One object or a list of up to 10,000. Addresses without a confirmed account wait for one. "
            "Who was removed for good stays so and is refused, with `code` and `message` in the answer."
        ),
        request=LearnerToLinkSerializer(many=True),
        responses={
            200: OpenApiResponse(
                LinkedLearnerSerializer(many=True), "Nobody is new; some are refused, the others were linked."
            ),
            201: LinkedLearnerSerializer(many=True),
            204: OpenApiResponse(description="All were linked, or waited, already."),
            422: OpenApiResponse(LinkedLearnerSerializer(many=True), "All are refused."),
        },
        tags=["customers"],
    )
    @idempotent
    def post(self, request: Request, customer_uuid: UUID) -> Response:
        caller = get_caller(request)
        check_permission(caller, CAN_ACCESS_ADMIN_DASHBOARD, customer_uuid)
        get_active_customer(customer_uuid)
        return _link(request.data, only=customer_uuid, by=caller.lms_user_id)


class PendingLearnersView(APIView):
    """Staff and programs link addresses to any customers, and see what waits."""

    @extend_schema(
        summary="List addresses that wait to be confirmed",
        parameters=[
            OpenApiParameter("enterprise_customer", OpenApiTypes.UUID, description="Of this customer alone."),
            OpenApiParameter("user_email", OpenApiTypes.STR, description="This address alone."),
            OpenApiParameter("page", OpenApiTypes.INT),
            OpenApiParameter("page_size", OpenApiTypes.INT),
        ],
        responses={200: LearnerToLinkSerializer(many=True)},
        tags=["customers"],
    )
    def get(self, request: Request) -> Response:
        check_staff(get_caller(request))
        customer, address = (request.query_params.get(each) for each in ("enterprise_customer", "user_email"))
        waiting = list_waiting_learners(
            customer_uuid=parse_uuid(customer, field="enterprise_customer") if customer else None,
            email=address or None,
        )
        paging = PageNumbers()
        rows = paging.paginate_queryset(waiting, request, view=self) or []
        return paging.get_paginated_response(
            [{"enterprise_customer": customer_uuid, "user_email": email} for customer_uuid, email in rows]
        )

    @extend_schema(
        summary="Link learners to customers",
        description="As for one customer, but each address names its own.",
        request=LearnerToLinkSerializer(many=True),
        responses={
            200: LinkedLearnerSerializer(many=True),
            201: LinkedLearnerSerializer(many=True),
            204: OpenApiResponse(description="All were linked, or waited, already."),
            422: OpenApiResponse(LinkedLearnerSerializer(many=True), "All are refused."),
        },
        tags=["customers"],
    )
    @idempotent
    def post(self, request: Request) -> Response:
        caller = get_caller(request)
        check_staff(caller)
        return _link(request.data, only=None, by=caller.lms_user_id)


@dataclass(frozen=True, slots=True)
class _Wish:
    customer_uuid: UUID
    email: str


def _link(body: Any, *, only: UUID | None, by: int | None) -> Response:
    if not body:
        return Response(NO_ADDRESSES, status=status.HTTP_400_BAD_REQUEST)
    wishes = _read_wishes(body if isinstance(body, list) else [body], only, is_list=isinstance(body, list))
    grouped: dict[UUID, list[str]] = defaultdict(list)
    for wish in wishes:
        grouped[wish.customer_uuid].append(wish.email)
    outcomes = {
        customer_uuid: iter(api.link_learners(customer_uuid=customer_uuid, emails=addresses, by=by))
        for customer_uuid, addresses in sorted(grouped.items())
    }
    results = [(wish, next(outcomes[wish.customer_uuid])) for wish in wishes]
    answer: Any = [_written(wish, outcome) for wish, outcome in results]
    if not isinstance(body, list):
        answer = answer[0]
    if any(outcome.created for _, outcome in results):
        return Response(answer, status=status.HTTP_201_CREATED)
    if all(outcome.refusal for _, outcome in results):
        return Response(answer, status=status.HTTP_422_UNPROCESSABLE_ENTITY)
    if any(outcome.refusal for _, outcome in results):
        return Response(answer)  # a 204 could not say who was refused
    return Response(status=status.HTTP_204_NO_CONTENT)


def _written(wish: _Wish, outcome: LinkOutcome) -> dict[str, Any]:
    row = {"enterprise_customer": wish.customer_uuid, "user_email": wish.email}
    if outcome.refusal is not None:
        row |= {"code": outcome.refusal.code, "message": outcome.refusal.message}
    return row


def _read_wishes(written: Sequence[Any], only: UUID | None, *, is_list: bool) -> list[_Wish]:
    """Raises ValidationError in the shapes of nested serializers."""
    if len(written) > LINK_LIMIT:
        text = f"Too many addresses: {len(written):,}. Send at most {LINK_LIMIT:,} in one request."
        raise serializers.ValidationError({"non_field_errors": [text]})
    read = [_read_wish(each, only) for each in written]
    known = api.find_customers({wish.customer_uuid for wish, _ in read if wish is not None})
    problems: list[dict[str, list[str]]] = []
    wishes: list[_Wish] = []
    for wish, errors in read:
        if wish is not None:
            customer = known.get(wish.customer_uuid)
            if customer is None or not customer.is_active:
                text = f'Invalid pk "{wish.customer_uuid}" - object does not exist.'
                errors = {"enterprise_customer": [text]}
            wishes.append(wish)
        problems.append(errors)
    if any(problems):
        raise serializers.ValidationError(problems if is_list else problems[0])
    return wishes


def _read_wish(written: Any, only: UUID | None) -> tuple[_Wish | None, dict[str, list[str]]]:
    if not isinstance(written, Mapping):
        text = f"Invalid data. Expected a dictionary, but got {type(written).__name__}."
        return None, {"non_field_errors": [text]}
    errors: dict[str, list[str]] = {}
    customer_uuid = _read_customer(written.get("enterprise_customer"), only, errors)
    address = written.get("user_email")
    if address is None:
        errors["user_email"] = [_("This field is required.")]
    elif not isinstance(address, str) or not is_valid(normalize(address)):
        errors["user_email"] = [_("Enter a valid email address.")]
    elif customer_uuid is not None and not errors:
        return _Wish(customer_uuid, address), {}
    return None, errors


def _read_customer(written: Any, only: UUID | None, errors: dict[str, list[str]]) -> UUID | None:
    if written is None:
        errors["enterprise_customer"] = [_("This field is required.")]
        return None
    try:
        customer_uuid = parse_uuid(written)
    except serializers.ValidationError:
        errors["enterprise_customer"] = [_("Must be a valid UUID.")]
        return None
    if only is not None and customer_uuid != only:
        errors["enterprise_customer"] = [FOREIGN_CUSTOMER]
        return None
    return customer_uuid
