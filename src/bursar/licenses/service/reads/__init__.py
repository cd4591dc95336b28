"""What learners, administrators and support read. Nothing here writes, and nothing locks."""

from bursar.licenses.service.reads.learners import (
    LearnerLicenseFilter,
    find_licenses_of_address,
    find_subsidy,
    get_license,
    select_learner_licenses,
    select_own_licenses,
)
from bursar.licenses.service.reads.licenses import (
    WantedLicenses,
    count_licenses,
    find_license,
    list_licenses,
    stream_licenses,
)
from bursar.licenses.service.reads.plans import (
    AgreementFrame,
    find_agreement,
    find_frame,
    find_frames,
    find_full_plan,
    find_plan,
    has_agreement,
    select_agreements,
    select_current_plan,
    select_plans,
)
from bursar.licenses.service.reads.renewals import Link, Renewals, find_renewals

__all__ = [
    "AgreementFrame",
    "LearnerLicenseFilter",
    "Link",
    "Renewals",
    "WantedLicenses",
    "count_licenses",
    "find_agreement",
    "find_frame",
    "find_frames",
    "find_full_plan",
    "find_license",
    "find_licenses_of_address",
    "find_plan",
    "find_renewals",
    "find_subsidy",
    "get_license",
    "has_agreement",
    "list_licenses",
    "select_agreements",
    "select_current_plan",
    "select_learner_licenses",
    "select_own_licenses",
    "select_plans",
    "stream_licenses",
]
