"""The door of subsidy_requests."""

from bursar.subsidy_requests.service.answers import approve, decline
from bursar.subsidy_requests.service.closing import release_stale_holds
from bursar.subsidy_requests.service.configuration import save_configurations
from bursar.subsidy_requests.service.creation import open_requests, request_license, withdraw

__all__ = [
    "approve",
    "decline",
    "open_requests",
    "release_stale_holds",
    "request_license",
    "save_configurations",
    "withdraw",
]
