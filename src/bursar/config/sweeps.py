"""Commands that do at once what the clock does with licenses and requests, and say what they did."""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bursar.licenses.data import CountDifference, RenewalOutcome, ScalingOutcome
    from bursar.subsidy_requests.data import DigestSweep

COMMANDS: Mapping[str, str] = {
    "process-renewals": "process renewals of subscription plans that are due; the clock does it every hour",
    "scale-plans": "add licenses to plans that run out, where that is wanted; the clock does it every hour",
    "expire-plans": "expire subscription plans that are over; the clock does it every hour",
    "purge-licenses": "forget who held licenses long ago; the clock does it every six hours",
    "unlink-expired": "unlink learners of plans that are long over; the clock does it every six hours",
    "send-utilization-notices": "mail how plans are used; the clock does it every six hours",
    "send-digests": "mail administrators what learners ask for; the clock does it every minute",
    "check-licenses": "compare the counts on plans with their licenses",
}
"""What each command does, for ``bursar help``."""


def add_arguments(name: str, command: argparse.ArgumentParser) -> None:
    """What a command takes beside its name."""
    if name == "check-licenses":
        command.add_argument("--mend", action="store_true", help="set right what differs")


@dataclass(frozen=True, slots=True)
class Report:
    """What a command did, in lines for people. Not fine: something failed, or differs and is not mended."""

    lines: Sequence[str]
    is_fine: bool


def run(name: str, options: argparse.Namespace) -> Report:
    """Runs a command. The apps are loaded before."""
    from django.conf import settings

    from bursar.licenses import api as licenses
    from bursar.subsidy_requests import api as subsidy_requests

    if name == "send-digests":
        return _report_digests(subsidy_requests.send_digests())
    if name == "process-renewals":
        return _report_renewals(licenses.process_due_renewals())
    if name == "scale-plans":
        return _report_scaling(licenses.scale_plans())
    if name == "check-licenses":
        return _report_counts(licenses.check_counts(mend=options.mend), mended=options.mend)
    if name == "unlink-expired" and settings.UNLINK_EXPIRED_LEARNERS_AFTER is None:
        return Report(["Nobody is unlinked: BURSAR_UNLINK_EXPIRED_LEARNERS_AFTER is not set."], is_fine=True)
    sweep, plans, changes = {
        "expire-plans": (licenses.expire_plans, "expired", "licenses"),
        "purge-licenses": (licenses.purge_personal_data, "purged", "licenses"),
        "unlink-expired": (licenses.unlink_expired_learners, "done with", "learners unlinked"),
        "send-utilization-notices": (licenses.send_utilization_notices, "told of", "mails"),
    }[name]
    swept = sweep()
    lines = [f"plans {plans}: {swept.plan_count}; {changes}: {swept.change_count}"]
    lines += [f"plan {plan_uuid} failed: the log says why" for plan_uuid in swept.failed]
    return Report(lines, is_fine=not swept.failed)


def _report_digests(swept: "DigestSweep") -> Report:
    lines = [f"customers told: {swept.customer_count}; requests: {swept.request_count}"]
    lines += [f"customer {customer_uuid} failed: the log says why" for customer_uuid in swept.failed]
    return Report(lines, is_fine=not swept.failed)


def _report_counts(found: "Sequence[CountDifference]", *, mended: bool) -> Report:
    if not found:
        return Report(["The counts on all plans agree with their licenses."], is_fine=True)
    lines = [
        f"{each.plan_uuid}: {each.on_plan} {each.status} on the plan, {each.counted} licenses"
        for each in found
    ]
    return Report([*lines, "Mended."] if mended else lines, is_fine=mended)


def _report_renewals(outcomes: "Sequence[RenewalOutcome]") -> Report:
    lines = [f"renewal {each.renewal_id} of {each.prior_title}: {_tell_renewal(each)}" for each in outcomes]
    return Report(lines or ["No renewal is due."], is_fine=all(each.refusal is None for each in outcomes))


def _tell_renewal(outcome: "RenewalOutcome") -> str:
    if outcome.renewed is None:
        return f"failed: {outcome.refusal.message}" if outcome.refusal else ""
    return f"{outcome.renewed.license_count} licenses go on in {outcome.renewed.title}"


def _report_scaling(outcomes: "Sequence[ScalingOutcome]") -> Report:
    lines = [
        f"plan {each.title} ({each.plan_uuid}) "
        + (
            f"failed: {each.refusal.message}"
            if each.refusal
            else f"has {each.license_count} licenses now, {each.added_count} of them new"
        )
        for each in outcomes
    ]
    is_fine = all(each.refusal is None for each in outcomes)
    return Report(lines or ["No plan needs more licenses."], is_fine=is_fine)
