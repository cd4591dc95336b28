"""Addresses that may come into runs: written down by staff, used up by whoever comes."""

import logging
import uuid
from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from bursar.catalog import api as catalog
from bursar.enrollments import models
from bursar.enrollments.data import (
    Allowance,
    AllowanceExists,
    AllowanceInvalid,
    AllowanceNotFound,
    EnrollmentEntry,
    OnExisting,
)
from bursar.enrollments.service.cohorts import join_cohorts
from bursar.enrollments.service.enrolling import enroll
from bursar.enrollments.service.places import Pair
from bursar.events.enrollments import EnrollmentChanged
from bursar.events.identity import AddressConfirmed
from bursar.identity import api as identity
from bursar.identity.data import Person
from bursar.lib import clock, emails, sets
from bursar.outbox import api as outbox
from bursar.outbox.data import Delivery

log = logging.getLogger(__name__)

USE_ALLOWANCES = "enrollments.use_allowances"

Spot = tuple[str, str]
"""An address and a run key."""


def list_allowances(*, email: str) -> list[Allowance]:
    """The runs into which this address may come, the oldest first. One query."""
    rows = models.EnrollmentAllowed.objects.filter(email=emails.normalize(email))
    return [Allowance(*row) for row in rows.order_by("created_at", "uuid").values_list(*_COLUMNS)]


def allow(*, email: str, run_key: str, auto_enroll: bool, by: int | None) -> Allowance:
    """Lets whoever has the address come into the run.

    Raises AllowanceInvalid for what is no address or no run, and AllowanceExists. Effects: one transaction.
    """
    address = emails.normalize(email)
    if not emails.is_valid(address):
        raise AllowanceInvalid(_("%(address)s is not an e-mail address.") % {"address": email[:254]})
    if not catalog.is_run_key(run_key) or run_key not in catalog.find_runs([run_key]):
        raise AllowanceInvalid(_("There is no course run %(run_key)s.") % {"run_key": run_key[:255]})
    with transaction.atomic(durable=True):
        made = set_allowances({(address, run_key): (auto_enroll, None)}, by=by, overwrite=False)
        if not made:
            text = _("%(address)s may come into %(run_key)s already.")
            raise AllowanceExists(text % {"address": address, "run_key": run_key})
    return next(each for each in list_allowances(email=address) if each.run_key == run_key)


def disallow(*, email: str, run_key: str, by: int | None) -> None:
    """Takes that back; who is in stays in. Raises AllowanceNotFound."""
    with transaction.atomic(durable=True):
        if not delete_allowances([(emails.normalize(email), run_key)], by=by):
            text = _("%(address)s was not allowed into %(run_key)s.")
            raise AllowanceNotFound(text % {"address": email[:254], "run_key": run_key[:255]})


def read_allowances(spots: Collection[Spot]) -> dict[Spot, models.EnrollmentAllowed]:
    """The rows of these addresses and runs, with their cohorts, and perhaps some more. One query."""
    if not spots:
        return {}
    rows = models.EnrollmentAllowed.objects.filter(
        email__in={email for email, _ in spots}, run_key__in={run_key for _, run_key in spots}
    )
    return {(row.email, row.run_key): row for row in rows.select_related("cohort").order_by()}


def set_allowances(
    wanted: Mapping[Spot, tuple[bool, UUID | None]], *, by: int | None, overwrite: bool = True
) -> set[Spot]:
    """Makes rows, or (with ``overwrite``) changes them: whether to enroll, into which cohort.

    Gives the new ones.

    Effects, in the caller's transaction: two statements if all are new.
    """
    moment = clock.now()
    rows = [
        (uuid.uuid4(), *spot, auto_enroll, cohort, None, moment)
        for spot, (auto_enroll, cohort) in sorted(wanted.items())
    ]
    inserted = sets.insert_new(
        models.EnrollmentAllowed,
        ("uuid", "email", "run_key", "auto_enroll", "cohort", "lms_user_id", "created_at"),
        rows,
        unique=("email", "run_key"),
    )
    sets.record_history(models.EnrollmentAllowed, sorted(inserted), kind="+", by=by)
    created = {(row[1], row[2]) for row in rows if row[0] in inserted}
    if overwrite and len(created) < len(wanted):
        _overwrite({spot: values for spot, values in wanted.items() if spot not in created}, by)
    return created


def _overwrite(wanted: Mapping[Spot, tuple[bool, UUID | None]], by: int | None) -> None:
    updates: list[tuple[Any, ...]] = []
    for spot, row in read_allowances(wanted).items():
        if spot in wanted:
            auto_enroll, cohort = wanted[spot]
            updates.append((row.uuid, auto_enroll, cohort or row.cohort_id))
    updates.sort()
    sets.update(models.EnrollmentAllowed, ("uuid", "auto_enroll", "cohort"), updates)
    sets.record_history(models.EnrollmentAllowed, [row[0] for row in updates], kind="~", by=by)


def delete_allowances(spots: Collection[Spot], *, by: int | None) -> set[Spot]:
    """Deletes rows in the caller's transaction, and gives those that were there. Up to three statements."""
    found = {spot: row.uuid for spot, row in read_allowances(spots).items() if spot in set(spots)}
    uuids = sorted(found.values())
    sets.record_history(models.EnrollmentAllowed, uuids, kind="-", by=by)
    if uuids:
        rows = models.EnrollmentAllowed.objects.filter(uuid__in=uuids)
        rows._raw_delete(rows.db)
    return set(found)


@transaction.atomic(durable=True)
def use_allowances(deliveries: Sequence[Delivery[EnrollmentChanged]]) -> None:
    """Reaction: whoever came into a run has made use of what let the address in, for good.

    They come into the cohort that was chosen with it, unless they are in one of the run by now.
    """
    facts = [fact for delivery in outbox.accept(USE_ALLOWANCES, deliveries) for fact in delivery.facts]
    spots = {(fact.email, fact.run_key): fact.lms_user_id for fact in facts if fact.is_active}
    for chunk in sets.chunks(sorted(spots)):
        unused = [
            (row, spots[spot])
            for spot, row in read_allowances(chunk).items()
            if spot in spots and row.lms_user_id is None
        ]
        people = identity.find_people_by_lms_user_id({each for _, each in unused}) if unused else {}
        used = [(row, each) for row, each in unused if each in people and people[each].is_confirmed]
        users = sorted((row.uuid, each) for row, each in used)
        sets.update(models.EnrollmentAllowed, ("uuid", "lms_user_id"), users)
        sets.record_history(models.EnrollmentAllowed, [row for row, _ in users], kind="~", by=None)
        cohorts = {(each, row.run_key): row.cohort for row, each in used if row.cohort is not None}
        join_cohorts(cohorts, moves=False, by=None)


def enroll_allowed_people(deliveries: Sequence[Delivery[AddressConfirmed]]) -> None:
    """Reaction: puts people into the runs that wait for the address which they have confirmed.

    Enrolling is a transaction of its own and passes over who is in, so that repeating it is safe.
    """
    enroll_allowed({fact.email for delivery in deliveries for fact in delivery.facts})


def enroll_allowed(addresses: Collection[str]) -> None:
    """Puts whoever has confirmed one of these addresses into the runs that let it in by themselves."""
    for chunk in sets.chunks(sorted(addresses)):
        rows = models.EnrollmentAllowed.objects.filter(
            email__in=chunk, auto_enroll=True, lms_user_id__isnull=True
        )
        waiting = list(rows.select_related("cohort").order_by("email", "run_key"))
        if not waiting:
            continue
        people = identity.find_people_by_email({row.email for row in waiting})
        _enroll([(people[row.email], row) for row in waiting if _is_theirs(people.get(row.email))])


def _is_theirs(person: Person | None) -> bool:
    return person is not None and person.is_confirmed and person.is_active


def _enroll(wanted: Sequence[tuple[Person, models.EnrollmentAllowed]]) -> None:
    pairs: list[Pair] = [(person.lms_user_id, row.run_key) for person, row in wanted]
    outcomes = enroll(
        [EnrollmentEntry(*pair, existing=OnExisting.KEEP) for pair in pairs],
        by=None,
        people={person.lms_user_id: person for person, _ in wanted},
    )
    for outcome in outcomes:
        if outcome.refusal is not None:  # they may come by themselves once it is mended
            log.warning(
                "somebody whom staff let in was not enrolled",
                extra={
                    "lms_user_id": outcome.entry.lms_user_id,
                    "run_key": outcome.entry.run_key,
                    "code": outcome.refusal.code,
                },
            )
    join_cohorts(
        {
            pair: row.cohort
            for pair, (_, row), outcome in zip(pairs, wanted, outcomes, strict=True)
            if row.cohort is not None and outcome.refusal is None
        },
        by=None,
    )


_COLUMNS = ("email", "run_key", "auto_enroll", "lms_user_id", "created_at")
"""In the order of ``data.Allowance``'s fields."""
