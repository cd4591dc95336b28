"""A learner takes a license that is handed out by itself, over HTTP. Contract: subsidies A.5."""

from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from bursar.identity import api as identity
from bursar.lib.rest import parse_uuid
from bursar.licenses import api, models
from bursar.licenses.data import NotEnoughLicenses, NothingToApply
from bursar.licenses.rest.learners import describe_own_license
from bursar.licenses.rest.permissions import LEARN_OR_ADMINISTER, check_role, no_permission
from bursar.licenses.service import reads
from bursar.outbox.api import idempotent


class AutoApplyView(APIView):
    """Taking a license without an administrator."""

    @extend_schema(
        summary="Take a license of the plan that hands them out by itself",
        tags=["licenses"],
        request=None,
        responses={
            200: OpenApiResponse(OpenApiTypes.OBJECT, "The license, also if you had it already."),
            422: OpenApiResponse(OpenApiTypes.STR, "There is no such plan, or no license for you."),
        },
    )
    @idempotent
    def post(self, request: Request, agreement_uuid: str) -> Response:
        """The license is active at once. One that was assigned to you before stays as it is."""
        agreement = _get_agreement(request, agreement_uuid)
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
        return Response(describe_own_license(outcome.license_uuid))


def _get_agreement(request: Request, agreement_uuid: str) -> models.Agreement:
    """The agreement, for whoever learns or administers at its customer; foreign and missing look the same."""
    agreement = reads.find_agreement_by_uuid(parse_uuid(agreement_uuid))
    caller = identity.get_caller(request)
    if agreement is None and caller.customers_with(LEARN_OR_ADMINISTER) is None:
        raise NotFound("No CustomerAgreement matches the given query.")
    if agreement is None:
        raise no_permission()
    check_role(caller, LEARN_OR_ADMINISTER, agreement.customer_uuid)
    return agreement
