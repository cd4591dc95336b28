"""Retiring people, called by the platform's retirement. Contract: subsidies A.5."""

from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from bursar.identity import api as identity
from bursar.identity.data import OPERATOR
from bursar.lib.rest import body_of
from bursar.licenses.rest.permissions import no_permission
from bursar.licenses.service.people import retire_holder
from bursar.outbox.api import idempotent


class RetiringHolderSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """Who is being retired: the account, and its username as it was before."""

    lms_user_id = serializers.IntegerField(min_value=1, max_value=2**63 - 1)
    original_username = serializers.CharField(max_length=150)


class RetireUserView(APIView):
    """A person who is being retired holds no license any more: a step of the LMS's retirement."""

    @extend_schema(
        summary="Take the licenses of a person who retires",
        tags=["licenses"],
        request=RetiringHolderSerializer,
        responses={
            204: OpenApiResponse(description="The person holds none, and no license tells the address."),
            400: OpenApiResponse(OpenApiTypes.OBJECT, "What is wrong, field by field."),
            404: OpenApiResponse(
                inline_serializer("RetiringHolderUnknown", {"detail": serializers.CharField()}),
                "Nobody has this user id and this username. Licenses of a user id that no account here has "
                "were taken all the same.",
            ),
        },
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """For operators of the platform. Live licenses become free, revoked ones lose the address."""
        caller = identity.get_caller(request)
        if caller.customers_with((OPERATOR,)) is not None and not request.user.is_superuser:
            raise no_permission()
        body = RetiringHolderSerializer(data=body_of(request))
        body.is_valid(raise_exception=True)
        lms_user_id: int = body.validated_data["lms_user_id"]
        person = identity.find_people_by_lms_user_id([lms_user_id]).get(lms_user_id)
        is_named = person is not None and person.username == body.validated_data["original_username"]
        if person is None or is_named:
            # Of an account with another name nothing is touched: one of the two is a slip.
            email = person.email if person is not None and person.is_confirmed else None
            retire_holder(lms_user_id=lms_user_id, email=email)
        if not is_named:
            return Response({"detail": _("Nobody has this user id and this username.")}, status=404)
        return Response(status=204)
