"""Paths that go wrong on purpose, beside the real ones."""

from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from django.urls import path
from rest_framework.decorators import api_view, authentication_classes, parser_classes, permission_classes
from rest_framework.parsers import FormParser, MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from bursar.config import urls as real
from bursar.config.urls import handler400, handler403, handler404, handler500  # noqa: F401
from bursar.lib.errors import DomainError, InvalidInputError, NotFoundError
from bursar.lib.rest_json import JsonParser


@api_view(["POST"])
@authentication_classes([])
@permission_classes([])
def echo(request: Request) -> Response:
    return Response({"read": request.data})


@api_view(["POST"])
@authentication_classes([])
@permission_classes([])
@parser_classes([FormParser, MultiPartParser, JsonParser])
def echo_form(request: Request) -> Response:
    return Response({"read": dict(request.data)})


@api_view(["GET"])
@authentication_classes([])
@permission_classes([])
def refuse(request: Request, how: str) -> Response:
    raise {
        "rule": DomainError("Not today."),
        "input": InvalidInputError("Send a number."),
        "missing": NotFoundError("No such plan."),
        "crash": ZeroDivisionError("boom"),
        "database": OperationalError("could not connect to 10.0.0.1 as bursar"),
    }[how]


def crash(request: HttpRequest) -> HttpResponse:
    raise ZeroDivisionError("boom")


def confirm(request: HttpRequest, token: str) -> HttpResponse:
    return HttpResponse("confirmed")


urlpatterns = [
    path("api/test/echo/", echo),
    path("api/test/form/", echo_form),
    path("api/test/<str:how>/", refuse),
    path("test/crash/", crash),
    path("test/confirm/<str:token>/", confirm),
    *real.urlpatterns,
]
