"""Reminding people of licenses that they have not activated yet."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from bursar.jobs import api as jobs
from bursar.jobs.data import Item, Result, Work
from bursar.lib import clock, emails, sets
from bursar.licenses import models
from bursar.licenses.data import LicenseFilter, MailKind, NothingPending, Notice, Status
from bursar.licenses.service import notices, seats, selection
from bursar.licenses.service.notices import Recipient

REMINDER = "licenses.reminder"
"""The kind of jobs that remind many."""


@transaction.atomic(durable=True)
def remind(*, plan_uuid: UUID, addresses: Sequence[str], notice: Notice, by: int | None) -> int:
    """Reminds the holders with these addresses, all or nobody, and returns how many.

    Errors: PlanNotFound, PlanUnavailable, NothingPending (names the addresses without an assigned license).
    Effects: locks the plan; a constant number of statements for each 1,000; a mail for each.
    """
    plan = seats.lock_plan(plan_uuid)
    moment = clock.now()
    seats.check_usable(plan, moment)
    wanted = {emails.normalize(address): address for address in addresses}
    live = seats.live_licenses(plan, wanted)
    pending = {email: each for email, each in live.items() if each.status == Status.ASSIGNED}
    missing = [written for email, written in wanted.items() if email not in pending]
    if missing:
        sentence = _("Could not find any licenses pending activation that are associated with the email: %s")
        raise NothingPending(sentence % ", ".join(missing), emails=missing)
    found = [(each.pk, email, each.activation_key) for email, each in sorted(pending.items())]
    _remind(plan, found, notice=notice, by=by, at=moment, occasion=f"reminder:{moment.isoformat()}")
    return len(found)


def remind_matching(*, plan_uuid: UUID, wanted: LicenseFilter, notice: Notice, by: int | None) -> int:
    """Reminds every holder of an assigned license that matches, and returns how many; none is fine.

    More than 1,000 are reminded by a job.
    Errors: PlanNotFound, PlanUnavailable.
    """
    with transaction.atomic(durable=True):
        plan = seats.lock_plan(plan_uuid)
        moment = clock.now()
        seats.check_usable(plan, moment)
        rows = selection.matching(plan.pk, wanted, among=[Status.ASSIGNED]).order_by("email", "pk")
        found = list(rows.values_list("pk", "email", "activation_key")[: sets.CHUNK + 1])
        if len(found) <= sets.CHUNK:
            _remind(plan, found, notice=notice, by=by, at=moment, occasion=f"reminder:{moment.isoformat()}")
            return len(found)
        keys = [str(pk) for pk in rows.values_list("pk", flat=True).iterator()]
        parameters = {"plan_uuid": str(plan.pk), "greeting": notice.greeting, "closing": notice.closing}
        jobs.start(
            kind=REMINDER,
            customer_uuid=plan.customer_uuid,
            parameters=parameters,
            chunks=list(sets.chunks(keys)),
            by=by,
        )
        return len(keys)


def remind_all(*, plan_uuid: UUID, notice: Notice, by: int | None) -> int:
    """Reminds everybody who has not activated a license of the plan, and returns how many.

    Errors: PlanNotFound, PlanUnavailable, NothingPending. Effects: as ``remind_matching``.
    """
    count = remind_matching(plan_uuid=plan_uuid, wanted=LicenseFilter(), notice=notice, by=by)
    if not count:
        raise NothingPending(_("Could not find any licenses pending activation"))
    return count


@transaction.atomic(durable=True)
def remind_chunk(work: Work) -> list[Result]:
    """What the job does with 1,000 licenses: who waits no more is passed over, and nobody is mailed twice."""
    plan = seats.lock_plan(UUID(work.parameters["plan_uuid"]))
    keys = [UUID(item) for item in work.items]
    rows = models.License.objects.filter(plan=plan, pk__in=keys, status=Status.ASSIGNED).order_by("pk")
    found = list(rows.values_list("pk", "email", "activation_key"))
    moment = clock.now()
    if seats.unavailable_reason(plan, moment):
        found = []
    notice = Notice(work.parameters["greeting"], work.parameters["closing"])
    _remind(plan, found, notice=notice, by=work.by, at=moment, occasion=f"reminder:{work.job_uuid}")
    reminded = {pk: email for pk, email, _key in found}
    return [
        {
            "license_uuid": str(key),
            "email": reminded.get(key, ""),
            "outcome": "reminded" if key in reminded else "passed_over",
        }
        for key in keys
    ]


def describe_license(item: Item) -> Result:
    """What a result says of a license that was never done."""
    return {"license_uuid": item, "email": ""}


def _remind(
    plan: models.Plan,
    found: Sequence[tuple[UUID, str | None, UUID | None]],
    *,
    notice: Notice,
    by: int | None,
    at: datetime,
    occasion: str,
) -> None:
    for chunk in sets.chunks(sorted(found)):
        keys = [pk for pk, _email, _key in chunk]
        sets.update(models.License, ("uuid", "reminded_at", "modified_at"), [(pk, at, at) for pk in keys])
        sets.record_history(models.License, keys, kind="~", by=by, reason="reminded", at=at)
    recipients = [Recipient(pk, email or "", key, occasion) for pk, email, key in found]
    notices.mail_holders(MailKind.REMINDER, plan, recipients, notice=notice, by=by)
