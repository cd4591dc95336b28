"""Ending what a customer pays for: a license is gone, or a place is given up.

Three steps, as in ``sponsoring``: see what is paid for, have the places changed, write down what ended. A
crash before the last one is mended by the same call again, for only what is still paid for is ended.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from bursar.catalog import api as catalog
from bursar.catalog.data import AUDIT, Run
from bursar.customers import models
from bursar.customers.data import EndOutcome, EndResult, FulfillmentKind, FulfillmentNotFound, PendingState
from bursar.customers.service.sponsoring import Pair
from bursar.enrollments import api as enrollments
from bursar.enrollments.data import Enrollment, EnrollmentEntry, OnExisting, is_paid
from bursar.events.customers import SPONSORSHIPS_ENDED, SponsorshipEnded
from bursar.events.licenses import LicenseRevoked
from bursar.lib import clock, sets
from bursar.lib.outcomes import Refusal
from bursar.outbox import api as outbox
from bursar.outbox.data import Delivery

END_REVOKED = "customers.end_revoked"


def end_sponsorships(
    license_uuids: Collection[UUID], *, by: int | None, unless_modified_after: datetime | None = None
) -> list[EndOutcome]:
    """Ends what these licenses pay for; one outcome for each place that they still pay for.

    Learners go to the audit mode of the run, or leave it where there is none. Nothing happens to runs that
    have ended (no certificates are kept here, so this is what completed means), and to enrollments that
    changed at or after the moment given. Where something else pays for the place as well, the learner keeps
    it. Pairs that wait for an address with such a license wait no more.
    Refusals: those of ``enrollments.api.enroll``.
    Effects: transactions for each 1,000 places; a constant number of statements, two if nothing is paid for.
    """
    outcomes: list[EndOutcome] = []
    for chunk in sets.chunks(sorted(set(license_uuids))):
        paid = models.Fulfillment.objects.filter(kind=FulfillmentKind.LICENSE, subsidy_uuid__in=chunk)
        outcomes += _end(paid, by=by, unless_modified_after=unless_modified_after)
        _stop_waiting(chunk, by=by)
    return outcomes


def end_learner_sponsorships(
    *, customer_uuid: UUID, lms_user_id: int, license_uuid: UUID | None = None, by: int | None
) -> list[EndOutcome]:
    """The same for one learner at one customer: what one license pays for, or what all licenses do."""
    paid = models.Fulfillment.objects.filter(
        kind=FulfillmentKind.LICENSE,
        sponsored_enrollment__link__customer_id=customer_uuid,
        sponsored_enrollment__link__lms_user_id=lms_user_id,
    )
    if license_uuid is not None:
        paid = paid.filter(subsidy_uuid=license_uuid)
    return _end(paid, by=by)


def cancel_fulfillment(fulfillment_uuid: UUID, *, by: int | None) -> EndOutcome | None:
    """Ends one fulfillment of any kind and takes the learner out of the run; None if it has ended already.

    Errors: FulfillmentNotFound.
    """
    one = models.Fulfillment.objects.filter(uuid=fulfillment_uuid)
    outcomes = _end(one, by=by, leaves=True)
    if not outcomes and not one.exists():
        raise FulfillmentNotFound(_("There is no such fulfillment."))
    return outcomes[0] if outcomes else None


def end_revoked(deliveries: Sequence[Delivery[LicenseRevoked]]) -> None:
    """Reaction: ends what revoked licenses paid for.

    Its effect is in enrollments as well, so no single transaction holds it. It needs no inbox: a license that
    is revoked stays so, and only what it still pays for is ended.
    """
    for delivery in deliveries:
        end_sponsorships([fact.license_uuid for fact in delivery.facts], by=delivery.by)


class _Paid(NamedTuple):
    """A fulfillment that pays, and its place."""

    uuid: UUID
    kind: str
    subsidy_uuid: UUID
    sponsored_uuid: UUID
    customer_uuid: UUID
    lms_user_id: int
    run_key: str

    @property
    def pair(self) -> Pair:
        return self.lms_user_id, self.run_key


def _end(
    wanted: "QuerySet[models.Fulfillment]",
    *,
    by: int | None,
    leaves: bool = False,
    unless_modified_after: datetime | None = None,
) -> list[EndOutcome]:
    paying = wanted.filter(is_revoked=False).order_by("sponsored_enrollment_id", "uuid")
    ended = [_Paid(*row) for row in paying.values_list(*_PAID_COLUMNS)]
    # One place may be paid for by two of these: both must be seen at once.
    outcomes: list[EndOutcome] = []
    for chunk in _by_place(ended):
        ending = _Ending(chunk, by, leaves, unless_modified_after)
        outcomes += ending.run()
    return outcomes


def _find_paid(ended: Collection[_Paid]) -> set[Pair]:
    """Those of the places for which something else pays as well, be it another customer. One query."""
    rows = models.Fulfillment.objects.filter(
        sponsored_enrollment__link__lms_user_id__in={each.lms_user_id for each in ended},
        sponsored_enrollment__run_key__in={each.run_key for each in ended},
        sponsored_enrollment__is_unenrolled=False,
        is_revoked=False,
    ).order_by()
    mine = {each.uuid for each in ended}
    return {
        (lms_user_id, run_key)
        for uuid, lms_user_id, run_key in rows.values_list(
            "uuid", "sponsored_enrollment__link__lms_user_id", "sponsored_enrollment__run_key"
        )
        if uuid not in mine
    }


def _by_place(paid: Sequence[_Paid]) -> Iterator[list[_Paid]]:
    """Chunks of about 1,000 that never part the fulfillments of one place."""
    chunk: list[_Paid] = []
    for each in paid:
        if len(chunk) >= sets.CHUNK and each.sponsored_uuid != chunk[-1].sponsored_uuid:
            yield chunk
            chunk = []
        chunk.append(each)
    if chunk:
        yield chunk


class _Ending:
    """One chunk of fulfillments that end."""

    def __init__(
        self, paid: Sequence[_Paid], by: int | None, leaves: bool, unless_modified_after: datetime | None
    ) -> None:
        self._paid = paid
        self._by = by
        self._leaves = leaves
        self._unless_modified_after = unless_modified_after
        self._results: dict[UUID, EndResult | Refusal] = {}
        self._moment = clock.now()

    def run(self) -> list[EndOutcome]:
        places = {each.pair: each for each in self._paid}
        before = enrollments.find_enrollments(list(places))
        self._runs = catalog.find_runs({run_key for _, run_key in places})
        self._still_paid = _find_paid(self._paid)
        entries: dict[Pair, EnrollmentEntry] = {}
        for each in self._paid:
            self._judge(each, before.get(each.pair), entries)
        self._change(entries)
        changed = [each for each in self._paid if self._has_ended(each)]
        kept = self._write_down(changed) if changed else set()
        if kept:
            self._give_back(kept, before)
        self._end_what_nobody_pays()
        return [self._outcome(each) for each in self._paid]

    def _judge(
        self, paid: _Paid, enrollment: Enrollment | None, entries: dict[Pair, EnrollmentEntry]
    ) -> None:
        """Decides what is to become of a place, and notes the change that it needs."""
        run = self._runs.get(paid.run_key)
        since = self._unless_modified_after
        if since is not None and enrollment is not None and enrollment.modified_at >= since:
            self._results[paid.uuid] = EndResult.CHANGED_SINCE
        elif not self._leaves and run is not None and run.end is not None and run.end <= self._moment:
            self._results[paid.uuid] = EndResult.COMPLETED
        elif paid.pair in self._still_paid:
            self._results[paid.uuid] = EndResult.STILL_PAID
        else:
            to_audit = not self._leaves and run is not None and self._has_audit(run)
            self._results[paid.uuid] = EndResult.MOVED_TO_AUDIT if to_audit else EndResult.UNENROLLED
            if enrollment is None or not enrollment.is_active:
                self._results[paid.uuid] = EndResult.UNENROLLED
            elif not to_audit:
                entries[paid.pair] = _change_to(paid, is_active=False)
            elif is_paid(enrollment.mode):
                entries[paid.pair] = _change_to(paid, mode=AUDIT)

    def _has_audit(self, run: Run) -> bool:
        return run.has_mode(AUDIT, self._moment, include_expired=True)

    def _change(self, entries: Mapping[Pair, EnrollmentEntry]) -> None:
        outcomes = enrollments.enroll(list(entries.values()), by=self._by, runs=self._runs) if entries else []
        refused = {
            pair: outcome.refusal
            for pair, outcome in zip(entries, outcomes, strict=True)
            if outcome.refusal is not None
        }
        for each in self._paid:
            if each.pair in refused:
                self._results[each.uuid] = refused[each.pair]

    def _has_ended(self, paid: _Paid) -> bool:
        return self._results[paid.uuid] in (
            EndResult.MOVED_TO_AUDIT, EndResult.UNENROLLED, EndResult.STILL_PAID,
        )  # fmt: skip

    def _write_down(self, ended: Sequence[_Paid]) -> set[_Paid]:
        """Revokes; gives those whose place somebody else has begun to pay for meanwhile."""
        with transaction.atomic(durable=True):
            sponsored = sorted({each.sponsored_uuid for each in ended})
            places = models.SponsoredEnrollment.objects.filter(pk__in=sponsored).order_by(
                "link_id", "run_key"
            )
            states = dict(places.select_for_update().values_list("pk", "is_unenrolled"))
            paying = set(
                models.Fulfillment.objects.filter(sponsored_enrollment__in=sponsored, is_revoked=False)
                .order_by("sponsored_enrollment_id", "kind", "subsidy_uuid")
                .select_for_update()
                .values_list("pk", "sponsored_enrollment_id")
            )
            mine = {(each.uuid, each.sponsored_uuid) for each in ended} & paying
            still_paid = {sponsored_uuid for _, sponsored_uuid in paying - mine}
            mark_revoked([fulfillment for fulfillment, _ in mine], by=self._by, at=self._moment)
            gone = [pk for pk in sponsored if pk not in still_paid and not states[pk]]
            mark_unenrolled(gone, by=self._by, at=self._moment)
            facts = [
                _fact(each, each.sponsored_uuid in still_paid)
                for each in ended
                if (each.uuid, each.sponsored_uuid) in mine
            ]
            record_ended(facts, by=self._by)
        return {
            each
            for each in ended
            if each.sponsored_uuid in still_paid and self._results[each.uuid] is not EndResult.STILL_PAID
        }

    def _end_what_nobody_pays(self) -> None:
        """Changes the places that were kept because of what somebody else has ended since, too."""
        kept = [each for each in self._paid if self._results[each.uuid] is EndResult.STILL_PAID]
        if not kept:
            return
        self._still_paid = _find_paid(kept)
        lost = [each for each in kept if each.pair not in self._still_paid]
        if lost:
            before = enrollments.find_enrollments([each.pair for each in lost])
            entries: dict[Pair, EnrollmentEntry] = {}
            for each in lost:
                self._judge(each, before.get(each.pair), entries)
            self._change(entries)

    def _give_back(self, kept: Collection[_Paid], before: Mapping[Pair, Enrollment]) -> None:
        """Undoes the change of places for which somebody else pays since we looked."""
        entries = [
            EnrollmentEntry(
                *each.pair,
                before[each.pair].mode,
                force=True,
                customer_uuid=each.customer_uuid,
                ignore_room=True,
            )
            for each in sorted(kept)
            if each.pair in before
        ]
        enrollments.enroll(entries, by=self._by, runs=self._runs)
        self._results |= {each.uuid: EndResult.STILL_PAID for each in kept}

    def _outcome(self, paid: _Paid) -> EndOutcome:
        result = self._results[paid.uuid]
        refusal = result if isinstance(result, Refusal) else None
        return EndOutcome(
            paid.uuid,
            paid.customer_uuid,
            *paid.pair,
            paid.subsidy_uuid,
            EndResult.FAILED if isinstance(result, Refusal) else result,
            refusal,
        )


def _change_to(paid: _Paid, *, mode: str | None = None, is_active: bool | None = None) -> EnrollmentEntry:
    return EnrollmentEntry(
        *paid.pair, mode, existing=OnExisting.SET, is_active=is_active, may_set_expired=True
    )


def _fact(paid: _Paid, is_sponsored: bool) -> SponsorshipEnded:
    return SponsorshipEnded(
        paid.customer_uuid, *paid.pair, paid.uuid, paid.kind, paid.subsidy_uuid, is_sponsored
    )


def record_ended(facts: Sequence[SponsorshipEnded], *, by: int | None) -> None:
    """Records one event for each customer, in the caller's transaction."""
    for customer_uuid in sorted({fact.customer_uuid for fact in facts}):
        theirs = [fact for fact in facts if fact.customer_uuid == customer_uuid]
        outbox.record(SPONSORSHIPS_ENDED, key=str(customer_uuid), facts=theirs, by=by)


def mark_revoked(
    fulfillments: Collection[UUID], *, is_revoked: bool = True, by: int | None, at: datetime
) -> None:
    """Revokes fulfillments, or revives them, in the caller's transaction, which has locked them."""
    for chunk in sets.chunks(sorted(fulfillments)):
        sets.update(
            models.Fulfillment,
            ("uuid", "is_revoked", "modified_at"),
            [(each, is_revoked, at) for each in chunk],
        )
        sets.record_history(models.Fulfillment, chunk, kind="~", by=by)


def mark_unenrolled(sponsored: Collection[UUID], *, by: int | None, at: datetime) -> None:
    """Marks sponsored enrollments as left, in the caller's transaction, which has locked them."""
    _mark(sponsored, (True, True, at, at), by=by)


def mark_enrolled(sponsored: Collection[UUID], *, by: int | None, at: datetime) -> None:
    """Marks sponsored enrollments as not left, in the caller's transaction, which has locked them."""
    _mark(sponsored, (False, False, None, at), by=by)


def _mark(sponsored: Collection[UUID], state: tuple[object, ...], *, by: int | None) -> None:
    for chunk in sets.chunks(sorted(sponsored)):
        sets.update(
            models.SponsoredEnrollment,
            ("uuid", "is_unenrolled", "is_saved_for_later", "unenrolled_at", "modified_at"),
            [(each, *state) for each in chunk],
        )
        sets.record_history(models.SponsoredEnrollment, chunk, kind="~", by=by)


def _stop_waiting(license_uuids: Collection[UUID], *, by: int | None) -> None:
    """Fails what waits for an address with one of these licenses. One query if nothing does."""
    waiting = models.PendingEnrollment.objects.filter(
        subsidy_kind=FulfillmentKind.LICENSE, subsidy_uuid__in=license_uuids, state=PendingState.WAITING
    )
    if not waiting.exists():
        return
    text = _("license_revoked: The license that was to pay for it is gone.")
    with transaction.atomic(durable=True):
        uuids = list(waiting.order_by("uuid").select_for_update().values_list("uuid", flat=True))
        for chunk in sets.chunks(uuids):
            sets.update(
                models.PendingEnrollment,
                ("uuid", "state", "last_error", "modified_at"),
                [(each, PendingState.FAILED.value, text, clock.now()) for each in chunk],
            )
            sets.record_history(models.PendingEnrollment, chunk, kind="~", by=by)


_PAID_COLUMNS = (
    "uuid", "kind", "subsidy_uuid", "sponsored_enrollment_id", "sponsored_enrollment__link__customer_id",
    "sponsored_enrollment__link__lms_user_id", "sponsored_enrollment__run_key",
)  # fmt: skip
