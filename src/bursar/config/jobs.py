"""The kinds of jobs: the one table of long work."""

from django.utils.translation import gettext

from bursar.identity.data import ADMIN, OPERATOR
from bursar.jobs.data import JobKind
from bursar.licenses import api as licenses

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
)
