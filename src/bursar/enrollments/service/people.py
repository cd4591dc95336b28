"""What becomes of addresses that are kept here when their people change or are retired.

Places, cohorts, roles and opt-ins hang on the LMS user id and stay.
"""

from collections.abc import Mapping, Sequence
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from bursar.enrollments import models
from bursar.enrollments.service.allowing import enroll_allowed
from bursar.events.identity import AddressConfirmed, PersonRetired
from bursar.identity.data import StandIns, moved_addresses
from bursar.lib import emails, sets
from bursar.outbox import api as outbox
from bursar.outbox.data import Delivery

FOLLOW_ADDRESSES = "enrollments.follow_addresses"
FORGET_RETIRED_PEOPLE = "enrollments.forget_retired_people"


def follow_addresses(deliveries: Sequence[Delivery[AddressConfirmed]]) -> None:
    """Reaction: lets people in by the address they have confirmed where their former one was let in.

    Where the new address is let in already, the old row stays as it is. What staff did by hand stays on
    record with the address of then.
    """
    with transaction.atomic(durable=True):
        facts = [fact for each in outbox.accept(FOLLOW_ADDRESSES, deliveries) for fact in each.facts]
        moved = moved_addresses(facts)
        for chunk in sets.chunks(sorted(moved)):
            _move({old: moved[old] for old in chunk})
    # Again at each delivery: a crash before this line leaves nobody waiting.
    enroll_allowed({fact.email for each in deliveries for fact in each.facts if fact.old_email})


def _move(moved: Mapping[str, str]) -> None:
    rows = models.EnrollmentAllowed.objects.select_for_update().filter(email__in=moved)
    targets = {row.uuid: (moved[row.email], row.run_key) for row in rows.order_by("run_key", "email")}
    there = models.EnrollmentAllowed.objects.filter(email__in={email for email, _ in targets.values()})
    taken = set(there.values_list("email", "run_key"))
    changes: list[tuple[UUID, str]] = []
    for row_uuid, target in targets.items():
        if target not in taken:
            taken.add(target)
            changes.append((row_uuid, target[0]))
    for part in sets.chunks(sorted(changes)):
        sets.update(models.EnrollmentAllowed, ("uuid", "email"), part)
        keys = [key for key, _ in part]
        sets.record_history(models.EnrollmentAllowed, keys, kind="~", by=None, reason="address changed")


@transaction.atomic(durable=True)
def forget_retired_people(deliveries: Sequence[Delivery[PersonRetired]]) -> None:
    """Reaction: puts stand-ins for the addresses of retired people and blanks reasons, history included.

    Effects: a constant number of statements per 1,000 rows.
    """
    facts = [fact for each in outbox.accept(FORGET_RETIRED_PEOPLE, deliveries) for fact in each.facts]
    for chunk in sets.chunks(facts):
        people = StandIns.of(chunk)
        _forget_allowances(people)
        _forget_audits(people)


def _forget_allowances(people: StandIns) -> None:
    theirs = Q(lms_user_id__in=people.by_id) | Q(email__in=people.by_address)
    rows = models.EnrollmentAllowed.objects.select_for_update().filter(theirs).order_by("uuid")
    stand_ins = [
        (row.uuid, people.of_row(row.uuid, email=row.email, lms_user_id=row.lms_user_id))
        for row in rows
        if not emails.is_retired(row.email)
    ]
    for part in sets.chunks(stand_ins):
        sets.update(models.EnrollmentAllowed, ("uuid", "email"), part)
        sets.rewrite_history(models.EnrollmentAllowed, ("uuid", "email"), part)
        keys = [key for key, _ in part]
        sets.record_history(models.EnrollmentAllowed, keys, kind="~", by=None, reason="retired")


def _forget_audits(people: StandIns) -> None:
    mine = models.Enrollment.objects.filter(lms_user_id__in=people.by_id)
    person_of = dict(mine.order_by().values_list("uuid", "lms_user_id"))
    theirs = Q(enrollment_uuid__in=person_of) | Q(enrolled_email__in=people.by_address)
    rows = models.ManualEnrollmentAudit.objects.select_for_update().filter(theirs).order_by("uuid")
    stand_ins = [
        (
            row.uuid,
            people.of_row(
                row.uuid,
                email=row.enrolled_email,
                lms_user_id=person_of.get(row.enrollment_uuid) if row.enrollment_uuid else None,
            ),
            "",
        )
        for row in rows
        if not emails.is_retired(row.enrolled_email)
    ]
    columns = ("uuid", "enrolled_email", "reason")
    for part in sets.chunks(stand_ins):
        sets.update(models.ManualEnrollmentAudit, columns, part)
        sets.rewrite_history(models.ManualEnrollmentAudit, columns, part)
        keys = [row[0] for row in part]
        sets.record_history(models.ManualEnrollmentAudit, keys, kind="~", by=None, reason="retired")
