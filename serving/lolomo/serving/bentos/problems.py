"""Errors of a caller, as `application/problem+json` (RFC 9457): received, expected, how to fix."""

from typing import Any

from pydantic_core import to_json
from starlette.responses import Response

from lolomo.core.errors import RequestError


class ProblemError(RequestError):
    """A request that is answered with a 4xx, or with 503 while the service is busy.

    Args:
        status: The HTTP status.
        title: What is wrong, in a few words.
        received: What came.
        expected: What should have come.
        fix: What the caller can do.
        more: Further members of the problem.
    """

    def __init__(
        self, status: int, title: str, received: str, expected: str, fix: str, **more: Any
    ) -> None:
        super().__init__(f"{title}: {received}; expected {expected}: {fix}")
        self.status = status
        self.headers: dict[str, str] = {}
        self.members = {
            "type": "about:blank",
            "title": title,
            "status": status,
            "detail": f"{received}; expected {expected}",
            "received": received,
            "expected": expected,
            "fix": fix,
            **more,
        }

    def response(self) -> Response:
        """Return the HTTP response."""
        content = to_json(self.members)
        return Response(content, self.status, self.headers, media_type="application/problem+json")
