"""Leases: one process at a time may do a thing, and a dead one loses the right by itself."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from django.db import IntegrityError, transaction
from django.db.models import Q

from bursar.lib import clock
from bursar.outbox import models


class HeldLease:
    """A lease that this process holds."""

    def __init__(self, name: str, holder: uuid.UUID, seconds: int) -> None:
        self._name, self._holder, self._seconds = name, holder, seconds

    def renew(self) -> bool:
        """Holds it for its full time again; False when another process has taken it meanwhile."""
        return _take(self._name, self._holder, self._seconds)


@contextmanager
def lease(name: str, *, seconds: int) -> Iterator[HeldLease | None]:
    """Holds the lease for the block, or gives None when another process has it."""
    holder = uuid.uuid4()
    if not _take(name, holder, seconds):
        yield None
        return
    try:
        yield HeldLease(name, holder, seconds)
    finally:
        models.Lease.objects.filter(name=name, holder=holder).delete()


def _take(name: str, holder: uuid.UUID, seconds: int) -> bool:
    moment = clock.now()
    expires_at = moment + timedelta(seconds=seconds)
    free_or_ours = Q(holder=holder) | Q(expires_at__lt=moment)
    if models.Lease.objects.filter(free_or_ours, name=name).update(holder=holder, expires_at=expires_at):
        return True
    if models.Lease.objects.filter(name=name).exists():
        return False
    try:
        with transaction.atomic():
            models.Lease.objects.create(name=name, holder=holder, expires_at=expires_at)
    except IntegrityError:
        return False
    return True
