"""Our outcomes as edx-enterprise's JSON. Contract: customers A1."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from bursar.customers.data import PairOutcome, PairVerdict

_BAD_ADDRESS = frozenset({"invalid_email", "not_relinkable"})


def bulk_results(outcomes: Sequence[PairOutcome]) -> dict[str, Any]:
    """The answer of bulk enrollment; each list keeps the order of the request.

    A pair whose person cannot be used at all is no failure on this wire: the person is named in one of
    the lists of invalid people. Why, pair by pair, stands in ``invalid_pairs``, a key of our own.
    """
    successes: list[dict[str, Any]] = []
    pending: list[dict[str, Any]] = []
    failures: list[dict[str, Any]] = []
    invalid_pairs: list[dict[str, Any]] = []
    bad_ids: dict[int, None] = {}
    bad_addresses: dict[str, None] = {}
    for outcome in outcomes:
        pair, refusal = outcome.pair, outcome.refusal
        place = {"email": outcome.email, "course_run_key": pair.run_key}
        if outcome.verdict is PairVerdict.ENROLLED:
            successes.append(
                {
                    "user_id": outcome.lms_user_id,
                    **place,
                    "created": outcome.created,
                    "activation_link": pair.activation_link,
                    "enterprise_fulfillment_source_uuid": _text(outcome.fulfillment_uuid),
                }
            )
        elif refusal is None:
            pending.append({**place, "created": outcome.created, "activation_link": pair.activation_link})
        else:
            reason = {"code": refusal.code, "message": refusal.message}
            refused = {"user_id": outcome.lms_user_id, **place, **reason}
            if refusal.code == "unknown_user" and pair.lms_user_id is not None:
                bad_ids[pair.lms_user_id] = None
                invalid_pairs.append(refused)
            elif refusal.code in _BAD_ADDRESS and outcome.email is not None:
                bad_addresses[outcome.email] = None
                invalid_pairs.append(refused)
            else:
                failures.append(refused)
    results: dict[str, Any] = {"successes": successes, "pending": pending, "failures": failures}
    if bad_ids:
        results["invalid_user_ids"] = list(bad_ids)
    if bad_addresses:
        results["invalid_email_addresses"] = list(bad_addresses)
    if invalid_pairs:
        results["invalid_pairs"] = invalid_pairs
    return results


def _text(uuid: UUID | None) -> str | None:
    return None if uuid is None else str(uuid)


def bulk_status(results: dict[str, Any]) -> int:
    """409 if anything failed, even beside successes; 202 if anything waits; else 201."""
    if results["failures"] or "invalid_user_ids" in results or "invalid_email_addresses" in results:
        return 409
    return 202 if results["pending"] else 201
