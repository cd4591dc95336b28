"""The kinds of jobs: the one table of long work."""

from django.utils.translation import gettext

from bursar.identity.data import ADMIN, OPERATOR, PROVISIONER
from bursar.jobs.data import JobKind
from bursar.licenses import api as licenses
from bursar.subsidy_requests import api as subsidy_requests

_OF_LICENSES = (("email", "email address"), ("license_uuid", "license"), ("outcome", "outcome"))

_OF_REQUESTS = (
    ("row", "row"),
    ("uuid", "request"),
    ("email", "email address"),
    ("outcome", "outcome"),
    ("code", "code"),
    ("message", "message"),
)

JOB_KINDS: tuple[JobKind, ...] = (
    # An administrator enrolls holders of licenses; results have license-manager's columns.
    JobKind(
        name=licenses.BULK_ENROLLMENT,
        title=lambda: gettext("Enroll holders of licenses"),
        run=licenses.enroll_chunk,
        describe=licenses.describe_item,
        roles=(ADMIN, OPERATOR),
        csv_columns=(
            ("email", "email address"),
            ("course_run_key", "course key"),
            ("outcome", "enrollment status"),
            ("notes", "notes"),
        ),
        on_end=licenses.send_receipt,
    ),
    # Everybody who has not activated a license is reminded.
    JobKind(
        name=licenses.REMINDER,
        title=lambda: gettext("Remind holders of licenses"),
        run=licenses.remind_chunk,
        describe=licenses.describe_license,
        roles=(ADMIN, OPERATOR),
        csv_columns=_OF_LICENSES,
    ),
    # A whole plan is revoked.
    JobKind(
        name=licenses.REVOCATION,
        title=lambda: gettext("Revoke all licenses of a plan"),
        run=licenses.revoke_chunk,
        describe=licenses.describe_license,
        roles=(ADMIN, OPERATOR),
        csv_columns=_OF_LICENSES,
    ),
    # A plan gets more licenses than fit into a request.
    JobKind(
        name=licenses.PROVISIONING,
        title=lambda: gettext("Add licenses to a plan"),
        run=licenses.provision_batches,
        describe=licenses.describe_batch,
        roles=(ADMIN, OPERATOR, PROVISIONER),
        csv_columns=(("row", "batch"), ("count", "licenses"), ("outcome", "outcome")),
    ),
    # Staff assign a plan's licenses to the addresses of a file.
    JobKind(
        name=licenses.ASSIGNMENT,
        title=lambda: gettext("Assign licenses to the addresses of a file"),
        run=licenses.assign_chunk,
        describe=licenses.describe_line,
        roles=(ADMIN, OPERATOR),
        csv_columns=(("row", "line"), *_OF_LICENSES, ("message", "message")),
    ),
    # Staff move licenses to another plan.
    JobKind(
        name=licenses.TRANSFER,
        title=lambda: gettext("Move licenses to another plan"),
        run=licenses.transfer_chunk,
        describe=licenses.describe_named,
        roles=(ADMIN, OPERATOR),
        csv_columns=(*_OF_LICENSES, ("message", "message")),
    ),
    # An administrator says yes to all requests that match a filter.
    JobKind(
        name=subsidy_requests.APPROVAL,
        title=lambda: gettext("Approve requests"),
        run=subsidy_requests.approve_chunk,
        describe=subsidy_requests.describe_request,
        roles=(ADMIN, OPERATOR),
        csv_columns=_OF_REQUESTS,
    ),
    # An administrator says no to all requests that match a filter.
    JobKind(
        name=subsidy_requests.DECLINE,
        title=lambda: gettext("Decline requests"),
        run=subsidy_requests.decline_chunk,
        describe=subsidy_requests.describe_request,
        roles=(ADMIN, OPERATOR),
        csv_columns=_OF_REQUESTS,
        free_texts=("reason",),
    ),
)
