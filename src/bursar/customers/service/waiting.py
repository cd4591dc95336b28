"""What waits for an address: it is written down, and done when an account confirms the address."""

import logging
import uuid
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q
from django.utils.translation import gettext as _

from bursar.catalog import api as catalog
from bursar.customers import models
from bursar.customers.data import EnrollmentSource, PendingState
from bursar.customers.service.linking import Links, add_pending_learners, assign_role, not_relinkable
from bursar.customers.service.organizations import find_customers
from bursar.customers.service.pairs import WaitingWish
from bursar.customers.service.rows import Row, Table, ensure
from bursar.customers.service.sponsoring import Place, Sponsored, Sponsoring, link_for
from bursar.identity import api as identity
from bursar.identity.data import ADMIN, Person
from bursar.lib import clock, sets
from bursar.lib.outcomes import Refusal

log = logging.getLogger(__name__)

_Key = tuple[UUID, str, str, UUID]
"""A pending learner, a run key, and the kind and uuid of what pays."""

_WAITING = PendingState.WAITING.value
_LAST_ERROR_LENGTH = 2000  # characters: the cause, not the whole trace


def add_pending_enrollments(
    customer_uuid: UUID, wishes: Sequence[WaitingWish], *, discount_percent: Decimal, by: int | None
) -> set[tuple[str, str]]:
    """Makes the wishes wait for their addresses; gives the (address, run key) that didn't wait before.

    Effects, in the caller's transaction: four statements if all is new, two if everything waits already.
    """
    learners = add_pending_learners(customer_uuid, {wish.email for wish in wishes}, by=by)
    known: dict[_Key, Row] = {}
    if learners.present:
        known = _read_of_learners(
            [row[0] for row in learners.present.values()], {wish.run.key for wish in wishes}
        )
    moment = clock.now()
    wanted: dict[_Key, WaitingWish] = {}
    links: dict[_Key, str] = {}
    for wish in wishes:
        key = (learners.uuid_of(wish.email), wish.run.key, *wish.subsidy)
        wanted[key] = wish
        links[key] = wish.pair.activation_link or links.get(key, "")

    def make(key: _Key) -> Row:
        wish = wanted[key]
        return (
            uuid.uuid4(), *key, wish.mode, EnrollmentSource.CUSTOMER_ADMIN.value, wish.pair.force,
            wish.pair.is_default_auto_enrollment, links[key], discount_percent, _WAITING, 0, "", by,
            moment, moment,
        )  # fmt: skip

    def wait_again(key: _Key, row: Row) -> Row | None:
        _, state, link = row
        if state == _WAITING and links[key] in ("", link):
            return None
        return (_WAITING, links[key] or link, "", moment)

    ensured = ensure(
        _TABLE,
        wanted,
        make,
        known=known,
        revive=wait_again,
        revived_columns=("state", "activation_link", "last_error", "modified_at"),
        by=by,
    )
    waited = {key[:2] for key, row in known.items() if row[1] == _WAITING}
    begun = {key[:2] for key in wanted if ensured.has_changed(key)} - waited
    return {(wish.email, wish.run.key) for key, wish in wanted.items() if key[:2] in begun}


def foresee_pending_enrollments(customer_uuid: UUID, wishes: Sequence[WaitingWish]) -> set[tuple[str, str]]:
    """The (address, run key) that ``add_pending_enrollments`` would give. One query, none without wishes."""
    places = {(wish.email, wish.run.key) for wish in wishes}
    if not places:
        return places
    waiting = models.PendingEnrollment.objects.filter(
        learner__customer_id=customer_uuid,
        learner__email__in={email for email, _ in places},
        run_key__in={run_key for _, run_key in places},
        state=_WAITING,
    )
    return places.difference(waiting.order_by().values_list("learner__email", "run_key"))


def enroll_waiting(addresses: Collection[str]) -> None:
    """Does what waits for those of the addresses that an account has confirmed.

    Links the people, at every customer where their address waits, and has them enrolled. What was done
    is marked done, what was refused is marked failed with the reason; nothing is deleted. Safe to
    repeat: only what waits is done. If something breaks, the rows say so and go on waiting, the other
    customers are served, and the first error is raised.
    Effects: two queries if nothing waits; transactions of its own for each customer and 1,000 rows.
    """
    people = _find_confirmed(addresses)
    if not people:
        return
    groups: dict[UUID, dict[str, _Learner]] = defaultdict(dict)
    for chunk in sets.chunks(sorted(people)):
        rows = models.PendingLearner.objects.filter(_has_work(), email__in=chunk).order_by()
        for customer_uuid, email, row_uuid, becomes_admin in rows.values_list(
            "customer_id", "email", "uuid", "becomes_admin"
        ):
            groups[customer_uuid][email] = _Learner(row_uuid, people[email], becomes_admin)
    errors: list[Exception] = []
    for customer_uuid in sorted(groups):
        learners = list(groups[customer_uuid].values())
        for part in sets.chunks(learners):
            try:
                _enroll_learners(customer_uuid, part)
            except Exception as error:
                log.warning(
                    "waiting enrollments failed", extra={"customer": str(customer_uuid)}, exc_info=error
                )
                _note_error([learner.uuid for learner in part], error)
                errors.append(error)
    if errors:
        raise errors[0]


def _has_work() -> Q:
    """Learners who wait, and those who are done but for whom a pair came in that very moment."""
    late = models.PendingEnrollment.objects.filter(learner_id=OuterRef("uuid"), state=_WAITING)
    return Q(state=_WAITING) | (Q(state=PendingState.DONE) & Q(Exists(late)))


def give_up(addresses: Collection[str], error: str) -> None:
    """Marks what still waits for these addresses as failed, for an operator to see and try again."""
    with transaction.atomic(durable=True):
        learners = models.PendingLearner.objects.filter(email__in=addresses, state=_WAITING)
        learner_uuids = sorted(
            learners.filter(email__in=list(_find_confirmed(addresses))).values_list("uuid", flat=True)
        )
        enrollments = models.PendingEnrollment.objects.filter(learner_id__in=learner_uuids, state=_WAITING)
        enrollment_uuids = sorted(enrollments.values_list("uuid", flat=True))
        moment = clock.now()
        _mark(
            models.PendingLearner,
            [(each, PendingState.FAILED.value, error, moment) for each in learner_uuids],
        )
        _mark(
            models.PendingEnrollment,
            [(each, PendingState.FAILED.value, error, moment) for each in enrollment_uuids],
        )


def retry_failed(uuids: Collection[UUID], *, by: int | None) -> int:
    """Makes failed pending enrollments wait again, does those of confirmed addresses, and counts them."""
    with transaction.atomic(durable=True):
        failed = models.PendingEnrollment.objects.filter(uuid__in=uuids, state=PendingState.FAILED.value)
        found = dict(failed.select_for_update().order_by("uuid").values_list("uuid", "learner_id"))
        learners = dict(
            models.PendingLearner.objects.filter(uuid__in=set(found.values())).values_list("uuid", "email")
        )
        moment = clock.now()
        _mark(models.PendingEnrollment, [(each, _WAITING, "", moment) for each in found], by=by)
        _mark(models.PendingLearner, [(each, _WAITING, "", moment) for each in learners], by=by)
    enroll_waiting(set(learners.values()))
    return len(found)


def _find_confirmed(addresses: Collection[str]) -> dict[str, Person]:
    if not addresses:
        return {}
    people = identity.find_people_by_email(addresses)
    return {address: person for address, person in people.items() if person.is_confirmed}


@dataclass(frozen=True, slots=True)
class _Learner:
    uuid: UUID
    person: Person
    becomes_admin: bool


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A pending enrollment whose address is confirmed."""

    uuid: UUID
    learner: _Learner
    run_key: str
    place: Place | None


def _enroll_learners(customer_uuid: UUID, learners: Sequence[_Learner]) -> None:
    waiting = _find_waiting(learners)
    is_open = find_customers([customer_uuid])[customer_uuid].is_active
    links = link_for(customer_uuid, [learner.person.lms_user_id for learner in learners], by=None)
    chunks = list(sets.chunks(waiting)) or [[]]
    for chunk in chunks:
        places = [each.place for each in chunk if each.place is not None and is_open]
        sponsoring = Sponsoring(customer_uuid, places, links, EnrollmentSource.ENROLLMENT_URL)
        sponsoring.prepare()
        with transaction.atomic(durable=True):
            outcomes = iter(sponsoring.write())
            results = [(each, _result(each, is_open, outcomes)) for each in chunk]
            waits = _lock_waiting([each.uuid for each in chunk])
            _close_enrollments([(each, result) for each, result in results if each.uuid in waits])
            if chunk is chunks[-1]:
                _close_learners(customer_uuid, _lock_learners(learners), links)


def _lock_waiting(uuids: Sequence[UUID]) -> set[UUID]:
    """Those that wait still: some may have been removed, or their license revoked, since they were read."""
    rows = models.PendingEnrollment.objects.filter(pk__in=uuids, state=_WAITING).order_by("pk")
    return set(rows.select_for_update().values_list("pk", flat=True)) if uuids else set()


def _lock_learners(learners: Sequence[_Learner]) -> list[_Learner]:
    """Those who were not removed since they were read, with what they are to become now."""
    rows = models.PendingLearner.objects.filter(pk__in=[each.uuid for each in learners]).order_by("pk")
    kept = dict(
        rows.exclude(state=PendingState.REMOVED).select_for_update().values_list("pk", "becomes_admin")
    )
    return [replace(each, becomes_admin=kept[each.uuid]) for each in learners if each.uuid in kept]


def _find_waiting(learners: Sequence[_Learner]) -> list[_Waiting]:
    by_uuid = {learner.uuid: learner for learner in learners}
    rows = list(
        models.PendingEnrollment.objects.filter(learner_id__in=by_uuid, state=_WAITING)
        .order_by("created_at", "uuid")
        .values_list(
            "uuid", "learner_id", "run_key", "mode", "subsidy_kind", "subsidy_uuid", *_WISHED_COLUMNS
        )
    )
    runs = catalog.find_runs({row[2] for row in rows})
    moment = clock.now()
    waiting: list[_Waiting] = []
    for row_uuid, learner_uuid, run_key, mode, kind, subsidy, *wished in rows:
        learner, run = by_uuid[learner_uuid], runs.get(run_key)
        place = None
        if run is not None:
            # The mode may have expired while the learner took time to sign up.
            current = mode if run.has_mode(mode, moment) else run.best_mode(moment)
            key = (learner.person.lms_user_id, run_key)
            place = Place(key, learner.person, run, current, (kind, subsidy), *wished)
        waiting.append(_Waiting(row_uuid, learner, run_key, place))
    return waiting


def _result(waiting: _Waiting, is_open: bool, outcomes: Any) -> Sponsored:
    if waiting.place is None:
        text = _("There is no course run %(run_key)s.") % {"run_key": waiting.run_key}
        return Sponsored(refusal=Refusal("unknown_course_run", text))
    if not is_open:
        return Sponsored(refusal=Refusal("customer_inactive", _("The organization is not active.")))
    outcome: Sponsored = next(outcomes)
    return outcome


def _close_enrollments(results: Sequence[tuple[_Waiting, Sponsored]]) -> None:
    moment = clock.now()
    done = [each.uuid for each, result in results if result.refusal is None]
    failed = [
        (each.uuid, PendingState.FAILED.value, f"{result.refusal.code}: {result.refusal.message}", moment)
        for each, result in results
        if result.refusal is not None
    ]
    _mark(models.PendingEnrollment, failed)
    sets.update(
        models.PendingEnrollment,
        ("uuid", "state", "last_error", "modified_at", "done_at"),
        [(each, PendingState.DONE.value, "", moment, moment) for each in sorted(done)],
    )
    sets.record_history(models.PendingEnrollment, sorted(done), kind="~", by=None)


def _close_learners(customer_uuid: UUID, learners: Sequence[_Learner], links: Links) -> None:
    linked = [learner for learner in learners if learner.person.lms_user_id in links.uuids]
    admins = [learner.person.lms_user_id for learner in linked if learner.becomes_admin]
    assign_role(customer_uuid, ADMIN, admins, by=None)
    moment = clock.now()
    done = sorted((learner.uuid, learner.person.lms_user_id) for learner in linked)
    sets.update(
        models.PendingLearner,
        ("uuid", "lms_user_id", "state", "last_error", "modified_at"),
        [(each, lms_user_id, PendingState.DONE.value, "", moment) for each, lms_user_id in done],
    )
    sets.record_history(models.PendingLearner, [each for each, _ in done], kind="~", by=None)
    barred = [
        (learner.uuid, PendingState.FAILED.value, not_relinkable(learner.person.email).message, moment)
        for learner in learners
        if learner.person.lms_user_id not in links.uuids
    ]
    _mark(models.PendingLearner, barred)


def _mark(
    model: type[models.PendingLearner] | type[models.PendingEnrollment],
    rows: Sequence[tuple[UUID, str, str, datetime]],
    *,
    by: int | None = None,
) -> None:
    sets.update(model, ("uuid", "state", "last_error", "modified_at"), sorted(rows))
    sets.record_history(model, sorted(row[0] for row in rows), kind="~", by=by)


def _note_error(learner_uuids: Sequence[UUID], error: Exception) -> None:
    text = f"{type(error).__name__}: {error}"[:_LAST_ERROR_LENGTH]
    models.PendingLearner.objects.filter(uuid__in=learner_uuids, state=_WAITING).update(last_error=text)
    models.PendingEnrollment.objects.filter(learner_id__in=learner_uuids, state=_WAITING).update(
        last_error=text, attempt_count=F("attempt_count") + 1
    )


def _read_of_learners(learner_uuids: Collection[UUID], run_keys: Collection[str]) -> dict[_Key, Row]:
    rows = models.PendingEnrollment.objects.filter(
        learner_id__in=learner_uuids, run_key__in=run_keys
    ).order_by()
    return _by_key(rows.values_list(*_KEY_COLUMNS, *_STATE_COLUMNS))


def _read_pending(keys: Collection[_Key], lock: bool) -> dict[_Key, Row]:
    rows = models.PendingEnrollment.objects.filter(
        learner_id__in={key[0] for key in keys}, run_key__in={key[1] for key in keys}
    ).order_by(*_KEY_COLUMNS)
    if lock:
        rows = rows.select_for_update()
    found = _by_key(rows.values_list(*_KEY_COLUMNS, *_STATE_COLUMNS))
    return {key: found[key] for key in keys if key in found}


def _by_key(rows: Any) -> dict[_Key, Row]:
    return {(learner, run_key, kind, subsidy): tuple(row) for learner, run_key, kind, subsidy, *row in rows}


_KEY_COLUMNS = ("learner_id", "run_key", "subsidy_kind", "subsidy_uuid")
_STATE_COLUMNS = ("uuid", "state", "activation_link")
_WISHED_COLUMNS = ("force", "is_default_auto_enrollment", "discount_percent")
"""In the order of the last fields of ``sponsoring.Place``."""

_TABLE = Table(
    models.PendingEnrollment,
    (
        "uuid", "learner", "run_key", "subsidy_kind", "subsidy_uuid", "mode", "source", "force",
        "is_default_auto_enrollment", "activation_link", "discount_percent", "state", "attempt_count",
        "last_error", "created_by", "created_at", "modified_at",
    ),
    unique=_KEY_COLUMNS,
    read=_read_pending,
)  # fmt: skip
