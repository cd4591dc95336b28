"""The paths of the embedded issuer: how front ends and programs get tokens, and how others verify them."""

from typing import Any

from django.http import QueryDict
from django.utils.decorators import method_decorator
from django.views.decorators.debug import sensitive_post_parameters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.exceptions import NotAuthenticated, ParseError, UnsupportedMediaType
from rest_framework.parsers import FormParser
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from bursar.identity import api, wire
from bursar.identity.authentication import SessionWithoutCsrf
from bursar.identity.data import PersonNotFound, ProgramRefused, TokenRequestInvalid, TooManyAttempts

_NOT_STORED = {"Cache-Control": "no-store", "Pragma": "no-cache"}
_KEYS_LAST = 300  # seconds in a cache: so long a new key may be unknown to those who verify
_STATUSES = {ProgramRefused.code: 401, TooManyAttempts.code: 429}


class LoginRefreshView(APIView):
    """New token cookies for whoever is signed in by the session. Front ends send no CSRF token with it."""

    authentication_classes = (SessionWithoutCsrf,)
    permission_classes = (AllowAny,)

    @extend_schema(
        summary="Refresh the token cookies",
        request=None,
        auth=[{"session": []}],  # type: ignore[list-item] # it is annotated as names, and used as this
        responses={
            200: inline_serializer(
                "LoginRefreshAnswer",
                {
                    "success": serializers.BooleanField(),
                    "user_id": serializers.IntegerField(),
                    "response_epoch_seconds": serializers.IntegerField(),
                },
            ),
            401: OpenApiResponse(
                OpenApiTypes.STR, description="Nobody is signed in, or the account is closed."
            ),
        },
    )
    def post(self, request: Request) -> Response:
        """Sets both cookies anew, with the roles of this moment. A token does not count here."""
        try:
            lms_user_id = api.get_caller(request).lms_user_id
            response = Response(wire.to_refreshed_session(lms_user_id), headers=_NOT_STORED)
            api.set_token_cookies(response, lms_user_id=lms_user_id)
        except (NotAuthenticated, PersonNotFound):
            return Response("Unauthorized", 401, headers=_NOT_STORED)
        return response


class AccessTokenSerializer(serializers.Serializer[Any]):
    """The form of RFC 6749, section 4.4.2; it is documentation, ``wire.read_credentials`` reads it."""

    grant_type = serializers.ChoiceField(["client_credentials"])
    client_id = serializers.CharField(required=False, help_text="Or both as Basic authentication.")
    client_secret = serializers.CharField(required=False)
    token_type = serializers.ChoiceField(["jwt"], required=False)


class TokenErrorSerializer(serializers.Serializer[Any]):
    """RFC 6749, section 5.2."""

    error = serializers.CharField()
    error_description = serializers.CharField()


@method_decorator(sensitive_post_parameters("client_secret"), name="dispatch")
class AccessTokenView(APIView):
    """Tokens for programs: the service accounts, by client credentials."""

    authentication_classes = ()
    permission_classes = (AllowAny,)
    parser_classes = (FormParser,)

    @extend_schema(
        summary="Get a token for a program",
        request={FormParser.media_type: AccessTokenSerializer},
        responses={
            200: inline_serializer(
                "AccessToken",
                {
                    "access_token": serializers.CharField(),
                    "token_type": serializers.ChoiceField(["JWT"]),
                    "expires_in": serializers.IntegerField(help_text="In seconds."),
                    "scope": serializers.CharField(),
                },
            ),
            400: OpenApiResponse(TokenErrorSerializer, description="invalid_request, unsupported_grant_type"),
            401: OpenApiResponse(TokenErrorSerializer, description="invalid_client"),
            429: OpenApiResponse(
                TokenErrorSerializer, description="Too many wrong secrets from this address."
            ),
        },
    )
    def post(self, request: Request) -> Response:
        """A token with the roles of the account, for ``Authorization: JWT ...`` on every path of the API."""
        try:
            client_id, client_secret = wire.read_credentials(
                _form_of(request), request.headers.get("Authorization", "")
            )
            token = api.issue_token_to_program(
                request._request, client_id=client_id, client_secret=client_secret
            )
        except (TokenRequestInvalid, ProgramRefused, TooManyAttempts) as error:
            return _refuse(error)
        return Response(wire.to_access_token(token), headers=_NOT_STORED)


def _form_of(request: Request) -> QueryDict:
    try:
        form = request.data
    except (ParseError, UnsupportedMediaType) as error:
        raise TokenRequestInvalid(f"Send a form: {FormParser.media_type}.") from error
    return form if isinstance(form, QueryDict) else QueryDict()


def _refuse(error: TokenRequestInvalid | ProgramRefused | TooManyAttempts) -> Response:
    headers = dict(_NOT_STORED)
    if isinstance(error, ProgramRefused):
        headers["WWW-Authenticate"] = 'Basic realm="Bursar"'
    if isinstance(error, TooManyAttempts):
        headers["Retry-After"] = str(error.retry_after)
    return Response(wire.to_token_error(error), _STATUSES.get(error.code, 400), headers=headers)


class KeySetView(APIView):
    """The public key that verifies our tokens."""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    @extend_schema(
        summary="Get the public keys",
        responses=inline_serializer(
            "KeySet",
            {"keys": serializers.ListField(child=serializers.DictField(child=serializers.CharField()))},
        ),
    )
    def get(self, request: Request) -> Response:
        """A JWK set (RFC 7517); the header of a token names its key as ``kid``."""
        headers = {"Cache-Control": f"public, max-age={_KEYS_LAST}"}
        return Response({"keys": api.list_public_keys()}, headers=headers)
