"""Who may see a job: whoever has one of its kind's roles for its customer."""

from collections.abc import Collection
from uuid import UUID

from django.utils.translation import gettext as _

from bursar.identity.data import OPERATOR, Caller
from bursar.jobs.data import Job, JobNotFound
from bursar.jobs.reading import find_job
from bursar.jobs.registry import find_kind, list_kinds


def customers_by_kind(caller: Caller) -> dict[str, Collection[UUID] | None]:
    """At which customers (None: at all) the caller may see jobs of which kind."""
    return {kind.name: caller.customers_with(kind.roles) for kind in list_kinds()}


def sees_everything(caller: Caller) -> bool:
    """Whether the caller may also see jobs of kinds that the code no longer has."""
    return caller.customers_with((OPERATOR,)) is None


def get_visible_job(caller: Caller, job_uuid: UUID) -> Job:
    """The job, if the caller may see it. A foreign one looks like a missing one: JobNotFound."""
    job = find_job(job_uuid)
    if job is not None:
        kind = find_kind(job.kind)
        if sees_everything(caller) or (kind is not None and caller.has_role(kind.roles, job.customer_uuid)):
            return job
    raise JobNotFound(_("There is no such job."))
