"""The one way a rule says no."""

from collections.abc import Mapping
from typing import Any, ClassVar


class DomainError(Exception):
    """A whole command is refused, and nothing was written.

    ``code`` is stable and meant for programs, the message is meant for people, and
    ``fields`` holds the numbers and names behind the message. A context's ``rest/``
    decides which HTTP status and shape a code gets.
    """

    code: ClassVar[str] = "refused"

    def __init__(self, message: str, **fields: Any) -> None:
        super().__init__(message)
        self.message = message
        self.fields: Mapping[str, Any] = fields


class NotFoundError(DomainError):
    """What was asked for is missing, or belongs to somebody else: the two look the same."""

    code = "not_found"


class InvalidInputError(DomainError):
    """The caller can mend this by sending something else."""

    code = "invalid"
