"""Assigning a plan's licenses to the addresses of a file, however long it is: a job, after a rehearsal."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from bursar.jobs import api as jobs
from bursar.jobs.data import Item, Result, Work
from bursar.lib import clock, emails, sets
from bursar.lib.errors import InvalidInputError
from bursar.lib.outcomes import Refusal
from bursar.licenses import models
from bursar.licenses.data import (
    LIVE,
    AssignOutcome,
    FileLine,
    NotEnoughLicenses,
    Notice,
    PlanNotFound,
    PlanUnavailable,
    RehearsedAssigning,
)
from bursar.licenses.service import seats
from bursar.licenses.service.assignment import assign

ASSIGNMENT = "licenses.assignment"
"""The kind of its jobs."""

LINE_LIMIT = 500_000
"""Lines in one file, bad ones and repeats included."""

ASSIGNED, KEPT = "assigned", "kept"
"""Outcomes of its results; others are codes of refusals."""

_BAD_LINES_SHOWN = 20
_WITH_CODE = 3  # line, text and the code of its refusal
_TEXT_MAX_LENGTH = 300  # of a bad line, in results: enough to find it again


def rehearse_assigning(*, plan_uuid: UUID, lines: Iterable[FileLine]) -> RehearsedAssigning:
    """What the job would do with these lines now; writes nothing.

    Errors: PlanNotFound, InvalidInputError (nothing in it, or more than ``LINE_LIMIT`` lines).
    Effects: reads only, a query for each 1,000 addresses and four more.
    """
    return _rehearse(_get_plan(plan_uuid), _Sheet.read(lines))


def start_assigning(
    *, plan_uuid: UUID, lines: Iterable[FileLine], notice: Notice | None, by: int | None
) -> UUID:
    """Begins a job that assigns a license to each address, once however often it comes; gives its uuid.

    A line that is no address is refused by itself. With a ``notice`` the new holders are mailed.

    Errors: PlanNotFound, PlanUnavailable, NotEnoughLicenses (more people are new than seats are free now;
    later each chunk sees for itself), InvalidInputError.
    Effects: reads as ``rehearse_assigning``; a statement for each 1,000 lines. 400,000 lines take ten seconds
    and 200 MB of memory.
    """
    plan = _get_plan(plan_uuid)
    seats.check_usable(plan, clock.now())
    sheet = _Sheet.read(lines)
    seats.check_free(plan, _rehearse(plan, sheet).needed_count)
    if not sheet.addresses:
        raise InvalidInputError(_("No line of the file begins with an e-mail address."))
    parameters: dict[str, Any] = {"plan_uuid": str(plan.pk), "notify": notice is not None}
    if notice is not None:
        parameters |= {"greeting": notice.greeting, "closing": notice.closing}
    return jobs.start(
        kind=ASSIGNMENT,
        customer_uuid=plan.customer_uuid,
        parameters=parameters,
        chunks=list(sets.chunks(sheet.items)),
        by=by,
    )


def assign_chunk(work: Work) -> list[Result]:
    """What the kind does with 1,000 lines. Who got a license at the first try keeps it at the second.

    If too few seats are left, none of those who are new gets one: the other chunks go on.
    """
    good = [item[1] for item in work.items if not _is_bad(item)]
    plan_uuid = UUID(work.parameters["plan_uuid"])
    notice = _notice(work.parameters)
    try:
        outcomes = assign(plan_uuid=plan_uuid, addresses=good, by=work.by, notice=notice) if good else []
    except NotEnoughLicenses as error:
        outcomes = _refuse_new(plan_uuid, good, Refusal(error.code, error.message))
    except PlanUnavailable as error:
        outcomes = _refuse_new(plan_uuid, good, Refusal(error.fields["reason"], error.message))
    by_address = iter(outcomes)
    return [_refused(item) if _is_bad(item) else _result(item, next(by_address)) for item in work.items]


def describe_line(item: Item) -> Result:
    """What a result says of its line."""
    return {"row": item[0], "email": item[1]}


@dataclass(slots=True)
class _Sheet:
    """What a file says: an item for each address, where it comes first, and for each line that is none."""

    items: list[tuple[Any, ...]] = field(default_factory=list)
    addresses: set[str] = field(default_factory=set)
    bad_lines: list[FileLine] = field(default_factory=list)
    repeated_count: int = 0

    @classmethod
    def read(cls, lines: Iterable[FileLine]) -> "_Sheet":
        sheet = cls()
        for count, line in enumerate(lines, start=1):
            if count > LINE_LIMIT:
                text = _("The file has more than %(limit)s lines. Split it.") % {"limit": LINE_LIMIT}
                raise InvalidInputError(text, limit=LINE_LIMIT)
            sheet._add(line)
        if not sheet.items:
            raise InvalidInputError(_("The file is empty."))
        return sheet

    def _add(self, line: FileLine) -> None:
        number, text = line
        address = emails.normalize(text)
        if address in self.addresses:
            self.repeated_count += 1
        elif emails.is_valid(address):
            self.addresses.add(address)
            self.items.append((number, address))
        else:
            bad = (number, text[:_TEXT_MAX_LENGTH])
            self.bad_lines.append(bad)
            self.items.append((*bad, "invalid_email"))


def _rehearse(plan: models.Plan, sheet: _Sheet) -> RehearsedAssigning:
    new = sheet.addresses - _find_holders(plan, sheet.addresses)
    holds = models.Hold.objects.filter(plan=plan).order_by().values_list("email", flat=True).distinct()
    return RehearsedAssigning(
        new_count=len(new),
        kept_count=len(sheet.addresses) - len(new),
        repeated_count=sheet.repeated_count,
        bad_count=len(sheet.bad_lines),
        bad_lines=tuple(sheet.bad_lines[:_BAD_LINES_SHOWN]),
        needed_count=len(new) - len(new.intersection(holds)),
        free_count=max(seats.free_count(plan), 0),
        unavailable_reason=seats.unavailable_reason(plan, clock.now()),
    )


def _get_plan(plan_uuid: UUID) -> models.Plan:
    plan = models.Plan.objects.filter(pk=plan_uuid).first()
    if plan is None:
        raise PlanNotFound(_("There is no such subscription plan."))
    return plan


def _find_holders(plan: models.Plan, addresses: Collection[str]) -> set[str]:
    """Which of these have a live license of the plan. A query for each 1,000."""
    holders: set[str] = set()
    for chunk in sets.chunks(sorted(addresses)):
        live = models.License.objects.filter(plan=plan, email__in=chunk, status__in=LIVE)
        holders.update(email for email in live.values_list("email", flat=True) if email)
    return holders


def _refuse_new(plan_uuid: UUID, addresses: Sequence[str], refusal: Refusal) -> list[AssignOutcome]:
    """Who has a license already keeps it, whatever becomes of the others."""
    live = seats.live_licenses(_get_plan(plan_uuid), addresses)
    return [
        AssignOutcome(email, live[email].pk) if email in live else AssignOutcome(email, refusal=refusal)
        for email in addresses
    ]


def _is_bad(item: Item) -> bool:
    return len(item) == _WITH_CODE


def _refused(item: Item) -> Result:
    text = _("“%(address)s” is not an e-mail address.") % {"address": item[1]}
    return {**describe_line(item), "license_uuid": "", "outcome": item[2], "code": item[2], "message": text}


def _result(item: Item, outcome: AssignOutcome) -> Result:
    result = {**describe_line(item), "license_uuid": str(outcome.license_uuid or "")}
    if outcome.refusal is not None:
        code = outcome.refusal.code
        return {**result, "outcome": code, "code": code, "message": outcome.refusal.message}
    return {**result, "outcome": ASSIGNED if outcome.is_new else KEPT}


def _notice(parameters: Mapping[str, Any]) -> Notice | None:
    return Notice(parameters["greeting"], parameters["closing"]) if parameters["notify"] else None
