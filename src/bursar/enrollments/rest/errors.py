"""How the LMS's enrollment API says no: a ``message``, and beside it our own ``code`` for programs."""

from collections.abc import Mapping
from typing import Any

from rest_framework.response import Response


class Refused(Exception):
    """The request ends here, with this status and this body (None: an empty one)."""

    def __init__(self, status: int, body: Any = None) -> None:
        super().__init__(status, body)
        self.status = status
        self.body = body

    @classmethod
    def because(cls, status: int, message: str, code: str, **more: Any) -> "Refused":
        """A refusal with the LMS's key and our code."""
        return cls(status, {"message": message, "code": code, **more})

    def to_response(self) -> Response:
        headers: Mapping[str, str] | None = None
        if isinstance(self.body, Mapping) and "code" in self.body:
            headers = {"Bursar-Error-Code": self.body["code"]}
        return Response(self.body, status=self.status, headers=headers)
