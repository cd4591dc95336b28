"""The audit log of enrollments that programs ask for: a line in the log for each, whatever became of it."""

import logging

log = logging.getLogger("bursar.enrollments.audit")

State = tuple[str | None, bool | None]
"""A mode and whether the place is active; None is "not named", or that there is no place."""


def audit_request(run_key: str, *, lms_user_id: int | None, requested: State, actual: State) -> None:
    """Logs what was asked for and what is so now, with the LMS's words."""
    log.info(
        "enrollment_change_requested",
        extra={
            "course_id": run_key,
            "requested_mode": requested[0],
            "actual_mode": actual[0],
            "requested_activation": requested[1],
            "actual_activation": actual[1],
            "user_id": lms_user_id,
        },
    )
