"""The bodies of bulk enrollment. Contract: customers A1.

Ten thousand pairs are checked by hand, for nested serializers take half a second for them; the
answers have the shapes that those serializers would give. They also stand in the schema.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from rest_framework import serializers

from bursar.customers.data import BULK_LIMIT, BulkPair

LISTS = ("enrollments_info", "licenses_info")

# Sentences that clients of edx-enterprise compare, spelled as there.
_NO_LIST = "Must include the `enrollment_info` parameter in request."
_TWO_LISTS = "`licenses_info` must be ommitted if `enrollments_info` is present."
_NO_USER = "At least one user identifier field [user_id or email] required."
_NO_SUBSIDY = "At least one subsidy info field [license_uuid or transaction_id] required."
_TWO_SUBSIDIES = (
    "Enrollment info contains conflicting subsidy information: `license_uuid` and `transaction_id` found"
)

Errors = dict[str, list[str]]


class BulkPairSerializer(serializers.Serializer[Any]):
    """A person, a run, and what pays for it. Only in the schema."""

    user_id = serializers.IntegerField(required=False)
    email = serializers.CharField(required=False)
    course_run_key = serializers.CharField()
    license_uuid = serializers.CharField(required=False)
    transaction_id = serializers.CharField(required=False)
    force_enrollment = serializers.BooleanField(default=False)
    is_default_auto_enrollment = serializers.BooleanField(default=False)
    activation_link = serializers.CharField(required=False)


class BulkOptionsSerializer(serializers.Serializer[Any]):
    """What a request says beside its pairs."""

    notify = serializers.BooleanField(default=False)
    dry_run = serializers.BooleanField(
        default=False, help_text="A rehearsal: says what would become of each pair, and does nothing."
    )
    discount = serializers.DecimalField(
        max_digits=8, decimal_places=5, min_value=Decimal(0), max_value=Decimal(100), default=Decimal(100)
    )
    reason = serializers.CharField(required=False, allow_blank=True, allow_null=True, help_text="Ignored.")
    salesforce_id = serializers.CharField(
        required=False, allow_blank=True, allow_null=True, help_text="Ignored."
    )


class BulkEnrollmentSerializer(BulkOptionsSerializer):
    """The request, for the schema: exactly one of the two lists, with 1 to 10,000 pairs."""

    enrollments_info = BulkPairSerializer(many=True, required=False)
    licenses_info = BulkPairSerializer(many=True, required=False)


class BulkSuccessSerializer(serializers.Serializer[Any]):
    """A learner who is in the run."""

    user_id = serializers.IntegerField()
    email = serializers.CharField()
    course_run_key = serializers.CharField()
    created = serializers.BooleanField()
    activation_link = serializers.CharField(allow_null=True)
    enterprise_fulfillment_source_uuid = serializers.UUIDField(
        allow_null=True, help_text="Null only in a rehearsal: there is none yet."
    )


class BulkPendingSerializer(serializers.Serializer[Any]):
    """An address that waits for somebody to confirm it."""

    email = serializers.CharField()
    course_run_key = serializers.CharField()
    created = serializers.BooleanField()
    activation_link = serializers.CharField(allow_null=True)


class BulkFailureSerializer(serializers.Serializer[Any]):
    """A pair that was refused, with the reason."""

    user_id = serializers.IntegerField(allow_null=True)
    email = serializers.CharField(allow_null=True)
    course_run_key = serializers.CharField()
    code = serializers.CharField()
    message = serializers.CharField()


class BulkResultsSerializer(serializers.Serializer[Any]):
    """What became of each pair. The last keys are there only when they have something to say."""

    successes = BulkSuccessSerializer(many=True)
    pending = BulkPendingSerializer(many=True)
    failures = BulkFailureSerializer(many=True)
    invalid_user_ids = serializers.ListField(child=serializers.IntegerField(), required=False)
    invalid_email_addresses = serializers.ListField(child=serializers.CharField(), required=False)
    invalid_pairs = BulkFailureSerializer(many=True, required=False)
    dry_run = serializers.BooleanField(required=False, help_text="True if this was a rehearsal.")


def read_pairs(body: Mapping[str, Any]) -> list[BulkPair]:
    """The pairs of a request. Raises ValidationError in the shapes of nested serializers."""
    lists = {name: _check_list(name, body[name]) for name in LISTS if body.get(name) is not None}
    filled = [name for name, pairs in lists.items() if pairs]
    if not filled:
        raise serializers.ValidationError({"non_field_errors": [_NO_LIST]})
    if len(filled) > 1:
        raise serializers.ValidationError({"non_field_errors": [_TWO_LISTS]})
    name = filled[0]
    written = lists[name]
    if len(written) > BULK_LIMIT:
        text = f"Too many pairs: {len(written):,}. Send at most {BULK_LIMIT:,} in one request."
        raise serializers.ValidationError({name: {"non_field_errors": [text]}})
    pairs: list[BulkPair] = []
    problems: list[Errors] = []
    for each in written:
        pair, errors = _read_pair(each)
        problems.append(errors)
        if pair is not None:
            pairs.append(pair)
    if len(pairs) < len(written):
        raise serializers.ValidationError({name: problems})
    return pairs


def _check_list(name: str, value: Any) -> list[Any]:
    if not isinstance(value, list):
        text = f'Expected a list of items but got type "{type(value).__name__}".'
        raise serializers.ValidationError({name: {"non_field_errors": [text]}})
    return value


def _read_pair(written: Any) -> tuple[BulkPair | None, Errors]:
    if not isinstance(written, dict):
        text = f"Invalid data. Expected a dictionary, but got {type(written).__name__}."
        return None, {"non_field_errors": [text]}
    values: dict[str, Any] = {}
    errors: Errors = {}
    for field, read in _FIELDS.items():
        value = written.get(field)
        if value is None:
            continue
        try:
            values[field] = read(value)
        except ValueError as error:
            errors[field] = [str(error)]
    if written.get("course_run_key") is None:
        is_there = "course_run_key" in written
        errors["course_run_key"] = ["This field may not be null." if is_there else "This field is required."]
    if not errors:
        errors = _check_pair(values)
    if errors:
        return None, errors
    return (
        BulkPair(
            values["course_run_key"],
            values.get("email"),
            values.get("user_id"),
            values.get("license_uuid"),
            values.get("transaction_id"),
            values.get("force_enrollment", False),
            values.get("is_default_auto_enrollment", False),
            values.get("activation_link"),
        ),
        {},
    )


def _check_pair(values: Mapping[str, Any]) -> Errors:
    if "user_id" not in values and "email" not in values:
        return {"non_field_errors": [_NO_USER]}
    if "license_uuid" not in values and "transaction_id" not in values:
        return {"non_field_errors": [_NO_SUBSIDY]}
    if "license_uuid" in values and "transaction_id" in values:
        return {"non_field_errors": [_TWO_SUBSIDIES]}
    return {}


def _text(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError("Not a valid string.")
    text = str(value).strip()
    if not text:
        raise ValueError("This field may not be blank.")
    return text


def _number(value: Any) -> int:
    if isinstance(value, str) and len(value) <= 20 and value.strip().removeprefix("-").isdecimal():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63:  # the column's range
        return value
    raise ValueError("A valid integer is required.")


def _boolean(value: Any) -> bool:
    if isinstance(value, list | dict):
        raise ValueError("Must be a valid boolean.")
    if value in serializers.BooleanField.TRUE_VALUES:
        return True
    if value in serializers.BooleanField.FALSE_VALUES:
        return False
    raise ValueError("Must be a valid boolean.")


_FIELDS: dict[str, Callable[[Any], Any]] = {
    "user_id": _number,
    "email": _text,
    "course_run_key": _text,
    "license_uuid": _text,
    "transaction_id": _text,
    "force_enrollment": _boolean,
    "is_default_auto_enrollment": _boolean,
    "activation_link": _text,
}
