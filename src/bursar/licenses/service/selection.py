"""Which licenses of a plan are meant: part of an address, and statuses."""

from collections.abc import Collection
from uuid import UUID

from django.db.models import QuerySet

from bursar.lib import emails
from bursar.licenses import models
from bursar.licenses.data import LicenseFilter


def matching(plan_uuid: UUID, wanted: LicenseFilter, *, among: Collection[str]) -> QuerySet[models.License]:
    """The plan's licenses that match, of those with one of the statuses ``among``."""
    statuses = [status for status in among if wanted.statuses is None or status in wanted.statuses]
    licenses = models.License.objects.filter(plan=plan_uuid, status__in=statuses)
    for part in wanted.email_parts:
        licenses = licenses.filter(email__contains=emails.normalize(part))
    return licenses
