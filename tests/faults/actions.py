"""What the processes of a crowd can be told to do. Everything goes in and comes out as plain JSON."""

import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from bursar.config import schema
from bursar.customers import api as customers
from bursar.customers.data import CustomerToSave
from bursar.identity import api as identity
from bursar.identity.data import PersonToSave
from bursar.jobs.models import Chunk
from bursar.lib import clock
from bursar.lib.errors import DomainError
from bursar.licenses import api as licenses
from bursar.licenses.data import LIVE, AgreementToSave, PlanToSave, Status
from bursar.licenses.models import Hold, License, Plan
from bursar.notifications import api as notifications
from bursar.notifications.models import Message
from bursar.outbox import api as outbox
from bursar.outbox.models import Delivery, Lease
from bursar.subsidy_requests import api as subsidy_requests
from bursar.subsidy_requests.data import Approval, Decline, NewRequest, SubsidyType
from bursar.subsidy_requests.data import ConfigurationToSave as Configuration
from bursar.subsidy_requests.models import LicenseRequest

COURSE = "MITx+6.00.1x"
FINISH_SECONDS = 30

Answer = dict[str, Any]
"""``{"yes": [...]}``, or ``{"no": code, ...}`` with the fields of the refusal."""

# Before


def migrate() -> None:
    """Makes the tables."""
    schema.migrate()


def open_plan(*, free: int, requests: Sequence[str]) -> dict[str, Any]:
    """A new customer with an administrator and a plan of that many licenses; these addresses ask for one."""
    customer_uuid, plan_uuid = uuid.uuid4(), uuid.uuid4()
    slug = f"c{customer_uuid.hex[:12]}"
    customers.save_customers([CustomerToSave(customer_uuid, slug, slug)])
    identity.save_people([PersonToSave(f"admin@{slug}.test", slug)])
    customers.make_admins(customer_uuid=customer_uuid, emails=[f"admin@{slug}.test"], by=None)
    licenses.save_agreements([AgreementToSave(customer_uuid, slug, slug)])
    moment = clock.now()
    plan = PlanToSave(
        plan_uuid,
        customer_uuid,
        "Plan",
        catalog_uuid=None,
        starts_at=moment - timedelta(days=1),
        expires_at=moment + timedelta(days=100),
        license_count=free,
    )
    licenses.save_plans([plan])
    subsidy_requests.save_configurations([Configuration(customer_uuid, True, SubsidyType.LICENSE)], by=None)
    subsidy_requests.open_requests(
        [
            NewRequest(SubsidyType.LICENSE, customer_uuid, 1_000_000 + n, email, COURSE)
            for n, email in enumerate(requests)
        ],
        by=None,
    )
    asked = LicenseRequest.objects.filter(customer_uuid=customer_uuid).values_list("email", "uuid")
    return {
        "customer": customer_uuid,
        "plan": plan_uuid,
        "requests": {email: str(request) for email, request in asked},
        "admin": f"admin@{slug}.test",
    }


def token(*, email: str) -> str:
    """What ``bursar token`` prints."""
    return identity.issue_token_for_email(email)


# All at once


def approve(*, customer: str, plan: str, batches: Sequence[Sequence[str]], by: int) -> list[Answer]:
    """Says yes to batches of requests, one batch after the other; an answer for each."""

    def approve_batch(batch: Sequence[str]) -> list[str]:
        approval = Approval(
            SubsidyType.LICENSE, UUID(customer), UUID(plan), tuple(UUID(each) for each in batch), True
        )
        outcomes = subsidy_requests.approve(approval, by=by)
        return [str(each.request_uuid) for each in outcomes if each.refusal is None]

    return [_answer(approve_batch, batch) for batch in batches]


def decline(*, customer: str, batches: Sequence[Sequence[str]], by: int) -> list[Answer]:
    """Says no to batches of requests."""

    def decline_batch(batch: Sequence[str]) -> list[str]:
        outcomes = subsidy_requests.decline(
            Decline(SubsidyType.LICENSE, UUID(customer), tuple(UUID(each) for each in batch)), by=by
        )
        return [str(each.request_uuid) for each in outcomes if each.refusal is None]

    return [_answer(decline_batch, batch) for batch in batches]


def assign(*, plan: str, batches: Sequence[Sequence[str]]) -> list[Answer]:
    """Gives batches of addresses licenses; a yes has [address, license, is new] for each of the batch."""

    def assign_batch(batch: Sequence[str]) -> list[list[Any]]:
        outcomes = licenses.assign(plan_uuid=UUID(plan), addresses=batch, by=None)
        return [[each.email, str(each.license_uuid), each.is_new] for each in outcomes]

    return [_answer(assign_batch, batch) for batch in batches]


def auto_apply(*, customer: str, people: Sequence[tuple[int, str]]) -> list[Answer]:
    """Each of these people (id and address) takes a license by themselves; a yes has [address, license]."""

    def apply_one(batch: Sequence[Any]) -> list[list[str]]:
        lms_user_id, email = batch
        outcome = licenses.auto_apply(customer_uuid=UUID(customer), email=email, lms_user_id=lms_user_id)
        return [[outcome.email, str(outcome.license_uuid)]]

    return [_answer(apply_one, each) for each in people]


def revoke(*, plan: str, batches: Sequence[Sequence[str]]) -> list[Answer]:
    """Takes licenses back, one batch after the other; a yes has the addresses that lost one."""

    def revoke_batch(batch: Sequence[str]) -> list[str]:
        outcomes = licenses.revoke(plan_uuid=UUID(plan), addresses=batch, by=None)
        return [each.email for each in outcomes if each.license_uuid]

    return [_answer(revoke_batch, batch) for batch in batches]


def _answer(command: Callable[[Sequence[str]], list[Any]], batch: Sequence[str]) -> Answer:
    try:
        return {"yes": command(batch)}
    except DomainError as error:
        return {"no": error.code, "batch": batch, **error.fields}


def relay(*, seconds: float) -> None:
    """Does the background work for this long, like one of several processes that do."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        outbox.relay()
        time.sleep(0.01)


def hand_out(*, plan: str, cap_percent: int | None = None, holders: Sequence[str] = ()) -> None:
    """Has the plan hand out licenses by itself; caps revocations; gives these addresses active licenses."""
    licenses.assign(plan_uuid=UUID(plan), addresses=holders, by=None)
    ids = {email: 2_000_000 + n for n, email in enumerate(holders)}
    licenses.activate_for(plan_uuid=UUID(plan), holders=ids, by=None)
    capped = {} if cap_percent is None else {"revoke_max_percent": cap_percent}
    Plan.objects.filter(pk=plan).update(
        should_auto_apply=True, is_revocation_cap_enabled=cap_percent is not None, **capped
    )


# Afterwards


def finish() -> None:
    """Does the background work until nothing waits any more."""
    until = time.monotonic() + FINISH_SECONDS
    while Delivery.objects.filter(state=Delivery.State.WAITING).exists():
        if time.monotonic() > until:
            raise TimeoutError(f"the background work is not done after {FINISH_SECONDS} s")
        outbox.relay()
        time.sleep(0.02)


def let_claims_run_out() -> None:
    """As if minutes had passed since whoever held a lease or a claim was killed."""
    past = clock.now() - timedelta(seconds=1)
    Lease.objects.update(expires_at=past)
    Message.objects.filter(state="sending").update(claimed_until=past)
    Chunk.objects.exclude(claimed_until=None).update(claimed_until=past)


def count_requests(*, customer: str) -> dict[str, int]:
    """How many requests are in each state."""
    return Counter(_requests(customer).values_list("state", flat=True))


def count_transitions(*, customer: str) -> dict[str, dict[str, int]]:
    """How often each request was approved, declined, fulfilled: from its history."""
    changes: dict[str, Counter[str]] = {
        str(each): Counter() for each in _requests(customer).values_list("pk", flat=True)
    }
    history = LicenseRequest.history.filter(customer_uuid=customer)
    for request, reason in history.values_list("uuid", "history_change_reason"):
        changes[str(request)][reason] += 1
    return {request: dict(counts) for request, counts in changes.items()}


def find_holders(*, plan: str) -> list[list[str]]:
    """[address, license] for every live license of the plan."""
    live = License.objects.filter(plan=plan, status__in=LIVE)
    return [[email, str(pk)] for email, pk in live.values_list("email", "pk")]


def find_activation_keys(*, plan: str) -> dict[str, str]:
    """The activation key that each holder was given."""
    live = License.objects.filter(plan=plan, status__in=LIVE)
    return {email: str(key) for email, key in live.values_list("email", "activation_key")}


def count_free(*, plan: str) -> int:
    """What the plan can still promise."""
    return licenses.find_plans([UUID(plan)])[UUID(plan)].free_count


def find_contradictions(*, customer: str, plan: str, size: int) -> list[str]:
    """Sentences about whatever is not as it must be once the background work is done."""
    return [*_contradictions_of_plan(plan, size), *_contradictions_of_requests(customer, plan)]


def _contradictions_of_plan(plan: str, size: int) -> Iterator[str]:
    row = Plan.objects.get(pk=plan)
    counted = licenses.count_by_status(UUID(plan))
    for status in Status:
        on_row, there = getattr(row, f"{status}_count"), counted.get(status, 0)
        if on_row != there:
            yield f"the plan's row counts {on_row} {status} licenses, there are {there}"
    if sum(counted.values()) != size:
        yield f"the plan has {sum(counted.values())} licenses, not {size}"
    holders = Counter(email for email, _ in find_holders(plan=plan))
    yield from (f"{email} holds {count} licenses" for email, count in holders.items() if count > 1)
    held = Hold.objects.filter(plan=plan).values_list("email", flat=True)
    yield from (f"a seat is still held for {email}" for email in held)


def _contradictions_of_requests(customer: str, plan: str) -> Iterator[str]:
    live = {license_uuid: email for email, license_uuid in find_holders(plan=plan)}
    requests = list(_requests(customer))
    messages = Counter(each.about for each in notifications.find_messages([_about(row) for row in requests]))
    for row in requests:
        if row.state in ("pending", "error"):
            yield f"the request of {row.email} ended as {row.state} ({row.error_message})"
        if row.state == "approved" and live.get(str(row.license_uuid)) != row.email:
            yield f"the request of {row.email} is approved with a license that is not theirs"
        wanted = 1 if row.state == "approved" else 0
        if messages[_about(row)] != wanted:
            yield f"{messages[_about(row)]} messages about the request of {row.email}, which is {row.state}"


def _about(row: LicenseRequest) -> str:
    return f"license_request:{row.pk}"


def _requests(customer: str) -> Any:
    return LicenseRequest.objects.filter(customer_uuid=customer).order_by("email")
