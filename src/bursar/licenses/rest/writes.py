"""What administrators do with a plan's licenses, over HTTP. Contract: subsidies A.5."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from bursar.catalog import api as catalog
from bursar.identity import api as identity
from bursar.lib import emails
from bursar.lib.rest import body_of
from bursar.licenses import api, wire_writes
from bursar.licenses.data import (
    REQUEST_LIMIT,
    WORDING_MAX_LENGTH,
    LicenseFilter,
    NotEnoughLicenses,
    NotEnoughRevocations,
    NothingPending,
    Notice,
    PlanUnavailable,
    RevocationsCapped,
    RevokeOutcome,
    TooManyLicenses,
)
from bursar.licenses.rest.permissions import get_administered_plan
from bursar.outbox.api import idempotent

SOURCE_ID_LENGTH = 18  # of Salesforce


class AddressField(serializers.CharField):
    """An e-mail address in any spelling; letters of any script."""

    def to_internal_value(self, data: Any) -> str:
        address: str = super().to_internal_value(data)
        if not emails.is_valid(emails.normalize(address)):
            raise serializers.ValidationError("Enter a valid email address.")
        return address


class WordedSerializer(serializers.Serializer[Any]):
    """How the mails begin and end."""

    greeting = serializers.CharField(
        required=False, allow_blank=True, allow_null=True, max_length=WORDING_MAX_LENGTH
    )
    closing = serializers.CharField(
        required=False, allow_blank=True, allow_null=True, max_length=WORDING_MAX_LENGTH
    )


def _notice_of(values: Mapping[str, Any]) -> Notice:
    return Notice(values.get("greeting") or "", values.get("closing") or "", values.get("course_key") or None)


class LicenseAssignmentSerializer(WordedSerializer):
    """Who is to get a license."""

    user_emails = serializers.ListField(child=AddressField(), allow_empty=False, max_length=REQUEST_LIMIT)
    user_sfids = serializers.ListField(
        child=serializers.CharField(allow_blank=True, allow_null=True),
        required=False,
        allow_null=True,
        help_text="The orders in the customer's own system, one for each address.",
    )
    notify_users = serializers.BooleanField(default=True)
    course_key = serializers.CharField(
        required=False, allow_null=True, max_length=255, help_text="The course that the mail leads to."
    )

    def validate_user_sfids(self, ids: Sequence[str | None] | None) -> Sequence[str | None] | None:
        if ids is None:
            return None
        if not any(ids):
            raise serializers.ValidationError("No Salesforce Ids provided.")
        wrong = next((each for each in ids if each and len(each) != SOURCE_ID_LENGTH), None)
        if wrong is not None:
            raise serializers.ValidationError(
                _("“%(id)s” is no Salesforce id: it must have %(length)s characters.")
                % {"id": wrong, "length": SOURCE_ID_LENGTH}
            )
        return ids

    def validate_course_key(self, key: str | None) -> str | None:
        if key and key not in catalog.find_courses([key]):
            raise serializers.ValidationError(_("There is no course with this key."))
        return key

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        ids = attrs.get("user_sfids")
        if ids is not None and len(ids) != len(attrs["user_emails"]):
            raise serializers.ValidationError(
                "Number of Salesforce IDs did not match number of provided user emails."
            )
        return attrs


class LicenseFilterSerializer(serializers.Serializer[Any]):
    """One condition."""

    name = serializers.ChoiceField(choices=wire_writes.FILTERS)
    filter_value = serializers.JSONField(
        help_text="Part of an address for `user_email`, a list of statuses for `status_in`."
    )


class LicenseChoiceSerializer(serializers.Serializer[Any]):
    """Which licenses: by their addresses, or by filters."""

    user_emails = serializers.ListField(
        child=AddressField(), allow_empty=False, required=False, max_length=REQUEST_LIMIT
    )
    filters = LicenseFilterSerializer(many=True, required=False)

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        # Of a filter only this is said of it, whatever is wrong with it.
        filters = data.get("filters") if isinstance(data, Mapping) else None
        if filters is not None and wire_writes.read_filters(filters) is None:
            raise serializers.ValidationError(
                {"non_field_errors": [f"Malformed filters, supported filters are {wire_writes.FILTERS}."]}
            )
        values: dict[str, Any] = super().to_internal_value(data)
        return values

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        has_addresses, has_filters = "user_emails" in attrs, "filters" in attrs
        if has_addresses and has_filters:
            raise serializers.ValidationError("Either user_emails or filters must be provided, but not both.")
        # No condition is no choice: all of them are for remind-all and revoke-all, which say so.
        if not has_addresses and not attrs.get("filters"):
            raise serializers.ValidationError("Either user_emails or filters must be provided.")
        return attrs


class LicenseReminderSerializer(WordedSerializer, LicenseChoiceSerializer):
    """Who is to be reminded, and in which words."""


_COUNTS = inline_serializer(
    "LicenseAssignments",
    {
        "num_successful_assignments": serializers.IntegerField(),
        "num_already_associated": serializers.IntegerField(),
        "license_assignments": inline_serializer(
            "LicenseAssignment",
            {"user_email": serializers.EmailField(), "license": serializers.UUIDField()},
            many=True,
        ),
    },
)


class AssignLicensesView(APIView):
    """Giving licenses to people."""

    @extend_schema(
        summary="Assign licenses",
        tags=["licenses"],
        request=LicenseAssignmentSerializer,
        responses={
            200: _COUNTS,
            400: OpenApiResponse(OpenApiTypes.OBJECT, "What is wrong, or a sentence: too few licenses."),
            422: OpenApiResponse(OpenApiTypes.STR, "The plan grants nothing now."),
        },
    )
    @idempotent
    def post(self, request: Request, plan_uuid: str) -> Response:
        """All or nothing. Who holds a license of the plan keeps it, and is not mailed again."""
        plan = get_administered_plan(request, plan_uuid)
        body = LicenseAssignmentSerializer(data=body_of(request))
        body.is_valid(raise_exception=True)
        values = body.validated_data
        addresses = values["user_emails"]
        sources = {
            address: source
            for address, source in zip(addresses, values.get("user_sfids") or (), strict=False)
            if source
        }
        try:
            outcomes = api.assign(
                plan_uuid=plan.pk,
                addresses=addresses,
                by=identity.get_caller(request).lms_user_id,
                notice=_notice_of(values) if values["notify_users"] else None,
                sources=sources,
            )
        except NotEnoughLicenses as error:
            sentence = _(
                "You asked to assign %(needed)s licenses, but there are only %(free)s potentially available."
            )
            return Response(sentence % error.fields, status=400)
        except PlanUnavailable as error:
            return Response(error.message, status=422)
        return Response(wire_writes.assignments(addresses, outcomes))


_NO_CONTENT = OpenApiResponse(description="Done, or begun.")


class RemindLicensesView(APIView):
    """Reminding some people of their licenses."""

    @extend_schema(
        summary="Remind people to activate their licenses",
        tags=["licenses"],
        request=LicenseReminderSerializer,
        responses={
            204: _NO_CONTENT,
            400: OpenApiResponse(OpenApiTypes.OBJECT, "What is wrong, field by field."),
            404: OpenApiResponse(OpenApiTypes.STR, "Somebody holds no license that waits."),
            422: OpenApiResponse(OpenApiTypes.STR, "The plan grants nothing now."),
        },
    )
    @idempotent
    def post(self, request: Request, plan_uuid: str) -> Response:
        """By address: all of them, or nobody. By filters: whoever matches, if many in the background."""
        try:
            plan = get_administered_plan(request, plan_uuid)
        except NotFound as error:
            return Response(str(error.detail), status=404)
        body = LicenseReminderSerializer(data=body_of(request))
        body.is_valid(raise_exception=True)
        values = body.validated_data
        by = identity.get_caller(request).lms_user_id
        notice = _notice_of(values)
        try:
            if "user_emails" in values:
                api.remind(plan_uuid=plan.pk, addresses=values["user_emails"], notice=notice, by=by)
            else:
                wanted = wire_writes.read_filters(values["filters"]) or LicenseFilter()
                api.remind_matching(plan_uuid=plan.pk, wanted=wanted, notice=notice, by=by)
        except NothingPending as error:
            return Response(error.message, status=404)
        except PlanUnavailable as error:
            return Response(error.message, status=422)
        return Response(status=204)


class RemindAllLicensesView(APIView):
    """Reminding everybody."""

    @extend_schema(
        summary="Remind everybody who has not activated a license of the plan",
        tags=["licenses"],
        request=WordedSerializer,
        responses={
            204: _NO_CONTENT,
            404: OpenApiResponse(OpenApiTypes.STR, "Nobody waits."),
            422: OpenApiResponse(OpenApiTypes.STR, "The plan grants nothing now."),
        },
    )
    @idempotent
    def post(self, request: Request, plan_uuid: str) -> Response:
        """In the background if they are many; the body may be empty."""
        plan = get_administered_plan(request, plan_uuid)
        body = WordedSerializer(data=body_of(request))
        body.is_valid(raise_exception=True)
        by = identity.get_caller(request).lms_user_id
        try:
            api.remind_all(plan_uuid=plan.pk, notice=_notice_of(body.validated_data), by=by)
        except NothingPending as error:
            return Response(error.message, status=404)
        except PlanUnavailable as error:
            return Response(error.message, status=422)
        return Response(status=204)


_REVOCATIONS = inline_serializer(
    "LicenseRevocations",
    {
        "successful_revocations": inline_serializer(
            "LicenseRevocation",
            {
                "license_uuid": serializers.UUIDField(),
                "original_status": serializers.CharField(),
                "user_email": serializers.CharField(),
            },
            many=True,
        ),
        "unsuccessful_revocations": inline_serializer(
            "LicenseRevocationRefusal",
            {
                "error": serializers.CharField(),
                "error_response_status": serializers.IntegerField(),
                "user_email": serializers.CharField(),
            },
            many=True,
        ),
    },
)


class RevokeLicensesView(APIView):
    """Taking licenses back from some people."""

    @extend_schema(
        summary="Revoke licenses",
        tags=["licenses"],
        request=LicenseChoiceSerializer,
        responses={
            200: _REVOCATIONS,
            207: OpenApiResponse(OpenApiTypes.OBJECT, "The same: some addresses hold no license."),
            400: OpenApiResponse(OpenApiTypes.OBJECT, "What is wrong, or that the plan's cap allows fewer."),
            404: OpenApiResponse(OpenApiTypes.OBJECT, "None of the addresses holds a license."),
        },
    )
    @idempotent
    def post(self, request: Request, plan_uuid: str) -> Response:
        """What the licenses paid for ends; a new free license takes the place of each."""
        try:
            plan = get_administered_plan(request, plan_uuid)
        except NotFound as error:
            return _refuse_revocations(str(error.detail), status=404)
        body = LicenseChoiceSerializer(data=body_of(request))
        body.is_valid(raise_exception=True)
        try:
            outcomes = _revoke(plan.pk, body.validated_data, by=identity.get_caller(request).lms_user_id)
        except (NotEnoughRevocations, TooManyLicenses) as error:
            return _refuse_revocations(error.message, status=400)
        status, answer = wire_writes.revocations(plan.pk, outcomes)
        return Response(answer, status=status)


def _revoke(plan_uuid: UUID, values: Mapping[str, Any], *, by: int) -> list[RevokeOutcome]:
    if "user_emails" in values:
        distinct = {emails.normalize(address): None for address in values["user_emails"]}
        return api.revoke(plan_uuid=plan_uuid, addresses=list(distinct), by=by)
    wanted = wire_writes.read_filters(values["filters"]) or LicenseFilter()
    return api.revoke_matching(plan_uuid=plan_uuid, wanted=wanted, by=by)


def _refuse_revocations(sentence: str, *, status: int) -> Response:
    return Response({"unsuccessful_revocations": [{"error": sentence}]}, status=status)


class RevokeAllLicensesView(APIView):
    """Taking a whole plan back."""

    @extend_schema(
        summary="Revoke every license of the plan",
        tags=["licenses"],
        request=None,
        responses={204: _NO_CONTENT, 422: OpenApiResponse(OpenApiTypes.STR, "The plan has a cap.")},
    )
    @idempotent
    def post(self, request: Request, plan_uuid: str) -> Response:
        """In the background. The jobs of the customer say how far it is."""
        plan = get_administered_plan(request, plan_uuid)
        try:
            api.start_revoking_all(plan_uuid=plan.pk, by=identity.get_caller(request).lms_user_id)
        except RevocationsCapped as error:
            return Response(error.message, status=422)
        return Response(status=204)
