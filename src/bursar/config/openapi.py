"""The description of the REST API: ``/api/schema/`` for programs, ``/api/docs/`` for people."""

import re
from typing import Any

from django.conf import settings
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ResolvedComponent

from bursar.enrollments.rest.permissions import API_KEY_HEADER, ApiKeyOrAuthenticated

_TAGS = {
    "requests": "Learners ask for a license or a code, administrators say yes or no.",
    "default_enrollments": "Courses that a customer's learners are put into by themselves.",
    "licenses": "Agreements, subscription plans and their licenses.",
    "coupons": "Coupons, their codes, and orders made by hand.",
    "customers": "Customers, their learners, and bulk enrollment.",
    "enrollments": "Who is in which course run, in which mode.",
    "catalog": "Courses, runs, and which customer may use which.",
    "identity": "Accounts, sign-up and tokens.",
    "jobs": "Long work in the background: how far it is, and what became of it.",
}
_TAG_OF_CONTEXT = {"subsidy_requests": "requests"}

_API_KEY = "api_key"
_API_KEY_SCHEME = {
    "type": "apiKey",
    "in": "header",
    "name": API_KEY_HEADER,
    "description": "For servers: the key of BURSAR_EDX_API_KEY. Open edX has deprecated it; use a token.",
}


_WHERE_TOKENS_ARE = {
    True: "the token that `bursar token EMAIL` prints",
    False: "a token of the LMS",
}


class ContextSchema(AutoSchema):
    """Files each operation under the context that answers it, and names it by its path: no two are alike."""

    def get_operation_id(self) -> str:
        words = re.findall(r"[A-Za-z0-9_]+|\{", self.path)
        return "_".join([self.method.lower(), *("by" if word == "{" else word for word in words)])

    def get_auth(self) -> list[dict[str, Any]]:
        """Adds the shared key where a view takes it: there it is a permission, and no account."""
        auth = super().get_auth()
        if not any(isinstance(each, ApiKeyOrAuthenticated) for each in self.view.get_permissions()):
            return auth
        kind = ResolvedComponent.SECURITY_SCHEMA
        scheme = ResolvedComponent(  # type: ignore[no-untyped-call]
            _API_KEY, kind, schema=_API_KEY_SCHEME, object=ApiKeyOrAuthenticated
        )
        self.registry.register_on_missing(scheme)
        return [*auth, {_API_KEY: []}]

    def get_tags(self) -> list[str]:
        package, _, rest = type(self.view).__module__.partition(".")
        context = rest.partition(".")[0]
        tag = _TAG_OF_CONTEXT.get(context, context)
        return [tag] if package == "bursar" and tag in _TAGS else super().get_tags()


def describe_tags(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """Hook of drf-spectacular: says what each tag in use means."""
    operations = (each for path in result.get("paths", {}).values() for each in path.values())
    used = {tag for operation in operations for tag in operation.get("tags", ())}
    result["tags"] = [{"name": tag, "description": text} for tag, text in _TAGS.items() if tag in used]
    return result


class JwtScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """``Authorization: JWT <token>``: the API pages send what is typed, so the word JWT belongs to it."""

    target_class = "bursar.identity.authentication.JwtAuthentication"
    name = "jwt"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        return {
            "type": "apiKey",  # OpenAPI's bearer scheme would say Bearer
            "in": "header",
            "name": "Authorization",
            "description": f"The word JWT, a blank, and {_WHERE_TOKENS_ARE[settings.ISSUES_TOKENS]}.",
        }


class SessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """The cookie of the sign-in page."""

    target_class = "bursar.identity.authentication.SessionAuthentication"
    name = "session"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        return {"type": "apiKey", "in": "cookie", "name": settings.SESSION_COOKIE_NAME}
