"""Invite keys and the universal link over HTTP. Contracts: customers A8, portals 1.3."""

from datetime import datetime
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
from bursar.customers.data import INVITE_USAGE_LIMIT, InviteKey, InviteKeyNotFound
from bursar.customers.rest.permissions import CAN_ACCESS_ADMIN_DASHBOARD, check_permission
from bursar.customers.service.invites import find_customer_of_key
from bursar.identity.api import get_caller
from bursar.identity.data import ADMIN, OPERATOR
from bursar.lib import clock
from bursar.lib.rest import UuidField, body_of, parse_uuid
from bursar.outbox.api import idempotent

_COLUMN_MAX = 2**31 - 1


class NewInviteKeySerializer(serializers.Serializer[Any]):
    """A key to be made."""

    enterprise_customer_uuid = UuidField()
    expiration_date = serializers.DateTimeField(
        required=False, allow_null=True, help_text="A year from now, unless it is given."
    )
    usage_limit = serializers.IntegerField(
        default=INVITE_USAGE_LIMIT, min_value=1, max_value=_COLUMN_MAX, help_text="People, not clicks."
    )

    def validate_expiration_date(self, value: datetime | None) -> datetime | None:
        if value is not None and value <= clock.now():
            raise serializers.ValidationError(_("The expiration date must lie in the future."))
        return value


class InviteKeyChangeSerializer(serializers.Serializer[Any]):
    """Whether a key links people."""

    is_active = serializers.BooleanField()


class UniversalLinkSerializer(serializers.Serializer[Any]):
    """Whether a customer's keys link people."""

    enable_universal_link = serializers.BooleanField()


class BasicInviteKeySerializer(serializers.Serializer[Any]):
    """A key in the list of its customer. Only in the schema, as what is below."""

    uuid = serializers.UUIDField()
    is_valid = serializers.BooleanField()  # type: ignore[assignment]
    created = serializers.DateTimeField()
    usage_count = serializers.IntegerField()
    usage_limit = serializers.IntegerField()


class InviteKeySerializer(BasicInviteKeySerializer):
    """A key."""

    enterprise_customer_uuid = serializers.UUIDField()
    expiration_date = serializers.DateTimeField()
    is_active = serializers.BooleanField()
    modified = serializers.DateTimeField()


class JoinedCustomerSerializer(serializers.Serializer[Any]):
    """The customer where the caller learns now."""

    enterprise_customer_slug = serializers.CharField()
    enterprise_customer_uuid = serializers.UUIDField()


class InviteKeyListView(APIView):
    """The keys of one customer."""

    @extend_schema(
        summary="List the customer's invite keys",
        description="All of them, without pages. While the universal link is off no key is valid.",
        parameters=[
            OpenApiParameter("enterprise_customer_uuid", OpenApiTypes.UUID, required=True),
            OpenApiParameter(
                "ordering", OpenApiTypes.STR, enum=["created", "-created"], description="Default: `-created`."
            ),
        ],
        responses={200: BasicInviteKeySerializer(many=True)},
        tags=["customers"],
    )
    def get(self, request: Request) -> Response:
        caller = get_caller(request)
        written = request.query_params.get("enterprise_customer_uuid")
        if not written:
            raise serializers.ValidationError({"enterprise_customer_uuid": [_("This field is required.")]})
        customer_uuid = parse_uuid(written, field="enterprise_customer_uuid")
        check_permission(caller, CAN_ACCESS_ADMIN_DASHBOARD, customer_uuid)
        keys = api.list_invite_keys(customer_uuid=customer_uuid)
        if request.query_params.get("ordering") == "created":
            keys.reverse()
        return Response([_basic(key) for key in keys])


class InviteKeysView(APIView):
    """New keys."""

    @extend_schema(
        summary="Make an invite key",
        request=NewInviteKeySerializer,
        responses={201: InviteKeySerializer},
        tags=["customers"],
    )
    @idempotent
    def post(self, request: Request) -> Response:
        caller = get_caller(request)
        body = NewInviteKeySerializer(data=body_of(request))
        body.is_valid(raise_exception=True)
        customer_uuid = body.validated_data["enterprise_customer_uuid"]
        check_permission(caller, CAN_ACCESS_ADMIN_DASHBOARD, customer_uuid)
        key = api.create_invite_key(
            customer_uuid=customer_uuid,
            usage_limit=body.validated_data["usage_limit"],
            expires_at=body.validated_data.get("expiration_date"),
            by=caller.lms_user_id,
        )
        return Response(_full(key), status=status.HTTP_201_CREATED)


class InviteKeyView(APIView):
    """One key."""

    @extend_schema(
        summary="Switch an invite key off, or on again",
        request=InviteKeyChangeSerializer,
        responses={200: InviteKeySerializer},
        tags=["customers"],
    )
    def patch(self, request: Request, key_uuid: UUID) -> Response:
        caller = get_caller(request)
        if not caller.has_role((ADMIN, OPERATOR), find_customer_of_key(key_uuid)):
            raise InviteKeyNotFound(_("There is no such invite link."))
        body = InviteKeyChangeSerializer(data=body_of(request))
        body.is_valid(raise_exception=True)
        key = api.switch_invite_key(
            key_uuid=key_uuid, is_active=body.validated_data["is_active"], by=caller.lms_user_id
        )
        return Response(_full(key))


class LinkByKeyView(APIView):
    """People join a customer with one of its keys."""

    @extend_schema(
        summary="Join the customer of an invite key",
        description="Whoever has the key may. Nothing is used up by who learns there already.",
        request=None,
        responses={
            200: OpenApiResponse(JoinedCustomerSerializer, "The caller learned there already."),
            201: OpenApiResponse(JoinedCustomerSerializer, "The caller learns there now."),
            422: OpenApiResponse(
                description=(
                    "`invite_key_invalid`: off, expired or used up. `not_relinkable`: removed for good."
                )
            ),
        },
        tags=["customers"],
    )
    @idempotent
    def post(self, request: Request, invitation_uuid: UUID) -> Response:
        caller = get_caller(request)
        customer, is_new = api.link_by_key(key_uuid=invitation_uuid, lms_user_id=caller.lms_user_id)
        return Response(
            {"enterprise_customer_slug": customer.slug, "enterprise_customer_uuid": customer.uuid},
            status=status.HTTP_201_CREATED if is_new else status.HTTP_200_OK,
        )


class UniversalLinkView(APIView):
    """Whether people may join with a link at all."""

    @extend_schema(
        summary="Switch the customer's invite keys off, or on again",
        description=(
            "While they are off no key is valid. Switched on again, each key is as it was; if none is valid "
            "then, one is made."
        ),
        request=UniversalLinkSerializer,
        responses={200: UniversalLinkSerializer},
        tags=["customers"],
    )
    def patch(self, request: Request, customer_uuid: UUID) -> Response:
        caller = get_caller(request)
        check_permission(caller, CAN_ACCESS_ADMIN_DASHBOARD, customer_uuid)
        body = UniversalLinkSerializer(data=body_of(request))
        body.is_valid(raise_exception=True)
        is_on = body.validated_data["enable_universal_link"]
        api.switch_universal_link(customer_uuid=customer_uuid, is_on=is_on, by=caller.lms_user_id)
        return Response({"enable_universal_link": is_on})


def _basic(key: InviteKey) -> dict[str, Any]:
    return {
        "uuid": key.uuid,
        "is_valid": key.is_valid,
        "created": key.created_at,
        "usage_count": key.usage_count,
        "usage_limit": key.usage_limit,
    }


def _full(key: InviteKey) -> dict[str, Any]:
    return {
        **_basic(key),
        "enterprise_customer_uuid": key.customer_uuid,
        "expiration_date": key.expires_at,
        "is_active": key.is_active,
        "modified": key.modified_at,
    }
