"""The LMS's registration, account and CSRF APIs."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.http import Http404
from django.middleware.csrf import get_token
from django.utils.decorators import method_decorator
from django.views.decorators.debug import sensitive_post_parameters
from drf_spectacular.utils import OpenApiResponse, extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.parsers import FormParser, MultiPartParser
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from bursar.identity import api, wire
from bursar.identity.data import SignUpRefused, TooManyAttempts
from bursar.lib.rest import body_of
from bursar.lib.rest_json import JsonParser


class RegistrationSerializer(serializers.Serializer[Any]):
    """The fields of the LMS's registration form; it is documentation, the rules are in ``sign_up``."""

    email = serializers.EmailField()
    username = serializers.CharField(min_length=2, max_length=30)
    name = serializers.CharField(max_length=255)
    password = serializers.CharField(min_length=8, max_length=128)
    terms_of_service = serializers.BooleanField(required=False)
    honor_code = serializers.BooleanField(required=False)


@method_decorator(sensitive_post_parameters("password"), name="dispatch")
class RegistrationView(APIView):
    """Signing up, for programs. Like the LMS's it asks for no CSRF token."""

    authentication_classes = ()
    permission_classes = (AllowAny,)
    parser_classes = (JsonParser, FormParser, MultiPartParser)

    @extend_schema(
        summary="Sign up",
        request=RegistrationSerializer,
        responses={
            200: inline_serializer(
                "RegistrationAnswer",
                {"success": serializers.BooleanField(), "redirect_url": serializers.URLField()},
            ),
            400: OpenApiResponse(description="A field is missing or not acceptable; one list per field."),
            409: OpenApiResponse(description="The address or the username is taken; one list per field."),
            429: OpenApiResponse(description="Too many accounts from this address in a short time."),
        },
    )
    def post(self, request: Request) -> Response:
        """Makes an account, signs it in (session and token cookies) and mails the confirmation link."""
        body: Mapping[str, Any] = body_of(request)
        try:
            api.check_sign_up_attempts(request)
            person = api.sign_up(
                email=wire.text(body, "email"),
                username=wire.text(body, "username"),
                name=wire.text(body, "name"),
                password=wire.text(body, "password"),
                accepts_terms=wire.is_true(body.get("terms_of_service"))
                or wire.is_true(body.get("honor_code")),
            )
        except TooManyAttempts as error:
            headers = {"Retry-After": str(error.retry_after)}
            return Response({"detail": error.message, "error_code": error.code}, 429, headers=headers)
        except SignUpRefused as refusal:
            return Response(wire.to_registration_errors(refusal), 409 if refusal.is_conflict else 400)
        api.start_session(request._request, lms_user_id=person.lms_user_id)
        response = Response({"success": True, "redirect_url": f"{settings.PUBLIC_URL}/"})
        api.set_token_cookies(response, lms_user_id=person.lms_user_id)
        return response


class AccountView(APIView):
    """One account."""

    @extend_schema(
        summary="Read an account",
        responses={
            200: inline_serializer(
                "Account",
                {
                    "username": serializers.CharField(),
                    "profile_image": serializers.DictField(),
                    "account_privacy": serializers.CharField(),
                    "id": serializers.IntegerField(required=False),
                    "email": serializers.EmailField(required=False),
                    "name": serializers.CharField(required=False),
                    "is_active": serializers.BooleanField(required=False),
                    "extended_profile": serializers.ListField(required=False),
                },
            ),
            404: OpenApiResponse(description="There is no such account, or it is closed."),
        },
    )
    def get(self, request: Request, username: str) -> Response:
        """All of it for its owner and for staff; username and picture for everybody else."""
        caller = api.get_caller(request)
        person = api.find_people_by_username([username]).get(username)
        if person is None or not person.is_active:
            raise Http404
        if caller.is_staff or caller.lms_user_id == person.lms_user_id:
            return Response(wire.to_account(person))
        return Response(wire.to_public_account(person))


class CsrfTokenView(APIView):
    """The CSRF token, which front ends fetch before their first POST."""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    @extend_schema(
        summary="Get a CSRF token",
        responses=inline_serializer("CsrfToken", {"csrfToken": serializers.CharField()}),
    )
    def get(self, request: Request) -> Response:
        """The token for the header ``X-CSRFToken``; sets the cookie that belongs to it."""
        return Response({"csrfToken": get_token(request._request)})
