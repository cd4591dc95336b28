"""Moving licenses to another plan of the same agreement: a rehearsal, then a job."""

from collections import Counter
from uuid import UUID, uuid4

import pytest

from bursar.jobs import api as jobs
from bursar.jobs.data import Work
from bursar.lib.errors import InvalidInputError
from bursar.licenses import api as licenses
from bursar.licenses.data import Plan, PlanNotFound, Seat, Status, TransferImpossible
from bursar.licenses.models import License
from bursar.licenses.models import Plan as PlanRow
from bursar.licenses.service.transfers import as_result, read_names
from tests.cast import BOB, DANA, ERIN, GUS, NOWHERE, OLGA, Member, Organization
from tests.statements import counted
from tests.threads import at_once


def give(plan: Plan, *members: Member) -> list[str]:
    outcomes = licenses.assign(plan_uuid=plan.uuid, addresses=[each.email for each in members], by=None)
    return [str(each.license_uuid) for each in outcomes]


def outcomes_of(plan: Plan, to_plan: Plan, names: list[str] | None) -> list[str]:
    """What the job makes of them, which is what the rehearsal said before."""
    wanted = {"plan_uuid": plan.uuid, "to_plan_uuid": to_plan.uuid, "names": names}
    rehearsed = [as_result(each) for each in licenses.rehearse_transfer(**wanted)]  # type: ignore[arg-type]
    job_uuid = licenses.start_transferring(**wanted, by=OLGA.lms_user_id)  # type: ignore[arg-type]
    jobs.run()
    results = jobs.read_results(job_uuid)
    assert results == rehearsed
    for each in (plan, to_plan):
        row = PlanRow.objects.get(pk=each.uuid)
        counts = {status: getattr(row, f"{status}_count") for status in Status}
        assert {status: count for status, count in counts.items() if count} == licenses.count_by_status(
            each.uuid
        )
    return [result["outcome"] for result in results]


def test_a_license_moves_with_its_holder_its_key_and_its_seat(acme: Organization) -> None:
    plan, to_plan = acme.plan(free=3), acme.plan(free=1)
    (bobs, danas) = give(plan, BOB, DANA)
    before = License.objects.values("email", "status", "activation_key", "assigned_at").get(pk=bobs)

    assert outcomes_of(plan, to_plan, [bobs, danas.upper(), danas]) == ["transferred", "transferred"]

    after = License.objects.values("email", "status", "activation_key", "assigned_at").get(pk=bobs)
    assert after == before
    assert licenses.count_by_status(plan.uuid) == {Status.UNASSIGNED: 1}
    assert licenses.count_by_status(to_plan.uuid) == {Status.ASSIGNED: 2, Status.UNASSIGNED: 1}
    wanted = dict(PlanRow.objects.values_list("pk", "desired_license_count"))
    assert (wanted[plan.uuid], wanted[to_plan.uuid]) == (1, 3)
    latest = licenses.tell_story(UUID(bobs))[-1]
    assert (latest.plan_uuid, latest.reason, latest.by) == (to_plan.uuid, "transferred", OLGA.lms_user_id)


def test_each_license_that_cannot_move_says_why_and_holds_no_other_up(acme: Organization) -> None:
    plan, to_plan = acme.plan(free=4), acme.plan(free=2)
    bobs, danas, erins = give(plan, BOB, DANA, ERIN)
    (theirs,) = give(to_plan, DANA)
    licenses.revoke(plan_uuid=plan.uuid, addresses=[ERIN.email], by=None)
    unassigned = str(License.objects.filter(plan=plan.uuid, status="unassigned").values_list("pk")[0][0])

    names = ["nonsense", str(uuid4()), danas, erins, unassigned, theirs, bobs]

    assert outcomes_of(plan, to_plan, names) == [
        "license_not_found",
        "license_not_found",
        "holds_one_there",
        "not_live",
        "not_live",
        "already_there",
        "transferred",
    ]


def test_all_of_a_plan_moves_but_seats_that_are_held(acme: Organization) -> None:
    plan, to_plan = acme.plan(free=5), acme.plan(free=0)
    give(plan, BOB, DANA)
    licenses.revoke(plan_uuid=plan.uuid, addresses=[DANA.email], by=None)
    licenses.hold(plan_uuid=plan.uuid, customer_uuid=acme.uuid, seats=[Seat(uuid4(), ERIN.email)])

    outcomes = outcomes_of(plan, to_plan, None)

    assert Counter(outcomes) == {"transferred": 5, "held": 1}
    assert licenses.find_plans([plan.uuid])[plan.uuid].free_count == 0
    assert licenses.count_by_status(to_plan.uuid) == {
        Status.ASSIGNED: 1,
        Status.UNASSIGNED: 3,
        Status.REVOKED: 1,
    }


def test_a_chunk_takes_as_many_statements_for_200_and_may_be_done_twice(acme: Organization) -> None:
    plan, to_plan = acme.plan(free=300), acme.plan(free=0)
    emails = [f"many{number}@acme.test" for number in range(201)]
    keys = [str(each.license_uuid) for each in licenses.assign(plan_uuid=plan.uuid, addresses=emails, by=1)]
    parameters = {"plan_uuid": str(plan.uuid), "to_plan_uuid": str(to_plan.uuid), "moves_all": False}

    def work(items: list[str]) -> Work:
        return Work(NOWHERE, acme.uuid, None, parameters, items)

    with counted() as for_one:
        licenses.transfer_chunk(work(keys[:1]))
    with counted() as for_many:
        licenses.transfer_chunk(work(keys[1:]))
    again = licenses.transfer_chunk(work(keys))

    assert for_one.count == for_many.count <= 11
    assert {each["outcome"] for each in again} == {"already_there"}
    assert licenses.count_by_status(to_plan.uuid) == {Status.ASSIGNED: 201}


@pytest.mark.django_db(transaction=True)
def test_who_activates_a_license_while_it_moves_is_counted_where_it_is(acme: Organization) -> None:
    plan, to_plan = acme.plan(free=20), acme.plan(free=0)
    people = acme.learners(20)
    keys = give(plan, *people)
    activation_keys = dict(License.objects.values_list("email", "activation_key"))
    parameters = {"plan_uuid": str(plan.uuid), "to_plan_uuid": str(to_plan.uuid), "moves_all": False}

    def activate() -> None:
        for each in people:
            key = activation_keys[each.email]
            assert key is not None
            licenses.activate(activation_key=key, email=each.email, lms_user_id=each.lms_user_id)

    def move() -> None:
        for key in keys:
            licenses.transfer_chunk(Work(NOWHERE, acme.uuid, None, parameters, [key]))

    at_once(activate, move)

    assert licenses.check_counts(mend=False) == []
    assert licenses.count_by_status(to_plan.uuid) == {Status.ACTIVATED: 20}


def test_licenses_stay_within_their_agreement(acme: Organization, globex: Organization) -> None:
    plan, theirs = acme.plan(free=1), globex.plan(free=1)
    (guss,) = give(theirs, GUS)

    def start(to_plan_uuid: UUID, names: list[str] | None) -> None:
        licenses.start_transferring(plan_uuid=plan.uuid, to_plan_uuid=to_plan_uuid, names=names, by=None)

    for impossible in (theirs.uuid, plan.uuid):
        with pytest.raises(TransferImpossible):
            start(impossible, None)
    with pytest.raises(PlanNotFound):
        start(NOWHERE, None)
    with pytest.raises(InvalidInputError):
        start(acme.plan(free=1).uuid, [])
    assert outcomes_of(plan, acme.plan(free=1), [guss]) == ["license_not_found"]


def test_licenses_are_named_with_any_mark_between_them():
    one, two, three = (str(uuid4()) for _ in range(3))

    assert read_names(f"\ufefflicense_uuid\r\n{one}, {two};{three}|{one.upper()}\n") == [one, two, three]
    assert read_names(" \n") == []
