"""A learner takes a license that is handed out by itself, over HTTP. Contract: subsidies A.5."""

from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from bursar.identity import api as identity
from bursar.licenses import api
from bursar.licenses.data import NotEnoughLicenses, NothingToApply
from bursar.licenses.rest import schemas
from bursar.licenses.rest.learners import answer_with_license
from bursar.licenses.rest.permissions import get_agreement
from bursar.outbox.api import idempotent


class AutoApplyView(APIView):
    """Taking a license without an administrator."""

    @extend_schema(
        summary="Take a license of the plan that hands them out by itself",
        tags=["licenses"],
        request=None,
        responses={
            200: OpenApiResponse(
                schemas.LearnerLicenseSerializer, "The license, also if you had it already."
            ),
            422: OpenApiResponse(OpenApiTypes.STR, "There is no such plan, or no license for you."),
        },
    )
    @idempotent
    def post(self, request: Request, agreement_uuid: str) -> Response:
        """The license is active at once. One that was assigned to you before stays as it is."""
        agreement = get_agreement(request, agreement_uuid)
        caller = identity.get_caller(request)
        if not caller.is_confirmed:
            return Response(_("Confirm your e-mail address first: the license waits for it."), status=422)
        try:
            outcome = api.auto_apply(
                customer_uuid=agreement.customer_uuid, email=caller.email, lms_user_id=caller.lms_user_id
            )
        except (NothingToApply, NotEnoughLicenses) as error:
            return Response(error.message, status=422)
        if outcome.license_uuid is None:  # pragma: no cover - who gets none is refused
            raise NotFound()
        return answer_with_license(outcome.license_uuid)
