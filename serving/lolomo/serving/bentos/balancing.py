"""Balancing: a busy process sends its clients back to the door.

Workers listen on one socket, and who is idle takes the next connection. But clients keep their
connections open, and so do gateways: a request comes where its connection once went, and of two
workers one may answer all of them while the other idles. So a process that has others to answer as
well closes the connection that it answers on (`Connection: close`), and the client's next request
goes to who is idle, in this pod or in another. A process with one request at a time closes none.
"""

from typing import Any

from lolomo.serving.bentos.closing import Receive, Scope, Send, closing


class Balancing:
    """ASGI middleware that gives connections up while it has more than one request.

    Args:
        app: The application.
    """

    def __init__(self, app: Any) -> None:
        self.app = app
        self.in_flight = 0
        """Requests that are being answered."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or take part in the application's start and end."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        self.in_flight += 1
        try:
            await self.app(scope, receive, closing(send, self._is_busy))
        finally:
            self.in_flight -= 1

    def _is_busy(self) -> bool:
        return self.in_flight > 1
