"""The door of licenses.

Every command opens its own transaction, takes a set and gives one outcome per item, in order.
"""

from bursar.licenses.service.assignment import activate, activate_for, assign, auto_apply
from bursar.licenses.service.bulk import (
    BULK_ENROLLMENT,
    describe_item,
    enroll_chunk,
    find_plan_addresses,
    rehearse_bulk_enrollment,
    send_receipt,
    start_bulk_enrollment,
)
from bursar.licenses.service.checking import check_counts
from bursar.licenses.service.expiry import expire_plans
from bursar.licenses.service.plans import (
    count_by_status,
    find_holders,
    find_licenses,
    find_plans,
    get_own_license,
    has_usable_plan,
    list_usable_plans,
    save_agreements,
    save_plans,
    tell_story,
)
from bursar.licenses.service.provisioning import PROVISIONING, describe_batch, provision_batches
from bursar.licenses.service.purging import purge_personal_data
from bursar.licenses.service.reminding import (
    REMINDER,
    describe_license,
    remind,
    remind_all,
    remind_chunk,
    remind_matching,
)
from bursar.licenses.service.renewing import (
    count_overdue_renewals,
    process_due_renewals,
    process_renewal,
)
from bursar.licenses.service.revocation import (
    REVOCATION,
    freeze_unused,
    revoke,
    revoke_chunk,
    revoke_matching,
    start_revoking_all,
)
from bursar.licenses.service.rollout import (
    ASSIGNMENT,
    assign_chunk,
    describe_line,
    rehearse_assigning,
    start_assigning,
)
from bursar.licenses.service.scaling import scale_plans
from bursar.licenses.service.seats import check_seats, hold, list_stale_holds, release
from bursar.licenses.service.transfers import (
    TRANSFER,
    describe_named,
    rehearse_transfer,
    start_transferring,
    transfer_chunk,
)
from bursar.licenses.service.unlinking import unlink_expired_learners
from bursar.licenses.service.utilization import send_utilization_notices

__all__ = [
    "ASSIGNMENT",
    "BULK_ENROLLMENT",
    "PROVISIONING",
    "REMINDER",
    "REVOCATION",
    "TRANSFER",
    "activate",
    "activate_for",
    "assign",
    "assign_chunk",
    "auto_apply",
    "check_counts",
    "check_seats",
    "count_by_status",
    "count_overdue_renewals",
    "describe_batch",
    "describe_item",
    "describe_license",
    "describe_line",
    "describe_named",
    "enroll_chunk",
    "expire_plans",
    "find_holders",
    "find_licenses",
    "find_plan_addresses",
    "find_plans",
    "freeze_unused",
    "get_own_license",
    "has_usable_plan",
    "hold",
    "list_stale_holds",
    "list_usable_plans",
    "process_due_renewals",
    "process_renewal",
    "provision_batches",
    "purge_personal_data",
    "rehearse_assigning",
    "rehearse_bulk_enrollment",
    "rehearse_transfer",
    "release",
    "remind",
    "remind_all",
    "remind_chunk",
    "remind_matching",
    "revoke",
    "revoke_chunk",
    "revoke_matching",
    "save_agreements",
    "save_plans",
    "scale_plans",
    "send_receipt",
    "send_utilization_notices",
    "start_assigning",
    "start_bulk_enrollment",
    "start_revoking_all",
    "start_transferring",
    "tell_story",
    "transfer_chunk",
    "unlink_expired_learners",
]
