"""The people of customers over HTTP, and the customer that a learner acts for. Contract: customers D."""

from collections.abc import Collection
from uuid import UUID

from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.parsers import FormParser, MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from bursar.customers import api, wire_profiles
from bursar.customers.data import CustomerNotFound, MemberOrder
from bursar.customers.rest.paging import PagesWithFeatures
from bursar.customers.rest.permissions import CAN_ACCESS_ADMIN_DASHBOARD, MEMBERS, check_permission, viewer_of
from bursar.customers.rest.profiles import LearnerPageSerializer, MemberPageSerializer
from bursar.customers.service import listing, reading
from bursar.customers.service.organizations import get_active_customer
from bursar.identity import api as identity
from bursar.identity.api import get_caller
from bursar.identity.data import LEARNER
from bursar.lib.rest import PageNumbers, UuidField, body_of, parse_uuid
from bursar.lib.rest_json import JsonParser
from bursar.outbox.api import idempotent

_PAGING = [OpenApiParameter("page", int), OpenApiParameter("page_size", int, description="At most 500.")]


class LearnersView(APIView):
    """Who learns at which customer."""

    @extend_schema(
        summary="List learners with their customers",
        tags=["customers"],
        parameters=[
            OpenApiParameter("username", str),
            OpenApiParameter("email", str),
            OpenApiParameter("enterprise_customer_uuid", OpenApiTypes.UUID),
            OpenApiParameter(
                "role",
                str,
                description="Who has it. Others than a learner's need the customer named.",
            ),
            *_PAGING,
        ],
        responses=LearnerPageSerializer,
    )
    def get(self, request: Request) -> Response:
        """Your own links, and everybody's at customers that you administer; all for operators and staff."""
        viewer = viewer_of(get_caller(request))
        wanted = request.query_params.get("enterprise_customer_uuid")
        customer_uuid = parse_uuid(wanted, field="enterprise_customer_uuid") if wanted else None
        links = reading.seen_links(
            viewer, customer_uuid=customer_uuid, lms_user_ids=_wanted_people(request, customer_uuid)
        )
        pages = PagesWithFeatures()
        rows = pages.paginate_queryset(links, request, view=self) or []
        return pages.get_paginated_response(wire_profiles.to_learners(reading.learners_of(rows)))


def _wanted_people(request: Request, customer_uuid: UUID | None) -> Collection[int] | None:
    """The LMS user ids of the people that the query asks for; None: of all."""
    params = request.query_params
    wanted: set[int] | None = None
    if username := params.get("username"):
        wanted = {each.lms_user_id for each in identity.find_people_by_username([username]).values()}
    if email := params.get("email"):
        by_email = {each.lms_user_id for each in identity.find_people_by_email([email]).values()}
        wanted = by_email if wanted is None else wanted & by_email
    role = params.get("role")
    if role and role != LEARNER:  # a learner's goes with the link
        if customer_uuid is None:
            raise ValidationError(
                {"enterprise_customer_uuid": [_("Say at which customer they have the role.")]}
            )
        holders = identity.find_role_holders(customer_uuids=[customer_uuid], role=role)
        by_role = {each.lms_user_id for each in holders}
        wanted = by_role if wanted is None else wanted & by_role
    return wanted


class MembersView(APIView):
    """The people of one customer."""

    @extend_schema(
        summary="List the members of a customer, and the addresses that wait",
        tags=["customers"],
        parameters=[
            OpenApiParameter("user_query", str, description="Part of the name or of the address."),
            OpenApiParameter("sort_by", str, enum=[each.value for each in MemberOrder]),
            OpenApiParameter("is_reversed", bool),
            *_PAGING,
        ],
        responses=MemberPageSerializer,
    )
    def get(self, request: Request, customer_uuid: UUID) -> Response:
        """For its administrators. Unless asked otherwise, who joined last stands first."""
        check_permission(get_caller(request), CAN_ACCESS_ADMIN_DASHBOARD, customer_uuid)
        # As a dictionary: in a form the framework takes a box that is not there for one that is not ticked.
        query = _MembersQuerySerializer(data=request.query_params.dict())
        query.is_valid(raise_exception=True)
        get_active_customer(customer_uuid)
        order = query.validated_data.get("sort_by")
        members = listing.list_members(
            customer_uuid=customer_uuid,
            search=query.validated_data.get("user_query", ""),
            order=MemberOrder(order or MemberOrder.JOINED),
            is_reversed=query.validated_data.get("is_reversed", not order),
        )
        pages = PageNumbers()
        rows = pages.paginate_queryset(members, request, view=self) or []
        found = listing.members_of(customer_uuid, rows)
        return pages.get_paginated_response([wire_profiles.to_member(each) for each in found])


class _MembersQuerySerializer(serializers.Serializer[object]):
    """How members are to be listed."""

    user_query = serializers.CharField(required=False, allow_blank=True)
    sort_by = serializers.ChoiceField([each.value for each in MemberOrder], required=False, allow_blank=True)
    is_reversed = serializers.BooleanField(required=False)


class ChoiceSerializer(serializers.Serializer[object]):
    """The customer that a learner chooses."""

    enterprise = UuidField()


class ChooseCustomerView(APIView):
    """The customer that a learner acts for."""

    parser_classes = (JsonParser, FormParser, MultiPartParser)

    @extend_schema(
        summary="Choose the customer that you act for",
        tags=["customers"],
        request=ChoiceSerializer,
        responses={
            200: OpenApiResponse(OpenApiTypes.OBJECT, "An empty object; also if it was chosen already."),
            404: OpenApiResponse(OpenApiTypes.OBJECT, "You belong to no such customer."),
            422: OpenApiResponse(OpenApiTypes.OBJECT, "You have a role there, but do not learn there."),
        },
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """Your links to other customers stay, but are not active any more. New tokens name it first."""
        caller = get_caller(request)
        choice = ChoiceSerializer(data=body_of(request))
        choice.is_valid(raise_exception=True)
        customer_uuid = choice.validated_data["enterprise"]
        if not caller.has_role(MEMBERS, customer_uuid):
            raise CustomerNotFound(_("There is no such organization."))
        api.choose_customer(customer_uuid=customer_uuid, lms_user_id=caller.lms_user_id)
        return Response({})
