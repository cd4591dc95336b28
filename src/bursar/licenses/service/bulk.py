"""License-guarded bulk enrollment: only who holds a license for a course gets in, at the customer's expense.

Contract: subsidies A.5 and C; docs/decisions/0014-jobs.md.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from bursar.catalog import api as catalog
from bursar.catalog.data import CustomerCatalog, Run
from bursar.customers import api as customers
from bursar.customers.data import BulkPair, CustomerNotFound, PairOutcome, PairVerdict
from bursar.identity import api as identity
from bursar.jobs import api as jobs
from bursar.jobs.data import FAILED, Item, Job, Result, Work
from bursar.lib import clock, emails, sets
from bursar.lib.outcomes import Refusal
from bursar.licenses import models
from bursar.licenses.data import LIVE, BulkRow, Status
from bursar.licenses.service import links
from bursar.notifications import api as notifications
from bursar.notifications.data import NewMessage

BULK_ENROLLMENT = "licenses.bulk_enrollment"
"""The kind of its jobs."""

SUCCESS, PENDING = "success", "pending"
_OUTCOMES = {PairVerdict.ENROLLED: SUCCESS, PairVerdict.PENDING: PENDING, PairVerdict.FAILED: FAILED}

NO_LICENSE = "no_license"

_NOTES = {NO_LICENSE: "missing subscription", "invalid_email": "invalid email address"}
_PENDING_NOTE = "pending license activation"
"""Notes of license-manager's results, spelled as there; other refusals say it in their own words."""


def start_bulk_enrollment(
    *, customer_uuid: UUID, plan_uuid: UUID | None, rows: Sequence[BulkRow], notify: bool, by: int | None
) -> UUID:
    """Begins a job that enrolls the rows with the licenses that their people hold then; gives its uuid.

    ``plan_uuid``: only with licenses of this plan. A learner's rows are done together, for one mail's sake.
    Effects: two statements.
    """
    return jobs.start(
        kind=BULK_ENROLLMENT,
        customer_uuid=customer_uuid,
        parameters={"plan_uuid": plan_uuid and str(plan_uuid), "notify": notify},
        chunks=[
            [_item(row) for row in chunk]
            for chunk in sets.grouped(rows, lambda row: emails.normalize(row.email))
        ],
        by=by,
    )


def rehearse_bulk_enrollment(
    *, customer_uuid: UUID, plan_uuid: UUID | None, rows: Sequence[BulkRow]
) -> list[Result]:
    """The results that the job would have now, in the order of the rows; writes nothing.

    Effects: reads only, a constant number of statements for each 1,000 people.
    """
    ordered = [row for chunk in sets.grouped(rows, lambda row: emails.normalize(row.email)) for row in chunk]
    enrollment = _Enrollment.look_up(customer_uuid, plan_uuid, ordered)

    def rehearse(pairs: Sequence[BulkPair]) -> Sequence[PairOutcome]:
        return customers.rehearse_in_bulk(
            customer_uuid=customer_uuid, pairs=pairs, runs=enrollment.runs, catalogs=enrollment.catalogs
        )

    return sorted(enrollment.results(ordered, rehearse), key=lambda result: result["row"])


def enroll_chunk(work: Work) -> list[Result]:
    """What the kind does with one chunk. What a license says now counts, not what it said when it was asked.

    Effects: four queries for licenses, runs and catalogs, and those of ``customers.api.enroll_in_bulk``.
    """
    rows = [_row(item) for item in work.items]
    plan_uuid = work.parameters["plan_uuid"]
    enrollment = _Enrollment.look_up(work.customer_uuid, UUID(plan_uuid) if plan_uuid else None, rows)

    def enroll(pairs: Sequence[BulkPair]) -> Sequence[PairOutcome]:
        return customers.enroll_in_bulk(
            customer_uuid=work.customer_uuid,
            pairs=pairs,
            by=work.by,
            notify=work.parameters["notify"],
            runs=enrollment.runs,
            catalogs=enrollment.catalogs,
        )

    results = enrollment.results(rows, enroll)
    # Whoever took a license back meanwhile found nothing that it paid for.
    if gone := enrollment.find_revoked():
        customers.end_sponsorships(gone, by=None)
    return results


def describe_item(item: Item) -> Result:
    """What a result says of its item."""
    row = _row(item)
    return {"row": row.row, "email": row.email, "course_run_key": row.run_key}


def send_receipt(job: Job) -> None:
    """Mails whoever asked what became of it, in the transaction that ends the job."""
    if job.created_by is None:
        return
    person = identity.find_people_by_lms_user_id([job.created_by]).get(job.created_by)
    customer = customers.find_customers([job.customer_uuid]).get(job.customer_uuid)
    if person is None or not person.email or customer is None:
        return
    counts = Counter(job.counts)
    message = NewMessage(
        template="licenses/bulk_enrollment_done",
        customer_uuid=job.customer_uuid,
        email=person.email,
        about=f"job:{job.uuid}",
        context={
            "customer_name": customer.name,
            "success_count": counts[SUCCESS],
            "pending_count": counts[PENDING],
            "failed_count": counts.total() - counts[SUCCESS] - counts[PENDING],
            "is_cancelled": job.cancelled_at is not None,
            "results_path": f"/api/jobs/v1/jobs/{job.uuid}/results.csv",
        },
        lms_user_id=person.lms_user_id,
    )
    notifications.send([message], by=None)


def find_plan_addresses(plan_uuid: UUID) -> list[str]:
    """The addresses of everybody who holds a live license of the plan, in order. One query."""
    held = models.License.objects.filter(plan=plan_uuid, status__in=LIVE).order_by("email")
    return [email for email in held.values_list("email", flat=True) if email]


def _item(row: BulkRow) -> list[Any]:
    item: list[Any] = [row.row, row.email, row.run_key]
    return item if row.refusal is None else [*item, row.refusal.code, row.refusal.message]


def _row(item: Item) -> BulkRow:
    number, email, run_key, *refused = item
    return BulkRow(number, email, run_key, Refusal(*refused) if refused else None)


@dataclass(frozen=True, slots=True)
class _Held:
    """A live license in a plan that grants something now."""

    uuid: str
    status: str
    activation_key: UUID | None
    catalog_uuid: UUID | None
    customer_slug: str

    @property
    def activation_link(self) -> str | None:
        """Where its holder accepts it, if that is still to be done."""
        if self.status != Status.ASSIGNED or self.activation_key is None:
            return None
        return links.activation_link(self.customer_slug, self.activation_key)


@dataclass(slots=True)
class _Enrollment:
    """Rows that are to be enrolled, with the licenses of their people and the runs that they name."""

    runs: Mapping[str, Run]
    catalogs: Collection[CustomerCatalog]
    _held: Mapping[str, Sequence[_Held]]

    @classmethod
    def look_up(cls, customer_uuid: UUID, plan_uuid: UUID | None, rows: Iterable[BulkRow]) -> "_Enrollment":
        good = [row for row in rows if row.refusal is None]
        keys = {row.run_key for row in good}
        return cls(
            runs=catalog.find_runs([key for key in sorted(keys) if catalog.is_run_key(key)]),
            catalogs=catalog.list_catalogs(customer_uuid=customer_uuid),
            _held=_find_held(customer_uuid, plan_uuid, {emails.normalize(row.email) for row in good}),
        )

    def results(self, rows: Sequence[BulkRow], enroll: Any) -> list[Result]:
        """One result per row, in order. ``enroll`` does, or rehearses, the pairs with a license."""
        pairs: dict[int, BulkPair] = {}
        refused: dict[int, Refusal] = {}
        chosen: dict[tuple[str, str], _Held | Refusal] = {}
        for index, row in enumerate(rows):
            place = (row.email, row.run_key)
            if row.refusal is None and place not in chosen:
                chosen[place] = self._choose(*place)
            license_ = row.refusal or chosen[place]
            if isinstance(license_, Refusal):
                refused[index] = license_
            else:
                pairs[index] = BulkPair(
                    row.run_key,
                    row.email,
                    license_uuid=license_.uuid,
                    activation_link=license_.activation_link,
                )
        try:
            outcomes = dict(zip(pairs, enroll(list(pairs.values())) if pairs else (), strict=True))
        except CustomerNotFound as error:
            # Switched off since it was asked: no try will mend that, so each pair is told.
            outcomes = {}
            refused |= dict.fromkeys(pairs, Refusal(error.code, error.message))
        return [
            _result(row, outcomes[index]) if index in outcomes else _refused(row, refused[index])
            for index, row in enumerate(rows)
        ]

    def find_revoked(self) -> set[UUID]:
        """The licenses that were taken back since they were looked up. One query for each 1,000."""
        used = {UUID(license_.uuid) for held in self._held.values() for license_ in held}
        live: set[UUID] = set()
        for chunk in sets.chunks(sorted(used)):
            rows = models.License.objects.filter(pk__in=chunk, status__in=LIVE)
            live.update(rows.values_list("pk", flat=True))
        return used - live

    def _choose(self, email: str, run_key: str) -> _Held | Refusal:
        """The license for a pair: an activated one first, then that of the plan which lasts longest."""
        address = emails.normalize(email)
        held = self._held.get(address, ())
        if not held and not emails.is_valid(address):
            return Refusal("invalid_email", _("%(address)s is not an e-mail address.") % {"address": email})
        run = self.runs.get(run_key)
        containing = {
            each.uuid for each in self.catalogs if run is not None and each.contains(run.course_key)
        }
        for license_ in held:
            # Of a run that the customer cannot use at all, customers says so in better words.
            if not containing or license_.catalog_uuid in containing or license_.catalog_uuid is None:
                return license_
        text = _("%(address)s holds no license for %(run_key)s.") % {"address": email, "run_key": run_key}
        return Refusal(NO_LICENSE, text)


def _find_held(
    customer_uuid: UUID, plan_uuid: UUID | None, addresses: Collection[str]
) -> dict[str, list[_Held]]:
    """The live licenses of these addresses in plans that grant something now, the best first.

    One query for each 1,000 addresses.
    """
    moment = clock.now()
    held: dict[str, list[_Held]] = defaultdict(list)
    for chunk in sets.chunks(sorted(address for address in addresses if address.isprintable())):
        licenses = models.License.objects.filter(
            email__in=chunk,
            status__in=LIVE,
            plan__customer_uuid=customer_uuid,
            plan__is_active=True,
            plan__starts_at__lte=moment,
            plan__expires_at__gte=moment,
        )
        if plan_uuid is not None:
            licenses = licenses.filter(plan=plan_uuid)
        rows = licenses.annotate(
            catalog_uuid=Coalesce("plan__catalog_uuid", "plan__agreement__default_catalog_uuid")
        ).order_by("status", "-plan__expires_at", "uuid")  # activated comes before assigned
        for email, license_uuid, *columns in rows.values_list(*_HELD_COLUMNS):
            held[email].append(_Held(str(license_uuid), *columns))
    return held


def _result(row: BulkRow, outcome: PairOutcome) -> Result:
    if outcome.refusal is not None:
        return _refused(row, outcome.refusal)
    result: Result = {
        "row": row.row,
        "email": row.email,
        "course_run_key": row.run_key,
        "outcome": _OUTCOMES[outcome.verdict],
        "notes": _PENDING_NOTE if outcome.verdict is PairVerdict.PENDING else "",
        "created": outcome.created,
    }
    if outcome.lms_user_id is not None:
        result["user_id"] = outcome.lms_user_id
    if outcome.fulfillment_uuid is not None:
        result["enterprise_fulfillment_source_uuid"] = str(outcome.fulfillment_uuid)
    return result


def _refused(row: BulkRow, refusal: Refusal) -> Result:
    return {
        "row": row.row,
        "email": row.email,
        "course_run_key": row.run_key,
        "outcome": FAILED,
        "notes": _NOTES.get(refusal.code, refusal.message),
        "created": False,
        "code": refusal.code,
        "message": refusal.message,
    }


_HELD_COLUMNS = (
    "email", "uuid", "status", "activation_key", "catalog_uuid", "plan__agreement__customer_slug",
)  # fmt: skip
