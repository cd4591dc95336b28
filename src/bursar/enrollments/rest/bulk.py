"""The body of ``bulk_enroll``. Contract: enrollments 1.12."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from django.core.validators import ProhibitNullCharactersValidator
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from bursar.catalog import api as catalog
from bursar.catalog.data import Run
from bursar.enrollments.models import Cohort
from bursar.enrollments.service.by_staff import Order
from bursar.enrollments.service.cohorts import find_cohorts

_check_no_nul = ProhibitNullCharactersValidator()  # JSON has none, a form may

_SEPARATORS = re.compile(r"[\s,]+")


@extend_schema_field(OpenApiTypes.STR)
class CommaList(serializers.Field[Any, Any, Any, Any]):
    """Text with commas, or a list of such texts: all of it counts (the LMS drops all but the first)."""

    default_error_messages = {"invalid": "Send text with commas, or a list of texts."}

    def to_internal_value(self, data: Any) -> list[str]:
        texts = data if isinstance(data, list) else [data]
        if not all(isinstance(each, str) for each in texts):
            self.fail("invalid")
        for each in texts:
            _check_no_nul(each)
        return [part.strip() for each in texts for part in each.split(",") if part.strip()]

    def get_value(self, dictionary: Any) -> Any:
        if hasattr(dictionary, "getlist"):  # a form may send the field several times
            values = dictionary.getlist(self.field_name)
            return values or serializers.empty
        return super().get_value(dictionary)

    def to_representation(self, value: Any) -> Any:
        return value


class BulkEnrollSerializer(serializers.Serializer[Any]):
    """What staff want done."""

    identifiers = serializers.CharField(
        help_text="Usernames and e-mail addresses, with commas, blanks or on lines of their own."
    )
    courses = CommaList(help_text="Keys of course runs, with commas.")
    cohorts = CommaList(required=False, help_text="A cohort for each course run, in their order.")
    action = serializers.ChoiceField(["enroll", "unenroll"])
    auto_enroll = serializers.BooleanField(
        default=False, help_text="Put people without an account in once they have confirmed the address."
    )
    email_students = serializers.BooleanField(default=False)
    reason = serializers.CharField(required=False, allow_blank=True, allow_null=True, max_length=10_000)

    def validate_identifiers(self, text: str) -> list[str]:
        identifiers = list(dict.fromkeys(part for part in _SEPARATORS.split(text) if part))
        if not identifiers:
            raise serializers.ValidationError("Name somebody.")
        return identifiers

    def validate_courses(self, run_keys: list[str]) -> list[Run]:
        if not run_keys:
            raise serializers.ValidationError("Name a course run.")
        runs = catalog.find_runs([key for key in run_keys if catalog.is_run_key(key)])
        unknown = [key for key in run_keys if key not in runs]
        if unknown:
            raise serializers.ValidationError([f"There is no course run {key[:255]}." for key in unknown])
        return [runs[key] for key in run_keys]

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs.get("cohorts"):
            attrs["cohorts"] = self._find_cohorts(attrs["action"], attrs["courses"], attrs["cohorts"])
        attrs["courses"] = list(dict.fromkeys(attrs["courses"]))
        return attrs

    def _find_cohorts(self, action: str, runs: Sequence[Run], names: Sequence[str]) -> dict[str, Cohort]:
        # These three sentences are read by clients.
        if action != "enroll":
            raise serializers.ValidationError("Cohorts can only be used for enrollments.")
        if len(names) != len(runs):
            raise serializers.ValidationError(
                "If provided, the cohorts and courses should have equal number of items."
            )
        wanted = [(run.key, name) for run, name in zip(runs, names, strict=True)]
        found = find_cohorts(wanted)
        for run_key, name in wanted:
            if (run_key, name) not in found:
                raise serializers.ValidationError(f"cohort {name} not found in course {run_key}.")
        return {run_key: found[run_key, name] for run_key, name in wanted}


class BulkAnswerSerializer(serializers.Serializer[Any]):
    """The answer: what was asked for, and by course run what became of each identifier."""

    action = serializers.CharField()
    auto_enroll = serializers.BooleanField()
    email_students = serializers.BooleanField()
    courses = serializers.DictField(child=serializers.DictField())


def read_order(body: Mapping[str, Any], *, by: int | None) -> tuple[Order, Mapping[str, Cohort] | None]:
    """The validated body as an order, and the cohort for each run."""
    order = Order(
        identifiers=body["identifiers"],
        runs=body["courses"],
        by=by,
        reason=body.get("reason"),
        notify=body["email_students"],
    )
    return order, body.get("cohorts") or None
