"""Which request is being answered, for logs and answers that name it."""

from contextvars import ContextVar

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
"""The id of the request that this thread answers, or None outside one."""
