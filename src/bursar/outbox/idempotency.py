"""POSTs that may be repeated: the answer to the first one is kept and given again."""

import functools
import hashlib
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import orjson
from django.core.files.uploadedfile import UploadedFile
from django.db import IntegrityError, transaction
from django.db.models import Q
from rest_framework.request import Request
from rest_framework.response import Response

from bursar.lib import clock
from bursar.lib.rest_json import JsonRenderer
from bursar.outbox.data import (
    IDEMPOTENCY_KEY_MAX_LENGTH,
    IdempotencyKeyBusy,
    IdempotencyKeyInvalid,
    IdempotencyKeyReused,
)
from bursar.outbox.models import IdempotencyRecord

HEADER = "Idempotency-Key"
KEPT = timedelta(hours=24)
LEASE = timedelta(seconds=60)

ViewMethod = Callable[..., Response]


def idempotent(method: ViewMethod) -> ViewMethod:
    """Makes a view's POST honour the ``Idempotency-Key`` header.

    The scope of a key is (caller, path). The same request again gets the stored status and body,
    another body 422, a request whose twin is still running 409. What a view answers with 2xx, 409 or
    422 is stored. A rule's no that the view raises, what the caller can mend (400, 401, 403, 404) and
    faults (5xx) are not: nothing was done, and the same key may try again.
    Source: draft-ietf-httpapi-idempotency-key-header.
    """

    @functools.wraps(method)
    def wrapper(view: Any, request: Request, *args: Any, **kwargs: Any) -> Response:
        key = request.headers.get(HEADER)
        if key is None:
            return method(view, request, *args, **kwargs)
        try:
            record = _claim(request, key)
        except IdempotencyKeyInvalid as error:
            return Response({"detail": error.message, "code": error.code}, status=400)
        except IdempotencyKeyBusy as error:
            return Response({"detail": error.message, "code": error.code}, status=409)
        except IdempotencyKeyReused as error:
            return Response({"detail": error.message, "code": error.code}, status=422)
        if record.status is not None:
            stored = orjson.loads(record.answer) if record.answer else None
            return Response(stored, status=record.status, headers={"Idempotency-Replayed": "true"})
        try:
            response = method(view, request, *args, **kwargs)
        except BaseException:
            _ours(record).delete()
            raise
        if response.status_code < 300 or response.status_code in (409, 422):
            _store(record, response)
        else:
            _ours(record).delete()
        return response

    return wrapper


def _claim(request: Request, key: str) -> IdempotencyRecord:
    if not key.strip() or len(key) > IDEMPOTENCY_KEY_MAX_LENGTH or not key.isprintable():
        most = IDEMPOTENCY_KEY_MAX_LENGTH
        raise IdempotencyKeyInvalid(f"{HEADER} must have 1 to {most} printable characters.")
    moment = clock.now()
    scope = {"caller": str(request.user.pk or "anonymous"), "path": request.path, "key": key}
    digest = hashlib.sha256(
        orjson.dumps(
            [request.query_params.urlencode(), request.data], default=_plain, option=orjson.OPT_SORT_KEYS
        )
    ).hexdigest()
    mine: dict[str, Any] = {"lease": uuid.uuid4(), "running_until": moment + LEASE}
    IdempotencyRecord.objects.filter(**scope, created_at__lt=moment - KEPT).delete()
    try:
        with transaction.atomic():
            return IdempotencyRecord.objects.create(**scope, **mine, request_hash=digest, created_at=moment)
    except IntegrityError:
        pass
    busy = IdempotencyKeyBusy("The first request with this key is still running. Try again shortly.")
    record = IdempotencyRecord.objects.filter(**scope).first()
    if record is None:
        raise busy  # the first request has failed in this very moment
    if record.request_hash != digest:
        raise IdempotencyKeyReused(f"This {HEADER} was used for a different request. Choose a new one.")
    if record.status is None:
        # A crash leaves the row running for ever: after its lease the command, idempotent itself, runs again.
        late = Q(pk=record.pk, status__isnull=True, running_until__lt=moment)
        if not IdempotencyRecord.objects.filter(late).update(**mine):
            raise busy
        record.lease = mine["lease"]
    return record


def _plain(value: Any) -> str:
    """What counts of a value that is not JSON: of a file its contents, whatever its name."""
    if not isinstance(value, UploadedFile):
        return str(value)
    contents = hashlib.sha256(b"".join(value.chunks())).hexdigest()
    value.seek(0)
    return contents


def _ours(record: IdempotencyRecord) -> Any:
    return IdempotencyRecord.objects.filter(pk=record.pk, lease=record.lease, status__isnull=True)


def _store(record: IdempotencyRecord, response: Response) -> None:
    answer = JsonRenderer().render(response.data).decode()
    _ours(record).update(status=response.status_code, answer=answer, running_until=None)
